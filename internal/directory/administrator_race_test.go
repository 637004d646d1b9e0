package directory_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"portvakt/internal/actor"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestR10_WhoIsDisabledIsNoSuccessor: while somebody is made an administrator and the former one steps down, the new one is
// disabled. Whichever comes first, the organization keeps somebody who can act.
func TestR10_WhoIsDisabledIsNoSuccessor(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		administrator := func(m *directory.Member) { m.Administrator = true }
		for i := range thirty {
			org := must(h.Organizations.Create(ctx, directory.Organization{Slug: fmt.Sprint("o", i), Name: "O", Seats: directory.UnlimitedSeats}))(t)
			n := person(fmt.Sprintf("old%d@race.example", i))
			n.Trusted, n.Administrator = true, true
			old := must(h.Memberships.Create(ctx, org.ID, n))(t)
			n = person(fmt.Sprintf("new%d@race.example", i))
			n.Trusted = true
			heir := must(h.Memberships.Create(ctx, org.ID, n))(t)
			atOnce(2, func(j int) error {
				if j == 0 {
					_, err := h.Users.SetState(ctx, heir.User, directory.UserDisabled)
					return err
				}
				if err := h.changeErr(heir, administrator); err != nil {
					return err
				}
				return h.changeErr(old, func(m *directory.Member) { m.Administrator = false })
			})
			if n := h.count(t, `select count(*) from memberships m join users u on u.id = m.user_id
				where m.organization_id = $1 and m.administrator = true and u.state = 'active'`, org.ID); n == 0 {
				t.Fatalf("round %d: nobody administers the organization any more", i)
			}
		}
	})
}

// TestR10_ThirtyAreDisabledAtOnce: of thirty administrators one cannot be.
func TestR10_ThirtyAreDisabledAtOnce(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		admins := h.crowd(t, "a", func(n *directory.NewMember) { n.Administrator = true })
		var last error
		wantCounts(t, atOnce(thirty, func(i int) error {
			_, err := h.Users.SetState(ctx, admins[i].User, directory.UserDisabled)
			if err != nil {
				last = err
			}
			return err
		}), map[string]int{"": thirty - 1, "last_administrator": 1})
		if f := fault.Of(last); !errors.Is(last, directory.ErrLastAdministrator) || !strings.Contains(f.Text, h.home.Name) || f.Field != "organization" {
			t.Errorf("the refusal names no organization: %v", last)
		}
	})
}

// TestR10_NobodyDisabledIsAppointed: neither by membership nor by address, nor where the person is no member yet.
func TestR10_NobodyDisabledIsAppointed(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		operator := actor.With(ctx, actor.Actor{Kind: actor.Operator, ID: "usr_operator"})
		m := must(h.Memberships.Create(ctx, h.home.ID, person("away@nordlys.example")))(t)
		if _, err := h.Users.SetState(ctx, m.User, directory.UserDisabled); err != nil {
			t.Fatal(err)
		}
		for org, a := range map[directory.OrganizationID]directory.Appointment{
			h.home.ID:    {Membership: m.ID, Reason: "r"},
			h.another.ID: {Email: "away@nordlys.example", Reason: "r"},
		} {
			_, err := h.Memberships.Appoint(operator, org, a)
			wantCode(t, "a disabled person", err, "appointee_disabled")
		}
		_, err := h.Memberships.Appoint(operator, h.home.ID, directory.Appointment{Email: "away@nordlys.example", Reason: "r"})
		wantCode(t, "a disabled person, by address", err, "appointee_disabled")
		if n := h.count(t, "select count(*) from memberships"); n != 1 {
			t.Errorf("%d memberships; a refused appointment left one behind", n)
		}
		if _, err := h.Users.SetState(ctx, m.User, directory.UserActive); err != nil {
			t.Fatal(err)
		}
		must(h.Memberships.Appoint(operator, h.home.ID, directory.Appointment{Membership: m.ID, Reason: "r"}))(t)
	})
}
