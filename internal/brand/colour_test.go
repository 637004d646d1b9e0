package brand

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"portvakt/internal/fault"
)

// TestContrast: the figures of WCAG's own examples, so that the ratio is the standard's and not ours.
func TestContrast(t *testing.T) {
	t.Parallel()
	for pair, want := range map[[2]string]float64{
		{"#000000", "#ffffff"}: 21, {"#777777", "#ffffff"}: 4.48, {"#767676", "#ffffff"}: 4.54, {"#ff0000", "#ffffff"}: 4.00, {"#123456", "#123456"}: 1,
	} {
		if got := Contrast(colour(t, pair[0]), colour(t, pair[1])); got < want-0.01 || got > want+0.01 {
			t.Errorf("contrast of %v is %.3f, want %.2f", pair, got, want)
		}
	}
}

func colour(t *testing.T, s string) Colour {
	t.Helper()
	c, ok := ParseColour(s)
	if !ok {
		t.Fatalf("%s is no colour", s)
	}
	return c
}

// TestPaletteKeepsContrast: whatever accent is taken, everything that is derived from it can be read, in both schemes.
func TestPaletteKeepsContrast(t *testing.T) {
	t.Parallel()
	taken, refused := 0, 0
	for r := 0; r < 256; r += 15 {
		for g := 0; g < 256; g += 15 {
			for b := 0; b < 256; b += 15 {
				accent := Colour{uint8(r), uint8(g), uint8(b)}
				p, err := NewPalette(accent.String())
				if err != nil {
					refused++
					if Contrast(accent, white) >= ratioMark {
						t.Errorf("%s is refused: %v", accent, err)
					}
					continue
				}
				taken++
				if p.Light.Fill != accent {
					t.Errorf("%s became %s", accent, p.Light.Fill)
				}
				for scheme, tone := range map[string]Tone{"light": p.Light, "dark": p.Dark} {
					grounds := lightGrounds
					if scheme == "dark" {
						grounds = darkGrounds
					}
					if x, y := Contrast(tone.Fill, tone.On), Contrast(tone.Hover, tone.On); x < ratioText || y < ratioText {
						t.Fatalf("%s, %s: text on the button has %.2f, under the pointer %.2f", accent, scheme, x, y)
					}
					if x := tone.Link.over(grounds); x < ratioText {
						t.Fatalf("%s, %s: a link has %.2f", accent, scheme, x)
					}
					if x := tone.Fill.over(grounds[:1]); x < ratioMark {
						t.Fatalf("%s, %s: a mark has %.2f", accent, scheme, x)
					}
				}
			}
		}
	}
	if taken < 1000 || refused < 500 {
		t.Fatalf("%d taken, %d refused", taken, refused)
	}
}

func TestPaletteRefuses(t *testing.T) {
	t.Parallel()
	for accent, code := range map[string]string{
		"": "bad_accent", "red": "bad_accent", "#fff": "bad_accent", "#12345g": "bad_accent", "#1234567": "bad_accent", "#12345": "bad_accent", "#+12345": "bad_accent",
		"#1234 5": "bad_accent", "#0x1234": "bad_accent", "#_12345": "bad_accent", "#1d5948;}*{display:none": "bad_accent", "#ffff00": "pale_accent", "#ffffff": "pale_accent", "#ff9900": "pale_accent",
	} {
		_, err := NewPalette(accent)
		if f := fault.Of(err); f == nil || f.Code != code || f.Field != "accent" {
			t.Errorf("%q: %v, want %s", accent, err, code)
			continue
		}
		if code == "pale_accent" { // what the sentence proposes is taken
			text := fault.Of(err).Text
			if _, err := NewPalette(text[strings.LastIndex(text, "#"):]); err != nil {
				t.Errorf("%q: the proposal is refused: %v", accent, err)
			}
		}
	}
}

// TestGroundsAreTheStylesheets: the grounds that contrast is counted against are those of the pages.
func TestGroundsAreTheStylesheets(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../web/static/style.css")
	if err != nil {
		t.Fatal(err)
	}
	light, dark, _ := strings.Cut(string(raw), "prefers-color-scheme: dark")
	dark, _, _ = strings.Cut(dark, "\n}\n")
	light, _, _ = strings.Cut(light, "@media")
	for scheme, css := range map[string]string{"light": light, "dark": dark} {
		var want []string
		for _, m := range regexp.MustCompile(`--(?:ground|card|tint|error-tint|success-tint|info-tint): (#[0-9a-f]{6});`).FindAllStringSubmatch(css, -1) {
			want = append(want, m[1])
		}
		grounds := lightGrounds
		if scheme == "dark" {
			grounds = darkGrounds
		}
		have := map[string]bool{}
		for _, g := range grounds {
			have[g.String()] = true
		}
		if len(want) != len(have) {
			t.Errorf("%s: the stylesheet has %v, counted against are %v", scheme, want, have)
		}
		for _, w := range want {
			if !have[w] {
				t.Errorf("%s: %s is not counted against", scheme, w)
			}
		}
	}
}

// TestStylesheetTouchesTheAccentAlone: no ring of the focus, no colour of an error, a field or a notice is an organization's.
func TestStylesheetTouchesTheAccentAlone(t *testing.T) {
	t.Parallel()
	p, err := NewPalette("#0B57D0")
	if err != nil {
		t.Fatal(err)
	}
	css := string(p.Stylesheet())
	for _, m := range regexp.MustCompile(`(--[a-z-]+): ([^;]*);`).FindAllStringSubmatch(css, -1) {
		if !strings.Contains("--accent --accent-deep --on-accent --link", m[1]) {
			t.Errorf("sets %s", m[1])
		}
		if _, ok := ParseColour(m[2]); !ok {
			t.Errorf("%s is %q", m[1], m[2])
		}
	}
	if strings.Count(css, "--accent:") != 2 || !strings.Contains(css, "--accent: #0b57d0;") {
		t.Error(css)
	}
}
