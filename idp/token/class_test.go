package token_test

import (
	"testing"

	"portvakt/idp/token"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestTokensSayWhatTheSignInIsWorth: for the organization that they are for, as it judges now; the family keeps what was shown.
func TestTokensSayWhatTheSignInIsWorth(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		w := newWorld(t, db, clock, directory.Member{})
		elsewhere := must(w.dir.Organizations.Create(ctx, directory.Organization{Slug: "tallsmia", Name: "Tallsmia", Seats: directory.UnlimitedSeats}))(t)
		must(w.dir.Memberships.Create(ctx, elsewhere.ID, directory.NewMember{Trusted: true, Member: directory.Member{Email: "kari@nordlys.example"}}))(t)
		policy := func(org directory.OrganizationID, p directory.KeyPolicy) {
			t.Helper()
			must(db.Exec(ctx, "update organizations set key_policy = $2 where id = $1", org, string(p)))(t)
		}
		for _, class := range []string{"urn:portvakt:acr:phr", "mfa"} {
			held := w.tokens(t)
			must(db.Exec(ctx, "update token_families set acr = $1, amr = 'hwk user mfa'", class))(t)
			says := func(slug, want string) {
				t.Helper()
				got := must(w.Refresh(ctx, w.client, token.RefreshRequest{Token: held.RefreshToken, Organization: slug}))(t)
				if slug == "" {
					held = got
				}
				for kind, jwt := range map[string]string{"access": got.AccessToken, "ID": got.IDToken} {
					if acr := payload(t, jwt)["acr"]; acr != want {
						t.Errorf("%s: the %s token for %q says %v, want %s", class, kind, slug, acr, want)
					}
				}
			}
			policy(elsewhere.ID, directory.KeysAttested)
			says("", class)
			says("tallsmia", password)
			policy(w.org.ID, directory.KeysAttested)
			says("", password)
			policy(elsewhere.ID, directory.KeysAny)
			policy(w.org.ID, directory.KeysAny)
			says("", class)
		}
	})
}
