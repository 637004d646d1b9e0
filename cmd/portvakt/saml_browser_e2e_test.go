//go:build e2e

package main

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestSAMLInABrowser is a sign-in in a real browser, which holds the rules that a plain client passes over: cookies across
// sites, the policy of the page that posts the response, and its script.
func TestSAMLInABrowser(t *testing.T) {
	t.Parallel()
	j := startJourney(t, mellonForBrowsers)
	j.register("    idp_initiated: true\n    relay_state: " + j.sp.base + j.sp.lands + "\n")
	b := newBrowser(t)
	landed := func(what string) {
		t.Helper()
		value(b, chromedp.WaitVisible("pre")) // how it shows the text of the service provider's application
		if text := value(b, chromedp.Text("pre")); !strings.Contains(text, "MELLON_mail="+samlPerson) {
			t.Errorf("%s: %s", what, text)
		}
	}
	b.open(j.sp.base+j.sp.begin).on("sign-in").fill("email", samlPerson).press("continue").on("password").fill("password", samlPassword).press("continue")
	landed("begun there")
	// Again, with the session alone: no page of ours is seen, only the one that posts.
	value(b, chromedp.Navigate(j.sp.base+"/mellon/invalidate?ReturnTo="+j.sp.base+"/"))
	b.open(j.sp.base + j.sp.begin)
	landed("with the session")
	value(b, chromedp.Navigate(j.s.issuer+"/saml/init/"+j.sp.name))
	landed("begun here")
}
