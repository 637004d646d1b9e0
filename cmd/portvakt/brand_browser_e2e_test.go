//go:build e2e

package main

import (
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"portvakt/internal/brand"
)

// scheme makes the browser ask for light or dark pages.
func (b *browser) scheme(name string) *browser {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}}); err != nil {
		b.t.Fatal(err)
	}
	return b
}

// picture keeps what is shown where PORTVAKT_SCREENSHOTS names a folder.
func (b *browser) picture(name string) {
	b.t.Helper()
	dir := os.Getenv("PORTVAKT_SCREENSHOTS")
	if dir == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(dir, "brand-"+name+".png"), value(b, chromedp.FullScreenshot(100)), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// drawn is a colour as the browser has it, of one element.
func (b *browser) drawn(selector, property string) brand.Colour {
	b.t.Helper()
	text := value(b, chromedp.Evaluate[string](`(() => { const [r, g, b] = getComputedStyle(document.querySelector("`+selector+`")).`+property+
		`.match(/\d+/g).map(Number); return "#" + [r, g, b].map(v => v.toString(16).padStart(2, "0")).join(""); })()`))
	c, ok := brand.ParseColour(text)
	if !ok {
		b.t.Fatalf("%s of %s is %q", property, selector, text)
	}
	return c
}

// TestBrowserBrand: pages and mails of organizations with looks of their own can be read, in both schemes and on the smallest
// phone, and the policy lets logo and colours through.
func TestBrowserBrand(t *testing.T) {
	t.Parallel()
	s := serve(t, filepath.Join(t.TempDir(), "b.db"))
	newPerson(t).open(s.issuer+"/account").press("continue", "email", "nora.lie@nordlys.example").press("forgot-password").on("mail-sent")
	letter := filepath.Join(t.TempDir(), "mail.html")
	if err := os.WriteFile(letter, []byte(s.mails("nora.lie@nordlys.example", 1)[0].HTML), 0o600); err != nil {
		t.Fatal(err)
	}
	b := newBrowser(t)
	if _, err := chromedp.Run(b.ctx, chromedp.EmulateViewport(320, 640, chromedp.EmulateMobile)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ scheme, organization, accent string }{
		{"light", "nordlys", "#0f6675"}, {"dark", "nordlys", ""}, {"light", "bjorkvik", "#7a3b9a"}, {"dark", "bjorkvik", ""}, {"light", "tallsmia", "#1d5948"}, {"dark", "tallsmia", "#8fd3b8"},
	} {
		query := url.Values{"response_type": {"code"}, "client_id": {"demo-web"}, "redirect_uri": {s.demo + "/callback"}, "scope": {"openid"}, "state": {"s"}, "nonce": {"n"},
			"code_challenge": {s256("v")}, "code_challenge_method": {"S256"}, "organization": {c.organization}}
		b.scheme(c.scheme).open(s.issuer + "/oauth2/authorize?" + query.Encode()).on("sign-in")
		name := c.scheme + "-" + c.organization
		b.picture(name)
		fill := b.drawn("#continue", "backgroundColor")
		if got := brand.Contrast(fill, b.drawn("#continue", "color")); got < 4.5 || c.accent != "" && fill.String() != c.accent {
			t.Errorf("%s: the button is %s, contrast %.2f", name, fill, got)
		}
		if c.organization == "nordlys" {
			size := value(b, chromedp.Evaluate[[]float64](`(() => { const i = document.getElementById("logo"); const r = i.getBoundingClientRect(); return [i.naturalWidth, r.width, r.height]; })()`))
			if size[0] == 0 || size[1] < 60 || size[1] > 280 || size[2] > 70 {
				t.Errorf("%s: the logo is %v", name, size)
			}
		}
		if wide := value(b, chromedp.Evaluate[int](`document.documentElement.scrollWidth`)); wide > 320 {
			t.Errorf("%s: %d pixels wide", name, wide)
		}
	}
	for _, scheme := range []string{"light", "dark"} {
		b.scheme(scheme).open("file://" + letter)
		b.picture(scheme + "-mail")
		if got := brand.Contrast(b.drawn(".button", "backgroundColor"), b.drawn(".button", "color")); got < 4.5 {
			t.Errorf("%s mail: contrast %.2f on the button", scheme, got)
		}
		for _, text := range []string{".card .ink", ".card .soft", ".card .link"} {
			if got := brand.Contrast(b.drawn(".card", "backgroundColor"), b.drawn(text, "color")); got < 4.5 {
				t.Errorf("%s mail: contrast %.2f of %s", scheme, got, text)
			}
		}
		if wide := value(b, chromedp.Evaluate[int](`document.documentElement.scrollWidth`)); wide > 320 {
			t.Errorf("%s mail: %d pixels wide", scheme, wide)
		}
	}
}
