package demo_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"portvakt/cmd/portvakt/demo"
)

func TestSignIn(t *testing.T) {
	t.Parallel()
	p := open(t)
	v := p.visitor()
	if got := v.get("/"); got.at() != "demo-home" || !strings.Contains(got.body, `id="sign-in"`) || strings.Contains(got.body, "notice") {
		t.Fatalf("signed out, the page is %s", got.body)
	}
	got := v.get("/login?organization=nordlys&prompt=select_account&ui_locales=nb&login_hint=a&max_age=60&acr_values=x&redirect_uri=http://evil.example/")
	if got.at() != "demo-signed-in" || got.url.Path != "/" {
		t.Fatalf("after the sign-in: %s %s", got.url, got.body)
	}
	for _, want := range []string{`id="name">Kari Nordmann<`, `id="organization">Nordlys AS<`, `chip">chief<`, `chip">local_admin<`,
		`1 January 2027, 00:00 UTC`, `<td data-claim="sub">usr_kari<`, `<td data-claim="roles">chief, local_admin<`,
		`<td data-claim="membership_end" data-time="1 January 2027, 00:00 UTC">1798761600<`, `&lt;script&gt;`} {
		if !strings.Contains(got.body, want) {
			t.Errorf("the page does not show %s", want)
		}
	}
	for name, want := range map[string]string{"organization": "nordlys", "prompt": "select_account", "ui_locales": "nb", "login_hint": "a",
		"max_age": "60", "acr_values": "x", "code_challenge_method": "S256", "redirect_uri": p.URL + "/callback",
		"scope": "openid profile email phone offline_access organization access"} {
		if got := p.op.asked[name]; len(got) != 1 || got[0] != want {
			t.Errorf("%s was asked as %q, want %q", name, got, want)
		}
	}
	var me struct {
		Sub, Sid    string
		Userinfo    map[string]any
		AccessToken struct{ Entitlements []string } `json:"access_token"`
		Refresh     bool                            `json:"refresh_token"`
	}
	body := v.get("/api/me").body
	if err := json.Unmarshal([]byte(body), &me); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	if me.Sub != "usr_kari" || me.Sid != "sid-a" || me.Userinfo["name"] != "Kari Nordmann" || !me.Refresh || len(me.AccessToken.Entitlements) != 1 {
		t.Errorf("/api/me: %+v", me)
	}
	if got := p.visitor().get("/api/me"); got.status != http.StatusUnauthorized {
		t.Errorf("/api/me without session: %d", got.status)
	}
}

func TestCookies(t *testing.T) {
	t.Parallel()
	p := open(t)
	v := p.visitor()
	v.get("/login")
	u, _ := url.Parse(p.URL)
	before := v.client.Jar.Cookies(u)
	v.get("/login")
	after := v.client.Jar.Cookies(u)
	value := func(cookies []*http.Cookie) string {
		for _, c := range cookies {
			if c.Name == "demo-session" {
				return c.Value
			}
		}
		return ""
	}
	if value(before) == "" || value(before) == value(after) {
		t.Error("a sign-in must make a new session value")
	}
	old := p.visitor()
	old.client.Jar.SetCookies(u, before)
	if got := old.get("/"); got.at() != "demo-home" {
		t.Error("the session before the second sign-in still lives")
	}
}

func TestWrongState(t *testing.T) {
	t.Parallel()
	p := open(t)
	v := p.visitor()
	p.op.set(func() { p.op.lie = lie{state: "another"} })
	if got := v.get("/login"); got.code() != "invalid_state" || got.status != http.StatusBadRequest || got.at() != "demo-error" {
		t.Errorf("another state: %d %s", got.status, got.code())
	}
	if got := v.get("/callback?error=access_denied&error_description=Call+5550123+now"); got.code() != "invalid_state" || strings.Contains(got.body, "5550123") {
		t.Errorf("an unproven error is shown: %s", got.body)
	}

	// A good answer, carried to another browser: the login CSRF.
	p.op.set(func() { p.op.lie = lie{} })
	v.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == "/callback" {
			return http.ErrUseLastResponse
		}
		return nil
	}
	answer := v.get("/login")
	target, err := url.Parse(answer.header.Get("Location"))
	if err != nil || target.Path != "/callback" {
		t.Fatalf("no answer of the issuer: %s", answer.body)
	}
	if got := p.visitor().get(target.RequestURI()); got.code() != "invalid_state" {
		t.Errorf("another browser's state: %s", got.code())
	}
	v.client.CheckRedirect = nil
	if got := v.get(target.RequestURI()); got.at() != "demo-signed-in" {
		t.Errorf("the browser that began: %s %s", got.at(), got.code())
	}
	if got := v.get(target.RequestURI()); got.code() != "invalid_state" {
		t.Errorf("the same answer again: %s", got.code())
	}
}

func TestWrongIssuer(t *testing.T) {
	refusedSignIn(t, lie{iss: "https://evil.example"}, "invalid_issuer")
}
func TestNoIssuer(t *testing.T)   { refusedSignIn(t, lie{omitIss: true}, "invalid_issuer") }
func TestWrongNonce(t *testing.T) { refusedSignIn(t, lie{nonce: "another"}, "invalid_nonce") }
func TestWrongAudience(t *testing.T) {
	refusedSignIn(t, lie{audience: "another-app"}, "invalid_id_token")
}
func TestWrongUserinfo(t *testing.T) {
	refusedSignIn(t, lie{userinfoSub: "usr_ola"}, "invalid_userinfo")
}
func TestErrorResponse(t *testing.T) { refusedSignIn(t, lie{error: "access_denied"}, "access_denied") }
func TestUnknownError(t *testing.T)  { refusedSignIn(t, lie{error: "strange_thing"}, "strange_thing") }
func TestErrorOfAnother(t *testing.T) {
	refusedSignIn(t, lie{error: "access_denied", iss: "https://evil.example"}, "invalid_issuer")
}

func TestTooOld(t *testing.T) {
	refusedSignIn(t, lie{authTime: time.Now().Add(-time.Hour)}, "too_old")
}

// refusedSignIn expects that a lie of the issuer signs nobody in.
func refusedSignIn(t *testing.T, l lie, code string) {
	t.Helper()
	t.Parallel()
	p := open(t)
	p.op.set(func() { p.op.lie = l })
	v := p.visitor()
	got := v.get("/login?max_age=60")
	if got.at() != "demo-error" || got.code() != code || got.status < 400 || got.status >= 500 {
		t.Errorf("answered %d %s %s, want %s", got.status, got.at(), got.code(), code)
	}
	if strings.Contains(got.body, "<b>no") {
		t.Error("the issuer's words are not escaped")
	}
	if got := v.get("/api/me"); got.status != http.StatusUnauthorized {
		t.Errorf("a session was opened: %d", got.status)
	}
}

func TestWrongOrganization(t *testing.T) {
	t.Parallel()
	v := open(t).visitor()
	if got := v.get("/login?organization=bjorkvik"); got.code() != "wrong_organization" || got.status != http.StatusForbidden {
		t.Errorf("answered %d %s", got.status, got.code())
	}
}

// TestOwnClock lets an ID token run out by the application's clock.
func TestOwnClock(t *testing.T) {
	t.Parallel()
	p := open(t)
	config := demo.Config{Issuer: p.op.URL, ClientID: clientID, ClientSecret: clientSecret, BaseURL: p.URL}
	for ahead, want := range map[time.Duration]string{0: "demo-signed-in", 2 * time.Hour: "demo-error"} {
		config.Now = func() time.Time { return time.Now().Add(ahead) }
		p.Config.Handler = demo.New(config).Handler()
		if got := p.visitor().get("/login"); got.at() != want {
			t.Errorf("%s ahead: %s %s", ahead, got.at(), got.code())
		}
	}
}

func TestIssuerComesLater(t *testing.T) {
	t.Parallel()
	op := newIssuer(t)
	address := op.Listener.Addr().String()
	reachable := make(chan struct{})
	app := demo.New(demo.Config{Issuer: op.URL, ClientID: clientID, ClientSecret: clientSecret, BaseURL: "http://demo.example",
		HTTPClient: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			select {
			case <-reachable:
				return http.DefaultTransport.RoundTrip(r)
			default:
				return nil, fmt.Errorf("dial %s: refused", address)
			}
		})}})
	try := func() *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		app.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/login", nil))
		return w
	}
	if got := try(); got.Code != http.StatusBadGateway || !strings.Contains(got.Body.String(), "issuer_unreachable") || strings.Contains(got.Body.String(), address) {
		t.Errorf("without issuer: %d %s", got.Code, got.Body)
	}
	close(reachable)
	if got := try(); got.Code != http.StatusSeeOther || !strings.HasPrefix(got.Header().Get("Location"), op.URL+"/authorize?") {
		t.Errorf("with issuer: %d %s", got.Code, got.Body)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestConcurrentSessions(t *testing.T) {
	t.Parallel()
	p := open(t)
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			v := p.visitor()
			if got := v.get(fmt.Sprintf("/login?login_hint=%d", i)); got.at() != "demo-signed-in" {
				t.Errorf("%d: %s %s", i, got.at(), got.code())
			}
			v.post("/refresh", url.Values{})
			if i%2 == 0 {
				if got := p.send(p.op.sign("logout+jwt", p.op.logoutClaims(map[string]any{"sid": fmt.Sprintf("sid-%d", i)}))); got.status != http.StatusOK {
					t.Errorf("%d: logout answered %d", i, got.status)
				}
			}
			if got := v.get("/api/me"); (got.status == http.StatusOK) != (i%2 == 1) {
				t.Errorf("%d: %d", i, got.status)
			}
		})
	}
	all.Wait()
}

// TestManyTabs begins three sign-ins in one browser before the first answer comes back.
func TestManyTabs(t *testing.T) {
	t.Parallel()
	p := open(t)
	v := p.visitor()
	v.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	var targets []string
	for range 3 {
		targets = append(targets, v.get("/login").header.Get("Location"))
	}
	v.client.CheckRedirect = nil
	for i, target := range targets {
		response, err := v.client.Get(target)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK || response.Request.URL.Path != "/" {
			t.Errorf("tab %d ended at %s with %d", i, response.Request.URL, response.StatusCode)
		}
	}
}
