package wire

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"testing"
	"time"
)

// BenchmarkResponse measures a response with one RSA-2048 signature against the bare signature, in one run: the
// metric "ratio" is the goal's (at most 1.4), of the fastest of each, so that other work on the machine does not count.
func BenchmarkResponse(b *testing.B) {
	i := ours(b)
	i.Random = nil
	r := signIn()
	key, _ := keyPair(b, "idp")
	digest := sum(crypto.SHA256, []byte("x"))
	whole, bare := time.Hour, time.Hour
	b.ReportAllocs()
	for b.Loop() {
		start := time.Now()
		must(must(i.Response(r))(b).Form("relay"))(b)
		middle := time.Now()
		must(rsa.SignPKCS1v15(rand.Reader, key.(*rsa.PrivateKey), crypto.SHA256, digest))(b)
		whole, bare = min(whole, middle.Sub(start)), min(bare, time.Since(middle))
	}
	b.ReportMetric(float64(whole)/float64(bare), "ratio")
	b.ReportMetric(float64(whole.Microseconds()), "µs/response")
}

// BenchmarkEncryptedResponse is the same with the assertion encrypted.
func BenchmarkEncryptedResponse(b *testing.B) {
	i := ours(b)
	i.Random = nil
	r := signIn()
	r.Encrypt = encryptTo(b, EncryptionOptions{})
	b.ReportAllocs()
	for b.Loop() {
		must(must(i.Response(r))(b).Form("relay"))(b)
	}
}

// BenchmarkRequest measures a request from its form to its view.
func BenchmarkRequest(b *testing.B) {
	for name, doc := range map[string]string{"unsigned": authnRequest("", ""), "signed": signed(b, authnRequest("", ""), "sp")} {
		form, e := posted(doc), expect(trust(b, "sp"))
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				must(must(DecodePOST(form))(b).AuthnRequest(e))(b)
			}
		})
	}
}

// BenchmarkHostile measures how long the worst that passes the limits takes, and what does not.
func BenchmarkHostile(b *testing.B) {
	documents := hostile()
	inner := ""
	for i := range 490 {
		inner += fmt.Sprintf(`<x:e xmlns:x="u:x" a%d=""/>`, i)
	}
	almost := authnRequest("", "<samlp:Extensions>"+inner+"</samlp:Extensions>")
	if _, err := readRequest(almost, expect(Trust{})); err != nil {
		b.Fatal(err)
	}
	documents["almost too many"] = almost
	documents["almost too many, signed"] = signed(b, almost, "sp")
	for name, doc := range documents {
		form, e := posted(doc), expect(trust(b, "sp"))
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if r, err := DecodePOST(form); err == nil {
					r.AuthnRequest(e)
				}
			}
		})
	}
	query := "SAMLRequest=" + bomb(b)
	b.Run("bomb", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			DecodeRedirect(query)
		}
	})
}
