package oidc

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"testing"
)

// While the database cannot be reached a client is asked to come back; trouble of another kind stays a 500.
func TestUnavailableDatabaseIsNoServerError(t *testing.T) {
	t.Parallel()
	h := &Handler{Deps: Deps{Log: slog.New(slog.DiscardHandler)}}
	for _, row := range []struct {
		err    error
		status int
		retry  string
		code   string
	}{
		{context.DeadlineExceeded, 503, "2", "temporarily_unavailable"},
		{errors.New("x"), 500, "", "server_error"},
	} {
		w := httptest.NewRecorder()
		writeError(w, h.backError(context.Background(), row.err))
		if w.Code != row.status || w.Header().Get("Retry-After") != row.retry {
			t.Errorf("%v: %d %s", row.err, w.Code, w.Body)
		}
		if code, _ := h.frontError(context.Background(), row.err); code != row.code {
			t.Errorf("%v: %s in front", row.err, code)
		}
	}
}
