package directory

import (
	"bytes"
	"context"
	"encoding/hex"

	"portvakt/internal/audit"
	"portvakt/internal/brand"
	"portvakt/internal/sqldb"
)

// Brand is what pages show of an organization: its name, its accent and that it has a logo.
type Brand struct {
	Organization OrganizationID
	Slug         string
	Name         string
	Accent       string // #rrggbb; "" for the installation's
	LogoHash     []byte // nil for no logo
}

// None reports whether the organization has given itself no looks, so that its pages are the installation's.
func (b *Brand) None() bool { return b.Accent == "" && b.LogoHash == nil }

// SetLogo gives the organization a logo; the same again writes nothing, and none takes the one away that there is.
//
// Invariant: what is stored has been written anew by brand.ReadLogo, which alone makes a brand.Logo
// (TestWall113_PicturesAreWrittenAnew).
func (s Organizations) SetLogo(ctx context.Context, id OrganizationID, logo brand.Logo) error {
	return s.update(ctx, func(tx *sqldb.Tx) error {
		if err := lockOrganization(ctx, tx, id); err != nil {
			return err
		}
		was, err := Organizations{store{db: s.db, tx: tx}}.LogoHash(ctx, id)
		if err != nil || bytes.Equal(was, logo.Hash()) {
			return err
		}
		if logo.None() {
			dropLogo(tx, id)
		} else {
			putLogo(tx, id, logo)
		}
		touchOrganization(tx, id)
		return audit.Append(ctx, tx, id, audit.Entry{Action: "organization.changed", Object: id.String(),
			Detail: map[string]any{"changes": map[string][2]any{"logo": {hex.EncodeToString(was), hex.EncodeToString(logo.Hash())}}}})
	})
}

// checkAccent refuses what no page could show.
func checkAccent(o *Organization) error {
	if o.Accent == "" {
		return nil
	}
	p, err := brand.NewPalette(o.Accent)
	if err != nil {
		return err
	}
	o.Accent = p.Light.Fill.String() // one way to write a colour
	return nil
}
