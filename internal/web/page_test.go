package web_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"portvakt/internal/fault"
	"portvakt/internal/web"
)

const hostile = `"'><x>{{7*7}}</script>`

func renderer(t *testing.T) *web.Renderer {
	t.Helper()
	r, err := web.New(web.Config{
		Issuer: "https://id.example", RequestID: func(*http.Request) string { return "req-1" + hostile },
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func page(t *testing.T, r *web.Renderer, content string) *web.Template {
	t.Helper()
	p, err := r.Template(fstest.MapFS{"page.html": {Data: []byte(`{{define "content"}}` + content + `{{end}}`)}}, "page.html")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func render(r *web.Renderer, req *http.Request, p web.Page) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r.Render(w, req, http.StatusOK, p)
	return w
}

func TestPageHeaders(t *testing.T) {
	t.Parallel()
	r := renderer(t)
	w := render(r, httptest.NewRequest("GET", "/x?ui_locales=de", nil), web.Page{Name: "x", Title: "time.month.5", Template: page(t, r, "<h1>x</h1>")})
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
		"Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY", "Cross-Origin-Opener-Policy": "same-origin",
		"Strict-Transport-Security": "max-age=31536000", "Content-Language": "de",
		"Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	for _, want := range []string{`<html lang="de">`, `<body data-page="x">`, "<title>Mai – Portvakt</title>"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %s in\n%s", want, w.Body)
		}
	}
}

func TestPolicyHasNoInline(t *testing.T) {
	t.Parallel()
	r := renderer(t)
	for _, p := range []web.Page{{}, {Script: "form-post.js"}, {FormAction: []string{"https://app.example/callback", "com.example.app:/done", "http://[::1]:9/x", "javascript:alert(1)", "a b:;c", "data:x", "", "x;script-src *:y"}}} {
		p.Template, p.Title = page(t, r, "x"), "error.back"
		policy := render(r, httptest.NewRequest("GET", "/", nil), p).Header().Get("Content-Security-Policy")
		if strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") || strings.Contains(policy, "javascript") {
			t.Errorf("policy %q", policy)
		}
		if (p.Script != "") != strings.Contains(policy, "script-src 'self'") {
			t.Errorf("script %q, policy %q", p.Script, policy)
		}
		if p.FormAction != nil && !strings.Contains(policy, "form-action 'self' com.example.app: http: https:;") {
			t.Errorf("policy %q", policy)
		}
	}
}

func TestRichEscapes(t *testing.T) {
	t.Parallel()
	locales := fstest.MapFS{}
	for _, l := range web.Languages() {
		locales["locales/"+string(l)+".json"] = &fstest.MapFile{Data: []byte(`{"greet":"<i>Hello</i> {name} & {name}"}`)}
	}
	r, err := web.New(web.Config{Locales: []fs.FS{locales}})
	if err != nil {
		t.Fatal(err)
	}
	body := render(r, httptest.NewRequest("GET", "/", nil), web.Page{Title: "greet", Template: page(t, r, `{{rich "greet" "name" .}}`), View: hostile + "{name}"}).Body.String()
	if strings.Contains(body, "<x>") || strings.Contains(body, "<i>") || strings.Contains(body, "</script>") {
		t.Errorf("not escaped:\n%s", body)
	}
	if !strings.Contains(body, "<b><bdi>&#34;&#39;&gt;&lt;x&gt;{{7*7}}&lt;/script&gt;{name}</bdi></b>") {
		t.Errorf("value not set off:\n%s", body)
	}
}

func TestLanguageLinksKeepTheQueryAndTheHost(t *testing.T) {
	t.Parallel()
	r := renderer(t)
	req := httptest.NewRequest("GET", "//evil.example/?i=a%26b&ui_locales=sv&token=%22%3E%3Cx%3E", nil)
	body := render(r, req, web.Page{Title: "error.back", Template: page(t, r, "x")}).Body.String()
	if strings.Contains(body, "evil.example") || strings.Contains(body, "<x>") {
		t.Errorf("foreign words in\n%s", body)
	}
	if !strings.Contains(body, `href="?i=a%26b&amp;token=%22%3E%3Cx%3E&amp;ui_locales=de" lang="de" hreflang="de"`) {
		t.Errorf("no link to German in\n%s", body)
	}
	if n := strings.Count(body, `aria-current="true"`); n != 1 {
		t.Errorf("%d current languages", n)
	}
	long := httptest.NewRequest("GET", "/?x="+strings.Repeat("y", 10_000), nil)
	if n := render(r, long, web.Page{Title: "error.back", Template: page(t, r, "x")}).Body.Len(); n > 8_000 {
		t.Errorf("a long query made a page of %d bytes", n)
	}
}

func TestBrokenTemplateIsCleanError(t *testing.T) {
	t.Parallel()
	r := renderer(t)
	w := render(r, httptest.NewRequest("GET", "/", nil), web.Page{Name: "x", Title: "error.back", Template: page(t, r, "half a page {{.Nothing}}"), View: struct{}{}})
	if w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), `data-page="error"`) || strings.Contains(w.Body.String(), "half a page") {
		t.Errorf("%d\n%s", w.Code, w.Body)
	}
}

func TestErrorPage(t *testing.T) {
	t.Parallel()
	r := renderer(t)
	w := httptest.NewRecorder()
	r.Error(w, httptest.NewRequest("GET", "/", nil), http.StatusBadRequest, web.Problem{Code: "invalid_request", Detail: "redirect_uri is not registered " + hostile, Back: "javascript:alert(1)"})
	body := w.Body.String()
	if w.Code != http.StatusBadRequest || !strings.Contains(body, `<code id="error-code">invalid_request</code>`) || !strings.Contains(body, "redirect_uri is not registered") || !strings.Contains(body, "req-1") {
		t.Errorf("%d\n%s", w.Code, body)
	}
	if strings.Contains(body, "<x>") || strings.Contains(body, "javascript:") {
		t.Errorf("not escaped:\n%s", body)
	}
}

func TestFaultTellsOnlyWhatIsFitForPeople(t *testing.T) {
	t.Parallel()
	r := renderer(t)
	secret := errors.New("pq: secret relation")
	for _, c := range []struct {
		err    error
		status int
		shows  string
	}{
		{secret, 500, "server_error"},
		{fault.New(fault.Invalid, "bad_name", "The name is bad").Because(secret), 422, "The name is bad"},
		{fault.New(fault.NotFound, "no_member", "There is no such member"), 404, "no_member"},
		{fault.New(fault.Conflict, "taken", "Taken"), 409, "taken"},
		{fault.New(fault.Stale, "stale", "Changed"), 409, "stale"},
		{fault.New(fault.Forbidden, "forbidden", "No"), 403, "forbidden"},
		{fault.New(fault.Unauthenticated, "who", "Who?"), 403, "who"},
		{fault.New(fault.Expired, "old", "Old"), 410, "old"},
		{fault.New(fault.Exhausted, "many", "Many").After(90 * time.Second), 429, "many"},
	} {
		w := httptest.NewRecorder()
		r.Fault(w, httptest.NewRequest("GET", "/", nil), c.err)
		if w.Code != c.status || web.Status(c.err) != c.status || !strings.Contains(w.Body.String(), c.shows) || strings.Contains(w.Body.String(), "relation") {
			t.Errorf("%v: %d\n%s", c.err, w.Code, w.Body)
		}
		if raw := regexp.MustCompile(`error\.\w+\.\w+`).FindString(w.Body.String()); raw != "" {
			t.Errorf("%v: no text for %s", c.err, raw)
		}
		if c.status == 429 && w.Header().Get("Retry-After") != "90" {
			t.Errorf("Retry-After %q", w.Header().Get("Retry-After"))
		}
	}
}

func TestAssets(t *testing.T) {
	t.Parallel()
	r := renderer(t)
	body := render(r, httptest.NewRequest("GET", "/", nil), web.Page{Title: "error.back", Script: "form-post.js", Template: page(t, r, "x")}).Body.Bytes()
	found := regexp.MustCompile(`/assets/[\w-]{16}/[\w.-]+`).FindAllString(string(body), -1)
	if len(found) != 3 {
		t.Fatalf("assets in the page: %v", found)
	}
	for _, address := range found {
		w := httptest.NewRecorder()
		r.Assets().ServeHTTP(w, httptest.NewRequest("GET", address, nil))
		if w.Code != 200 || w.Body.Len() == 0 || w.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", address, w.Code, w.Header())
		}
		if bytes.Contains(w.Body.Bytes(), []byte("url(")) || bytes.Contains(w.Body.Bytes(), []byte("@import")) {
			t.Errorf("%s loads something", address)
		}
		again := httptest.NewRequest("GET", address, nil)
		again.Header.Set("If-None-Match", w.Header().Get("ETag"))
		w = httptest.NewRecorder()
		r.Assets().ServeHTTP(w, again)
		if w.Code != http.StatusNotModified || w.Body.Len() != 0 {
			t.Errorf("%s again: %d", address, w.Code)
		}
	}
	for method, c := range map[string]struct {
		path   string
		status int
	}{"GET": {"/assets/AAAAAAAAAAAAAAAA/style.css", 404}, "HEAD": {found[0], 200}, "POST": {found[0], 405}} {
		w := httptest.NewRecorder()
		r.Assets().ServeHTTP(w, httptest.NewRequest(method, c.path, nil))
		if w.Code != c.status {
			t.Errorf("%s %s: %d", method, c.path, w.Code)
		}
	}
}

func TestSecurityHeadersOnEveryAnswer(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	renderer(t).SecurityHeaders(http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Header().Get("Content-Security-Policy") == "" || w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Strict-Transport-Security") == "" {
		t.Errorf("%v", w.Header())
	}
	plain, err := web.New(web.Config{Issuer: "http://localhost:8080"})
	if err != nil {
		t.Fatal(err)
	}
	w = httptest.NewRecorder()
	plain.SecurityHeaders(http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Header().Get("Strict-Transport-Security") != "" {
		t.Error("Strict-Transport-Security over plain http")
	}
}

func TestFormTokenIsBound(t *testing.T) {
	t.Parallel()
	key, other := []byte("key of 32 bytes.................."), []byte("another key......................")
	token := web.CSRFToken(key, "cookie/interaction")
	if !web.CheckCSRF(key, "cookie/interaction", token) {
		t.Error("own token refused")
	}
	for name, accepted := range map[string]bool{
		"other binding": web.CheckCSRF(key, "cookie/interaction2", token), "other key": web.CheckCSRF(other, "cookie/interaction", token),
		"empty token": web.CheckCSRF(key, "cookie/interaction", ""), "empty binding": web.CheckCSRF(key, "", web.CSRFToken(key, "")),
		"empty key": web.CheckCSRF(nil, "x", web.CSRFToken(nil, "x")), "longer token": web.CheckCSRF(key, "cookie/interaction", token+"A"),
	} {
		if accepted {
			t.Errorf("%s accepted", name)
		}
	}
}

func BenchmarkRender(b *testing.B) {
	r, err := web.New(web.Config{})
	if err != nil {
		b.Fatal(err)
	}
	req := httptest.NewRequest("GET", "/?ui_locales=nb", nil)
	for b.Loop() {
		r.Error(httptest.NewRecorder(), req, 400, web.Problem{Code: "invalid_request"})
	}
}
