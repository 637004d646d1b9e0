package oidc_test

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"portvakt/internal/directory"
)

const bye = "https://rp.example/bye?x=1"

func logoutURL(pairs ...string) string {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return "/oauth2/logout?" + v.Encode()
}

var csrfField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// alive reports whether the browser is still signed in.
func (b *browser) alive(t testing.TB) bool {
	t.Helper()
	return b.authorize("prompt", "none").location(t).Has("code")
}

// asked expects the page that asks, and answers its address and token.
func (b *browser) asked(t testing.TB, target string) (string, string) {
	t.Helper()
	res := b.get(target)
	place := res.Header.Get("Location")
	if res.StatusCode != 303 || !strings.HasPrefix(place, "/oauth2/logout?") {
		t.Fatalf("%s: %d %q", target, res.StatusCode, place)
	}
	page := b.get(place)
	found := csrfField.FindStringSubmatch(page.body)
	if page.StatusCode != 200 || !strings.Contains(page.body, `data-page="sign-out"`) || found == nil {
		t.Fatalf("%s: %d %.300s", target, page.StatusCode, page.body)
	}
	return place, found[1]
}

func TestSilentLogout(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		b := d.signedIn()
		m := d.tokensOf(b)
		d.clock.Advance(3600e9) // the hint has expired, its signature has not
		res := b.get(logoutURL("id_token_hint", m["id_token"].(string), "post_logout_redirect_uri", bye, "state", "s 1"))
		if res.StatusCode != 303 || res.Header.Get("Location") != bye+"&state=s+1" {
			t.Fatalf("%d %q %.200s", res.StatusCode, res.Header.Get("Location"), res.body)
		}
		if b.alive(t) {
			t.Error("the browser is still signed in")
		}
		if d.active(m["access_token"].(string)) {
			t.Error("the access token is alive")
		}
		if res := d.call("/oauth2/token", "demo", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {m["refresh_token"].(string)}}); res.StatusCode != 400 {
			t.Errorf("the refresh token is alive: %d", res.StatusCode)
		}
		// Once more, signed out already: the same way back, without a page in between.
		if res := b.get(logoutURL("id_token_hint", m["id_token"].(string), "post_logout_redirect_uri", bye)); res.Header.Get("Location") != bye {
			t.Errorf("again: %d %q", res.StatusCode, res.Header.Get("Location"))
		}
		b.signIn()
		m = d.tokensOf(b)
		if res := b.get(logoutURL("id_token_hint", m["id_token"].(string))); res.StatusCode != 200 || !strings.Contains(res.body, `data-page="signed-out"`) || b.alive(t) {
			t.Errorf("without a way back: %d", res.StatusCode)
		}
	})
}

func TestForcedLogoutAsks(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		b := d.signedIn()
		m := d.tokensOf(b)
		id := m["id_token"].(string)
		elsewhere := d.tokensOf(d.signedIn())["id_token"].(string) // the same person, another session
		parts := strings.Split(id, ".")
		none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + "."
		for name, pairs := range map[string][]string{
			"no parameters":   {},
			"only state":      {"state", "x"},
			"no hint":         {"post_logout_redirect_uri", bye, "client_id", "demo"},
			"alg none":        {"id_token_hint", none, "post_logout_redirect_uri", bye},
			"tampered":        {"id_token_hint", parts[0] + "." + parts[1] + "." + parts[2][:len(parts[2])-2] + "AA", "post_logout_redirect_uri", bye},
			"another session": {"id_token_hint", elsewhere, "post_logout_redirect_uri", bye},
			"access token":    {"id_token_hint", m["access_token"].(string), "post_logout_redirect_uri", bye},
		} {
			b.asked(t, logoutURL(pairs...))
			if !b.alive(t) {
				t.Fatalf("%s: signed out unasked", name)
			}
		}
		for name, pairs := range map[string][]string{
			"unregistered": {"id_token_hint", id, "post_logout_redirect_uri", "https://rp.example/bye"},
			"query added":  {"id_token_hint", id, "post_logout_redirect_uri", bye + "&foo=bar"},
			"other client": {"id_token_hint", id, "client_id", "other"},
		} {
			if res := b.get(logoutURL(pairs...)); res.StatusCode != 400 || res.Header.Get("Location") != "" || !strings.Contains(res.body, "invalid_request") || !b.alive(t) {
				t.Errorf("%s: %d", name, res.StatusCode)
			}
		}
	})
}

func TestConfirmedLogout(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		b := d.signedIn()
		place, csrf := b.asked(t, logoutURL())
		for name, form := range map[string]url.Values{
			"no token":       {"action": {"sign-out"}},
			"a wrong token":  {"action": {"sign-out"}, "csrf": {csrf[1:] + "A"}},
			"another's":      {"action": {"sign-out"}, "csrf": {"x"}},
			"token as query": {"action": {"sign-out"}},
		} {
			if res := b.post(place, form); res.StatusCode != 403 || !b.alive(t) {
				t.Errorf("%s: %d", name, res.StatusCode)
			}
		}
		if res := b.post(place, url.Values{"action": {"cancel"}, "csrf": {csrf}}); res.Header.Get("Location") != "/account" || !b.alive(t) {
			t.Errorf("cancelled: %d %q", res.StatusCode, res.Header.Get("Location"))
		}
		if res := b.post(place, url.Values{"action": {"sign-out"}, "csrf": {csrf}}); res.StatusCode != 200 || !strings.Contains(res.body, `data-page="signed-out"`) || b.alive(t) {
			t.Errorf("confirmed: %d", res.StatusCode)
		}
		// Without a hint nobody is sent anywhere, asked or not.
		b.signIn()
		place, csrf = b.asked(t, logoutURL("post_logout_redirect_uri", bye, "client_id", "demo"))
		if res := b.post(place, url.Values{"action": {"sign-out"}, "csrf": {csrf}}); res.StatusCode != 200 || b.alive(t) {
			t.Errorf("confirmed without a hint: %d %q", res.StatusCode, res.Header.Get("Location"))
		}
		if res := d.browser().post("/oauth2/logout", url.Values{"state": {"x"}}); res.StatusCode != 303 || res.Header.Get("Location") != "/oauth2/logout?state=x" {
			t.Errorf("by POST: %d %q", res.StatusCode, res.Header.Get("Location"))
		}
	})
}

// notices are the logout tokens that the application got.
func (d *door) notices(t testing.TB) []map[string]any {
	t.Helper()
	d.drain()
	d.posted.mu.Lock()
	defer d.posted.mu.Unlock()
	var out []map[string]any
	for _, form := range d.posted.got {
		if form.Get("target") != "https://rp.example/logout" || len(form) != 2 {
			t.Errorf("posted %v", form)
		}
		raw, err := base64.RawURLEncoding.DecodeString(strings.Split(form.Get("logout_token"), ".")[1])
		if err != nil {
			t.Fatal(err)
		}
		m := map[string]any{}
		if err := json.Unmarshal(raw, &m); err != nil {
			t.Fatal(err)
		}
		out = append(out, m)
	}
	d.posted.got = nil
	return out
}

func idClaims(t testing.TB, m map[string]any) map[string]any {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(m["id_token"].(string), ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]any{}
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestBackchannelLogout(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(d *door, b *browser) error{
		"signed out": func(d *door, b *browser) error {
			place, csrf := b.asked(d.t, logoutURL())
			b.post(place, url.Values{"action": {"sign-out"}, "csrf": {csrf}})
			return nil
		},
		"suspended": func(d *door, _ *browser) error {
			_, err := d.dir.Memberships.Change(ctx, d.org.ID, d.member.ID, 0, func(m *directory.Member) error { m.SuspendedAt = d.db.Now(); return nil })
			return err
		},
		"deleted": func(d *door, _ *browser) error { return d.dir.Memberships.Delete(ctx, d.org.ID, d.member.ID) },
		"everywhere": func(d *door, _ *browser) error {
			_, err := d.dir.Users.EndSessions(ctx, d.user.ID, "everywhere")
			return err
		},
		"suspended and back at once": func(d *door, _ *browser) error {
			for _, at := range []bool{true, false} {
				if _, err := d.dir.Memberships.Change(ctx, d.org.ID, d.member.ID, 0, func(m *directory.Member) error {
					if m.SuspendedAt = d.db.Now(); !at {
						m.SuspendedAt = m.AnnouncedAt
					}
					return nil
				}); err != nil {
					return err
				}
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, d *door) {
				b := d.signedIn()
				id := idClaims(t, d.tokensOf(b))
				d.save("quiet", directory.ClientMetadata{Scopes: []string{"openid"}, RedirectURIs: []string{callback}}) // wants no notice
				b.authorize("client_id", "quiet").location(t)
				if err := end(d, b); err != nil {
					t.Fatal(err)
				}
				got := d.notices(t)
				if len(got) != 1 || got[0]["sid"] != id["sid"] || got[0]["sub"] != id["sub"] || got[0]["aud"] != "demo" || got[0]["iss"] != issuer {
					t.Fatalf("told %v, the ID token said %v", got, id)
				}
				if again := d.notices(t); len(again) != 0 {
					t.Errorf("told twice: %v", again)
				}
			})
		})
	}
}

func TestBackchannelLogoutGoesOnUntilTaken(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		b := d.signedIn()
		d.tokensOf(b)
		d.posted.status = 503
		if _, err := d.dir.Users.EndSessions(ctx, d.user.ID, "everywhere"); err != nil {
			t.Fatal(err)
		}
		if got := d.notices(t); len(got) != 1 {
			t.Fatalf("%d notices", len(got))
		}
		backlog := must(d.outbox.Backlog(ctx))(t)
		if backlog.Waiting != 1 || backlog.GivenUp != 0 {
			t.Errorf("backlog %+v: a refused notice must wait for its next try", backlog)
		}
	})
}
