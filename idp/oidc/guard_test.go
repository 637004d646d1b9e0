package oidc

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"portvakt/internal/fault"
)

// The library has had panics that anybody could cause; one is the request's fault, and only that request's.
func TestALibraryPanicIsABadRequest(t *testing.T) {
	t.Parallel()
	h := &Handler{Deps: Deps{Log: slog.New(slog.DiscardHandler)}}
	c := &call{}
	r := httptest.NewRequest("POST", pathToken, nil)
	w := httptest.NewRecorder()
	h.serve(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("interface conversion") }), &answer{ResponseWriter: w, call: c}, r, c)
	if !fault.Is(c.err, fault.Invalid) {
		t.Fatalf("err = %v", c.err)
	}
	if e := h.backError(context.Background(), c.err); e.status != http.StatusBadRequest || e.code != "invalid_request" {
		t.Errorf("answer %+v", e)
	}
}

func TestNothingInternalIsTold(t *testing.T) {
	t.Parallel()
	h := &Handler{Deps: Deps{Log: slog.New(slog.DiscardHandler)}}
	w := httptest.NewRecorder()
	writeError(w, h.backError(context.Background(), &http.MaxBytesError{Limit: 7}))
	if w.Code != http.StatusInternalServerError || w.Body.String() != `{"error":"server_error","error_description":"Something went wrong"}` {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if code, text := h.frontError(context.Background(), &http.MaxBytesError{Limit: 7}); code != "server_error" || text != "Something went wrong" {
		t.Errorf("%s %s", code, text)
	}
}
