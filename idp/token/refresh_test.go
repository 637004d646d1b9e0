package token_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"portvakt/idp/token"
	"portvakt/internal/directory"
)

func TestRefreshRace(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		tokens := w.tokens(t)
		children := make(chan string, 30)
		var wg sync.WaitGroup
		for range cap(children) {
			wg.Go(func() {
				child, err := w.Refresh(ctx, w.client, token.RefreshRequest{Token: tokens.RefreshToken})
				if err != nil {
					t.Error(err)
				}
				children <- child.RefreshToken
			})
		}
		wg.Wait()
		close(children)
		first := <-children
		for child := range children {
			if child != first {
				t.Fatal("two children of one refresh token")
			}
		}
		if first == tokens.RefreshToken {
			t.Error("the refresh token did not change")
		}
	})
}

func TestRefreshReuse(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		refresh := func(s *token.Service, token_ string) (token.Tokens, error) {
			return s.Refresh(ctx, w.client, token.RefreshRequest{Token: token_})
		}
		first := w.tokens(t)
		second := must(refresh(w.Service, first.RefreshToken))(t)
		w.clock.Advance(9 * time.Second)
		restarted := w.service(token.Config{Issuer: issuer})
		again := must(refresh(restarted, first.RefreshToken))(t)
		if again.RefreshToken != second.RefreshToken {
			t.Error("a lost answer gets another child")
		}
		third := must(refresh(w.Service, second.RefreshToken))(t)
		// Two generations old is theft, even within the same second.
		if _, err := refresh(w.Service, first.RefreshToken); !errors.Is(err, token.ErrGrant) {
			t.Errorf("reuse: %v", err)
		}
		if _, err := refresh(w.Service, third.RefreshToken); !errors.Is(err, token.ErrGrant) || w.counts(t, third.AccessToken) {
			t.Errorf("the family survived the reuse: %v", err)
		}

		late := w.tokens(t)
		child := must(refresh(w.Service, late.RefreshToken))(t)
		w.clock.Advance(10 * time.Second)
		if _, err := refresh(w.Service, late.RefreshToken); !errors.Is(err, token.ErrGrant) {
			t.Errorf("reuse after the window: %v", err)
		}
		if _, err := refresh(w.Service, child.RefreshToken); !errors.Is(err, token.ErrGrant) {
			t.Errorf("the family survived the late reuse: %v", err)
		}
		var audited int64
		if err := w.db.QueryRow(ctx, "select count(*) from audit_entries where action = 'refresh_token.reused'").Scan(&audited); err != nil || audited != 2 {
			t.Errorf("%d reuses audited, %v", audited, err)
		}
	})
}

func TestRefreshIsBound(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		tokens := w.tokens(t)
		if _, err := w.Refresh(ctx, w.other, token.RefreshRequest{Token: tokens.RefreshToken}); !errors.Is(err, token.ErrGrant) {
			t.Errorf("another client: %v", err)
		}
		if _, err := w.Refresh(ctx, w.client, token.RefreshRequest{Token: tokens.RefreshToken, Scope: []string{"openid", "phone"}}); !errors.Is(err, token.ErrScope) {
			t.Errorf("a wider scope: %v", err)
		}
		narrow := must(w.Refresh(ctx, w.client, token.RefreshRequest{Token: tokens.RefreshToken, Scope: []string{"email"}}))(t)
		if narrow.Scope != "email" || narrow.IDToken != "" {
			t.Errorf("narrowed: %+v", narrow)
		}
		if back := must(w.Refresh(ctx, w.client, token.RefreshRequest{Token: narrow.RefreshToken}))(t); back.Scope != tokens.Scope {
			t.Errorf("the grant was narrowed for good: %q", back.Scope)
		}
	})
}

func TestNoRefreshTokenHasTwoSpellings(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		good := w.tokens(t).RefreshToken
		const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
		mutants := []string{"", good + "=", good + "\n", " " + good, good + "A", good[1:], strings.Repeat("A", len(good)), base64.RawURLEncoding.EncodeToString(make([]byte, 52))}
		for i := range len(good) {
			mutants = append(mutants, good[:i], good[:i]+string(alphabet[(strings.IndexByte(alphabet, good[i])+1)%64])+good[i+1:], good[:i]+"\n"+good[i+1:])
		}
		for _, m := range mutants {
			if _, err := w.Refresh(ctx, w.client, token.RefreshRequest{Token: m}); !errors.Is(err, token.ErrGrant) {
				t.Fatalf("%q: %v", m, err)
			}
		}
		if _, err := w.Refresh(ctx, w.client, token.RefreshRequest{Token: good}); err != nil {
			t.Errorf("the mutants did harm: %v", err)
		}
	})
}

func TestRefreshEnds(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		offline := append([]string{"offline_access"}, w.scope...)
		refresh := func(r string) (token.Tokens, error) {
			return w.Refresh(ctx, w.client, token.RefreshRequest{Token: r})
		}
		idle := w.tokens(t, offline...)
		w.clock.Advance(30 * 24 * time.Hour)
		if _, err := refresh(idle.RefreshToken); !errors.Is(err, token.ErrGrant) {
			t.Errorf("idle: %v", err)
		}
		used := w.tokens(t, offline...)
		for range 4 {
			w.clock.Advance(20 * 24 * time.Hour)
			used = must(refresh(used.RefreshToken))(t)
		}
		w.clock.Advance(10 * 24 * time.Hour)
		if _, err := refresh(used.RefreshToken); !errors.Is(err, token.ErrGrant) {
			t.Errorf("absolute: %v", err)
		}
	})
}

func TestSibling(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		second := must(w.dir.Organizations.Create(ctx, directory.Organization{Slug: "bjorkvik", Name: "Björkvik AB", Seats: directory.UnlimitedSeats}))(t)
		strict := must(w.dir.Organizations.Create(ctx, directory.Organization{Slug: "strict", Name: "Strict", Seats: directory.UnlimitedSeats, SecondFactor: directory.SecondFactorRequired}))(t)
		for _, org := range []directory.Organization{second, strict} {
			must(w.dir.Memberships.Create(ctx, org.ID, directory.NewMember{Trusted: true, Member: directory.Member{Email: "kari@nordlys.example"}}))(t)
		}
		switchTo := func(r, slug string) (token.Tokens, error) {
			return w.Refresh(ctx, w.client, token.RefreshRequest{Token: r, Organization: slug})
		}
		tokens := w.tokens(t)
		there := must(switchTo(tokens.RefreshToken, "bjorkvik"))(t)
		here, other := payload(t, tokens.AccessToken), payload(t, there.AccessToken)
		if other["org_slug"] != "bjorkvik" || other["sub"] != here["sub"] || other["sid"] == here["sid"] || other["fam"] == here["fam"] {
			t.Errorf("sibling %v", other)
		}
		if !w.counts(t, tokens.AccessToken) || !w.counts(t, there.AccessToken) {
			t.Error("one of the two does not count")
		}
		if _, err := switchTo(tokens.RefreshToken, "strict"); !errors.Is(err, token.ErrStepUp) {
			t.Errorf("a stricter organization: %v", err)
		}
		if _, err := switchTo(tokens.RefreshToken, "nowhere"); !errors.Is(err, token.ErrOrganization) {
			t.Errorf("not a member: %v", err)
		}
		// The end of one membership leaves the other's family alone.
		if err := w.dir.Memberships.End(ctx, w.org.ID, w.member.ID, directory.Ending{Choice: directory.EndPending}); err != nil {
			t.Fatal(err)
		}
		if w.counts(t, tokens.AccessToken) || !w.counts(t, there.AccessToken) {
			t.Error("the end of one membership is felt in the wrong place")
		}
		bound := w.tokensBound(t, there)
		if _, err := switchTo(bound, "nordlys"); !errors.Is(err, token.ErrOrganization) {
			t.Errorf("back to an ended membership: %v", err)
		}
	})
}

// Signing in once more moves the sids to a new session; switching goes on from there.
func TestSiblingAfterSigningInAgain(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		second := must(w.dir.Organizations.Create(ctx, directory.Organization{Slug: "bjorkvik", Name: "Björkvik AB", Seats: directory.UnlimitedSeats}))(t)
		must(w.dir.Memberships.Create(ctx, second.ID, directory.NewMember{Trusted: true, Member: directory.Member{Email: "kari@nordlys.example"}}))(t)
		tokens := w.tokens(t)
		before := w.session
		w.endSession(t)
		if _, err := w.db.Exec(ctx, "update session_organizations set session_id = $1 where session_id = $2", w.newSession(t), before); err != nil {
			t.Fatal(err)
		}
		there, err := w.Refresh(ctx, w.client, token.RefreshRequest{Token: tokens.RefreshToken, Organization: "bjorkvik"})
		if err != nil || !w.counts(t, there.AccessToken) {
			t.Errorf("the sibling hangs on the session that was replaced: %v", err)
		}
	})
}

// A person agrees in each organization by itself; switching is no way around it.
func TestSiblingNeedsConsent(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		second := must(w.dir.Organizations.Create(ctx, directory.Organization{Slug: "bjorkvik", Name: "Björkvik AB", Seats: directory.UnlimitedSeats}))(t)
		must(w.dir.Memberships.Create(ctx, second.ID, directory.NewMember{Trusted: true, Member: directory.Member{Email: "kari@nordlys.example"}}))(t)
		tokens := w.tokens(t)
		w.client.ConsentNeeded = true
		for i, scope := range w.scope {
			if _, err := w.Refresh(ctx, w.client, token.RefreshRequest{Token: tokens.RefreshToken, Organization: "bjorkvik"}); !errors.Is(err, token.ErrConsent) {
				t.Errorf("after consent to %v: %v", w.scope[:i], err)
			}
			if _, err := w.db.Exec(ctx, `insert into consents (user_id, application_id, organization_id, scope, given_at) values ($1, $2, $3, $4, 1)`,
				w.member.User, w.client.ID, second.ID, scope); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.Refresh(ctx, w.client, token.RefreshRequest{Token: tokens.RefreshToken, Organization: "bjorkvik"}); err != nil {
			t.Errorf("after consent: %v", err)
		}
	})
}

// What an application may ask for no more, a grant of before does not give it either.
func TestRefreshFollowsTheRegistration(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		tokens := w.tokens(t)
		w.client.Scopes = []string{"openid", "organization"}
		if _, err := w.Refresh(ctx, w.client, token.RefreshRequest{Token: tokens.RefreshToken, Scope: []string{"access"}}); !errors.Is(err, token.ErrScope) {
			t.Errorf("a scope that was taken away: %v", err)
		}
		after := must(w.Refresh(ctx, w.client, token.RefreshRequest{Token: tokens.RefreshToken}))(t)
		if after.Scope != "openid organization" || payload(t, after.AccessToken)["roles"] != nil {
			t.Errorf("scope %q, claims %v", after.Scope, payload(t, after.AccessToken))
		}
	})
}

func (w *world) tokensBound(t *testing.T, tokens token.Tokens) string {
	t.Helper()
	return must(w.Refresh(ctx, w.client, token.RefreshRequest{Token: tokens.RefreshToken}))(t).RefreshToken
}

func TestRefreshAgainstRevoke(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for range 8 {
			tokens := w.tokens(t)
			var child atomic.Pointer[token.Tokens]
			var wg sync.WaitGroup
			wg.Go(func() {
				if c, err := w.Refresh(ctx, w.client, token.RefreshRequest{Token: tokens.RefreshToken}); err == nil {
					child.Store(&c)
				}
			})
			wg.Go(func() {
				if err := w.Revoke(ctx, w.client, tokens.RefreshToken); err != nil {
					t.Error(err)
				}
			})
			wg.Wait()
			if c := child.Load(); c != nil && w.counts(t, c.AccessToken) {
				t.Fatal("a child survived the revocation of its parent")
			}
		}
	})
}
