package oidc_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// sink is a ResponseWriter that makes nothing, so that what is measured is the handler.
type sink struct {
	header http.Header
	status int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(status int)      { s.status = status }
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }

func benchDoor(t testing.TB) *door {
	clock := testenv.NewClock()
	return newDoor(t, testenv.Open(t, sqldb.Config{URL: t.TempDir() + "/bench.db", Relaxed: true, Clock: clock.Now}), clock)
}

func TestDocumentsAllocateNothing(t *testing.T) {
	d := benchDoor(t)
	for _, path := range []string{"/.well-known/openid-configuration", "/oauth2/jwks"} {
		for _, tag := range []string{"", `"x"`, d.browser().get(path).Header.Get("Etag")} {
			r := httptest.NewRequest("GET", path, nil)
			if tag != "" {
				r.Header.Set("If-None-Match", tag)
			}
			mux, _ := d.handler.(*http.ServeMux)
			h, _ := mux.Handler(r)
			w := &sink{header: http.Header{}}
			h.ServeHTTP(w, r)
			if n := testing.AllocsPerRun(100, func() { h.ServeHTTP(w, r) }); n != 0 {
				t.Errorf("%s with If-None-Match %s: %v allocations", path, tag, n)
			}
		}
	}
}

// The ratio of the first to the second is what client_credentials costs beside its signature.
func BenchmarkClientCredentials(b *testing.B) {
	d := benchDoor(b)
	body := url.Values{"grant_type": {"client_credentials"}}.Encode()
	b.Run("handler", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r := httptest.NewRequest("POST", "/oauth2/token", strings.NewReader(body))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.SetBasicAuth("machine", secret1)
			w := &sink{header: http.Header{}, status: 200}
			d.handler.ServeHTTP(w, r)
			if w.status != 200 {
				b.Fatal(w.status)
			}
		}
	})
	b.Run("signature", func(b *testing.B) {
		b.ReportAllocs()
		key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		sum := sha256.Sum256([]byte(body))
		for b.Loop() {
			if _, err := ecdsa.SignASN1(rand.Reader, key, sum[:]); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkUse(b *testing.B) {
	d := benchDoor(b)
	m := d.tokensOf(d.signedIn())
	access := m["access_token"].(string)
	b.Run("introspection", func(b *testing.B) {
		for b.Loop() {
			if !d.active(access) {
				b.Fatal("not active")
			}
		}
	})
	b.Run("userinfo", func(b *testing.B) {
		for b.Loop() {
			if d.userinfo(access).StatusCode != 200 {
				b.Fatal("refused")
			}
		}
	})
	b.Run("refresh", func(b *testing.B) {
		refresh := d.tokensOf(d.signedIn())["refresh_token"].(string)
		for b.Loop() {
			res := d.call("/oauth2/token", "demo", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}})
			refresh, _ = res.json(b)["refresh_token"].(string)
		}
	})
	for _, path := range []string{"/.well-known/openid-configuration", "/oauth2/jwks"} {
		b.Run(path[1:], func(b *testing.B) {
			r := httptest.NewRequest("GET", path, nil)
			w := &sink{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				d.handler.ServeHTTP(w, r)
			}
		})
	}
}
