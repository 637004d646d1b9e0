package directory_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// zone answers TXT records by name.
type zone struct {
	records map[string][]string
	err     error
	asked   atomic.Int64
}

func (z *zone) LookupTXT(_ context.Context, name string) ([]string, error) {
	z.asked.Add(1)
	return z.records[name], z.err
}

func (z *zone) publish(d directory.Domain) {
	name, text := d.Record()
	z.records[name] = append([]string{"v=spf1 -all"}, append(z.records[name], text)...)
}

func TestDomainVerification(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		guest := must(h.Memberships.Create(ctx, h.home.ID, person("kari@firma.example")))(t)
		must(h.Memberships.Accept(ctx, guest.User, guest.ID))(t)
		d := must(h.Organizations.ClaimDomain(ctx, h.another.ID, " FIRMA.example"))(t)
		if name, text := d.Record(); name != "_portvakt-challenge.firma.example" || text != "portvakt-domain-verification="+d.Token || len(d.Token) < 20 {
			t.Fatalf("record %s %q", name, text)
		}
		if again := must(h.Organizations.ClaimDomain(ctx, h.another.ID, "firma.example"))(t); again.Token != d.Token {
			t.Error("asked again, another token")
		}
		dns := &zone{records: map[string][]string{"firma.example": {"portvakt-domain-verification=" + d.Token}}}
		if _, err := h.Organizations.VerifyDomain(ctx, h.another.ID, "firma.example", dns); !errors.Is(err, directory.ErrDomainUnproven) {
			t.Errorf("without the record: %v", err)
		}
		dns.err = errors.New("no such host")
		if _, err := h.Organizations.VerifyDomain(ctx, h.another.ID, "firma.example", dns); !errors.Is(err, directory.ErrDomainUnproven) {
			t.Errorf("DNS fails: %v", err)
		}
		if all := must(h.Organizations.Domains(ctx, h.another.ID))(t); len(all) != 1 || all[0].CheckedAt.IsZero() || !all[0].VerifiedAt.IsZero() {
			t.Errorf("in vain: %+v", all)
		}
		dns.err = nil
		dns.publish(d)
		if _, err := h.Organizations.VerifyDomain(ctx, h.home.ID, "firma.example", dns); !errors.Is(err, directory.ErrDomainNotFound) {
			t.Errorf("the neighbour verifies by our record: %v", err)
		}
		if v := must(h.Organizations.VerifyDomain(ctx, h.another.ID, "firma.example", dns))(t); v.VerifiedAt.IsZero() {
			t.Errorf("verified %+v", v)
		}
		must(h.Organizations.VerifyDomain(ctx, h.another.ID, "firma.example", dns))(t) // again is fine
		if n := h.events(t, directory.EventDomainVerified); n != 2 {                   // nordlys.example came with its organization
			t.Errorf("%d events", n)
		}
		if u := must(h.Users.ByID(ctx, guest.User))(t); u.Home != h.another.ID {
			t.Errorf("home = %v", u.Home)
		}
		if m := must(h.Memberships.ByID(ctx, h.home.ID, guest.ID))(t); !m.ActiveAt(db.Now()) || m.Epoch != guest.Epoch {
			t.Error("the membership elsewhere was touched")
		}
		// The home has a say now, and the neighbour none.
		if m := must(h.Memberships.Create(ctx, h.another.ID, person("per@firma.example")))(t); !m.ActiveAt(db.Now()) {
			t.Error("the home's own member is not active at once")
		}
		if err := h.Organizations.GiveUpDomain(ctx, h.home.ID, "firma.example"); !errors.Is(err, directory.ErrDomainNotFound) {
			t.Errorf("the neighbour gives our domain up: %v", err)
		}
		if err := h.Organizations.GiveUpDomain(ctx, h.another.ID, "Firma.example"); err != nil {
			t.Fatal(err)
		}
		if u := must(h.Users.ByID(ctx, guest.User))(t); !u.Home.IsZero() {
			t.Errorf("given up, and home = %v", u.Home)
		}
		// The seed goes the same way.
		must(h.Organizations.Change(ctx, h.home.ID, func(o *directory.Organization) error {
			o.Domains = append(o.Domains, "firma.example")
			return nil
		}))(t)
		if u := must(h.Users.ByID(ctx, guest.User))(t); u.Home != h.home.ID {
			t.Errorf("by seed, home = %v", u.Home)
		}
	})
}

func TestDomainRefusals(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		for name, code := range map[string]string{
			"gmail.com": "domain_shared", "Outlook.COM.": "", "ｇｍａｉｌ.com": "domain_shared", "co.uk": "domain_shared", "com": "bad_domain",
			"github.io": "domain_shared", "": "bad_domain", "a b.example": "bad_domain", "-x.example": "bad_domain",
			"firma..example": "bad_domain", "münchen.example": "", "mail.firma.co.uk": "", strings.Repeat("a", 64) + ".example": "bad_domain",
		} {
			d, err := h.Organizations.ClaimDomain(ctx, h.home.ID, name)
			if got := codeOf(err); got != code && name != "Outlook.COM." {
				t.Errorf("%q: %q, want %q", name, got, code)
			} else if err == nil && strings.HasSuffix(d.Name, ".") {
				t.Errorf("%q is stored as %q", name, d.Name)
			} else if name == "Outlook.COM." && err == nil {
				t.Error("a shared domain with a dot at its end was claimed")
			}
		}
		_, err := h.Organizations.Create(ctx, directory.Organization{Slug: "thief", Name: "T", Seats: -1, Domains: []string{"gmail.com"}})
		if codeOf(err) != "domain_shared" {
			t.Errorf("by seed: %v", err)
		}
		err = db.Update(ctx, func(tx *sqldb.Tx) error {
			_, err := h.WithTx(tx).Organizations.VerifyDomain(ctx, h.home.ID, "firma.example", &zone{})
			return err
		})
		if err == nil {
			t.Error("DNS was asked inside a transaction")
		}
		if _, err := h.Organizations.ClaimDomain(ctx, directory.OrganizationID{1}, "x.example"); !errors.Is(err, directory.ErrOrganizationNotFound) {
			t.Errorf("no organization: %v", err)
		}
	})
}

// TestDomainRace: thirty organizations prove the same domain at the same moment; one has it, and its people one home.
func TestDomainRace(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		u := must(h.Memberships.Create(ctx, h.home.ID, person("kari@firma.example")))(t).User
		dns := &zone{records: map[string][]string{}}
		var orgs []directory.Organization
		for i := range 30 {
			o := must(h.Organizations.Create(ctx, directory.Organization{Slug: fmt.Sprint("o", i), Name: "O", Seats: -1}))(t)
			dns.publish(must(h.Organizations.ClaimDomain(ctx, o.ID, "firma.example"))(t))
			orgs = append(orgs, o)
		}
		wantCounts(t, atOnce(30, func(i int) error {
			_, err := h.Organizations.VerifyDomain(ctx, orgs[i].ID, "firma.example", dns)
			return err
		}), map[string]int{"": 1, "domain_taken": 29})
		owner := must(h.Organizations.OfDomain(ctx, "firma.example"))(t)
		if home := must(h.Users.ByID(ctx, u))(t).Home; home != owner || home.IsZero() {
			t.Errorf("home %v, domain of %v", home, owner)
		}
		if n := h.events(t, directory.EventDomainVerified); n != 2 {
			t.Errorf("%d events, want 2", n)
		}
	})
}
