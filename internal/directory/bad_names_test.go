package directory_test

import (
	"strings"
	"testing"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestEveryNounRefusesBadTexts at a field, never by the database's own error, and keeps every other name byte for byte.
func TestEveryNounRefusesBadTexts(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		all := map[string]func(name string) error{
			"organization": func(s string) error {
				_, err := h.Organizations.Change(ctx, h.home.ID, func(o *directory.Organization) error { o.Name = s; return nil })
				return err
			},
			"domain": func(s string) error {
				_, err := h.Organizations.Change(ctx, h.home.ID, func(o *directory.Organization) error { o.Domains = []string{s}; return nil })
				return err
			},
			"slug": func(s string) error {
				_, err := h.Organizations.Create(ctx, directory.Organization{Slug: s, Name: "X"})
				return err
			},
			"role": func(s string) error {
				_, err := h.Access.SaveRoles(ctx, h.home.ID, []directory.Role{{Key: "r", Name: s}})
				return err
			},
			"role key": func(s string) error {
				_, err := h.Access.SaveRoles(ctx, h.home.ID, []directory.Role{{Key: s, Name: "R"}})
				return err
			},
			"role's parent": func(s string) error {
				_, err := h.Access.SaveRoles(ctx, h.home.ID, []directory.Role{{Key: "s", Name: "S", Parent: s}})
				return err
			},
			"segment": func(s string) error {
				_, err := h.Access.SaveSegments(ctx, h.home.ID, []directory.Segment{{Key: "g", Name: s}})
				return err
			},
			"group": func(s string) error {
				_, err := h.Access.SaveGroups(ctx, h.home.ID, []directory.Group{{Key: "g", Name: s}})
				return err
			},
			"profile": func(s string) error {
				_, err := h.Access.SaveProfiles(ctx, h.home.ID, []directory.Profile{{Key: "p", Name: s}})
				return err
			},
			"module": func(s string) error {
				_, err := h.Access.SaveModules(ctx, []directory.Module{{Key: "m", Names: map[string]string{"en": s}}})
				return err
			},
			"package": func(s string) error {
				_, err := h.Access.SavePackages(ctx, []directory.Package{{Key: "p", Names: map[string]string{"sv": s}}})
				return err
			},
			"application": func(s string) error {
				_, err := h.Applications.Save(ctx, directory.Application{ClientID: "app", Name: s, AllOrganizations: true})
				return err
			},
			"client id": func(s string) error {
				_, err := h.Applications.Save(ctx, directory.Application{ClientID: s, Name: "App", AllOrganizations: true})
				return err
			},
			"provisioning client": func(s string) error {
				_, err := h.ProvisioningClients.Create(ctx, directory.ProvisioningClient{Organization: h.home.ID, Name: s}, "token-of-"+s+"-and-more")
				return err
			},
		}
		for noun, save := range all {
			for _, bad := range []string{"a\x00b", "a\xffb", "a\xed\xa0\x80b", "a\nb", "a\u202eb", strings.Repeat("a", 1001)} {
				if f := fault.Of(save(bad)); f == nil || f.Kind != fault.Invalid || f.Field == "" {
					t.Errorf("%s %.12q: %v", noun, bad, f)
				}
			}
			var wide strings.Builder // what compresses to no less than an index takes
			for i := range 1000 {
				wide.WriteRune(rune(0x20000 + i*7919%40000))
			}
			if err := save(wide.String()); err != nil && (!fault.Is(err, fault.Invalid) || fault.Of(err).Field == "") {
				t.Errorf("%s of 4000 bytes: %v", noun, err)
			}
			if strings.Contains(noun, " ") || noun == "domain" || noun == "slug" {
				continue
			}
			for _, good := range []string{"Åse & Sønn", "A\u030ase", "李小龍", "محمد", "👩‍👩‍👧‍👦", "'); drop table roles;--", strings.Repeat("a", 1000)} {
				if err := save(good); err != nil {
					t.Errorf("%s %.20q: %v", noun, good, err)
				}
			}
		}
		if o := must(h.Organizations.ByID(ctx, h.home.ID))(t); o.Name != strings.Repeat("a", 1000) {
			t.Errorf("the organization is called %q", o.Name)
		}
	})
}
