package brand

import (
	"fmt"
	"math"
	"strconv"

	"portvakt/internal/fault"
)

// Colour is an opaque colour of sRGB.
type Colour struct{ R, G, B uint8 }

// ParseColour reads #rrggbb, the only form that is taken.
func ParseColour(s string) (Colour, bool) {
	if len(s) != 7 || s[0] != '#' {
		return Colour{}, false
	}
	n, err := strconv.ParseUint(s[1:], 16, 32)
	if err != nil {
		return Colour{}, false
	}
	return Colour{uint8(n >> 16), uint8(n >> 8), uint8(n)}, true
}

// String is the colour as #rrggbb in lower case.
func (c Colour) String() string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

// luminance is WCAG's relative luminance.
func (c Colour) luminance() float64 {
	linear := func(v uint8) float64 {
		s := float64(v) / 255
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c.R) + 0.7152*linear(c.G) + 0.0722*linear(c.B)
}

// Contrast is WCAG's contrast ratio of two colours, 1 to 21.
func Contrast(a, b Colour) float64 {
	x, y := a.luminance(), b.luminance()
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// mix is c with so much of the other colour in it, 0 to 1.
func (c Colour) mix(other Colour, share float64) Colour {
	part := func(a, b uint8) uint8 { return uint8(math.Round(float64(a) + (float64(b)-float64(a))*share)) }
	return Colour{part(c.R, other.R), part(c.G, other.G), part(c.B, other.B)}
}

// towards mixes as little of the other colour in as makes the contrast with every ground at least the ratio.
func (c Colour) towards(other Colour, ratio float64, grounds ...Colour) Colour {
	const steps = 64
	for i := range steps {
		if m := c.mix(other, float64(i)/steps); m.over(grounds) >= ratio {
			return m
		}
	}
	return other
}

// over is the worst contrast with any of the grounds.
func (c Colour) over(grounds []Colour) float64 {
	worst := math.Inf(1)
	for _, g := range grounds {
		worst = min(worst, Contrast(c, g))
	}
	return worst
}

// The ratios of WCAG 2.2: 1.4.3 for text, 1.4.11 for lines and marks.
const (
	ratioText = 4.5
	ratioMark = 3
)

var (
	white = Colour{255, 255, 255}
	black = Colour{}

	// lightGrounds and darkGrounds are the stylesheet's grounds on which links and marks stand, in each scheme the ones
	// nearest to the ink (TestGroundsAreTheStylesheets).
	lightGrounds = []Colour{{0xff, 0xff, 0xff}, {0xf2, 0xf4, 0xf1}, {0xed, 0xf4, 0xf0}, {0xfd, 0xf1, 0xef}, {0xec, 0xf6, 0xef}, {0xee, 0xf4, 0xfa}}
	darkGrounds  = []Colour{{0x10, 0x15, 0x12}, {0x18, 0x1f, 0x1b}, {0x1e, 0x2b, 0x25}, {0x32, 0x1c, 0x1a}, {0x17, 0x2c, 0x21}, {0x18, 0x26, 0x33}}
)

// Tone is what one scheme, light or dark, makes of an accent.
type Tone struct {
	Fill  Colour // of buttons, marks and lines
	Hover Colour // of a button under the pointer
	On    Colour // of the text on a button: black or white
	Link  Colour // of links, and of other text in the accent
}

// Palette is an accent in both schemes.
type Palette struct{ Light, Dark Tone }

// NewPalette derives everything from an accent, #rrggbb. The fill of the light scheme is the accent as it is; the dark
// scheme's is lightened until it can be seen there.
func NewPalette(accent string) (Palette, error) {
	c, ok := ParseColour(accent)
	if !ok {
		return Palette{}, fault.New(fault.Invalid, "bad_accent", "The accent is a colour such as #1d5948").On("accent")
	}
	if found := Contrast(c, white); found < ratioMark {
		better := c.towards(black, ratioMark+0.05, white)
		return Palette{}, fault.Newf(fault.Invalid, "pale_accent", "The accent %s can hardly be seen on a white page (contrast %s, at least 3 is needed); choose a darker one, such as %s",
			c, strconv.FormatFloat(found, 'f', 1, 64), better).On("accent")
	}
	dark := c.towards(white, ratioText, darkGrounds...)
	return Palette{
		Light: tone(c, c.towards(black, ratioText, lightGrounds...)),
		Dark:  tone(dark, dark),
	}, nil
}

// tone chooses the text on the fill. Black or white always reaches 4.5: the two contrasts multiply to 21. Under the pointer
// the fill moves away from its text.
func tone(fill, link Colour) Tone {
	t := Tone{Fill: fill, On: white, Hover: fill.mix(black, 0.2), Link: link}
	if Contrast(fill, white) < ratioText {
		t.On, t.Hover = black, fill.mix(white, 0.2)
	}
	return t
}

// Stylesheet sets the stylesheet's colours to the accent's. Neither the ring around what has the focus nor the colours of
// errors, notices and fields are among them.
func (p Palette) Stylesheet() []byte {
	return fmt.Appendf(nil, ":root { %s }\n@media (prefers-color-scheme: dark) {\n  :root { %s }\n}\n", p.Light.properties(), p.Dark.properties())
}

func (t Tone) properties() string {
	return fmt.Sprintf("--accent: %s; --accent-deep: %s; --on-accent: %s; --link: %s;", t.Fill, t.Hover, t.On, t.Link)
}
