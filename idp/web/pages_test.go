package web_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	idpweb "portvakt/idp/web"
	"portvakt/internal/web"
)

const canary = `"'><x>{{7*7}}</script>`

// hostile puts the canary into everything that comes from outside; addresses are hostile in their own way.
var hostile = words{
	application: canary, redirect: "javascript:alert(1)//" + canary, person: canary, email: canary,
	organization: canary, agency: canary, role: canary, id: canary, text: canary,
}

// texts that a person may type or a seed may hold, for which no catalogue key may stand in.
var rawKey = regexp.MustCompile(`\b(layout|button|field|notice|kind|state|membership|sign_in|password|mail_sent|second_factor|enrol_factor|recovery_codes|factors|new_password|link_expired|organization|invitation|consent|scope|account|account_[a-z_]+|change_password|preferences|history|by|sign_out|signed_out|signing_out|form_post|dev_mail|time|error)\.[a-z_]+(\.[a-z_]+)?\b`)

func mustPages(t *testing.T) (*web.Renderer, *idpweb.Pages) {
	t.Helper()
	renderer, pages, err := newPages()
	if err != nil {
		t.Fatal(err)
	}
	return renderer, pages
}

func get(sample show, l web.Language) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	sample(w, httptest.NewRequest("GET", "/page?i=1&ui_locales="+string(l), nil))
	return w
}

func TestTextsAreComplete(t *testing.T) {
	t.Parallel()
	renderer, _ := mustPages(t)
	if err := renderer.Texts().Check(); err != nil {
		t.Error(err)
	}
}

// TestTextsAreUsed finds both keys that templates ask for in vain and texts that no page shows.
func TestTextsAreUsed(t *testing.T) {
	t.Parallel()
	renderer, _ := mustPages(t)
	var source strings.Builder
	files, err := filepath.Glob("templates/*.html")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range append(files, "pages.go", "notice.go") {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		source.Write(raw)
	}
	text := source.String()
	for _, m := range regexp.MustCompile(`(?:\bt|\brich|title:) "([a-z_.]+)"`).FindAllStringSubmatch(text, -1) {
		if !renderer.Texts().Has(m[1]) {
			t.Errorf("no text for %s", m[1])
		}
	}
	for kind, prefix := range map[string]string{"Notice": "notice.", "FieldProblem": "field."} {
		for _, m := range regexp.MustCompile(`\w+ +`+kind+` += "(\w+)"`).FindAllStringSubmatch(text, -1) {
			if !renderer.Texts().Has(prefix + m[1]) {
				t.Errorf("no text for %s%s", prefix, m[1])
			}
			text += `"` + prefix + m[1] + `"`
		}
	}
	locale, err := os.ReadFile("locales/en.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^  "([a-z_.]+)":`).FindAllStringSubmatch(string(locale), -1) {
		group, _, _ := strings.Cut(m[1], ".")
		if !strings.Contains("kind state scope history by", group) && !strings.Contains(text, `"`+m[1]+`"`) {
			t.Errorf("nobody shows %s", m[1])
		}
	}
}

func TestEveryPageInEveryLanguage(t *testing.T) {
	t.Parallel()
	_, pages := mustPages(t)
	for name, sample := range samples(pages, ordinary) {
		for _, l := range web.Languages() {
			t.Run(name+"/"+string(l), func(t *testing.T) {
				t.Parallel()
				w := get(sample, l)
				body := w.Body.String()
				if !strings.Contains(body, `<html lang="`+string(l)+`">`) || strings.Count(body, "<h1>") != 1 {
					t.Errorf("language or heading:\n%s", body)
				}
				if raw := rawKey.FindString(visible(body)); raw != "" {
					t.Errorf("%s has no text", raw)
				}
				if strings.Contains(body, "ZgotmplZ") || regexp.MustCompile(`\{[a-z]+\}`).MatchString(body) {
					t.Errorf("unfilled or refused value:\n%s", body)
				}
				checkMarkup(t, name, body)
				checkPolicy(t, name, w.Header().Get("Content-Security-Policy"))
			})
		}
	}
}

// visible takes away attributes and the addresses and files that look like keys.
func visible(body string) string { return regexp.MustCompile(`<[^>]*>`).ReplaceAllString(body, " ") }

func TestHostileValuesAreEscaped(t *testing.T) {
	t.Parallel()
	_, pages := mustPages(t)
	for name, sample := range samples(pages, hostile) {
		for _, l := range web.Languages() {
			body := get(sample, l).Body.String()
			if strings.Contains(body, "<x>") || strings.Contains(body, `"'>`) || strings.Contains(body, `href="javascript:`) || strings.Contains(body, `action="javascript:`) {
				t.Errorf("%s in %s:\n%s", name, l, body)
			}
			if strings.Contains(body, "secret:") {
				t.Errorf("%s shows an internal error:\n%s", name, body)
			}
			checkMarkup(t, name, body)
		}
	}
	w := httptest.NewRecorder()
	c := hostile.conversation()
	c.PolicyURI, c.TermsURI = "javascript:alert(1)", "data:text/html,<script>alert(1)</script>"
	pages.SignIn(w, httptest.NewRequest("GET", "/", nil), idpweb.SignInView{Conversation: c})
	if strings.Contains(w.Body.String(), "alert(1)") {
		t.Errorf("dangerous address:\n%s", w.Body)
	}
}

func checkMarkup(t *testing.T, name, body string) {
	t.Helper()
	scripts := strings.Count(body, "<script")
	if want := map[bool]int{true: 1}[regexp.MustCompile(`^(form-post|sign-in|password|new-password|second-factor|enrol-factor|keys)`).MatchString(name)]; scripts != want || strings.Count(body, "</script>") != want {
		t.Errorf("%s: %d scripts", name, scripts)
	}
	if found := regexp.MustCompile(`<[^>]*\s(style|on[a-z]+)\s*=|<style`).FindString(body); found != "" {
		t.Errorf("%s: inline %s", name, found)
	}
	seen := map[string]bool{}
	for _, m := range regexp.MustCompile(`\sid="([^"]*)"`).FindAllStringSubmatch(body, -1) {
		if seen[m[1]] {
			t.Errorf("%s: id %s stands twice", name, m[1])
		}
		seen[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`(?:aria-describedby|for)="([^"]*)"`).FindAllStringSubmatch(body, -1) {
		for id := range strings.FieldsSeq(m[1]) {
			if !seen[id] {
				t.Errorf("%s: nothing has the id %s", name, id)
			}
		}
	}
}

func checkPolicy(t *testing.T, name, policy string) {
	t.Helper()
	if !strings.HasPrefix(policy, "default-src 'none'; style-src 'self';") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("%s: policy %q", name, policy)
	}
}

// TestContract holds what password managers, browser tests and the conformance suite rely on.
func TestContract(t *testing.T) {
	t.Parallel()
	_, pages := mustPages(t)
	all := samples(pages, ordinary)
	for name, c := range map[string]struct {
		page, title string
		holds       []string
	}{
		"sign-in":            {"sign-in", "Sign in", []string{`id="email" name="email" type="email"`, `autocomplete="username webauthn"`, `id="use-passkey"`, `id="continue"`, `id="cancel" name="action" value="cancel" formnovalidate`, `name="i"`, `name="csrf"`}},
		"password":           {"password", "Enter your password", []string{`id="email" name="email"`, `autocomplete="username"`, `id="password" name="password" type="password" autocomplete="current-password webauthn"`, `id="use-passkey"`, `id="continue"`, `id="cancel"`, `id="forgot-password" name="action" value="forgot" formnovalidate`, `id="other-email"`}},
		"mail-sent":          {"mail-sent", "Look in your mailbox", []string{`id="resend" name="action" value="resend"`, `name="email"`, `id="back"`, "30 minutes"}},
		"second-factor":      {"second-factor", "Enter your code", []string{`id="code" name="code"`, `inputmode="numeric" autocomplete="one-time-code"`, `type="checkbox" id="trust_device" name="trust_device" value="yes"`, `id="use-passkey"`, `id="continue"`, `id="use-recovery-code" name="action" value="recovery" formnovalidate`, `id="cancel"`}},
		"new-password":       {"new-password", "Choose a password", []string{`id="new_password" name="new_password" type="password" autocomplete="new-password"`, `id="new_password_again" name="new_password_again"`, `name="token"`, `id="email"`, `id="continue"`, `id="add-passkey"`, "At least 15"}},
		"new-password-reset": {"new-password", "Choose a password", []string{`id="code" name="code"`, `id="passkey-form" hidden`, `data-beside="code"`, `<input type="hidden" name="code" value="">`, `id="add-passkey"`}},
		"second-factor-key":  {"second-factor", "Enter your code", []string{`id="use-passkey"`, `type="checkbox" id="trust_device" name="trust_device" value="yes"`}},
		"link-expired":       {"link-expired", "This link no longer works", []string{`name="token"`, `id="continue"`}},
		"organization":       {"organization", "Choose an organization", []string{`type="radio" name="organization" value="nordlys" checked`, `value="tallsmia"`, `id="continue"`, `id="cancel"`}},
		"invitation":         {"invitation", "You are invited", []string{`name="invitation"`, `id="accept" name="action" value="accept"`, `id="deny" name="action" value="deny"`}},
		"consent":            {"consent", "Allow access?", []string{`id="accept"`, `id="deny"`, "See your e-mail address"}},
		"account":            {"account", "Your account", []string{`id="sign-out" name="action" value="sign-out"`, `id="accept"`, `id="deny"`, `id="accept-1"`, `value="end-session"`, "Nordlys AS"}},
		"preferences":        {"preferences", "Your preferences", []string{`<select id="language" name="language">`, `<select id="name_form" name="name_form">`, `id="time_zone" name="time_zone"`, `id="save"`, `id="back"`}},
		"sign-out":           {"sign-out", "Sign out", []string{`id="sign-out"`, `id="cancel"`, `name="state"`}},
		"signing-out":        {"signing-out", "You are being signed out", []string{`id="continue" href="/saml/slo?logout=x"`}},
		"signed-out-partly":  {"signed-out", "You are signed out", []string{`<ul id="remaining">`}},
		"signed-out":         {"signed-out", "You are signed out", []string{`id="back" href="https://faktura.example/"`}},
		"form-post":          {"form-post", "Almost done", []string{`<form method="post" action="https://faktura.example/callback" id="form-post">`, `name="code"`, `id="continue"`}},
		"account-security": {"account-security", "Security", []string{`id="nav-account"`, `id="nav-security"`, `id="nav-applications"`, `id="nav-history"`, `id="nav-data"`, `id="change-email"`,
			`id="change-password"`, `id="factors"`, `value="end-session"`, `id="sign-out-everywhere" name="action" value="sign-out-everywhere"`, "this browser, too"}},
		"account-applications":    {"account-applications", "Your applications", []string{`id="revoke" name="action" value="revoke"`, `id="revoke-1"`}},
		"account-history":         {"account-history", "What happened to your account", []string{`id="older"`, `id="newest"`, "unheard.of"}},
		"account-data":            {"account-data", "Your data", []string{`id="export" name="action" value="export"`, `id="erase"`, `id="preferences"`}},
		"account-data-waiting":    {"account-data", "Your data", []string{`id="erasure-waits"`, `id="withdraw-erasure" name="action" value="withdraw-erasure"`}},
		"account-erasure":         {"account-erasure", "Ask to be erased?", []string{`id="request-erasure" name="action" value="request-erasure"`, `id="back"`}},
		"account-leave":           {"account-leave", "Leave the organization?", []string{`id="leave" name="action" value="leave"`, `name="membership"`, `id="back"`}},
		"account-email":           {"account-email", "Your e-mail address", []string{`id="email" name="email" type="email"`, `id="continue"`, `id="back"`}},
		"account-email-waiting":   {"account-email", "Your e-mail address", []string{`id="withdraw" name="action" value="withdraw"`}},
		"account-email-ruled":     {"account-email", "Your e-mail address", []string{`id="email-ruled"`}},
		"account-email-link-undo": {"account-email-link", "Your e-mail address", []string{`name="token"`, `id="continue"`}},
		"change-password":         {"change-password", "Change password", []string{`id="password" name="password" type="password" autocomplete="current-password"`, `id="new_password" name="new_password" type="password" autocomplete="new-password"`, `id="forgot-password"`, `id="continue"`}},
		"dev-mail":                {"dev-mail", "Captured mail", []string{`href="/dev/mail/2"`}},
		"dev-message":             {"dev-mail", "Captured mail", []string{`href="https://id.example/account/setup?token=abc"`}},
		"error":                   {"error", "The application asked for something we cannot do", []string{`<code id="error-code">invalid_request</code>`, "redirect_uri", `<code id="request-id">req-4f7c21</code>`}},
		"password-wrong":          {"password", "Enter your password", []string{`role="alert"`, "First time here"}},
		"sign-in-problem":         {"sign-in", "Sign in", []string{`aria-invalid="true" aria-describedby="email-problem"`}},
		"enrol-factor":            {"enrol-factor", "Set up a second step", []string{`id="qr" role="img"`, `id="totp-key">JBSW Y3DP`, `id="code" name="code"`, `autocomplete="one-time-code"`, `id="continue"`, `id="cancel"`}},
		"recovery-codes":          {"recovery-codes", "Save your recovery codes", []string{`<ol class="codes" id="recovery-codes">`, `<li><code>abcd-efgh-ijkl-mnop</code></li>`, `id="continue"`}},
		"factors":                 {"factors", "Your second step", []string{`id="add-totp" href="/account/factors/totp"`, `id="remove-totp" name="action" value="remove-totp"`, `id="new-recovery-codes" name="action" value="new-recovery-codes"`, `name="device"`, `value="end-device"`, `id="back"`}},
		"second-factor-recovery":  {"second-factor", "Enter your code", []string{`id="code" name="code"`, `id="use-totp" name="action" value="totp" formnovalidate`, `id="continue"`}},
		"keys":                    {"keys", "Passkeys and security keys", []string{`id="add-passkey"`, `id="add-security-key"`, `name="name"`, `name="key"`, `id="rename" name="action" value="rename-key"`, `id="remove" name="action" value="remove-key"`, `id="remove-1"`, `id="back"`}},
	} {
		body := get(all[name], web.English).Body.String()
		for _, want := range append(c.holds, `<body data-page="`+c.page+`">`, "<title>"+c.title+" – Portvakt</title>") {
			if !strings.Contains(body, want) {
				t.Errorf("%s lacks %s:\n%s", name, want, body)
			}
		}
	}
}

// TestEnterContinues holds that the first button of a form, which the Enter key presses, is never the way out.
func TestEnterContinues(t *testing.T) {
	t.Parallel()
	_, pages := mustPages(t)
	for name, sample := range samples(pages, ordinary) {
		body := get(sample, web.English).Body.String()
		for _, form := range regexp.MustCompile(`(?s)<form.*?</form>`).FindAllString(body, -1) {
			first := regexp.MustCompile(`<button[^>]*>`).FindString(form)
			if strings.Contains(form, "<input id=") && !strings.Contains(first, `id="continue"`) && !strings.Contains(first, `id="save"`) && !strings.Contains(first, `id="add-passkey"`) {
				t.Errorf("%s: Enter presses %s", name, first)
			}
		}
	}
}

func TestStatusAndWait(t *testing.T) {
	t.Parallel()
	_, pages := mustPages(t)
	w := get(samples(pages, ordinary)["password-too-many"], web.Bokmal)
	if w.Code != http.StatusTooManyRequests || !strings.Contains(w.Body.String(), "vente 15 minutter") {
		t.Errorf("%d\n%s", w.Code, w.Body)
	}
}

func TestLanguageOfPerson(t *testing.T) {
	t.Parallel()
	_, pages := mustPages(t)
	r := httptest.NewRequest("GET", "/account", nil)
	r.Header.Set("Accept-Language", "de")
	w := httptest.NewRecorder()
	oslo, err := time.LoadLocation("Europe/Oslo")
	if err != nil {
		t.Fatal(err)
	}
	end := time.Date(2026, 12, 31, 23, 0, 0, 0, time.UTC)
	f := idpweb.Frame{UserLanguage: "nb", Location: oslo}
	pages.Account(w, r, idpweb.AccountView{Frame: f, Memberships: []idpweb.Membership{{Name: "Nordlys AS", Kind: "external", End: end}}})
	if !strings.Contains(w.Body.String(), "Tilgang til og med 31. desember 2026") || pages.Language(r, f) != web.Bokmal {
		t.Errorf("%s", w.Body)
	}
}
