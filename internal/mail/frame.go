package mail

import (
	"cmp"

	"portvakt/internal/brand"
)

// What stands around every letter: whose it is, in words and in colour. There is no picture: mail programs ask before they
// load one, and loading it tells who reads when.

// house are the installation's own colours, as on its pages.
var house = brand.Palette{
	Light: brand.Tone{Fill: brand.Colour{R: 0x1d, G: 0x59, B: 0x48}, On: brand.Colour{R: 0xff, G: 0xff, B: 0xff}, Link: brand.Colour{R: 0x1d, G: 0x59, B: 0x48}},
	Dark:  brand.Tone{Fill: brand.Colour{R: 0x8f, G: 0xd3, B: 0xb8}, On: brand.Colour{R: 0x0c, G: 0x24, B: 0x1b}, Link: brand.Colour{R: 0x8f, G: 0xd3, B: 0xb8}},
}

// Named is the same texts for an installation of that name; "" is Portvakt.
func (t *Texts) Named(name string) *Texts {
	named := *t
	named.name = cmp.Or(inText(name), "Portvakt")
	return &named
}

// frame says whose letter it is: the organization's, or the installation's.
func (t *Texts) frame(l *letter, to Recipient) {
	l.From, l.Colours = t.name, house
	if name := inText(to.Organization); name != "" {
		l.From = name
		if p, err := brand.NewPalette(to.Accent); err == nil { // none, or of other rules: the installation's can be read
			l.Colours = p
		}
	}
}
