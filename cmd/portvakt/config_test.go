package main

import (
	"bytes"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/gorilla/mux"

	"portvakt/internal/config"
)

var update = flag.Bool("update", false, "write the generated files anew")

// TestExampleIsGenerated: configs/example.yaml shows every option as the program knows it, and is itself a good file.
func TestExampleIsGenerated(t *testing.T) {
	t.Parallel()
	const path = "../../configs/example.yaml"
	want := config.Example(defaults())
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the program says; run: go test ./cmd/portvakt -run ExampleIsGenerated -update", path)
	}
	cfg := defaults()
	if problems := config.Decode(path, got, &cfg); len(problems) > 0 {
		t.Error(problems)
	}
}

// BenchmarkRoutingTheTokenEndpoint is what the router costs on the way to the hottest address; the goal is half a
// microsecond.
func BenchmarkRoutingTheTokenEndpoint(b *testing.B) {
	reached := 0
	h := hotRoutes{next: mux.NewRouter(), exact: map[string]hotRoute{}}
	for _, path := range []string{"/oauth2/authorize", "/oauth2/introspect", "/oauth2/userinfo", "/oauth2/jwks"} {
		h.exact[path] = hotRoute{[]string{http.MethodGet}, http.NotFoundHandler()}
	}
	h.exact["/oauth2/token"] = hotRoute{[]string{http.MethodPost}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached++ })}
	req := httptest.NewRequest(http.MethodPost, "/oauth2/token", nil)
	w := httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(w, req)
	}
	if reached == 0 {
		b.Fatal("the request did not arrive")
	}
}
