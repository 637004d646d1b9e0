package directory_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// written counts what a call leaves behind that others hear of: audit entries and bumped caches.
func (h house) written(t *testing.T) int64 {
	t.Helper()
	return h.count(t, "select (select count(*) from audit_entries) + coalesce((select sum(version) from watermarks), 0)")
}

func TestSavingAnApplicationAgainChangesNothing(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		yes := true
		a := directory.Application{
			ClientID: "demo-web", Name: "Demo", Organizations: []directory.OrganizationID{h.another.ID, h.home.ID, h.home.ID},
			Metadata: directory.ClientMetadata{RedirectURIs: []string{"http://localhost:9000/callback"}, RequirePKCE: &yes, Extra: json.RawMessage(`{"a": 1}`)},
			Secrets:  []directory.ApplicationSecret{{Hash: []byte("one")}, {Hash: []byte("two"), ExpiresAt: db.Now().Add(time.Hour)}},
		}
		first := must(h.Applications.Save(ctx, a))(t)
		if first.Version != 1 || len(first.Secrets) != 2 || len(first.Organizations) != 2 || first.ID.IsZero() {
			t.Errorf("saved %+v", first)
		}
		before := h.written(t)
		other := a
		other.Secrets = []directory.ApplicationSecret{{Hash: []byte("three")}}
		clock.Advance(time.Hour)
		if again := must(h.Applications.Save(ctx, other))(t); !reflect.DeepEqual(again, first) {
			t.Errorf("saved again\n%+v, was\n%+v", again, first)
		}
		if n := h.written(t) - before; n != 0 {
			t.Errorf("saving again left %d things behind", n)
		}
		a.Disabled = true
		if again := must(h.Applications.Save(ctx, a))(t); again.Version != 2 || !again.Disabled || again.ID != first.ID {
			t.Errorf("disabled %+v", again)
		}
		if n := h.written(t) - before; n != 2 {
			t.Errorf("a change left %d things behind, want one audit entry and one bump", n)
		}
		a.Organization = h.another.ID
		if _, err := h.Applications.Save(ctx, a); codeOf(err) != "client_id_taken" {
			t.Errorf("a neighbour took the application over: %v", err)
		}
		if read := must(h.Applications.ByClientID(ctx, "demo-web"))(t); !read.Organization.IsZero() || read.Version != 2 {
			t.Errorf("read %+v", read)
		}
		if _, err := h.Applications.ByClientID(ctx, "DEMO-web"); !errors.Is(err, directory.ErrApplicationNotFound) {
			t.Errorf("client ids are compared without case: %v", err)
		}
	})
}

func TestSavingTheSameAtOnce(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		wantCounts(t, atOnce(16, func(int) error {
			_, err := h.Applications.Save(ctx, directory.Application{ClientID: "demo", Name: "Demo", AllOrganizations: true, Secrets: []directory.ApplicationSecret{{Hash: []byte("one")}}})
			return err
		}), map[string]int{"": 16})
		wantCounts(t, atOnce(16, func(int) error {
			_, err := h.ServiceAccounts.Save(ctx, "nordlys", directory.ServiceAccount{Organization: h.home.ID, Key: "webshop", Name: "Shop", Credentials: []directory.ServiceCredential{{Hash: []byte("one")}}})
			return err
		}), map[string]int{"": 16})
		wantCounts(t, atOnce(16, func(int) error {
			_, err := h.ProvisioningClients.Create(ctx, directory.ProvisioningClient{Organization: h.home.ID, Name: "HR", MayUsers: true}, "scim-dev-nordlys")
			return err
		}), map[string]int{"": 16})
		for table, want := range map[string]int64{"applications": 1, "application_secrets": 1, "service_accounts": 1, "provisioning_clients": 1, "provisioning_tokens": 1} {
			if n := h.count(t, "select count(*) from "+table); n != want {
				t.Errorf("%d %s, want %d", n, table, want)
			}
		}
		if n := h.count(t, "select count(*) from audit_entries where action in ('application.created', 'service_account.created', 'provisioning_client.created')"); n != 3 {
			t.Errorf("%d audit entries, want 3", n)
		}
	})
}

func TestServiceAccounts(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		s := directory.ServiceAccount{Organization: h.home.ID, Key: "webshop", Name: "Web shop", Credentials: []directory.ServiceCredential{{Hash: []byte("one")}}}
		first := must(h.ServiceAccounts.Save(ctx, "nordlys", s))(t)
		before := h.written(t)
		s.Credentials = []directory.ServiceCredential{{Hash: []byte("two")}}
		if again := must(h.ServiceAccounts.Save(ctx, "nordlys", s))(t); !reflect.DeepEqual(again, first) || h.written(t) != before {
			t.Errorf("saved again %+v, was %+v", again, first)
		}
		s.Name = "Shop"
		if again := must(h.ServiceAccounts.Save(ctx, "nordlys", s))(t); again.Name != "Shop" || again.ID != first.ID || string(again.Credentials[0].Hash) != "one" || h.written(t) != before+2 {
			t.Errorf("changed %+v", again)
		}
		if read := must(h.ServiceAccounts.ByClientID(ctx, "nordlys.webshop"))(t); read.Disabled || string(read.Credentials[0].Hash) != "one" || read.Name != "Shop" {
			t.Errorf("read %+v", read)
		}
		must(h.Organizations.Change(ctx, h.home.ID, func(o *directory.Organization) error { o.Suspended = true; return nil }))(t)
		if read := must(h.ServiceAccounts.ByClientID(ctx, "nordlys.webshop"))(t); !read.Disabled {
			t.Error("works for a suspended organization")
		}
		if again := must(h.ServiceAccounts.Save(ctx, "nordlys", s))(t); again.Disabled {
			t.Error("the organization's suspension became the account's own")
		}
		must(h.Organizations.Change(ctx, h.home.ID, func(o *directory.Organization) error { o.Suspended = false; return nil }))(t)
		s.Disabled = true
		must(h.ServiceAccounts.Save(ctx, "nordlys", s))(t)
		if read := must(h.ServiceAccounts.ByClientID(ctx, "nordlys.webshop"))(t); !read.Disabled {
			t.Error("works though switched off")
		}
		s.Organization = h.another.ID
		if _, err := h.ServiceAccounts.Save(ctx, "nordlys", s); codeOf(err) != "bad_slug" {
			t.Errorf("under the neighbour's slug: %v", err)
		}
	})
}

// TestClientIDsAreApart from subjects, and applications from service accounts: a token's subject is never somebody else.
func TestClientIDsAreApart(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		m := must(h.Memberships.Create(ctx, h.home.ID, person("kari@nordlys.example")))(t)
		for _, id := range []string{m.User.String(), m.ID.String(), h.home.ID.String(), "svc_x", "rol_x", "prf_x", "shr_x", "app_x", "grp_x", "pvc_x", "", "a b", "å", "a\x00"} {
			if _, err := h.Applications.Save(ctx, directory.Application{ClientID: id, Name: "X"}); codeOf(err) != "bad_client_id" {
				t.Errorf("client id %q: %v", id, err)
			}
		}
		must(h.ServiceAccounts.Save(ctx, "nordlys", directory.ServiceAccount{Organization: h.home.ID, Key: "shop", Name: "Shop", Credentials: []directory.ServiceCredential{{Hash: []byte("x")}}}))(t)
		if _, err := h.Applications.Save(ctx, directory.Application{ClientID: "nordlys.shop", Name: "X"}); codeOf(err) != "client_id_taken" {
			t.Errorf("an application with a service account's client id: %v", err)
		}
		must(h.Applications.Save(ctx, directory.Application{ClientID: "nordlys.crm", Name: "X"}))(t)
		if _, err := h.ServiceAccounts.Save(ctx, "nordlys", directory.ServiceAccount{Organization: h.home.ID, Key: "crm", Credentials: []directory.ServiceCredential{{Hash: []byte("x")}}}); codeOf(err) != "client_id_taken" {
			t.Errorf("a service account with an application's client id: %v", err)
		}
	})
}

// TestProvisioningTokens open what they should, until they expire or are revoked, or client or organization is switched off.
func TestProvisioningTokens(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		const token = "scim-dev-nordlys"
		c := must(h.ProvisioningClients.Create(ctx, directory.ProvisioningClient{Organization: h.home.ID, Name: "HR", MayUsers: true}, token))(t)
		if got := must(h.ProvisioningClients.Authenticate(ctx, token))(t); got != c || got.Slug != "nordlys" || !got.MayUsers || got.MayGroups {
			t.Errorf("authenticated %+v, created %+v", got, c)
		}
		for _, wrong := range []string{"", "scim-dev-nordly", "scim-dev-nordlys ", "SCIM-dev-nordlys", "short", fmt.Sprintf("%01001d", 1)} {
			if _, err := h.ProvisioningClients.Authenticate(ctx, wrong); !errors.Is(err, directory.ErrProvisioningToken) {
				t.Errorf("token %q: %v", wrong, err)
			}
		}
		set := func(sql string, args ...any) {
			t.Helper()
			if _, err := db.Exec(ctx, sql, args...); err != nil {
				t.Fatal(err)
			}
		}
		works := func(why string, want bool) {
			t.Helper()
			if _, err := h.ProvisioningClients.Authenticate(ctx, token); (err == nil) != want || err != nil && !fault.Is(err, fault.Unauthenticated) {
				t.Errorf("%s: %v", why, err)
			}
		}
		set("update provisioning_tokens set expires_at = $1", sqldb.Micros(db.Now().Add(time.Hour)))
		clock.Advance(time.Hour - tick)
		works("before it expires", true)
		clock.Advance(tick)
		works("when it expires", false)
		set("update provisioning_tokens set expires_at = null, revoked_at = $1", sqldb.Micros(db.Now()))
		works("revoked", false)
		set("update provisioning_tokens set revoked_at = null")
		set("update provisioning_clients set disabled_at = $1", sqldb.Micros(db.Now()))
		works("client switched off", false)
		set("update provisioning_clients set disabled_at = null")
		must(h.Organizations.Change(ctx, h.home.ID, func(o *directory.Organization) error { o.Suspended = true; return nil }))(t)
		works("organization suspended", false)
		must(h.Organizations.Change(ctx, h.home.ID, func(o *directory.Organization) error { o.Suspended = false; return nil }))(t)
		works("after all that", true)

		before := h.written(t)
		again := directory.ProvisioningClient{Organization: h.home.ID, Name: "HR", MayUsers: true}
		if got := must(h.ProvisioningClients.Create(ctx, again, "another-token"))(t); got != c || h.written(t) != before {
			t.Errorf("made again %+v", got)
		}
		again.MayAdministrators = true
		if got := must(h.ProvisioningClients.Create(ctx, again, "another-token"))(t); !got.MayAdministrators || got.ID != c.ID || h.written(t) != before+1 {
			t.Errorf("more rights, unaudited: %+v", got)
		}
		if _, err := h.ProvisioningClients.Authenticate(ctx, "another-token"); !errors.Is(err, directory.ErrProvisioningToken) {
			t.Errorf("making a client again gave it another token: %v", err)
		}
		if got := must(h.ProvisioningClients.Authenticate(ctx, token))(t); !got.MayAdministrators {
			t.Error("the rights did not change")
		}
		if _, err := h.ProvisioningClients.Create(ctx, directory.ProvisioningClient{Organization: h.another.ID, Name: "HR"}, token); codeOf(err) != "token_taken" {
			t.Errorf("one token for two: %v", err)
		}
		if n := h.count(t, "select count(*) from provisioning_clients"); n != 1 {
			t.Errorf("%d clients; the refused one left something behind", n)
		}
	})
}
