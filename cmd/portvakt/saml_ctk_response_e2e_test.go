//go:build e2e

package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/crewjam/saml"
)

// response looks at one response in all that the kit looks at; the names are the kit's.
func (k *ctk) response(t *testing.T) {
	began := time.Now().Add(-2 * time.Second)
	a, other := k.ask(t, saml.HTTPPostBinding, "", nil).succeeded(), k.ask(t, saml.HTTPRedirectBinding, "", nil).succeeded()
	assertion := a.root.FindElement("./Assertion")
	if assertion == nil {
		t.Fatal("no assertion")
	}
	is := func(name, got, want string) {
		t.Run(name, func(t *testing.T) {
			if got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
	instant := func(t *testing.T, text string) time.Time {
		t.Helper()
		at, err := time.Parse("2006-01-02T15:04:05.999Z", text) // UTC, and not finer than milliseconds (core §1.3.3)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		return at
	}
	is("Version", value1(a.root, "./@Version")+value1(assertion, "./@Version"), "2.02.0")
	t.Run("unique ID", func(t *testing.T) {
		ids := map[string]bool{}
		for _, r := range []*answered{a, other} {
			for _, id := range []string{value1(r.root, "./@ID"), value1(r.root, "./Assertion/@ID")} {
				if len(id) < 33 || ids[id] || !strings.HasPrefix(id, "_") {
					t.Errorf("the ID %q", id)
				}
				ids[id] = true
			}
		}
	})
	t.Run("IssueInstant", func(t *testing.T) {
		for _, text := range []string{value1(a.root, "./@IssueInstant"), value1(assertion, "./@IssueInstant")} {
			if at := instant(t, text); at.Before(began) || at.After(time.Now().Add(time.Second)) {
				t.Errorf("issued at %s", text)
			}
		}
	})
	is("Issuer", value1(a.root, "./Issuer")+" "+value1(assertion, "./Issuer"), k.s.issuer+"/saml/metadata "+k.s.issuer+"/saml/metadata")
	is("InResponseTo", value1(a.root, "./@InResponseTo")+value1(assertion, "./Subject/SubjectConfirmation/SubjectConfirmationData/@InResponseTo"), a.request.ID+a.request.ID)
	is("Destination", value1(a.root, "./@Destination")+" "+a.action, ctkACS+" "+ctkACS)
	is("signed Assertion", value1(assertion, "./Signature/SignedInfo/Reference/@URI"), "#"+value1(assertion, "./@ID"))
	t.Run("Conditions and AudienceRestriction", func(t *testing.T) {
		if got := assertion.FindElements("./Conditions/AudienceRestriction/Audience"); len(got) != 1 || got[0].Text() != ctkEntity {
			t.Errorf("%d audiences", len(got))
		}
		from, until := instant(t, value1(assertion, "./Conditions/@NotBefore")), instant(t, value1(assertion, "./Conditions/@NotOnOrAfter"))
		if from.After(time.Now()) || until.Before(time.Now()) || until.After(time.Now().Add(5*time.Minute+time.Second)) {
			t.Errorf("from %s until %s", from, until)
		}
	})
	t.Run("SubjectConfirmation bearer", func(t *testing.T) {
		all := assertion.FindElements("./Subject/SubjectConfirmation")
		if len(all) != 1 || all[0].SelectAttrValue("Method", "") != "urn:oasis:names:tc:SAML:2.0:cm:bearer" {
			t.Fatalf("%d confirmations", len(all))
		}
		data := all[0].FindElement("./SubjectConfirmationData")
		until := instant(t, data.SelectAttrValue("NotOnOrAfter", ""))
		if data.SelectAttrValue("Recipient", "") != ctkACS || data.SelectAttr("NotBefore") != nil || until.Before(time.Now()) || until.After(time.Now().Add(5*time.Minute+time.Second)) {
			t.Errorf("%v", data.Attr)
		}
	})
	t.Run("AuthnStatement", func(t *testing.T) {
		if value1(assertion, "./AuthnStatement/@SessionIndex") == "" || value1(assertion, "./AuthnStatement/AuthnContext/AuthnContextClassRef") == "" {
			t.Error("no SessionIndex or no AuthnContext")
		}
		if at := instant(t, value1(assertion, "./AuthnStatement/@AuthnInstant")); at.After(time.Now()) {
			t.Errorf("signed in at %s", at)
		}
	})
	t.Run("signature algorithms", func(t *testing.T) {
		for _, s := range a.root.FindElements("//SignedInfo") {
			if value1(s, "./SignatureMethod/@Algorithm") != "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256" || value1(s, "./Reference/DigestMethod/@Algorithm") != "http://www.w3.org/2001/04/xmlenc#sha256" ||
				value1(s, "./CanonicalizationMethod/@Algorithm") != "http://www.w3.org/2001/10/xml-exc-c14n#" {
				t.Error("another algorithm")
			}
		}
	})
	t.Run("cookie and cache headers", func(t *testing.T) {
		if got := a.header.Get("Cache-Control"); !strings.Contains(got, "no-store") {
			t.Errorf("Cache-Control: %q", got)
		}
		k.cookies(t)
	})
}

// cookies are looked at where a sign-in begins, with somebody whom nobody knows yet.
func (k *ctk) cookies(t *testing.T) {
	t.Helper()
	stranger := &ctk{t: t, s: k.s, sp: k.sp, sso: k.sso, jar: newPerson(t)}
	q, err := stranger.sp.MakeAuthenticationRequest(k.sso, saml.HTTPRedirectBinding, saml.HTTPPostBinding)
	if err != nil {
		t.Fatal(err)
	}
	address, err := q.Redirect("", k.sp)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Get(address.String())
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusSeeOther || !strings.Contains(res.Header.Get("Cache-Control"), "no-store") || len(res.Cookies()) == 0 {
		t.Errorf("a sign-in begins with %d %v", res.StatusCode, res.Header)
	}
	for _, c := range res.Cookies() {
		if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Domain != "" { // Secure is by https, which --dev has not
			t.Errorf("the cookie %v", c)
		}
	}
}

// overTLS: outside of --dev a service with plain http as its address does not start.
func (k *ctk) overTLS(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte("issuer: http://id.example.no\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	out := &syncBuffer{}
	if code := run(world{ctx: ctx, stdout: out, stderr: out}, []string{"serve", "--config", file}); code != exitMistake || !strings.Contains(out.String(), "issuer") || !strings.Contains(out.String(), "https") {
		t.Errorf("it ended with %d: %s", code, out)
	}
}
