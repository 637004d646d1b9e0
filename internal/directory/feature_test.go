package directory_test

import (
	"errors"
	"fmt"
	"testing"

	"portvakt/internal/actor"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

func TestR24_FeaturesAreSwitchedOnForEachOrganization(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		price := func(label string) {
			must(h.Organizations.SaveFeatures(ctx, []directory.Feature{{Key: "archive", PriceLabel: label,
				Names: map[string]string{"en": "Archive", "nb": "Arkivering"}}, {Key: "reports"}}))(t)
		}
		price("49 kr / month")
		by := actor.With(ctx, actor.Actor{Kind: actor.Person, ID: "usr_1"})
		if err := h.Organizations.SetFeature(by, h.home.ID, "archive", directory.FeatureOn); err != nil {
			t.Fatal(err)
		}
		price("59 kr / month") // who pays 49 goes on doing so
		states := map[string]directory.FeatureState{}
		for _, s := range must(h.Organizations.FeatureStates(ctx, h.home.ID))(t) {
			states[s.Key] = s
		}
		if a := states["archive"]; len(states) != 3 || a.Switch != directory.FeatureOn || a.Price != "49 kr / month" || a.PriceLabel != "59 kr / month" ||
			!a.ActivatedAt.Equal(db.Now()) || a.Name("sv") != "Archive" || a.Name("nb") != "Arkivering" {
			t.Errorf("states %+v", states)
		}
		if x := states["extra_users"]; x.Switch != directory.FeatureOff || !x.ActivatedAt.IsZero() || x.Name("sv") != "Extra användare" {
			t.Errorf("what is off: %+v", x)
		}
		if n := h.count(t, "select count(*) from feature_activations where actor_kind = 'person' and actor_id = 'usr_1' and price_label = '49 kr / month'"); n != 1 {
			t.Errorf("%d activations", n)
		}
		for _, s := range must(h.Organizations.FeatureStates(ctx, h.another.ID))(t) {
			if s.Switch == directory.FeatureOn || !s.ActivatedAt.IsZero() || s.Price != "" {
				t.Errorf("the neighbour has %+v", s)
			}
		}
		need := func(key string) error { return directory.RequireFeatureForTest(ctx, db, h.another.ID, key) }
		if f := fault.Of(need("extra_users")); f == nil || f.Code != "feature_off" || f.Kind != fault.Forbidden || f.Text != "Extra users is not switched on in this organization" ||
			len(f.Nouns(0)) != 1 || f.Nouns(0)[0].Names["en"] != "Extra users" {
			t.Errorf("what is off says %v", f)
		}
		if err := directory.RequireFeatureForTest(ctx, db, h.home.ID, "archive"); err != nil {
			t.Error(err)
		}
		for _, o := range []directory.OrganizationID{h.home.ID, {1}} {
			err := h.Organizations.SetFeature(ctx, o, "nothing", directory.FeatureOff)
			if code := codeOf(err); code != "unknown_feature" && !errors.Is(err, directory.ErrOrganizationNotFound) {
				t.Errorf("an unknown feature: %v", err)
			}
		}
		// Off and on again is another activation, at the price of the day.
		for _, to := range []directory.FeatureSwitch{directory.FeatureOff, directory.FeatureOff, directory.FeatureOn, directory.FeatureOn} {
			if err := h.Organizations.SetFeature(ctx, h.home.ID, "archive", to); err != nil {
				t.Fatal(err)
			}
		}
		if on, off := h.events(t, directory.EventFeatureActivated), h.events(t, directory.EventFeatureDeactivated); on != 2 || off != 1 {
			t.Errorf("%d activated, %d deactivated", on, off)
		}
		if n := h.count(t, "select count(*) from feature_activations where deactivated_at is null and price_label = '59 kr / month'"); n != 1 {
			t.Errorf("%d activations at the new price", n)
		}
		// The file goes the same way.
		must(h.Organizations.Change(ctx, h.home.ID, func(o *directory.Organization) error { o.Features = []string{"reports"}; return nil }))(t)
		if on, off := h.events(t, directory.EventFeatureActivated), h.events(t, directory.EventFeatureDeactivated); on != 3 || off != 2 {
			t.Errorf("by file: %d activated, %d deactivated", on, off)
		}
		_, err := h.Organizations.Change(ctx, h.home.ID, func(o *directory.Organization) error { o.Features = []string{"nothing"}; return nil })
		if codeOf(err) != "unknown_feature" {
			t.Errorf("by file, unknown: %v", err)
		}
	})
}

func TestR24_ActivationRace(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		wantCounts(t, atOnce(30, func(i int) error {
			if i%2 == 0 {
				return h.Organizations.SetFeature(ctx, h.home.ID, directory.FeatureArchive, directory.FeatureOn)
			}
			_, err := h.Organizations.Change(ctx, h.home.ID, func(o *directory.Organization) error { o.Features = []string{"archive"}; return nil })
			return err
		}), map[string]int{"": 30})
		if n := h.events(t, directory.EventFeatureActivated); n != 1 {
			t.Errorf("%d events, want 1", n)
		}
		if n := h.count(t, "select count(*) from feature_activations"); n != 1 {
			t.Errorf("%d activations, want 1", n)
		}
	})
}

// TestR24_ExtraUsers: activated once, then as many as the organization likes; it cannot be given back while they are there.
func TestR24_ExtraUsers(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, 2)
		make := func(i int) error {
			_, err := h.Memberships.Create(ctx, h.home.ID, person(fmt.Sprintf("p%d@nordlys.example", i)))
			return err
		}
		wantCounts(t, atOnce(4, make), map[string]int{"": 2, "seats_full": 2})
		if err := h.Organizations.SetFeature(ctx, h.home.ID, directory.FeatureExtraUsers, directory.FeatureOn); err != nil {
			t.Fatal(err)
		}
		wantCounts(t, atOnce(10, func(i int) error { return make(100 + i) }), map[string]int{"": 10})
		u := must(h.Organizations.SeatUsage(ctx, h.home.ID))(t)
		if u.Seats != 2 || u.Used != 12 || u.Extra != 10 || u.Free() != directory.UnlimitedSeats || u.ExtraUsers != directory.FeatureOn {
			t.Errorf("usage %+v", u)
		}
		err := h.Organizations.SetFeature(ctx, h.home.ID, directory.FeatureExtraUsers, directory.FeatureOff)
		if f := fault.Of(err); f == nil || f.Code != "seats_in_use" || f.Text != "12 seats are in use" {
			t.Errorf("off while they are there: %v", err)
		}
		_, err = h.Organizations.Change(ctx, h.home.ID, func(o *directory.Organization) error { o.Features = nil; return nil })
		if codeOf(err) != "seats_in_use" {
			t.Errorf("off by file: %v", err)
		}
		if states := must(h.Organizations.FeatureStates(ctx, h.home.ID))(t); states[1].Key != "extra_users" || states[1].Switch != directory.FeatureOn {
			t.Errorf("a refused switch stuck: %+v", states)
		}
	})
}
