package directory_test

import (
	"bytes"
	"errors"
	"testing"

	"portvakt/internal/brand"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

const drawing = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 2 1"><!-- x --><path d="M0 0"/></svg>`

// TestLogo: what is stored is the picture written anew; the same again writes nothing; what is refused changes nothing; the
// neighbour has none of it.
func TestLogo(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		logo := must(brand.ReadLogo(brand.SVG, []byte(drawing)))(t)
		before := must(h.Organizations.ByID(ctx, h.home.ID))(t)
		if b := must(h.Organizations.BrandOf(ctx, h.home.Slug))(t); !b.None() || b.Name != h.home.Name || b.Organization != h.home.ID {
			t.Fatalf("without a brand: %+v", b)
		}
		for range 2 {
			if err := h.Organizations.SetLogo(ctx, h.home.ID, logo); err != nil {
				t.Fatal(err)
			}
		}
		if after := must(h.Organizations.ByID(ctx, h.home.ID))(t); after.Version != before.Version+1 {
			t.Errorf("version %d, then %d", before.Version, after.Version)
		}
		b := must(h.Organizations.BrandOf(ctx, h.home.Slug))(t)
		media, data, err := h.Organizations.Logo(ctx, h.home.ID)
		if err != nil || b.None() || !bytes.Equal(b.LogoHash, logo.Hash()) || media != "image/svg+xml" || !bytes.Equal(data, logo.Data()) || bytes.Contains(data, []byte("!--")) {
			t.Errorf("%+v %s %s %v", b, media, data, err)
		}
		if other := must(h.Organizations.BrandOf(ctx, h.another.Slug))(t); !other.None() {
			t.Errorf("the neighbour has %+v", other)
		}
		for _, id := range []directory.OrganizationID{{}, {1}} {
			if err := h.Organizations.SetLogo(ctx, id, logo); !errors.Is(err, directory.ErrOrganizationNotFound) {
				t.Errorf("nobody's logo: %v", err)
			}
		}
		for range 2 {
			if err := h.Organizations.SetLogo(ctx, h.home.ID, brand.Logo{}); err != nil {
				t.Fatal(err)
			}
		}
		if b := must(h.Organizations.BrandOf(ctx, h.home.Slug))(t); !b.None() {
			t.Errorf("removed: %+v", b)
		}
		if _, _, err := h.Organizations.Logo(ctx, h.home.ID); !fault.Is(err, fault.NotFound) {
			t.Errorf("removed: %v", err)
		}
		if after := must(h.Organizations.ByID(ctx, h.home.ID))(t); after.Version != before.Version+2 {
			t.Errorf("version %d", after.Version)
		}
	})
}

// TestAccent: an accent that can be seen is stored in one way of writing, another one is refused with what to do; a suspended
// organization shows none.
func TestAccent(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		set := func(accent string) error {
			_, err := h.Organizations.Change(ctx, h.home.ID, func(o *directory.Organization) error { o.Accent = accent; return nil })
			return err
		}
		if err := set("#0B57D0"); err != nil {
			t.Fatal(err)
		}
		for accent, code := range map[string]string{"#ffee00": "pale_accent", "blue": "bad_accent", "#0b57d0;": "bad_accent"} {
			if err := set(accent); fault.Of(err) == nil || fault.Of(err).Code != code || fault.Of(err).Field != "accent" {
				t.Errorf("%s: %v", accent, err)
			}
		}
		if b := must(h.Organizations.BrandOf(ctx, h.home.Slug))(t); b.Accent != "#0b57d0" {
			t.Errorf("%+v", b)
		}
		must(h.Organizations.Change(ctx, h.home.ID, func(o *directory.Organization) error { o.Suspended = true; return nil }))(t)
		for _, slug := range []string{h.home.Slug, "nobody", "../x", ""} {
			if b, err := h.Organizations.BrandOf(ctx, slug); !errors.Is(err, directory.ErrOrganizationNotFound) || b.Name != "" {
				t.Errorf("%s: %+v %v", slug, b, err)
			}
		}
	})
}
