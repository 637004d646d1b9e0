package directory_test

import (
	"context"
	"testing"

	"portvakt/internal/actor"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

func asClient(c directory.ProvisioningClient) context.Context {
	return actor.With(ctx, actor.Actor{Kind: actor.ProvisioningClient, ID: c.ID.String(), Organization: c.Organization.String()})
}

// TestWhatAProvisioningClientHasSetStays: nobody else changes it, and what the client never set stays everybody's.
func TestWhatAProvisioningClientHasSetStays(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		hr := h.hr(t)
		boss := must(h.Memberships.Create(ctx, h.home.ID, directory.NewMember{Trusted: true, Member: directory.Member{Email: "boss@nordlys.example", Administrator: true}}))(t)
		person := actor.With(ctx, actor.Actor{Kind: actor.Person, ID: boss.User.String()})
		made := must(h.Memberships.Create(asClient(hr), h.home.ID, directory.NewMember{Member: directory.Member{ManagedBy: hr.ID,
			Email: "lars@nordlys.example", UserName: "lars", ExternalID: "17", Details: directory.Details{GivenName: "Lars", Title: "Selger",
				Phones: []directory.Contact{{Value: "+4790000001"}}}}}))(t)
		edit := func(ctx context.Context, do func(*directory.Member)) (directory.Member, error) {
			return h.Memberships.Change(ctx, h.home.ID, made.ID, 0, func(m *directory.Member) error { do(m); return nil })
		}
		for name, do := range map[string]func(*directory.Member){
			"title":      func(m *directory.Member) { m.Details.Title = "Sjef" },
			"given_name": func(m *directory.Member) { m.Details.GivenName = "" },
			"phones": func(m *directory.Member) {
				m.Details.Phones = append(m.Details.Phones, directory.Contact{Value: "+4790000002"})
			},
			"user_name":   func(m *directory.Member) { m.UserName = "lasse" },
			"external_id": func(m *directory.Member) { m.ExternalID = "18" },
		} {
			if _, err := edit(person, do); codeOf(err) != "held" {
				t.Errorf("%s: %v", name, err)
			}
			if got := must(edit(ctx, do))(t); got.Version != made.Version { // a seed file, an import
				t.Errorf("%s was changed by the installation: %+v", name, got)
			}
			if got := must(edit(asClient(hr), do))(t); got.Version == made.Version {
				t.Errorf("%s cannot be changed by the client", name)
			}
			made = must(edit(asClient(hr), func(m *directory.Member) {
				m.Details.Title, m.Details.GivenName, m.UserName, m.ExternalID = "Selger", "Lars", "lars", "17"
				m.Details.Phones = []directory.Contact{{Value: "+4790000001"}}
			}))(t)
		}
		got := must(edit(person, func(m *directory.Member) { // what the client never set, and what is nobody's own
			m.Details.NickName, m.Administrator = "Lasse", true
			m.Held = nil // nobody edits this
		}))(t)
		if got.Details.NickName != "Lasse" || !got.Administrator || !got.Holds("title") || got.Holds("nick_name") {
			t.Errorf("after the administrator's edit %+v", got)
		}
		got = must(edit(asClient(hr), func(m *directory.Member) { m.Details.Title = "" }))(t)
		if got.Holds("title") {
			t.Errorf("an emptied detail is held: %v", got.Held)
		}
		must(edit(person, func(m *directory.Member) { m.Details.Title = "Sjef" }))(t)

		loose := must(h.Memberships.Create(ctx, h.home.ID, directory.NewMember{Trusted: true, Member: directory.Member{Email: "per@nordlys.example",
			Details: directory.Details{Title: "Sjef", Division: "Nord"}}}))(t)
		adopt := must(h.Memberships.Change(asClient(hr), h.home.ID, loose.ID, 0, func(m *directory.Member) error {
			m.ManagedBy, m.Details.Division = hr.ID, "Sør"
			return nil
		}))(t)
		if read := must(h.Memberships.ByID(ctx, h.home.ID, loose.ID))(t); !read.Holds("division") || read.Holds("title") || len(adopt.Held) != 1 {
			t.Errorf("adopted: %v", read.Held)
		}
	})
}
