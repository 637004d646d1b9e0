package oidc_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"portvakt/internal/actor"
	"portvakt/internal/directory"
	"portvakt/internal/secret"
)

const webshop = "nordlys.webshop"

// machine is a client that signs its assertions.
type machine struct {
	d   *door
	id  string
	key *ecdsa.PrivateKey
}

func (d *door) machine(id string) machine {
	return machine{d, id, must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(d.t)}
}

func (m machine) set() []byte {
	b, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: m.key.Public(), KeyID: "k"}}})
	if err != nil {
		m.d.t.Fatal(err)
	}
	return b
}

// form adds an assertion to a form; changes replace its claims.
func (m machine) form(form url.Values, changes map[string]any) url.Values {
	m.d.t.Helper()
	now := m.d.clock.Now().Unix()
	claims := map[string]any{"iss": m.id, "sub": m.id, "aud": issuer, "jti": secret.NewToken(), "iat": now, "exp": now + 60}
	for name, value := range changes {
		claims[name] = value
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: m.key}, (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", "k"))
	if err != nil {
		m.d.t.Fatal(err)
	}
	body, err := json.Marshal(claims)
	if err != nil {
		m.d.t.Fatal(err)
	}
	signed, err := signer.Sign(body)
	if err != nil {
		m.d.t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		m.d.t.Fatal(err)
	}
	out := url.Values{"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {text}}
	for name, value := range form {
		out[name] = value
	}
	return out
}

func (d *door) basic(path, client, password string, form url.Values) *reply {
	r := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(client, password)
	return d.browser().do(r)
}

var own = url.Values{"grant_type": {"client_credentials"}}

func (d *door) webshop() directory.ServiceAccount {
	d.t.Helper()
	return must(d.dir.ServiceAccounts.ByKey(ctx, d.org.ID, "webshop"))(d.t)
}

// Every endpoint that authenticates clients takes an assertion, once, and nothing beside it.
func TestR34_PrivateKeyJWTEverywhere(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		app := d.machine("signer")
		d.save("signer", directory.ClientMetadata{TokenEndpointAuthMethod: "private_key_jwt", JWKS: app.set(), RedirectURIs: []string{callback}})
		account := d.machine(webshop)
		a := d.webshop()
		if err := d.dir.ServiceAccounts.SetKeys(ctx, d.org.ID, a.ID, account.set()); err != nil {
			t.Fatal(err)
		}
		a.Method = directory.ByKey
		must(d.dir.ServiceAccounts.Save(ctx, "nordlys", a))(t)
		for _, m := range []machine{app, account} {
			for path, form := range map[string]url.Values{"/oauth2/token": own, "/oauth2/introspect": {"token": {"x"}}, "/oauth2/revoke": {"token": {"x"}}} {
				good := m.form(form, nil)
				if res := d.call(path, "", good); res.StatusCode != 200 {
					t.Errorf("%s at %s: %d %s", m.id, path, res.StatusCode, res.body)
				}
				again := d.call(path, "", good)
				wrong := d.call(path, "", m.form(form, map[string]any{"aud": issuer + path}))
				listed := d.call(path, "", m.form(form, map[string]any{"aud": []any{1}}))
				bySecret := d.basic(path, m.id, secret1, form)
				for what, res := range map[string]*reply{"replayed": again, "wrong audience": wrong, "audience in a list": listed, "secret": bySecret} {
					if res.StatusCode != 401 || res.json(t)["error"] != "invalid_client" || res.Header.Get("WWW-Authenticate") == "" || res.body != bySecret.body {
						t.Errorf("%s at %s, %s: %d %s", m.id, path, what, res.StatusCode, res.body)
					}
				}
				if res := d.basic(path, m.id, secret1, m.form(form, nil)); res.StatusCode != 400 || res.json(t)["error"] != "invalid_request" {
					t.Errorf("%s at %s, two methods: %d %s", m.id, path, res.StatusCode, res.body)
				}
			}
		}
		first := d.call("/oauth2/token", "", app.form(own, map[string]any{"jti": "once"}))
		elsewhere := d.call("/oauth2/revoke", "", app.form(url.Values{"token": {"x"}}, map[string]any{"jti": "once"}))
		if first.StatusCode != 200 || elsewhere.StatusCode != 401 {
			t.Errorf("one jti at two endpoints: %d, %d", first.StatusCode, elsewhere.StatusCode)
		}
		// A token of ours is signed by nobody's key but ours, and is no assertion.
		access := first.json(t)["access_token"].(string)
		form := app.form(own, nil)
		form.Set("client_assertion", access)
		if res := d.call("/oauth2/token", "", form); res.StatusCode != 401 {
			t.Errorf("an access token as assertion: %d %s", res.StatusCode, res.body)
		}
		document := d.browser().get("/.well-known/oauth-authorization-server").json(t)
		for _, name := range []string{"token", "introspection", "revocation"} {
			methods, _ := json.Marshal(document[name+"_endpoint_auth_methods_supported"])
			algs, _ := json.Marshal(document[name+"_endpoint_auth_signing_alg_values_supported"])
			if !strings.Contains(string(methods), `"private_key_jwt"`) || string(algs) != `["ES256","PS256","EdDSA","RS256"]` {
				t.Errorf("%s: %s, %s", name, methods, algs)
			}
		}
	})
}

// A service account has no pages, and no organization but its own.
func TestR34_NoSignInAndOneOrganization(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		must(d.dir.Organizations.Create(ctx, directory.Organization{Slug: "fjell", Name: "Fjell AS", Seats: directory.UnlimitedSeats}))(t)
		if res := d.signedIn().authorize("client_id", webshop); res.StatusCode != 400 || res.Header.Get("Location") != "" {
			t.Errorf("a sign-in for a service account: %d", res.StatusCode)
		}
		for _, grant := range []string{"authorization_code", "refresh_token", "password"} {
			form := url.Values{"grant_type": {grant}, "code": {"x"}, "redirect_uri": {callback}, "refresh_token": {"x"}}
			if res := d.call("/oauth2/token", webshop, form); res.StatusCode != 400 {
				t.Errorf("%s: %d %s", grant, res.StatusCode, res.body)
			}
		}
		for organization, want := range map[string]int{"nordlys": 200, "fjell": 400, "nowhere": 400} {
			form := url.Values{"grant_type": {"client_credentials"}, "organization": {organization}}
			res := d.call("/oauth2/token", webshop, form)
			if res.StatusCode != want {
				t.Errorf("%s: %d %s", organization, res.StatusCode, res.body)
			}
			if want == 400 && res.body != d.call("/oauth2/token", webshop, url.Values{"grant_type": {"client_credentials"}, "organization": {"absent"}}).body {
				t.Errorf("%s is told apart from what there is not: %s", organization, res.body)
			}
		}
	})
}

// What a service account got dies with the secret that it came by; nothing issued by a secret outlives it.
func TestR34_TokensEndWithTheirCredential(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		active := func(access string) bool {
			t.Helper()
			res := d.basic("/oauth2/introspect", "reader", secret1, url.Values{"token": {access}})
			if res.StatusCode != 200 {
				t.Fatalf("introspection: %d %s", res.StatusCode, res.body)
			}
			return res.json(t)["active"] == true
		}
		d.save("reader", directory.ClientMetadata{GrantTypes: []string{"client_credentials"}, Scopes: []string{"authzen"}})
		obtain := func(password string) (string, float64) {
			t.Helper()
			m := d.basic("/oauth2/token", webshop, password, own).json(t)
			access, _ := m["access_token"].(string)
			seconds, _ := m["expires_in"].(float64)
			return access, seconds
		}
		self := func(password, access string) bool {
			return d.basic("/oauth2/introspect", webshop, password, url.Values{"token": {access}}).json(t)["active"] == true
		}
		a := d.webshop()
		former, seconds := obtain(secret1)
		if seconds != 600 || !self(secret1, former) || active(former) {
			t.Errorf("lives %v s, own %v, seen by others %v", seconds, self(secret1, former), active(former))
		}
		r := must(d.dir.ServiceAccounts.Rotate(ctx, d.org.ID, a.ID, 5*time.Minute))(t)
		if _, seconds = obtain(secret1); seconds != 300 {
			t.Errorf("by a secret that ends in five minutes a token of %v s", seconds)
		}
		fresh, seconds := obtain(r.Secret)
		if seconds != 600 || !self(r.Secret, fresh) {
			t.Errorf("the new secret's token lives %v s", seconds)
		}
		d.clock.Advance(5 * time.Minute)
		if res := d.basic("/oauth2/token", webshop, secret1, own); res.StatusCode != 401 || self(r.Secret, former) || !self(r.Secret, fresh) {
			t.Errorf("after the overlap: %d, former token %v, new token %v", res.StatusCode, self(r.Secret, former), self(r.Secret, fresh))
		}

		// By an external's secret, until the external is suspended.
		guest := must(d.dir.Memberships.Create(ctx, d.org.ID, directory.NewMember{Trusted: true, Member: directory.Member{Email: "guest@agency.example",
			Kind: directory.External, End: d.clock.Now().Add(2 * time.Minute)}}))(t)
		as := actor.With(ctx, actor.Actor{Kind: actor.Person, ID: guest.User.String(), Organization: d.org.ID.String()})
		byGuest := must(d.dir.ServiceAccounts.Rotate(as, d.org.ID, a.ID, time.Hour))(t)
		access, seconds := obtain(byGuest.Secret)
		if seconds != 120 || !self(r.Secret, access) {
			t.Errorf("by an external's secret a token of %v s", seconds)
		}
		must(d.dir.Memberships.Change(ctx, d.org.ID, guest.ID, 0, func(m *directory.Member) error { m.SuspendedAt = d.clock.Now(); return nil }))(t)
		if res := d.basic("/oauth2/token", webshop, byGuest.Secret, own); res.StatusCode != 401 || self(r.Secret, access) {
			t.Errorf("after the suspension: %d, token %v", res.StatusCode, self(r.Secret, access))
		}

		// Disabled: dead at once, for itself and for everybody.
		if err := d.dir.ServiceAccounts.Disable(ctx, d.org.ID, a.ID); err != nil {
			t.Fatal(err)
		}
		if res := d.basic("/oauth2/token", webshop, r.Secret, own); res.StatusCode != 401 {
			t.Errorf("disabled: %d %s", res.StatusCode, res.body)
		}
		if err := d.dir.ServiceAccounts.Enable(ctx, d.org.ID, a.ID); err != nil || !self(r.Secret, fresh) {
			t.Errorf("enabled again: %v", err)
		}
	})
}

func TestR34_TheHistoryNamesTheServiceAccount(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		access := d.call("/oauth2/token", webshop, own).json(t)["access_token"].(string)
		if res := d.call("/oauth2/revoke", webshop, url.Values{"token": {access}}); res.StatusCode != 200 {
			t.Fatalf("%d %s", res.StatusCode, res.body)
		}
		var kind, id string
		if err := d.db.QueryRow(ctx, "select actor_kind, actor_id from audit_entries where action = 'token.revoked'").Scan(&kind, &id); err != nil {
			t.Fatal(err)
		}
		if kind != "service_account" || id != d.webshop().ID.String() {
			t.Errorf("revoked by %s %s", kind, id)
		}
	})
}
