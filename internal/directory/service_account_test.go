package directory_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"portvakt/internal/actor"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

func digest(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:]
}

const (
	oneKey   = `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"a"}]}`
	otherKey = `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"b"}]}`
)

// webshop is a service account with one secret.
func (h house) webshop(t *testing.T) directory.ServiceAccount {
	t.Helper()
	return must(h.ServiceAccounts.Save(ctx, "nordlys", directory.ServiceAccount{Organization: h.home.ID, Key: "webshop", Name: "Web shop",
		Credentials: []directory.ServiceCredential{{Hash: digest("first")}}}))(t)
}

// opens reports whether a secret is in force.
func (h house) opens(t *testing.T, account directory.ServiceAccount, secret string) bool {
	t.Helper()
	for _, c := range must(h.ServiceAccounts.ByClientID(ctx, account.ClientID))(t).Credentials {
		if bytes.Equal(c.Hash, digest(secret)) && c.InForce(h.db.Now()) {
			return true
		}
	}
	return false
}

// by is a context in which the member acts.
func by(m directory.Member) context.Context {
	return actor.With(ctx, actor.Actor{Kind: actor.Person, ID: m.User.String(), Organization: m.Organization.String()})
}

func (h house) guest(t *testing.T, email string, kind directory.Kind, end time.Time) directory.Member {
	t.Helper()
	n := person(email)
	n.Kind, n.End, n.Trusted = kind, end, true
	if kind == directory.Reseller {
		n.Reseller.Role = directory.Accountant
		h.hiredByAgency(t, email)
	}
	return must(h.Memberships.Create(ctx, h.home.ID, n))(t)
}

// hiredByAgency makes the person an employee of the agency that manages the home organization, and of no other.
func (h house) hiredByAgency(t *testing.T, email string) {
	t.Helper()
	agency, err := h.Organizations.BySlug(ctx, "guests")
	if err != nil {
		agency = must(h.Organizations.Create(ctx, directory.Organization{Slug: "guests", Name: "Guests AS", Seats: directory.UnlimitedSeats}))(t)
		must(h.Organizations.Change(ctx, h.home.ID, func(o *directory.Organization) error { o.ManagedBy = agency.ID; return nil }))(t)
	}
	n := person(email)
	n.Trusted = true
	must(h.Memberships.Create(ctx, agency.ID, n))(t)
}

func TestR34_SecretsRotateWithOverlap(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		a := h.webshop(t)
		r := must(h.ServiceAccounts.Rotate(ctx, h.home.ID, a.ID, time.Hour))(t)
		if len(r.Secret) != 43 || !r.FormerEnd.Equal(clock.Now().Add(time.Hour)) {
			t.Errorf("rotation %+v", r)
		}
		if !h.opens(t, a, "first") || !h.opens(t, a, r.Secret) {
			t.Error("not both are in force during the overlap")
		}
		if _, err := h.ServiceAccounts.Rotate(ctx, h.home.ID, a.ID, time.Hour); codeOf(err) != "too_many_secrets" {
			t.Errorf("a third secret: %v", err)
		}
		if _, err := h.ServiceAccounts.AddSecret(ctx, h.home.ID, a.ID, digest("x"), time.Time{}); codeOf(err) != "too_many_secrets" {
			t.Errorf("a third secret: %v", err)
		}
		clock.Advance(time.Hour)
		if h.opens(t, a, "first") || !h.opens(t, a, r.Secret) {
			t.Error("after the overlap the new one alone is in force")
		}
		must(h.ServiceAccounts.Rotate(ctx, h.home.ID, a.ID, time.Hour))(t)
		now := must(h.ServiceAccounts.Rotate(ctx, h.home.ID, a.ID, 0))(t)
		if h.opens(t, a, r.Secret) || !h.opens(t, a, now.Secret) {
			t.Error("without overlap all former secrets end")
		}
		until := must(h.ServiceAccounts.AddSecret(ctx, h.home.ID, a.ID, digest("till"), clock.Now().Add(time.Minute)))(t)
		if err := h.ServiceAccounts.Revoke(ctx, h.home.ID, a.ID, until.ID); err != nil || h.opens(t, a, "till") {
			t.Errorf("revoked: %v", err)
		}
		for name, err := range map[string]error{
			"bad_overlap": second(h.ServiceAccounts.Rotate(ctx, h.home.ID, a.ID, -1)),
			"bad_secret":  second(h.ServiceAccounts.AddSecret(ctx, h.home.ID, a.ID, []byte("clear"), time.Time{})),
			"bad_expiry":  second(h.ServiceAccounts.AddSecret(ctx, h.home.ID, a.ID, digest("y"), clock.Now())),
			"bad_keys":    h.ServiceAccounts.SetKeys(ctx, h.home.ID, a.ID, []byte(`{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`)),
		} {
			if codeOf(err) != name {
				t.Errorf("%v, want %s", err, name)
			}
		}
		if n := h.count(t, "select count(*) from service_account_credentials where hash = $1", []byte(now.Secret)); n != 0 {
			t.Error("a secret stands in clear")
		}
		if n := h.events(t, directory.EventServiceSecretRotated); n != 3 {
			t.Errorf("%d events, want 3", n)
		}
		if n := h.count(t, "select count(*) from audit_entries where action like 'service_account.%'"); n != 6 {
			t.Errorf("%d audit entries, want 6", n)
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestR34_OneOfThirtyRotationsWins(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		a := h.webshop(t)
		var done sync.WaitGroup
		var won atomic.Int64
		for range 30 {
			done.Go(func() {
				switch _, err := h.ServiceAccounts.Rotate(ctx, h.home.ID, a.ID, time.Hour); {
				case err == nil:
					won.Add(1)
				case codeOf(err) != "too_many_secrets":
					t.Error(err)
				}
			})
		}
		done.Wait()
		if n := h.count(t, "select count(*) from service_account_credentials where hash is not null"); won.Load() != 1 || n != 2 {
			t.Errorf("%d rotations won, %d secrets", won.Load(), n)
		}
	})
}

func TestR34_KeysFollowTheSet(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		a := h.webshop(t)
		inForce := func() (ids []string) {
			for _, c := range must(h.ServiceAccounts.ByID(ctx, h.home.ID, a.ID))(t).Credentials {
				if !c.IsSecret() && c.InForce(clock.Now()) {
					ids = append(ids, c.JWK[strings.Index(c.JWK, `"kid"`):][7:8])
				}
			}
			return ids
		}
		for _, row := range []struct{ set, want string }{{oneKey, "[a]"}, {oneKey, "[a]"}, {otherKey, "[b]"}} {
			if err := h.ServiceAccounts.SetKeys(ctx, h.home.ID, a.ID, []byte(row.set)); err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(inForce()); got != row.want {
				t.Errorf("keys %s, want %s", got, row.want)
			}
		}
		if n := h.events(t, directory.EventServiceKeysSet); n != 2 {
			t.Errorf("%d events, want 2: the same set again changes nothing", n)
		}
	})
}

func TestR34_NoSeatAndNoNeighbour(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		h := newHouse(t, db, 1)
		a := h.webshop(t)
		must(h.ServiceAccounts.Save(ctx, "nordlys", directory.ServiceAccount{Organization: h.home.ID, Key: "till", Name: "Till"}))(t)
		must(h.Memberships.Create(ctx, h.home.ID, person("kari@nordlys.example")))(t) // the only seat
		neighbour := h.another.ID
		for what, err := range map[string]error{
			"ByID":      second(h.ServiceAccounts.ByID(ctx, neighbour, a.ID)),
			"ByKey":     second(h.ServiceAccounts.ByKey(ctx, neighbour, "webshop")),
			"AddSecret": second(h.ServiceAccounts.AddSecret(ctx, neighbour, a.ID, digest("x"), time.Time{})),
			"Rotate":    second(h.ServiceAccounts.Rotate(ctx, neighbour, a.ID, time.Hour)),
			"Revoke":    h.ServiceAccounts.Revoke(ctx, neighbour, a.ID, a.Credentials[0].ID),
			"SetKeys":   h.ServiceAccounts.SetKeys(ctx, neighbour, a.ID, []byte(oneKey)),
			"Disable":   h.ServiceAccounts.Disable(ctx, neighbour, a.ID),
			"Enable":    h.ServiceAccounts.Enable(ctx, neighbour, a.ID),
		} {
			if codeOf(err) != "service_account_not_found" {
				t.Errorf("%s by the neighbour: %v", what, err)
			}
		}
		if all := must(h.ServiceAccounts.OfOrganization(ctx, neighbour))(t); len(all) != 0 {
			t.Errorf("the neighbour lists %v", all)
		}
		if err := h.ServiceAccounts.Disable(ctx, h.home.ID, a.ID); err != nil || !must(h.ServiceAccounts.ByClientID(ctx, a.ClientID))(t).Disabled {
			t.Errorf("not disabled: %v", err)
		}
		if err := h.ServiceAccounts.Enable(ctx, h.home.ID, a.ID); err != nil || must(h.ServiceAccounts.ByClientID(ctx, a.ClientID))(t).Disabled {
			t.Errorf("not enabled: %v", err)
		}
	})
}

// What an external or a reseller made for the organization ends with the membership, however that ends; what an employee
// made stays.
func TestR34_WhatAnExternalMadeEndsWithTheMembership(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		must(h.Memberships.Create(ctx, h.home.ID, directory.NewMember{Trusted: true, Member: directory.Member{Email: "admin@nordlys.example", Administrator: true}}))(t)
		acts := map[string]struct {
			act  func(t *testing.T, m directory.Member)
			dead bool
		}{
			"end": {func(t *testing.T, m directory.Member) {
				check(t, h.Memberships.End(ctx, h.home.ID, m.ID, directory.Ending{Choice: directory.EndPending}))
			}, true},
			"delete": {func(t *testing.T, m directory.Member) { check(t, h.Memberships.Delete(ctx, h.home.ID, m.ID)) }, true},
			"suspend": {func(t *testing.T, m directory.Member) {
				h.change(t, m, func(m *directory.Member) { m.SuspendedAt = clock.Now() })
			}, true},
			"to later": {func(t *testing.T, m directory.Member) {
				h.change(t, m, func(m *directory.Member) { m.Start = clock.Now().Add(time.Hour) })
			}, true},
			"nearer": {func(t *testing.T, m directory.Member) {
				h.change(t, m, func(m *directory.Member) { m.End = clock.Now().Add(time.Hour) })
				clock.Advance(time.Hour)
			}, true},
			"contact": {func(t *testing.T, m directory.Member) {
				h.change(t, m, func(m *directory.Member) { m.Kind = directory.ContactOnly })
			}, true},
			"lapse": {func(_ *testing.T, m directory.Member) { clock.Advance(m.End.Sub(clock.Now())) }, true},
			"later": {func(t *testing.T, m directory.Member) {
				end := m.End
				h.change(t, m, func(m *directory.Member) { m.End = end.Add(48 * time.Hour) })
				clock.Advance(end.Sub(clock.Now()))
			}, false},
			"hired": {func(t *testing.T, m directory.Member) {
				end := m.End
				h.change(t, m, func(m *directory.Member) {
					m.Kind, m.End, m.Reseller = directory.Employee, time.Time{}, directory.ResellerAccess{}
				})
				clock.Advance(end.Sub(clock.Now()))
			}, false},
			"something": {func(t *testing.T, m directory.Member) {
				h.change(t, m, func(m *directory.Member) { m.Details.Title = "Consultant" })
			}, false},
		}
		n := 0
		for name, act := range acts {
			for _, kind := range []directory.Kind{directory.External, directory.Reseller, directory.Employee} {
				if kind == directory.Employee && act.dead && name != "end" && name != "suspend" {
					continue
				}
				n++
				what := fmt.Sprintf("%s %s", kind, name)
				m := h.guest(t, fmt.Sprintf("guest%d@agency.example", n), kind, clock.Now().Add(24*time.Hour))
				a := must(h.ServiceAccounts.Save(ctx, "nordlys", directory.ServiceAccount{Organization: h.home.ID, Key: fmt.Sprint("shop", n), Name: "Shop"}))(t)
				rotation := must(h.ServiceAccounts.Rotate(by(m), h.home.ID, a.ID, 0))(t)
				token := fmt.Sprint("scim-token-", n)
				must(h.ProvisioningClients.Create(by(m), directory.ProvisioningClient{Organization: h.home.ID, Name: what, MayUsers: true}, token))(t)
				check(t, h.ServiceAccounts.SetKeys(by(m), h.home.ID, a.ID, []byte(oneKey)))
				m = must(h.Memberships.ByID(ctx, h.home.ID, m.ID))(t)
				act.act(t, m)
				dead := act.dead && kind != directory.Employee
				if h.opens(t, a, rotation.Secret) == dead {
					t.Errorf("%s: the secret opens: %v", what, !dead)
				}
				if _, err := h.ProvisioningClients.Authenticate(ctx, token); (err != nil) != dead {
					t.Errorf("%s: the provisioning token: %v", what, err)
				}
				for _, c := range must(h.ServiceAccounts.ByID(ctx, h.home.ID, a.ID))(t).Credentials {
					if c.MadeBy != m.ID || c.InForce(clock.Now()) == dead {
						t.Errorf("%s: made by %s, in force %v", what, c.MadeBy, !dead)
					}
				}
				if name != "suspend" {
					continue
				}
				h.change(t, m, func(m *directory.Member) { m.SuspendedAt = time.Time{} })
				if h.opens(t, a, rotation.Secret) == dead {
					t.Errorf("%s: the reactivation changed what had ended", what)
				}
			}
		}
	})
}

func TestR34_WhatAnExternalMadeEndsInARaceToo(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		var accounts []directory.ServiceAccount
		for i := range 30 {
			accounts = append(accounts, must(h.ServiceAccounts.Save(ctx, "nordlys", directory.ServiceAccount{Organization: h.home.ID, Key: fmt.Sprint("shop", i), Name: "Shop"}))(t))
		}
		m := h.guest(t, "guest@agency.example", directory.External, clock.Now().Add(24*time.Hour))
		var done sync.WaitGroup
		for i, a := range accounts {
			done.Go(func() {
				if i == 15 {
					check(t, h.Memberships.End(ctx, h.home.ID, m.ID, directory.Ending{Choice: directory.EndPending}))
				}
				if _, err := h.ServiceAccounts.Rotate(by(m), h.home.ID, a.ID, 0); err != nil && codeOf(err) != "maker_not_active" {
					t.Error(err)
				}
			})
		}
		done.Wait()
		for _, a := range must(h.ServiceAccounts.OfOrganization(ctx, h.home.ID))(t) {
			for _, c := range a.Credentials {
				if c.InForce(clock.Now()) {
					t.Errorf("%s has a secret that outlived its maker", a.ClientID)
				}
			}
		}
		if _, err := h.ServiceAccounts.Rotate(by(m), h.home.ID, accounts[0].ID, 0); codeOf(err) != "maker_not_active" {
			t.Errorf("by somebody who is no member any more: %v", err)
		}
	})
}
