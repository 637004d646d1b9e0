package wire

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
	"time"
)

// seeds are documents that fuzzing begins with.
func seeds(f *testing.F) [][]byte {
	var out [][]byte
	for _, doc := range []string{
		authnRequest("", ""), authnRequest(`ForceAuthn="1" AssertionConsumerServiceIndex="1"`, `<samlp:NameIDPolicy/>`), signed(f, authnRequest("", ""), "sp"), spMetadata(f, ""),
		`<e:Envelope xmlns:e="` + nsEnvelope + `"><e:Body>` + strings.ReplaceAll(authnRequest("", `<saml:NameID>x</saml:NameID>`), "AuthnRequest", "LogoutRequest") + `</e:Body></e:Envelope>`,
		`<a xmlns:b="u:b" b:c="d">&amp;&#13;</a>`,
	} {
		out = append(out, []byte(doc))
	}
	for _, doc := range hostile() {
		if len(doc) < 4096 {
			out = append(out, []byte(doc))
		}
	}
	return out
}

// FuzzMessage: no document makes the reader fall over, nothing is read as signed that was not, and a signed view is the one
// that its canonical octets give.
func FuzzMessage(f *testing.F) {
	for _, doc := range seeds(f) {
		f.Add(doc)
	}
	e := expect(trust(f, "sp"))
	good := signed(f, authnRequest("", ""), "sp")
	f.Fuzz(func(t *testing.T, doc []byte) {
		for _, decode := range []func() (*Received, error){
			func() (*Received, error) { return DecodePOST(posted(string(doc))) },
			func() (*Received, error) { return DecodeSOAP(doc) },
		} {
			r, err := decode()
			if err != nil {
				continue
			}
			q, err := r.AuthnRequest(e)
			if err == nil && q.Signed && (q.ID != "_req1" || q.ForceAuthn || q.Issuer != spID) {
				t.Fatalf("a forged request is taken: %+v, from %s\nbut signed was %s", q, doc, good)
			}
			r.LogoutRequest(e)
			r.LogoutResponse(e)
			r.ArtifactResolve(e)
		}
	})
}

// FuzzRedirect: no query makes the reader fall over.
func FuzzRedirect(f *testing.F) {
	f.Add("SAMLRequest=" + deflated(f, []byte(authnRequest("", ""))) + "&RelayState=x&SigAlg=" + url.QueryEscape(algRSASHA256) + "&Signature=AAAA")
	f.Add("SAMLRequest=" + base64.StdEncoding.EncodeToString([]byte("x")) + "&SAMLEncoding=" + encodingDeflate)
	f.Add("SAMLResponse=%2B+&a=b&&==")
	e := expect(trust(f, "sp"))
	f.Fuzz(func(t *testing.T, query string) {
		if r, err := DecodeRedirect(query); err == nil {
			if q, err := r.AuthnRequest(e); err == nil && q.Signed {
				t.Fatalf("%q is taken as signed", query)
			}
		}
	})
}

// FuzzMetadata: no metadata makes the reader fall over, and whatever it takes has addresses that are safe.
func FuzzMetadata(f *testing.F) {
	for _, doc := range seeds(f) {
		f.Add(doc)
	}
	o := MetadataOptions{Now: now}
	f.Fuzz(func(t *testing.T, doc []byte) {
		sp, err := ReadServiceProvider(doc, o)
		if err != nil {
			return
		}
		for _, e := range append(sp.ACS, sp.SLO...) {
			if !strings.HasPrefix(strings.ToLower(e.Answers()), "https://") {
				t.Fatalf("%q is taken as address", e.Location)
			}
		}
		NewEncryption(sp.Keys, EncryptionOptions{})
		VerificationKeys(sp.Keys)
	})
}

// FuzzWriter: whatever the values are, what is written parses, is canonical, and says the values again.
func FuzzWriter(f *testing.F) {
	for _, s := range []string{"", "a", `"><script>`, "a\r\nb\tc", "]]>", "&amp;", "\x00\x1f", "\xff", "\uFFFE", "Åse"} {
		f.Add(s)
	}
	i := Issuer{EntityID: idpID, Key: signingKey(f, "ec"), Random: &counting{}}
	f.Fuzz(func(t *testing.T, s string) {
		r := signIn()
		r.Subject.Value, r.Subject.SPNameQualifier, r.SessionIndex = "x"+s, s, s
		r.Attributes = []Attribute{{Name: "a" + s, FriendlyName: s, Values: []string{s, s}}}
		doc := must(must(i.Response(r))(t).XML())(t)
		root, err := limits{elements: 100, attributes: 100, own: 32, namespaces: 32}.parse(doc)
		if err != nil {
			if len(doc) > maxOctets {
				return
			}
			t.Fatalf("%q: %v", s, err)
		}
		if got := string(must(canonical(root, ""))(t)); got != string(doc) {
			t.Fatalf("%q is not written canonically", s)
		}
		want := strings.Map(func(c rune) rune {
			if c < 0x20 && c != '\t' && c != '\n' && c != '\r' || c == 0xFFFE || c == 0xFFFF {
				return '\uFFFD'
			}
			return c
		}, s) // an octet that is no UTF-8 comes as U+FFFD by itself
		values := root.FindElements("//AttributeValue")
		if len(values) != 2 || values[0].Text() != want || values[1].Text() != want {
			t.Fatalf("%q became %q", s, values[0].Text())
		}
		if got := attr(root.FindElement("//AuthnStatement"), "SessionIndex"); got != want {
			t.Fatalf("%q became %q as attribute", s, got)
		}
	})
}

// FuzzArtifact: what parses is written again as it was.
func FuzzArtifact(f *testing.F) {
	f.Add("AAQAAAAA")
	f.Add(Artifact{Endpoint: 1}.String())
	f.Fuzz(func(t *testing.T, s string) {
		if a, err := ParseArtifact(s); err == nil && a.String() != strings.NewReplacer("\r", "", "\n", "").Replace(s) {
			t.Fatalf("%q became %q", s, a.String())
		}
	})
}

// FuzzDuration: what parses is neither negative nor without end.
func FuzzDuration(f *testing.F) {
	for _, s := range []string{"PT6H", "P1Y2M3DT4H5M6.7S", "P", "PT", "-PT1S", "P99999999999Y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := parseDuration(s); err == nil && (d < 0 || d > 241*365*24*time.Hour) {
			t.Fatalf("%q is %v", s, d)
		}
	})
}
