package main

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/base64"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/testenv"
)

func deflated(t *testing.T, doc string) string {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(doc)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

// TestSAMLDebug: a message is understood however it is packed, and what is wrong with it is said; nothing in it reaches the
// terminal as a command.
func TestSAMLDebug(t *testing.T) {
	t.Parallel()
	request := func(issued time.Time, inside string) string {
		return `<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_1" Version="2.0" IssueInstant="` +
			issued.UTC().Format(time.RFC3339) + `" Destination="https://id.example/saml/sso"><saml:Issuer>https://sp.example</saml:Issuer>` + inside + `</samlp:AuthnRequest>`
	}
	now := time.Now()
	fresh, old := request(now, ""), request(now.Add(-time.Hour), "")
	response := `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_2" Version="2.0"><saml:Assertion><saml:Conditions NotOnOrAfter="2001-01-01T00:00:00Z"><saml:AudienceRestriction><saml:Audience>https://sp.example` + "\u009b31m" + `</saml:Audience></saml:AudienceRestriction></saml:Conditions></saml:Assertion></samlp:Response>`
	for name, row := range map[string]struct {
		text string
		code int
		want []string
	}{
		"address":   {"https://id.example/saml/sso?SAMLRequest=" + url.QueryEscape(deflated(t, fresh)) + "&RelayState=x", exitOK, []string{"HTTP-Redirect", "AuthnRequest", "https://sp.example", "ok"}},
		"form":      {"SAMLRequest=" + url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(fresh))), exitOK, []string{"HTTP-POST", "Destination https://id.example/saml/sso"}},
		"deflated":  {deflated(t, fresh), exitOK, []string{"base64 of DEFLATE"}},
		"base64":    {base64.StdEncoding.EncodeToString([]byte(fresh)), exitOK, []string{"base64"}},
		"XML":       {fresh, exitOK, []string{"XML", "<samlp:AuthnRequest"}},
		"old":       {old, exitFailure, []string{"too old"}},
		"two of it": {request(now, "<saml:Issuer>x</saml:Issuer>"), exitFailure, []string{"more than one Issuer", "saml_message"}},
		"response":  {response, exitFailure, []string{"NotOnOrAfter 2001-01-01T00:00:00Z has passed", "https://sp.example 31m"}},
		"metadata":  {`<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://sp.example"/>`, exitFailure, []string{"entityID https://sp.example", "saml_metadata"}},
		"entities":  {`<!DOCTYPE x [<!ENTITY e "x">]><x>&e;</x>`, exitMistake, []string{"document type"}},
		"nothing":   {"hello, world", exitMistake, []string{"neither XML"}},
		"unclosed":  {"<a><b></a>", exitMistake, []string{"do not match"}},
	} {
		path := filepath.Join(t.TempDir(), "message")
		if err := os.WriteFile(path, []byte(row.text), 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		code := run(world{ctx: context.Background(), stdout: &out, stderr: &out}, []string{"saml-debug", path})
		if code != row.code || strings.ContainsAny(out.String(), "\u009b\x1b") {
			t.Errorf("%s: exit code %d, want %d\n%s", name, code, row.code, out.String())
		}
		for _, want := range row.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: nothing says %q:\n%s", name, want, out.String())
			}
		}
	}
	var out bytes.Buffer
	if code := run(world{ctx: context.Background(), stdout: &out, stderr: &out}, []string{"saml-debug", "--quiet", "https://id.example/?SAMLRequest=" + url.QueryEscape(deflated(t, fresh))}); code != exitOK {
		t.Errorf("an address in the arguments: %d\n%s", code, out.String())
	}
}

// TestDoctorOnServiceProviders: what keeps people out is broken, what will or is unwise a warning, and of what is switched off
// nothing is said.
func TestDoctorOnServiceProviders(t *testing.T) {
	t.Parallel()
	now := testenv.Start
	sp := func(edit func(*directory.ServiceProvider)) *directory.ServiceProvider {
		p := &directory.ServiceProvider{EntityID: "https://sp.example", Metadata: directory.SAMLMetadata{ACS: []directory.SAMLEndpoint{{}}}}
		edit(p)
		return p
	}
	for want, edit := range map[string]func(*directory.ServiceProvider){
		"[]":                                   func(*directory.ServiceProvider) {},
		"BROKEN its metadata ended":            func(p *directory.ServiceProvider) { p.Metadata.ValidUntil = now },
		"warning its metadata ends":            func(p *directory.ServiceProvider) { p.Metadata.ValidUntil = now.AddDate(0, 0, 3) },
		"warning a certificate":                func(p *directory.ServiceProvider) { p.Metadata.Keys = []directory.SAMLKey{{NotAfter: now}} },
		"warning insecure_sha1":                func(p *directory.ServiceProvider) { p.Settings.InsecureSHA1 = true },
		"BROKEN its metadata has never":        func(p *directory.ServiceProvider) { p.Metadata, p.Refresh.URL = directory.SAMLMetadata{}, "https://x" },
		"warning its metadata could not be re": func(p *directory.ServiceProvider) { p.Refresh.URL, p.Refresh.Failures = "https://x", 3 },
	} {
		got := fmt.Sprint(notesOn(sp(edit), now))
		for part := range strings.SplitSeq(want, " its ") {
			if !strings.Contains(strings.ReplaceAll(got, "https://sp.example ("+directory.ApplicationID{}.String()+"): ", ""), part) {
				t.Errorf("%s: %s", want, got)
			}
		}
	}
	if got := notesOn(sp(func(p *directory.ServiceProvider) { p.Metadata.ValidUntil, p.Application.Disabled = now, true }), now); len(got) > 0 {
		t.Errorf("disabled: %v", got)
	}
}
