package directory_test

import (
	"strings"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

func (h house) hr(t *testing.T) directory.ProvisioningClient {
	t.Helper()
	return must(h.ProvisioningClients.Create(ctx, directory.ProvisioningClient{Organization: h.home.ID, Name: "HR", MayUsers: true}, "first-token"))(t)
}

func (h house) lets(token string) bool {
	_, err := h.ProvisioningClients.Authenticate(ctx, token)
	return err == nil
}

// TestR34_TokensRotateWithOverlap: two at most, the former one to the end of the overlap, an end of one's own, and revoked at once.
func TestR34_TokensRotateWithOverlap(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		c := h.hr(t)
		rotate := func(overlap, lifetime time.Duration) (directory.TokenRotation, error) {
			return h.ProvisioningClients.Rotate(ctx, h.home.ID, c.ID, directory.Renewal{Overlap: overlap, Lifetime: lifetime})
		}
		r := must(rotate(time.Hour, 0))(t)
		if len(r.Token) != len("portvakt_scim_")+43 || !strings.HasPrefix(r.Token, "portvakt_scim_") || !r.FormerEnd.Equal(clock.Now().Add(time.Hour)) || !r.ExpiresAt.IsZero() || r.Client.Name != "HR" {
			t.Errorf("rotation %+v", r)
		}
		if !h.lets("first-token") || !h.lets(r.Token) {
			t.Error("not both are in force during the overlap")
		}
		wantCode(t, "a third", second(rotate(time.Hour, 0)), "too_many_secrets")
		wantCode(t, "a bad overlap", second(rotate(-1, 0)), "bad_overlap")
		wantCode(t, "too long an overlap", second(rotate(91*24*time.Hour, 0)), "bad_overlap")
		wantCode(t, "a life shorter than the overlap", second(rotate(time.Hour, time.Hour)), "bad_lifetime")
		clock.Advance(time.Hour)
		if h.lets("first-token") || !h.lets(r.Token) {
			t.Error("after the overlap the new one alone is in force")
		}
		ending := must(rotate(time.Hour, 2*time.Hour))(t)
		clock.Advance(2*time.Hour - tick)
		if !h.lets(ending.Token) || h.lets(r.Token) {
			t.Error("a token with an end goes on until then")
		}
		clock.Advance(tick)
		if h.lets(ending.Token) {
			t.Error("a token outlives its end")
		}
		at := must(rotate(0, 0))(t)
		beside := must(rotate(time.Hour, 0))(t)
		all := must(h.ProvisioningClients.Tokens(ctx, h.home.ID, c.ID))(t)
		if len(all) != 5 {
			t.Fatalf("tokens %+v", all)
		}
		for _, x := range all {
			if x.InForce(clock.Now()) && x.ExpiresAt.IsZero() { // the newest
				if err := h.ProvisioningClients.RevokeToken(ctx, h.home.ID, c.ID, x.ID); err != nil {
					t.Fatal(err)
				}
			}
		}
		if h.lets(beside.Token) || !h.lets(at.Token) {
			t.Error("not the revoked one is dead")
		}
		now := must(rotate(0, 0))(t)
		if h.lets(at.Token) || !h.lets(now.Token) {
			t.Error("without overlap all former ones end")
		}
		if n := h.count(t, "select count(*) from provisioning_tokens where hash = $1", []byte(now.Token)); n != 0 {
			t.Error("a token stands in clear")
		}
		if n, m := h.events(t, directory.EventProvisioningTokenRotated), h.events(t, directory.EventProvisioningTokenRevoked); n != 5 || m != 1 {
			t.Errorf("%d rotations and %d revocations told", n, m)
		}
		if n := h.count(t, "select count(*) from audit_entries where action like 'provisioning_client.token_%'"); n != 6 {
			t.Errorf("%d audit entries, want 6", n)
		}
		clock.Advance(91 * 24 * time.Hour)
		must(rotate(0, 0))(t)
		if all := must(h.ProvisioningClients.Tokens(ctx, h.home.ID, c.ID))(t); len(all) != 2 {
			t.Errorf("what ended long ago is still shown: %+v", all)
		}
	})
}

func TestR34_OneOfThirtyTokenRotationsWins(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		c := h.hr(t)
		wantCounts(t, atOnce(thirty, func(int) error {
			return second(h.ProvisioningClients.Rotate(ctx, h.home.ID, c.ID, directory.Renewal{Overlap: time.Hour}))
		}), map[string]int{"": 1, "too_many_secrets": thirty - 1})
		if n := h.count(t, "select count(*) from provisioning_tokens"); n != 2 {
			t.Errorf("%d tokens", n)
		}
	})
}

// TestR34_AnExternalsTokenEndsWithTheMembership, and the neighbour finds nothing.
func TestR34_AnExternalsTokenEndsWithTheMembership(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		c := h.hr(t)
		end := clock.Now().Add(24 * time.Hour)
		m := h.guest(t, "guest@agency.example", directory.External, end)
		r := must(h.ProvisioningClients.Rotate(by(m), h.home.ID, c.ID, directory.Renewal{}))(t)
		if all := must(h.ProvisioningClients.Tokens(ctx, h.home.ID, c.ID))(t); !r.ExpiresAt.Equal(end) || len(all) != 2 || all[1].MadeBy != m.ID && all[0].MadeBy != m.ID {
			t.Errorf("the token ends at %v; %+v", r.ExpiresAt, all)
		}
		if err := h.Memberships.End(ctx, h.home.ID, m.ID, directory.Ending{Choice: directory.EndPending}); err != nil || h.lets(r.Token) {
			t.Errorf("the external is gone, and the token goes on (%v)", err)
		}
		id := must(h.ProvisioningClients.Tokens(ctx, h.home.ID, c.ID))(t)[0].ID
		for what, err := range map[string]error{
			"ByName":      second(h.ProvisioningClients.ByName(ctx, h.another.ID, "HR")),
			"Rotate":      second(h.ProvisioningClients.Rotate(ctx, h.another.ID, c.ID, directory.Renewal{})),
			"RevokeToken": h.ProvisioningClients.RevokeToken(ctx, h.another.ID, c.ID, id),
		} {
			wantCode(t, what+" by the neighbour", err, "provisioning_client_not_found")
		}
		if all := must(h.ProvisioningClients.Tokens(ctx, h.another.ID, c.ID))(t); len(all) != 0 {
			t.Errorf("the neighbour lists %v", all)
		}
		wantCode(t, "an unknown token", h.ProvisioningClients.RevokeToken(ctx, h.home.ID, c.ID, directory.ProvisioningTokenID{1}), "token_not_found")
	})
}

func TestR34_UseOfATokenIsNoted(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		c := h.hr(t)
		_, use, noted, err := h.ProvisioningClients.AuthenticateUse(ctx, "first-token")
		if err != nil || !noted.IsZero() {
			t.Fatalf("never used, and noted at %v (%v)", noted, err)
		}
		at := db.Now()
		for _, when := range []time.Time{at, at.Add(-time.Hour)} { // written late, by another node
			if err := h.ProvisioningClients.NoteUsed(ctx, map[directory.TokenUse]time.Time{use: when}); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, noted, err = h.ProvisioningClients.AuthenticateUse(ctx, "first-token"); err != nil || !noted.Equal(at) {
			t.Errorf("noted at %v (%v)", noted, err)
		}
		if all := must(h.ProvisioningClients.Tokens(ctx, h.home.ID, c.ID))(t); !all[0].LastUsedAt.Equal(at) {
			t.Errorf("shown as used at %v", all[0].LastUsedAt)
		}
	})
}
