//go:build e2e

package main

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// brandSeed is two organizations with looks of their own, one without, and an application that serves one of them alone.
const brandSeed = `
organizations:
  - slug: nordlys
    name: Nordlys AS
    domains: [nordlys.example]
    brand: {accent: "#0f6675", logo: logo.svg}
    members:
      - {email: anna@nordlys.example, given_name: Anna, family_name: Aas, password: wall secret of anna 2}
      - {email: both@nordlys.example, given_name: Bo, family_name: Berg, password: wall secret of bob 33}
      - {email: nora@nordlys.example, given_name: Nora, family_name: Lie}
  - slug: bjorkvik
    name: Björkvik AB
    domains: [bjorkvik.example]
    brand: {accent: "#7a3b9a"}
    members:
      - {email: erik@bjorkvik.example, given_name: Erik, family_name: Ek, password: wall secret of erik 4}
      - {email: both@nordlys.example}
  - {slug: plain, name: Plain}
applications:
  - {client_id: c1, name: One, secret: wall-secret-one, redirect_uris: ["https://c1.example/cb"], scopes: [openid, profile, email, offline_access, organization], grant_types: [authorization_code, refresh_token]}
  - {client_id: c3, name: Three, secret: wall-secret-three, redirect_uris: ["https://c3.example/cb"], scopes: [openid, profile, email, offline_access, organization], grant_types: [authorization_code, refresh_token], organizations: [bjorkvik]}
`

const brandLogo = `<?xml version="1.0"?><!-- drawn by an editor --><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 30"><path fill="#0f6675" d="M0 0h120v30H0z"/></svg>`

func serveBrands(t *testing.T, database string) *service {
	t.Helper()
	folder := t.TempDir()
	for name, text := range map[string]string{"seed.yaml": brandSeed, "logo.svg": brandLogo} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return serve(t, database, "--seed", filepath.Join(folder, "seed.yaml"))
}

// looks are the name, the logo and the stylesheet that a page has of an organization.
func (p *person) looks() (name, logo, accent string) {
	if n := find(p.doc, func(n *html.Node) bool { return attribute(n, "id") == "logo" }); n != nil {
		name, logo = attribute(n, "alt"), attribute(n, "src")
	}
	if n := find(p.doc, func(n *html.Node) bool { return attribute(n, "id") == "brand-name" }); n != nil {
		name = textOf(n)
	}
	if n := find(p.doc, func(n *html.Node) bool { return n.Data == "link" && strings.HasPrefix(attribute(n, "href"), "/brand/") }); n != nil {
		accent = attribute(n, "href")
	}
	return name, logo, accent
}

// TestBrandTellsNothingOfAnAddress: until somebody has shown to be the person, pages look as the application asked, whoever's
// address was typed; then as the organization that is certain.
func TestBrandTellsNothingOfAnAddress(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		s := serveBrands(t, database)
		begin := func(client string, pairs ...string) *person {
			return newPerson(t).open(s.issuer + "/oauth2/authorize?" + authorization(client, "v", pairs...).Encode())
		}
		for _, c := range []struct {
			client, organization, name string
			logo                       bool
		}{
			{"c1", "", "", false}, {"c1", "nordlys", "Nordlys AS", true}, {"c1", "bjorkvik", "Björkvik AB", false}, {"c1", "plain", "", false}, {"c1", "nobody", "", false},
			{"c3", "bjorkvik", "Björkvik AB", false}, {"c3", "nordlys", "", false}, // not its organization: it must not speak in its name
		} {
			for _, email := range []string{"anna@nordlys.example", "erik@bjorkvik.example", "nobody@elsewhere.example"} {
				p := begin(c.client, "organization", c.organization)
				if p.page() == "error" {
					t.Fatalf("%+v: %s", c, p.text)
				}
				for _, page := range []string{"sign-in", "password"} {
					name, logo, accent := p.on(page).looks()
					if name != c.name || (logo != "") != c.logo || (accent != "") != (c.name != "") || c.name == "" && strings.Contains(p.text, "/brand/") {
						t.Errorf("%+v, %s, %s: looks like %q %q %q", c, email, page, name, logo, accent)
					}
					if page == "sign-in" {
						p.press("continue", "email", email)
					}
				}
			}
		}
		for email, want := range map[string]string{"anna@nordlys.example": "Nordlys AS", "erik@bjorkvik.example": "Björkvik AB", "both@nordlys.example": ""} {
			password := map[string]string{"anna": annaPassword, "erik": erikPassword, "both": bobPassword}[email[:4]]
			p := newPerson(t).open(s.issuer+"/account").signIn(email, password).on("account")
			for _, page := range []string{"account", "account/history", "account/factors", "account/data"} {
				if name, _, _ := p.open(s.issuer + "/" + page).looks(); name != want {
					t.Errorf("%s of %s looks like %q, want %q", page, email, name, want)
				}
			}
		}
		newPerson(t).open(s.issuer+"/account").press("continue", "email", "nora@nordlys.example").press("forgot-password").on("mail-sent")
		mail := s.mails("nora@nordlys.example", 1)[0]
		if !strings.Contains(mail.HTML, "background:#0f6675;color:#ffffff") || !strings.Contains(mail.Text, "\n-- \nNordlys AS\n") || strings.Contains(mail.HTML, "<img") {
			t.Errorf("the mail does not look like its organization:\n%s", mail.HTML)
		}
		if name, logo, _ := newPerson(t).open(mail.setupLink(t)).on("new-password").looks(); name != "Nordlys AS" || logo == "" {
			t.Errorf("the link's page looks like %q %q", name, logo)
		}
	})
}

var requestIDs = regexp.MustCompile(`(?s)<code id="request-id">.*?</code>|<footer.*</footer>`)

// TestWall113_LogosAreServedInert: a logo opened by itself can run and load nothing, and is found by nobody who has not been
// shown it.
func TestWall113_LogosAreServedInert(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		s := serveBrands(t, database)
		get := func(path string) (*http.Response, string) {
			t.Helper()
			res, err := http.Get(s.issuer + path)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, _ := io.ReadAll(res.Body)
			return res, string(body)
		}
		p := newPerson(t).open(s.issuer + "/oauth2/authorize?" + authorization("c1", "v", "organization", "nordlys").Encode())
		_, logo, accent := p.looks()
		for path, want := range map[string]string{logo: "image/svg+xml", accent: "text/css; charset=utf-8"} {
			res, body := get(path)
			for name, value := range map[string]string{"Content-Type": want, "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
				"Content-Disposition": "inline", "Cache-Control": "public, max-age=31536000, immutable", "Cross-Origin-Resource-Policy": "same-origin", "X-Frame-Options": "DENY"} {
				if res.StatusCode != 200 || res.Header.Get(name) != value {
					t.Errorf("%s: %d, %s is %q", path, res.StatusCode, name, res.Header.Get(name))
				}
			}
			if res.Header.Values("Set-Cookie") != nil || strings.Contains(body, "editor") || strings.Contains(body, "<?") {
				t.Errorf("%s answers %v %s", path, res.Header, body)
			}
		}
		tag := logo[strings.Index(logo, "?"):]
		_, nowhere := get("/brand/nobody/logo" + tag)
		for _, path := range []string{"/brand/nordlys/logo", "/brand/nordlys/logo?v=", "/brand/nordlys/logo?v=x", "/brand/bjorkvik/logo" + tag, "/brand/plain/logo" + tag, "/brand/nobody/logo" + tag,
			"/brand/nordlys/accent.css" + tag, "/brand/bjorkvik/accent.css?v=", "/brand/NORDLYS/logo" + tag, "/brand/nordlys/logo" + tag + "&v=x"} {
			if res, body := get(path); res.StatusCode != 404 || requestIDs.ReplaceAllString(body, "") != requestIDs.ReplaceAllString(nowhere, "") {
				t.Errorf("%s: %d, told apart from what there is not", path, res.StatusCode)
			}
		}
		res, err := http.PostForm(s.issuer+logo, url.Values{})
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != 405 {
			t.Errorf("POST: %d", res.StatusCode)
		}
	})
}

// TestWall113_UploadsAreRefused: a file of hostile pictures changes nothing, and each is told with its line.
func TestWall113_UploadsAreRefused(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("script.svg", strings.Replace(brandLogo, "<path", `<script>alert(1)</script><path`, 1))
	write("page.png", "<html><script>alert(1)</script></html>")
	seed := write("seed.yaml", "organizations:\n  - {slug: a, name: A, brand: {logo: script.svg}}\n  - {slug: b, name: B, brand: {logo: page.png}}\n"+
		"  - {slug: c, name: C, brand: {accent: \"red;}</style><script>alert(1)</script>\"}}\n  - {slug: d, name: D, brand: {logo: ../../../../etc/passwd}}\n")
	var out bytes.Buffer
	code := run(world{ctx: t.Context(), stdout: &out, stderr: &out}, []string{"serve", "--dev", "--addr", "127.0.0.1:0", "--demo-addr", "127.0.0.1:0", "--data", folder, "--seed", seed})
	for _, want := range []string{"seed.yaml:2:", "seed.yaml:3:", "seed.yaml:4:", "seed.yaml:5:"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("nothing is said of %s", want)
		}
	}
	if code == exitOK || strings.Contains(out.String(), "root:") {
		t.Errorf("%d: %s", code, &out)
	}
}
