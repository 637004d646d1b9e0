package directory_test

import (
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestWall065_WhatAnEmployeeLeavesBehindIsTold: the token that an employee made is the organization's and goes on, and it is
// said, over every way in which the employee may act no more: to whoever hears events, in the list, and to the doctor.
func TestWall065_WhatAnEmployeeLeavesBehindIsTold(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		must(h.Memberships.Create(ctx, h.home.ID, directory.NewMember{Trusted: true, Member: directory.Member{Email: "chief@nordlys.example", Administrator: true}}))(t)
		change := func(edit func(*directory.Member)) func(directory.Member) {
			return func(m directory.Member) { h.change(t, m, edit) }
		}
		var told int64
		var gone int
		for way, leave := range map[string]func(directory.Member){
			"suspended": change(func(m *directory.Member) { m.SuspendedAt = clock.Now() }),
			"deleted":   func(m directory.Member) { check(t, h.Memberships.Delete(ctx, h.home.ID, m.ID)) },
			"disabled":  func(m directory.Member) { must(h.Users.SetState(ctx, m.User, directory.UserDisabled))(t) },
			"over": func(m directory.Member) {
				change(func(m *directory.Member) { m.End = clock.Now().Add(time.Hour) })(m)
				clock.Advance(2 * time.Hour)
				must(h.Memberships.AnnounceEnded(ctx))(t)
			},
		} {
			m := must(h.Memberships.Create(ctx, h.home.ID, person(way+"@nordlys.example")))(t)
			c := must(h.ProvisioningClients.Create(by(m), directory.ProvisioningClient{Organization: h.home.ID, Name: way, MayUsers: true}, "token-"+way))(t)
			if list := must(h.ProvisioningClients.Tokens(ctx, h.home.ID, c.ID))(t); len(list) != 1 || list[0].MakerGone || list[0].MadeBy != m.ID {
				t.Fatalf("%s: %+v", way, list)
			}
			leave(m)
			must(h.ProvisioningClients.Authenticate(ctx, "token-"+way))(t)
			if n := h.events(t, directory.EventCredentialsLeft); n != told+1 {
				t.Errorf("%s: told %d times", way, n-told)
			}
			if told++; h.count(t, "select count(*) from audit_entries where action = $1", directory.EventCredentialsLeft) != told {
				t.Errorf("%s: not in the history", way)
			}
			list := must(h.ProvisioningClients.Tokens(ctx, h.home.ID, c.ID))(t)
			if gone++; !list[0].MakerGone {
				t.Errorf("%s: the list says nothing: %+v", way, list)
			}
			left := must(h.ProvisioningClients.Left(ctx))(t)
			if len(left) != gone {
				t.Errorf("%s: the doctor sees %d of %d", way, len(left), gone)
			}
			for _, l := range left {
				if l.Client.ID == c.ID && (l.Token.ID != list[0].ID || l.Token.MadeBy != m.ID) {
					t.Errorf("%s: %+v", way, l)
				}
			}
			check(t, h.ProvisioningClients.RevokeToken(ctx, h.home.ID, c.ID, list[0].ID))
			if gone--; len(must(h.ProvisioningClients.Left(ctx))(t)) != gone {
				t.Errorf("%s: a revoked token is left", way)
			}
		}
		quiet := must(h.Memberships.Create(ctx, h.home.ID, person("quiet@nordlys.example")))(t)
		check(t, h.Memberships.Delete(ctx, h.home.ID, quiet.ID))
		if n := h.events(t, directory.EventCredentialsLeft); n != told {
			t.Error("it is told of somebody who leaves nothing")
		}
	})
}
