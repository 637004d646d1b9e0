package demo_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestRefresh(t *testing.T) {
	t.Parallel()
	p := open(t)
	v := p.visitor()
	v.get("/login")
	got := v.post("/refresh", url.Values{})
	if first(got.body, `id="refresh-result"[^>]*data-code="([^"]*)"`) != "ok" || !strings.Contains(got.body, `<td data-claim="n">2<`) {
		t.Errorf("refreshed: %s", got.body)
	}
	p.op.set(func() { p.op.refusing = true })
	got = v.post("/refresh", url.Values{})
	if first(got.body, `id="refresh-result"[^>]*data-code="([^"]*)"`) != "invalid_grant" || !strings.Contains(got.body, `<td data-claim="n">2<`) {
		t.Errorf("refused: %s", got.body)
	}
	got = v.post("/userinfo", url.Values{})
	if first(got.body, `id="userinfo-result"[^>]*data-status="([^"]*)"`) != "401" {
		t.Errorf("userinfo: %s", got.body)
	}
	p.op.set(func() { p.op.refusing, p.op.sub = false, "usr_ola" })
	got = v.post("/refresh", url.Values{})
	if first(got.body, `id="refresh-result"[^>]*data-code="([^"]*)"`) != "invalid_id_token" || !strings.Contains(got.body, "usr_kari") {
		t.Errorf("another subject's ID token was taken: %s", got.body)
	}
	if got := p.visitor().post("/refresh", url.Values{}); got.at() != "demo-home" {
		t.Errorf("refresh without session: %s", got.at())
	}
}

func TestSignOut(t *testing.T) {
	t.Parallel()
	p := open(t)
	v := p.visitor()
	v.get("/login")
	got := v.post("/sign-out", url.Values{})
	if got.at() != "demo-home" || got.url.Path != "/signed-out" || !strings.Contains(got.body, "Here and at Portvakt") {
		t.Errorf("signed out: %s %s", got.url, got.body)
	}
	if hint := p.op.left.Get("id_token_hint"); strings.Count(hint, ".") != 2 || p.op.left.Get("post_logout_redirect_uri") != p.URL+"/signed-out" || p.op.left.Get("client_id") != clientID {
		t.Errorf("the issuer was asked %v", p.op.left)
	}
	if got := v.get("/"); got.at() != "demo-home" || strings.Contains(got.body, "ended-notice") {
		t.Errorf("afterwards: %s", got.body)
	}

	// A state that is still good proves nothing in another browser, and is not used up by it.
	v.get("/login")
	v.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == "/signed-out" {
			return http.ErrUseLastResponse
		}
		return nil
	}
	v.post("/sign-out", url.Values{})
	v.client.CheckRedirect = nil
	back := "/signed-out?state=" + p.op.left.Get("state")
	if p.visitor().says(back, "Here and at Portvakt") || !v.says(back, "Here and at Portvakt") || v.says(back, "Here and at Portvakt") {
		t.Error("the state of a sign-out must work once, in its own browser")
	}

	v.get("/login")
	p.op.set(func() { p.op.left = nil })
	if got := v.post("/sign-out-here", url.Values{}); got.at() != "demo-home" || p.op.left != nil {
		t.Errorf("signed out here: %s, the issuer was asked %v", got.at(), p.op.left)
	}
}

func TestOtherSitesPressNothing(t *testing.T) {
	t.Parallel()
	p := open(t)
	v := p.visitor()
	v.get("/login")
	request, _ := http.NewRequest(http.MethodPost, p.URL+"/sign-out", nil)
	request.Header.Set("Sec-Fetch-Site", "cross-site")
	response, err := v.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusForbidden || v.get("/").at() != "demo-signed-in" {
		t.Errorf("another site's POST: %d", response.StatusCode)
	}
}

func TestNoTokensShown(t *testing.T) {
	t.Parallel()
	p := open(t)
	v := p.visitor()
	seen := v.get("/login").body + v.post("/refresh", url.Values{}).body + v.post("/userinfo", url.Values{}).body + v.get("/api/me").body
	v.post("/sign-out", url.Values{})
	seen += p.log.String()
	if len(p.op.raw) < 7 || !strings.Contains(seen, "signed in") {
		t.Fatalf("%d secrets were made; seen: %s", len(p.op.raw), seen)
	}
	for _, secret := range append(p.op.raw, clientSecret) {
		if strings.Contains(seen, secret) {
			t.Errorf("%.12s… is shown", secret)
		}
	}
	if strings.Contains(p.log.String(), "kari") || strings.Contains(p.log.String(), "Kari") {
		t.Errorf("the log names people: %s", p.log)
	}
}

// TestOldestIsDropped fills the memory for sessions.
func TestOldestIsDropped(t *testing.T) {
	t.Parallel()
	p := open(t)
	oldest, second := p.visitor(), p.visitor()
	oldest.get("/login")
	second.get("/login")
	for i := range 999 {
		if got := p.visitor().get(fmt.Sprintf("/login?login_hint=%d", i)); got.at() != "demo-signed-in" {
			t.Fatalf("%d: %s", i, got.code())
		}
	}
	if got := oldest.get("/"); got.at() != "demo-home" {
		t.Errorf("the oldest of 1001: %s", got.at())
	}
	if got := second.get("/"); got.at() != "demo-signed-in" {
		t.Errorf("the second of 1001: %s", got.at())
	}
}

func TestPlainPages(t *testing.T) {
	t.Parallel()
	v := open(t).visitor()
	for path, want := range map[string]int{"/healthz": 200, "/static/style.css": 200, "/static/mark.svg": 200, "/static/fjord.svg": 200, "/nothing": 404, "/signed-out": 200} {
		got := v.get(path)
		if got.status != want || !strings.Contains(got.header.Get("Content-Security-Policy"), "default-src 'none'") || got.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", path, got.status, got.header)
		}
		if strings.Contains(got.body, "<script") || strings.Contains(got.body, " style=") {
			t.Errorf("%s holds what the policy forbids", path)
		}
	}
}
