//go:build e2e

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// visit is one time that a page is opened, in a language and a width; with least room it is looked at in both schemes.
type visit struct {
	width    int64
	language string
	keyboard bool
}

// visits are both widths and two languages. The other two languages are opened to see whether they fit a telephone.
var visits = []visit{{320, "de", true}, {1280, "en", false}}

// The rules of axe-core that a scheme, and those that more room can break; all others go by the page's text alone.
var (
	ofColour = []string{"color-contrast", "link-in-text-block"}
	ofRoom   = []string{"target-size", "scrollable-region-focusable", "color-contrast"}
)

// judge looks at pages in a browser of its own.
type judge struct {
	*browser
	axe, own string
	shots    string
}

// shots is where the pictures of all pages are kept: build output that nobody commits.
var shots = sync.OnceValues(func() (string, error) {
	dir := os.Getenv("PORTVAKT_SCREENSHOTS")
	if dir == "" {
		dir = filepath.Join("..", "..", ".cache", "pages")
	}
	return dir, os.MkdirAll(dir, 0o750)
})

func newJudge(t *testing.T, tools string) *judge {
	t.Helper()
	read := func(name ...string) string {
		b, err := os.ReadFile(filepath.Join(append([]string{tools}, name...)...))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	dir, err := shots()
	if err != nil {
		t.Fatal(err)
	}
	j := &judge{browser: newBrowser(t), axe: read("node_modules", "axe-core", "axe.min.js"), own: read("look.js"), shots: dir}
	call(j, emulation.SetFocusEmulationEnabled.Method, func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
		return err
	})
	call(j, page.CommandAddScriptToEvaluateOnNewDocument, func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
			// form-post's script would leave the page.
			Source: `HTMLFormElement.prototype.submit = () => {}; window.portvaktViolations = []; addEventListener("securitypolicyviolation", (e) => portvaktViolations.push(e.effectiveDirective + " " + e.blockedURI));`})
		return err
	})
	return j
}

func call(j *judge, what string, do func(ctx context.Context) error) {
	j.t.Helper()
	ctx, cancel := context.WithTimeout(j.ctx, stepLimit)
	defer cancel()
	if err := do(ctx); err != nil {
		j.t.Fatalf("%s: %v", what, err)
	}
}

// scheme sets the scheme.
func (j *judge) scheme(name string) {
	j.t.Helper()
	call(j, "scheme", func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
		return err
	})
}

// ask evaluates what answers a list of sentences.
func (j *judge) ask(format string, args ...any) []string {
	j.t.Helper()
	return value(j.browser, chromedp.Evaluate[[]string](fmt.Sprintf(format, args...), chromedp.EvalAwaitPromise))
}

// looked opens the address and answers what look.js finds wrong. Long words may be broken.
func (j *judge) looked(address, language string) []string {
	j.t.Helper()
	j.open(address)
	return j.look(language, !strings.Contains(address, "/long/"))
}

// look is looked at the page that is open.
func (j *judge) look(language string, unbroken bool) []string {
	j.t.Helper()
	value(j.browser, chromedp.Evaluate[chromedp.Void](j.own))
	return j.ask("portvakt.look(%q, %v)", language, unbroken)
}

// judged looks at the page that is open through axe-core, keeps pictures, and walks through it by keyboard.
func (j *judge) judged(name string, v visit) (wrong []string) {
	j.t.Helper()
	value(j.browser, chromedp.Evaluate[chromedp.Void](j.axe))
	schemes := map[string][]string{"light": {}, "dark": ofColour} // an empty list: all rules
	if v.width > visits[0].width {
		schemes = map[string][]string{"light": ofRoom}
	}
	for scheme, rules := range schemes {
		j.scheme(scheme)
		chosen, err := json.Marshal(rules)
		if err != nil {
			j.t.Fatal(err)
		}
		for _, w := range j.ask("portvakt.judge(%s)", chosen) {
			wrong = append(wrong, scheme+": "+w)
		}
		j.picture(fmt.Sprintf("%s.%d-%s", name, v.width, scheme))
	}
	j.scheme("light")
	if v.keyboard {
		stops := value(j.browser, chromedp.Evaluate[int]("portvakt.watch()"))
		value(j.browser, chromedp.KeyEvent(strings.Repeat(kb.Tab, stops+2)))
		wrong = append(wrong, j.ask("portvakt.missed()")...)
	}
	return wrong
}

// picture keeps how the page looks.
func (j *judge) picture(name string) {
	j.t.Helper()
	picture := value(j.browser, chromedp.FullScreenshot(75))
	if err := os.WriteFile(filepath.Join(j.shots, strings.ReplaceAll(name, "/", "-")+".jpg"), picture, 0o600); err != nil {
		j.t.Fatal(err)
	}
}

// valid has html-validate read pages, by their names.
func valid(t *testing.T, tools string, pages map[string]string) {
	t.Helper()
	var in bytes.Buffer
	for name, text := range pages {
		if err := json.NewEncoder(&in).Encode(map[string]string{"name": name, "text": text}); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("node", "validate.mjs")
	cmd.Dir, cmd.Stdin, cmd.Stderr = tools, &in, &syncBuffer{}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("html-validate: %v\n%s", err, cmd.Stderr)
	}
	for line := range strings.Lines(string(out)) {
		t.Error(strings.TrimSpace(line))
	}
}
