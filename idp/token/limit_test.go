package token_test

import (
	"testing"
	"time"

	"portvakt/idp/token"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestTokensEndWithTheOrganizationsLimits: refresh, introspection and userinfo follow the limits of the organization that
// the tokens are for; what the person lets last beyond the session follows its own.
func TestTokensEndWithTheOrganizationsLimits(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		w := newWorld(t, db, clock, directory.Member{})
		elsewhere := must(w.dir.Organizations.Create(ctx, directory.Organization{Slug: "tallsmia", Name: "Tallsmia", Seats: directory.UnlimitedSeats}))(t)
		must(w.dir.Memberships.Create(ctx, elsewhere.ID, directory.NewMember{Trusted: true, Member: directory.Member{Email: "kari@nordlys.example"}}))(t)
		limit := func(org directory.OrganizationID, idle, session time.Duration) {
			t.Helper()
			must(w.dir.Organizations.Change(ctx, org, func(o *directory.Organization) error { o.IdleLimit, o.SessionLimit = idle, session; return nil }))(t)
		}
		seen := func() {
			must(db.Exec(ctx, "update sessions set seen_at = $1", sqldb.Micros(clock.Now())))(t)
		}
		refresh := func(held token.Tokens, slug string) (token.Tokens, error) {
			return w.Refresh(ctx, w.client, token.RefreshRequest{Token: held.RefreshToken, Organization: slug})
		}
		held, lasting := w.tokens(t), w.tokens(t, "openid", "offline_access")
		limit(elsewhere.ID, 0, 20*time.Minute)
		clock.Advance(8 * time.Minute)
		if !w.counts(t, held.AccessToken) {
			t.Fatal("dead before any limit of its own organization")
		}
		limit(w.org.ID, 9*time.Minute, time.Hour)
		held = must(refresh(held, ""))(t)
		other := must(refresh(held, "tallsmia"))(t)
		if left := time.Duration(other.ExpiresIn) * time.Second; left != 10*time.Minute {
			t.Errorf("the other organization's token is good for %s", left)
		}
		must(w.VerifyAccess(ctx, other.AccessToken))(t)
		clock.Advance(time.Minute)
		if w.counts(t, held.AccessToken) {
			t.Error("an access token counts although the session is idle for its organization")
		}
		if _, err := refresh(held, ""); !fault.Is(err, fault.Expired) {
			t.Errorf("refresh of an idle session: %v", err)
		}
		if _, err := w.RefreshState(ctx, held.RefreshToken, w.client); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("introspection of its refresh token: %v", err)
		}
		if !w.counts(t, other.AccessToken) {
			t.Error("the laxer organization's token died with it")
		}
		seen()
		held = w.tokens(t)
		clock.Advance(8 * time.Minute)
		seen()
		held = must(refresh(held, ""))(t)
		// Nine minutes after one sign-in, seventeen after the other: the tokens end when the sign-in is twenty minutes old.
		if other = must(refresh(other, ""))(t); other.ExpiresIn != 3*60 {
			t.Errorf("good for %d s", other.ExpiresIn)
		}
		clock.Advance(3 * time.Minute)
		seen()
		if _, err := refresh(other, ""); !fault.Is(err, fault.Expired) {
			t.Errorf("refresh after the absolute limit: %v", err)
		}
		if !w.counts(t, held.AccessToken) {
			t.Error("the organization with the longer limit lost its token")
		}
		lasting = must(refresh(lasting, ""))(t)
		if lasting.ExpiresIn != 10*60 || !w.counts(t, lasting.AccessToken) {
			t.Errorf("offline access: %d s", lasting.ExpiresIn)
		}
		if _, err := refresh(lasting, "tallsmia"); fault.Of(err) == nil || fault.Of(err).Code != "interaction_required" {
			t.Errorf("into an organization that wants a newer sign-in: %v", err)
		}
		limit(elsewhere.ID, 0, 10*time.Hour)
		must(refresh(lasting, "tallsmia"))(t)
		w.endSession(t)
		if _, err := refresh(lasting, "tallsmia"); fault.Of(err) == nil || fault.Of(err).Code != "interaction_required" {
			t.Errorf("without a session into an organization with limits: %v", err)
		}
		must(refresh(lasting, ""))(t)
	})
}
