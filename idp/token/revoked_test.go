package token_test

import (
	"errors"
	"testing"

	"portvakt/idp/gate"
	"portvakt/idp/token"
)

// TestRevokedClientToken: a token that was shown and found good is refused after its revocation, by whoever remembered it, and
// others are left alone.
func TestRevokedClientToken(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		pass := must(gate.JudgeClient(w.db.Now(), gate.ClientRequest{ClientID: "demo", Application: w.client.Gate, Organization: w.org}))(t)
		first := must(w.IssueClient(ctx, w.client, pass, []string{"authzen"}))(t)
		second := must(w.IssueClient(ctx, w.client, pass, []string{"authzen"}))(t)
		other := w.service(token.Config{Issuer: issuer})
		state := func(s *token.Service, text string) error {
			t.Helper()
			return s.ClientState(ctx, must(s.VerifyAccess(ctx, text))(t), w.client)
		}
		for range 3 {
			for _, s := range []*token.Service{w.Service, other} {
				if err := errors.Join(state(s, first.AccessToken), state(s, second.AccessToken)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := other.Revoke(ctx, w.client, first.AccessToken); err != nil {
			t.Fatal(err)
		}
		for _, s := range []*token.Service{w.Service, other} {
			if err := state(s, first.AccessToken); !errors.Is(err, token.ErrToken) {
				t.Errorf("a revoked token: %v", err)
			}
			if err := state(s, second.AccessToken); err != nil {
				t.Errorf("the other one: %v", err)
			}
		}
	})
}
