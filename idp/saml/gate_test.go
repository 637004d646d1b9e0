package saml_test

import (
	"strings"
	"testing"
	"time"

	"portvakt/internal/directory"
)

// TestOnlyTheGateLetsIn: whatever keeps a person out keeps every way of answering shut: at once, by artifact that was on its
// way, in a sign-in that began here, and passively.
func TestOnlyTheGateLetsIn(t *testing.T) {
	member := func(edit func(d *door, m *directory.Member)) func(*testing.T, *door) {
		return func(t *testing.T, d *door) {
			must(d.dir.Memberships.Change(ctx, d.org.ID, d.member.ID, 0, func(m *directory.Member) error { edit(d, m); return nil }))(t)
		}
	}
	for name, shut := range map[string]func(t *testing.T, d *door){
		"suspended": member(func(d *door, m *directory.Member) { m.SuspendedAt = d.db.Now() }),
		"future":    member(func(d *door, m *directory.Member) { m.Start = d.db.Now().Add(time.Hour) }),
		"past": func(t *testing.T, d *door) {
			member(func(d *door, m *directory.Member) { m.End = d.db.Now().Add(10 * time.Second) })(t, d)
			d.clock.Advance(20 * time.Second)
		},
		"deleted": func(t *testing.T, d *door) {
			if err := d.dir.Memberships.End(ctx, d.org.ID, d.member.ID, directory.Ending{Choice: directory.EndPending}); err != nil {
				t.Fatal(err)
			}
		},
		"organization suspended": func(t *testing.T, d *door) {
			must(d.dir.Organizations.Change(ctx, d.org.ID, func(o *directory.Organization) error { o.Suspended = true; return nil }))(t)
		},
		"second factor of the organization": func(t *testing.T, d *door) {
			must(d.dir.Organizations.Change(ctx, d.org.ID, func(o *directory.Organization) error {
				o.SecondFactor = directory.SecondFactorRequired
				return nil
			}))(t)
		},
		"second factor of the application": func(t *testing.T, d *door) {
			d.change(func(p *directory.ServiceProvider) {
				p.Application.Metadata.SecondFactor = directory.SecondFactorRequired
			})
		},
		"application of others": func(t *testing.T, d *door) {
			d.change(func(p *directory.ServiceProvider) {
				p.Application.AllOrganizations, p.Application.Organizations = false, []directory.OrganizationID{d.other.ID}
			})
		},
		"application disabled": func(t *testing.T, d *door) {
			d.change(func(p *directory.ServiceProvider) { p.Application.Disabled = true })
		},
		"all sessions ended": func(t *testing.T, d *door) { must(d.dir.Users.EndSessions(ctx, d.user.ID, "test"))(t) },
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, d *door) {
				d.change(func(p *directory.ServiceProvider) { p.Settings.IDPInitiated = true })
				b := d.signedIn()
				artifact := d.artifact(t, b)
				if res := b.get("/saml/init/crm"); !strings.Contains(res.body, "SAMLResponse") {
					t.Fatalf("nobody was let in before: %d %.300s", res.StatusCode, res.body)
				}
				shut(t, d)
				if res := d.fetch(t, artifact); strings.Contains(res.body, "Assertion") {
					t.Error("by artifact")
				}
				if res := b.get("/saml/init/crm"); strings.Contains(res.body, "SAMLResponse") {
					t.Error("begun here")
				}
				if res := b.ask(ask{}); strings.Contains(res.body, "SAMLResponse") && res.answer(t).root.FindElement("//Assertion") != nil {
					t.Error("at once")
				}
				if res := b.ask(ask{attributes: `IsPassive="true"`}); strings.Contains(res.body, "SAMLResponse") && (res.answer(t).status() == "Success" || res.answer(t).root.FindElement("//Assertion") != nil) {
					t.Error("passively")
				}
			})
		})
	}
}
