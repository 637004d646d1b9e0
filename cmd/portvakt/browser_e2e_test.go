//go:build e2e

package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// browser is a real Chromium with a profile of its own.
type browser struct {
	t   *testing.T
	ctx context.Context
	// complaints are what the browser wrote into its console as errors: a blocked style, a refused form, a broken policy.
	complaints *syncBuffer
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	program := os.Getenv("CHROMIUM")
	if program == "" {
		program = "/usr/bin/chromium"
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()), chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("no-proxy-server", true))...)
	ctx, cancel := chromedp.NewContext(allocator)
	b := &browser{t: t, ctx: ctx, complaints: &syncBuffer{}}
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx)
		cancel()
		stop()
		if s := b.complaints.String(); s != "" {
			t.Errorf("the browser complained:\n%s", s)
		}
	})
	if err := chromedp.Listen(ctx, b.listen); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Run(ctx, chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile)); err != nil {
		t.Fatal(err)
	}
	return b
}

// speaks has the browser ask for pages in the language, as a browser of that language does.
func (b *browser) speaks(language string) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": language}}); err != nil {
		b.t.Fatal(err)
	}
}

// withoutScripts is a browser in which JavaScript is off.
func withoutScripts(t *testing.T) *browser {
	t.Helper()
	b := newBrowser(t)
	if _, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	return b
}

// listen collects errors. A status of 4xx is what some pages are shown with, and not an error; so is the gallery's 500.
func (b *browser) listen(event any) {
	added, ok := event.(*log.EventEntryAdded)
	if !ok || added.Entry.Level != "error" || strings.Contains(added.Entry.Text, "the server responded with a status of 4") || strings.Contains(added.Entry.URL, "/error-internal?") {
		return
	}
	_, _ = b.complaints.Write([]byte(added.Entry.Text + "\n"))
}

// stepLimit is how long one step may take in a browser on a busy machine.
const stepLimit = 30 * time.Second

func value[T any](b *browser, action chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, stepLimit)
	defer cancel()
	v, err := chromedp.Run(ctx, action)
	if err != nil {
		at, _ := chromedp.Run(b.ctx, chromedp.Location())
		b.t.Fatalf("%v (at %s, page %q)", err, at, b.page())
	}
	return v
}

func (b *browser) page() string {
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	name, _ := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body ? document.body.dataset.page || "" : ""`))
	return name
}

// on waits until the page is shown; a picture of it is kept where PORTVAKT_SCREENSHOTS names a folder.
func (b *browser) on(name string) *browser {
	b.t.Helper()
	value(b, chromedp.WaitVisible(`body[data-page="`+name+`"]`))
	if dir := os.Getenv("PORTVAKT_SCREENSHOTS"); dir != "" {
		picture := value(b, chromedp.FullScreenshot(100))
		if err := os.WriteFile(filepath.Join(dir, strings.ReplaceAll(b.t.Name(), "/", "-")+"-"+name+".png"), picture, 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
	return b
}

func (b *browser) open(url string) *browser {
	b.t.Helper()
	value(b, chromedp.Navigate(url))
	return b
}

func (b *browser) fill(id, text string) *browser {
	b.t.Helper()
	value(b, chromedp.Clear("#"+id))
	value(b, chromedp.SendKeys("#"+id, text))
	return b
}

// press marks the page that is left, for again.
func (b *browser) press(id string) *browser {
	b.t.Helper()
	value(b, chromedp.Evaluate[bool](`document.body.setAttribute("data-left", ""), true`))
	value(b, chromedp.Click("#"+id))
	return b
}

// again is on, for a page of the same name as the one on which something was pressed.
func (b *browser) again(name string) *browser {
	b.t.Helper()
	value(b, chromedp.WaitVisible(`body[data-page="`+name+`"]:not([data-left])`))
	return b.on(name)
}

func (b *browser) text(id string) string {
	b.t.Helper()
	return strings.TrimSpace(value(b, chromedp.Text("#"+id)))
}

// TestBrowserJourney2And3 is the second and third journey in a real browser at the size of a phone.
func TestBrowserJourney2And3(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		s := serve(t, database)
		const email = "lars@nordlys.example"
		id := s.hire(email, "Lars", "Berg", nil)

		b := newBrowser(t)
		b.open(s.demo).on("demo-home").press("sign-in").on("sign-in").fill("email", email).press("continue")
		b.on("password").press("forgot-password").on("mail-sent")
		b.open(s.mails(email, 2)[0].setupLink(t)).on("new-password")
		b.fill("new_password", newPassword).fill("new_password_again", newPassword).press("continue")
		b.on("demo-signed-in")
		if got := b.text("name"); got != "Lars Berg" {
			t.Errorf("the application shows the name %q", got)
		}
		if got := b.text("organization"); got != "Nordlys AS" {
			t.Errorf("the application shows the organization %q", got)
		}

		b.open(s.issuer + "/account").on("account")
		s.setActive(id, "False")
		withinASecond(t, "the browser session", func() bool { return b.open(s.issuer+"/account").page() == "sign-in" })
		eventually(t, "the application has been told", func() bool { return b.open(s.demo).page() == "demo-home" })
		b.press("sign-in").on("sign-in").fill("email", email).press("continue").on("password").fill("password", newPassword).press("continue")
		b.on("organization").press("cancel").on("demo-error")
	})
}

// TestBrowserWithoutJavaScript: every page of a sign-in works where scripts are off.
func TestBrowserWithoutJavaScript(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		s := serve(t, database)
		const email = "lars@nordlys.example"
		s.hire(email, "Lars", "Berg", nil)
		newPerson(t).setUp(s.mails(email, 1)[0].setupLink(t)).on("account")
		b := withoutScripts(t)
		b.open(s.demo).press("sign-in").fill("email", email).press("continue").fill("password", newPassword).press("continue")
		value(b, chromedp.WaitVisible("#sign-out"))
		b.press("sign-out")
		value(b, chromedp.WaitVisible("#sign-in"))
	})
}
