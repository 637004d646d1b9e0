package saml_test

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// benchDoor is a door over SQLite with others registered beside its service provider.
func benchDoor(b *testing.B, others int) *door {
	b.Helper()
	clock := testenv.NewClock()
	d := newDoor(b, testenv.Open(b, sqldb.Config{URL: filepath.Join(b.TempDir(), "bench.db"), Clock: clock.Now, Relaxed: true}), clock)
	if err := d.db.Update(ctx, func(tx *sqldb.Tx) error {
		for i := range others {
			id := sqldb.NewID[roundPrefix](tx.Now())
			tx.Later(`insert into applications (id, kind, client_id, name, all_organizations, metadata, version, created_at, changed_at)
				select $2, kind, $3, name, all_organizations, metadata, version, created_at, changed_at from applications where id = $1`, d.sp.ID(), id, id.String())
			tx.Later(`insert into service_providers (application_id, entity_id, settings, metadata, key_prints)
				select $2, $3, settings, metadata, key_prints from service_providers where application_id = $1`, d.sp.ID(), id, fmt.Sprintf("https://sp%d.example/metadata", i))
		}
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	return d
}

// BenchmarkAmongMany measures a sign-in by redirect to one service provider, of a browser that is signed in, where it is alone
// and where 10,000 are registered, in one run: the metric "ratio" is that of the fastest of each, so that other work on the
// machine does not count. "B/others" is what the others take in memory.
func BenchmarkAmongMany(b *testing.B) {
	alone, many := benchDoor(b, 0), benchDoor(b, 9_999)
	one, other := alone.signedIn(), many.signedIn()
	before := heap()
	other.ask(ask{}).answer(b)
	taken := heap() - before
	one.ask(ask{}).answer(b)
	least := [2]time.Duration{time.Hour, time.Hour}
	for b.Loop() {
		for i, who := range []*browser{one, other} {
			target := who.d.redirect(ask{})
			start := time.Now()
			who.get(target).answer(b)
			least[i] = min(least[i], time.Since(start))
		}
	}
	b.ReportMetric(float64(least[0].Microseconds()), "µs/alone")
	b.ReportMetric(float64(least[1].Microseconds()), "µs/many")
	b.ReportMetric(float64(least[1])/float64(least[0]), "ratio")
	b.ReportMetric(float64(max(taken, 0)), "B/others")
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkHostileRequests measures how long it takes to refuse what is meant to cost us, from its form or address to the page,
// and how much memory all of it takes: the least of each, so that other work on the machine does not count.
func BenchmarkHostileRequests(b *testing.B) {
	d := benchDoor(b, 0)
	deflated := func(octets int) string {
		var packed bytes.Buffer
		w := must(flate.NewWriter(&packed, flate.BestCompression))(b)
		for range octets >> 20 {
			_, _ = w.Write(make([]byte, 1<<20))
		}
		_ = w.Close()
		return "/saml/sso?SAMLRequest=" + url.QueryEscape(base64.StdEncoding.EncodeToString(packed.Bytes()))
	}
	root := `<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_a"`
	many := func(n int, f func(i int) string) string {
		var s strings.Builder
		for i := range n {
			s.WriteString(f(i))
		}
		return s.String()
	}
	posted := func(doc string) url.Values {
		return url.Values{"SAMLRequest": {base64.StdEncoding.EncodeToString([]byte(doc))}}
	}
	for name, send := range map[string]func() *http.Request{
		"10 KB inflating to 10 MB":   get(deflated(10 << 20)),
		"1 MB inflating to 1 GB":     get(deflated(1 << 30)),
		"100,000 elements":           post(posted(root + ">" + strings.Repeat("<a/>", 100_000))),
		"60,000 elements, in size":   post(posted(root + ">" + strings.Repeat("<a/>", 60_000))),
		"80,000 deep, in size":       post(posted(root + ">" + strings.Repeat("<a>", 80_000))),
		"1 MB of attributes":         post(posted(root + many(90_000, func(i int) string { return fmt.Sprintf(` a%d="x"`, i) }) + "/>")),
		"250 KB of attributes":       post(posted(root + many(20_000, func(i int) string { return fmt.Sprintf(` a%d="x"`, i) }) + "/>")),
		"one attribute of 250 KB":    post(posted(root + ` a="` + strings.Repeat("x", 250<<10) + `"/>`)),
		"an issuer of 250 KB":        post(posted(root + ` Version="2.0"><saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">` + strings.Repeat("x", 250<<10) + `</saml:Issuer></samlp:AuthnRequest>`)),
		"50 MB by form":              post(url.Values{"SAMLRequest": {strings.Repeat("A", 50<<20)}}),
		"10,000 fields of a form":    post(url.Values{"x": make([]string, 10_000), "SAMLRequest": {"PGEvPg=="}}),
		"document type and entities": post(posted(`<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">]>` + root + `>&a;</samlp:AuthnRequest>`)),
	} {
		b.Run(name, func(b *testing.B) {
			least, memory := time.Hour, uint64(1<<62)
			for b.Loop() {
				r, w := send(), httptest.NewRecorder()
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				start := time.Now()
				d.handler.ServeHTTP(w, r)
				least = min(least, time.Since(start))
				runtime.ReadMemStats(&after)
				memory = min(memory, after.TotalAlloc-before.TotalAlloc)
				if w.Code != 400 {
					b.Fatalf("%d", w.Code)
				}
			}
			b.ReportMetric(float64(least.Microseconds())/1000, "ms/refusal")
			b.ReportMetric(float64(memory)/1024, "KB/refusal")
		})
	}
}

func get(target string) func() *http.Request {
	return func() *http.Request { return httptest.NewRequest("GET", target, nil) }
}

func post(form url.Values) func() *http.Request {
	body := form.Encode()
	return func() *http.Request {
		r := httptest.NewRequest("POST", "/saml/sso", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return r
	}
}
