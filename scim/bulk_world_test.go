package scim_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// request is one that is not sent yet.
func (w *world) request(method, path string, body io.Reader) (*httptest.ResponseRecorder, *http.Request) {
	r := httptest.NewRequest(method, "https://portvakt.example/scim/v2/"+w.slug+path, body)
	r.Header.Set("Authorization", "Bearer "+w.token)
	r.Header.Set("Content-Type", "application/scim+json")
	return httptest.NewRecorder(), r
}

// slowBody tells when it is first read, and comes once nothing holds it.
type slowBody struct {
	begun chan<- struct{}
	hold  <-chan struct{}
	text  string

	once sync.Once
	rest io.Reader
}

func (b *slowBody) Read(p []byte) (int, error) {
	b.once.Do(func() {
		b.begun <- struct{}{}
		<-b.hold
		b.rest = strings.NewReader(b.text)
	})
	return b.rest.Read(p)
}

// fuzzWorld is a world on SQLite, for many requests in a row.
func fuzzWorld(t testing.TB) *world {
	clock := testenv.NewClock()
	return newWorld(t, testenv.Open(t, sqldb.Config{URL: filepath.Join(t.TempDir(), "fuzz.db"), Clock: clock.Now, Relaxed: true}), clock)
}
