package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	osuser "os/user"
	"strings"
	"testing"

	"portvakt/internal/actor"
)

// TestTheCallersWordIsNotHeardWhereTheSystemSpoke: the header names nobody else, whatever the user of the system is called.
func TestTheCallersWordIsNotHeardWhereTheSystemSpoke(t *testing.T) {
	t.Parallel()
	var heard string
	h := sayingWho(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { heard = actor.From(r.Context()).ID }))
	said := func(ctx context.Context) string {
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/apply", nil)
		r.Header.Set(callerHeader, "root")
		h.ServeHTTP(httptest.NewRecorder(), r)
		return heard
	}
	if got := said(asCaller(context.Background(), userOfID(uint32(os.Getuid())))); got == "os:root" && os.Getuid() != 0 || got == "" {
		t.Errorf("we are %q", got)
	}
	if got := said(asCaller(context.Background(), userOfID(4_000_000_001))); got != "os:4000000001" {
		t.Errorf("a user without name is %q", got)
	}
	if got := said(context.Background()); got != "os:root" {
		t.Errorf("where the system says nothing, it is %q", got)
	}
	for name, plain := range map[string]bool{"kari": true, `NORDLYS\\kari`: true, "日本": false, "kåri": false, "": false, "a b": false, strings.Repeat("x", maxCaller+1): false} {
		if got := nameOf(&osuser.User{Uid: "77", Username: name}); plain && got != name || !plain && got != "77" {
			t.Errorf("%q stands in the history as %q", name, got)
		}
	}
}
