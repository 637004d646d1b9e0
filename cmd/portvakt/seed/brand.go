package seed

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"

	"portvakt/internal/brand"
	"portvakt/internal/config"
	"portvakt/internal/directory"
)

// Brand is how an organization shows itself.
type Brand struct {
	config.Position
	Accent Word `yaml:"accent"` // #rrggbb, or none
	Logo   Word `yaml:"logo"`   // the path of a picture, relative to this file, or none

	picture brand.Logo
}

// nothing takes away what there is.
const nothing = "none"

// brand checks colour and picture, and reads the picture.
func (c *checker) brand(o *Organization) {
	b := &o.Brand
	if b.Accent.present() && b.Accent.Text != nothing {
		_, err := brand.NewPalette(b.Accent.Text)
		c.sayFault(b.Accent.at, "accent", err)
	}
	if !b.Logo.present() || b.Logo.Text == nothing {
		return
	}
	path := b.Logo.Text
	if !filepath.IsAbs(path) {
		path = filepath.Join(c.options.Folder, path)
	}
	read := c.options.ReadFile
	if read == nil {
		read = os.ReadFile
	}
	data, err := read(path)
	if err != nil {
		c.say(b.Logo.at, "logo cannot be read: %v", err)
		return
	}
	b.picture, err = brand.ReadLogo(brand.MediaOf(strings.ToLower(filepath.Ext(path))), data)
	c.sayFault(b.Logo.at, "logo "+quoted(b.Logo.Text), err)
}

// accent lays the file's colour over an organization's.
func (b *Brand) accent(o *directory.Organization) {
	switch {
	case !b.Accent.present():
	case b.Accent.Text == nothing:
		o.Accent = ""
	default:
		o.Accent = strings.ToLower(b.Accent.Text)
	}
}

// logo stores the picture where it differs from what is there.
func (r *run) logo(ctx context.Context, x *Organization) error {
	if !x.Brand.Logo.present() {
		return nil
	}
	o := r.organizations[x.Slug.Text]
	was, err := r.dir.Organizations.LogoHash(ctx, o.ID)
	if err != nil || bytes.Equal(was, x.Brand.picture.Hash()) {
		return err
	}
	if err := r.dir.Organizations.SetLogo(ctx, o.ID, x.Brand.picture); err != nil {
		return r.refused(x.Brand.Logo.at, where(x.Slug.Text), err)
	}
	t := tally(was == nil)
	if x.Brand.picture.None() {
		t = directory.Tally{Removed: 1}
	}
	r.report.add(where(x.Slug.Text), "logo", t)
	return nil
}
