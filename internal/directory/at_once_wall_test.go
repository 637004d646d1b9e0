package directory_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"portvakt/internal/actor"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestWall139_EverythingAtOnce: ends, erasures, resellers, invitations, imports, domains and appointments around the same few
// people at the same moment. Each is done or refused, none is in trouble, and no rule is broken by two of them together.
func TestWall139_EverythingAtOnce(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newAgencyHouse(t, db, 2)
		for _, o := range append(h.clients, h.agency) {
			n := directory.NewMember{Trusted: true, Member: directory.Member{Email: "chief@" + o.Slug + ".example", Administrator: true}}
			must(h.Memberships.Create(ctx, o.ID, n))(t)
			must(h.Organizations.Change(ctx, o.ID, func(o *directory.Organization) error { o.Seats = 12; return nil }))(t)
		}
		var people []directory.Member
		for i := range 8 {
			people = append(people, h.employee(t, fmt.Sprint("agent", i)))
		}
		client := func(i int) directory.OrganizationID { return h.clients[i%2].ID }
		acts := []func(i int, m directory.Member) error{
			func(i int, m directory.Member) error {
				r, err := h.Memberships.Create(ctx, client(i), reseller(m.Email))
				if err != nil {
					return err
				}
				_, err = h.Memberships.Accept(ctx, r.User, r.ID)
				return err
			},
			func(i int, m directory.Member) error {
				return h.Memberships.End(ctx, h.agency.ID, m.ID, directory.Ending{Choice: directory.EndPending})
			},
			func(i int, m directory.Member) error {
				if i%3 > 0 {
					return nil
				}
				e, err := h.Users.RequestErasure(ctx, m.User)
				if err != nil {
					return err
				}
				_, err = h.Users.ConfirmErasure(ctx, e.ID)
				return err
			},
			func(i int, m directory.Member) error {
				_, err := h.Memberships.Import(ctx, client(i), []directory.ImportLine{{Line: 1, Email: m.Email}, {Line: 2, Email: fmt.Sprintf("new%d@x.example", i)}}, directory.ImportQuietly)
				return err
			},
			func(i int, m directory.Member) error {
				_, err := h.Invitations.Invite(ctx, client(i+1), directory.Batch{People: invitees(m.Email)})
				return err
			},
			func(i int, m directory.Member) error {
				_, err := h.Memberships.Appoint(actor.With(ctx, actor.Actor{Kind: actor.Operator}), client(i), directory.Appointment{Email: m.Email, Reason: "at once"})
				return err
			},
			func(i int, m directory.Member) error {
				return h.Memberships.HandOver(ctx, h.agency.ID, directory.MainRecipient, directory.MembershipID{}, m.ID)
			},
			func(i int, m directory.Member) error {
				_, err := h.Users.SetState(ctx, m.User, []directory.UserState{directory.UserDisabled, directory.UserActive}[i%2])
				return err
			},
			func(i int, m directory.Member) error {
				_, err := h.Organizations.Change(ctx, h.agency.ID, func(o *directory.Organization) error {
					o.Domains = [][]string{{"tallsmia.example"}, nil}[i%2]
					return nil
				})
				return err
			},
			func(i int, m directory.Member) error {
				_, err := h.Memberships.Change(ctx, h.agency.ID, m.ID, 0, func(m *directory.Member) error { m.End = db.Now().Add(time.Hour); return nil })
				return err
			},
		}
		var at sync.WaitGroup
		for i, m := range people {
			for n, act := range acts {
				at.Go(func() {
					if err := act(i, m); err != nil && fault.Of(err).Kind == fault.Internal {
						t.Errorf("act %d of %d: %v", n, i, err)
					}
				})
			}
		}
		at.Wait()
		now := sqldb.Micros(db.Now())
		for what, text := range map[string]string{
			"erased people with access": `select count(*) from memberships m join users u on u.id = m.user_id where u.state = 'erased' and m.deleted_at is null and m.created_at <= $1`,
			"resellers without the agency": `select count(*) from memberships m join organizations o on o.id = m.organization_id where m.kind = 'reseller' and m.ended_at is null
				and m.deleted_at is null and (m.end_at is null or m.end_at > $1) and not exists (select 1 from memberships a join users u on u.id = a.user_id where a.organization_id = o.managed_by
				and a.user_id = m.user_id and a.kind = 'employee' and a.ended_at is null and a.deleted_at is null and u.state = 'active' and (a.end_at is null or a.end_at >= m.end_at))`,
			"functions of people who are over": `select count(*) from member_functions f join memberships m on m.id = f.membership_id where (m.ended_at is not null or m.deleted_at is not null) and m.created_at <= $1`,
			"people who are members twice": `select count(*) from (select organization_id from memberships where ended_at is null and deleted_at is null and user_id is not null and created_at <= $1
				group by organization_id, user_id having count(*) > 1) x`,
		} {
			if n := h.count(t, text, now); n != 0 {
				t.Errorf("%d %s", n, what)
			}
		}
		for _, o := range append(h.clients, h.agency) {
			if u := must(h.Organizations.SeatUsage(ctx, o.ID))(t); u.Used > u.Seats {
				t.Errorf("%s uses %d of %d seats", o.Slug, u.Used, u.Seats)
			}
		}
	})
}
