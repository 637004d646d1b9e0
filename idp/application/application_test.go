package application_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"testing"
	"time"

	"portvakt/idp/application"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

var ctx = context.Background()

func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func save(t *testing.T, dir *directory.Directory, a directory.Application) directory.Application {
	t.Helper()
	return must(dir.Applications.Save(ctx, a))(t)
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		dir := directory.New(db)
		org := must(dir.Organizations.Create(ctx, directory.Organization{Slug: "nordlys", Name: "Nordlys", Seats: directory.UnlimitedSeats}))(t)
		hash := func(s string) []directory.ApplicationSecret {
			return []directory.ApplicationSecret{{Hash: secret.HashToken(s)}, {Hash: secret.HashToken("old " + s), ExpiresAt: testenv.Start.Add(time.Hour)}}
		}
		save(t, dir, directory.Application{ClientID: "basic", Secrets: hash("s: +%/é")})
		save(t, dir, directory.Application{ClientID: "post", Secrets: hash("p"), Metadata: directory.ClientMetadata{TokenEndpointAuthMethod: "client_secret_post"}})
		save(t, dir, directory.Application{ClientID: "public", Secrets: hash("unused"), Metadata: directory.ClientMetadata{TokenEndpointAuthMethod: "none"}})
		save(t, dir, directory.Application{ClientID: "off", Secrets: hash("x"), Disabled: true})
		save(t, dir, directory.Application{ClientID: "bare"})
		save(t, dir, directory.Application{ClientID: "empty", Secrets: []directory.ApplicationSecret{{Hash: secret.HashToken("")}}})
		account := must(dir.ServiceAccounts.Save(ctx, "nordlys", directory.ServiceAccount{Organization: org.ID, Key: "webshop", Name: "Web shop", Credentials: []directory.ServiceCredential{{Hash: secret.HashToken("w")}}}))(t)
		clients := application.NewClients(db, dir)

		basic := func(user, password string) application.Credentials {
			return application.Credentials{HasBasic: true, BasicUser: user, BasicPassword: password}
		}
		post := func(id, secret string) application.Credentials {
			return application.Credentials{HasFormSecret: true, FormID: id, FormSecret: secret}
		}
		public := func(id string) application.Credentials { return application.Credentials{FormID: id} }
		both := basic("basic", url.QueryEscape("s: +%/é"))
		both.FormID = "basic"
		other := both
		other.FormID = "post"
		doubled := both
		doubled.HasFormSecret, doubled.FormSecret = true, "s: +%/é"
		asserted := public("public")
		asserted.HasAssertion = true

		rows := []struct {
			name string
			cr   application.Credentials
			want error
		}{
			{"basic, encoded", basic("basic", url.QueryEscape("s: +%/é")), nil},
			{"basic, secret being rotated out", basic("basic", url.QueryEscape("old s: +%/é")), nil},
			{"basic with the same client_id in the form", both, nil},
			{"basic with another client_id in the form", other, application.ErrTwoMethods},
			{"basic and post", doubled, application.ErrTwoMethods},
			{"basic, not encoded", basic("basic", "s: +%/é"), application.ErrInvalidClient},
			{"basic, wrong", basic("basic", "x"), application.ErrInvalidClient},
			{"basic, empty", basic("basic", ""), application.ErrInvalidClient},
			{"basic, NUL", basic("basic", "%00"), application.ErrInvalidClient},
			{"basic client by post", post("basic", "s: +%/é"), application.ErrInvalidClient},
			{"basic client as public", public("basic"), application.ErrInvalidClient},
			{"post", post("post", "p"), nil},
			{"post client by basic", basic("post", "p"), application.ErrInvalidClient},
			{"post, empty", post("post", ""), application.ErrInvalidClient},
			{"public", public("public"), nil},
			{"public with a secret", post("public", "unused"), application.ErrInvalidClient},
			{"public with basic", basic("public", ""), application.ErrInvalidClient},
			{"public with an assertion", asserted, application.ErrInvalidClient},
			{"disabled", basic("off", "x"), application.ErrInvalidClient},
			{"without secrets", basic("bare", ""), application.ErrInvalidClient},
			{"hash of the empty secret", basic("empty", ""), application.ErrInvalidClient},
			{"unknown", basic("nobody", "x"), application.ErrInvalidClient},
			{"unknown, other letters", basic("BASIC", url.QueryEscape("s: +%/é")), application.ErrInvalidClient},
			{"unknown with NUL", public("a\x00b"), application.ErrInvalidClient},
			{"unknown, not UTF-8", public("a\xff"), application.ErrInvalidClient},
			{"nobody", application.Credentials{}, application.ErrNoClient},
			{"service account by basic", basic(account.ClientID, "w"), nil},
			{"service account by post", post(account.ClientID, "w"), nil},
			{"service account as public", public(account.ClientID), application.ErrInvalidClient},
			{"service account, wrong", basic(account.ClientID, "v"), application.ErrInvalidClient},
		}
		for _, row := range rows {
			got, err := clients.Authenticate(ctx, row.cr)
			if !errors.Is(err, row.want) || (err == nil) != (row.want == nil) {
				t.Errorf("%s: %v, want %v", row.name, err, row.want)
			}
			if (err == nil) != (got.Client() != nil) {
				t.Errorf("%s: proof without success, or the reverse", row.name)
			}
		}
		clock.Advance(time.Hour)
		if _, err := clients.Authenticate(ctx, basic("basic", url.QueryEscape("old s: +%/é"))); err == nil {
			t.Error("an expired secret was accepted")
		}
	})
}

func TestChangesAreSeenAtOnce(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		dir := directory.New(db)
		clients := application.NewClients(db, dir)
		if _, err := clients.ByClientID(ctx, "demo"); !errors.Is(err, application.ErrUnknown) {
			t.Fatalf("unknown client: %v", err)
		}
		a := save(t, dir, directory.Application{ClientID: "demo", Name: "Demo"})
		first := must(clients.ByClientID(ctx, "demo"))(t)
		if again := must(clients.ByClientID(ctx, "demo"))(t); again != first {
			t.Error("the client was read twice")
		}
		a.Disabled = true
		save(t, dir, a)
		if c := must(clients.ByClientID(ctx, "demo"))(t); !c.Gate.Disabled {
			t.Error("the change was not seen")
		}
		byID := must(clients.ByID(ctx, a.ID))(t)
		if again := must(clients.ByID(ctx, a.ID))(t); again != byID || byID.ClientID != "demo" {
			t.Error("the client was read twice by its id")
		}
		a.Disabled = false
		save(t, dir, a)
		if c := must(clients.ByID(ctx, a.ID))(t); c.Gate.Disabled {
			t.Error("the change was not seen by id")
		}
	})
}

func TestSelfServiceModules(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		dir := directory.New(db)
		for _, m := range []struct {
			key  string
			self bool
		}{{"expenses", true}, {"invoices", false}} {
			if _, err := db.Exec(ctx, "insert into modules (key, names, self_service, position) values ($1, '{}', $2, 0)", m.key, m.self); err != nil {
				t.Fatal(err)
			}
		}
		clients := application.NewClients(db, dir)
		for id, row := range map[string]struct {
			modules []string
			want    bool
		}{"all": {nil, true}, "self": {[]string{"invoices", "expenses"}, true}, "none": {[]string{"invoices"}, false}, "unknown": {[]string{"x"}, false}} {
			save(t, dir, directory.Application{ClientID: id, Metadata: directory.ClientMetadata{Modules: row.modules}})
			if c := must(clients.ByClientID(ctx, id))(t); c.Gate.SelfService != row.want {
				t.Errorf("%s: self-service %v", id, c.Gate.SelfService)
			}
		}
		must(clients.ByClientID(ctx, "self"))(t)
		if _, err := dir.Access.SaveModules(ctx, []directory.Module{{Key: "expenses", Names: map[string]string{"en": "Expenses"}}}); err != nil {
			t.Fatal(err)
		}
		if c := must(clients.ByClientID(ctx, "self"))(t); c.Gate.SelfService {
			t.Error("limited members may still enter after the module was closed to them")
		}
	})
}

func client(t *testing.T, m directory.ClientMetadata) *application.Client {
	t.Helper()
	db := testenv.Open(t, sqldb.Config{URL: t.TempDir() + "/test.db", Relaxed: true})
	dir := directory.New(db)
	save(t, dir, directory.Application{ClientID: "demo", Metadata: m})
	return must(application.NewClients(db, dir).ByClientID(ctx, "demo"))(t)
}

// Mutants of registered URIs that other parsers, browsers and servers may take for the original.
func TestRedirectMutants(t *testing.T) {
	t.Parallel()
	const good = "https://rp.example/cb"
	web := client(t, directory.ClientMetadata{RedirectURIs: []string{good, "https://rp.example/q?a=b"}})
	if !web.AllowsRedirect(good) || !web.AllowsRedirect("https://rp.example/q?a=b") {
		t.Fatal("a registered URI was refused")
	}
	for _, bad := range []string{
		"", "https://rp.example/cb/", "https://rp.example/CB", "https://RP.example/cb", "HTTPS://rp.example/cb", "http://rp.example/cb",
		"https://rp.example:443/cb", "https://rp.example:444/cb", "https://rp.example./cb", "https://rp.example/cb?", "https://rp.example/cb?x=1",
		"https://rp.example/cb#", "https://rp.example/cb#x", "https://rp.example//cb", "https://rp.example/./cb", "https://rp.example/a/../cb",
		"https://rp.example/..;/cb", "https://rp.example/%63b", "https://rp.example%2Fcb", "https://rp.example/cb%00", "https://rp.example/cb%0a",
		"https://rp.example/cb\n", "https://rp.example/cb\t", " https://rp.example/cb", "https://rp.example/cb ", "https://rp.example\\cb",
		"https:\\\\rp.example\\cb", "https:/rp.example/cb", "https:rp.example/cb", "//rp.example/cb", "https://user@rp.example/cb",
		"https://rp.example@evil.example/cb", "https://rp.example%40evil.example/cb", "https://evil.example/https://rp.example/cb",
		"https://evil.example?https://rp.example/cb", "https://evil.example#https://rp.example/cb", "https://evil.example\\@rp.example/cb",
		"https://rp.example.evil.example/cb", "https://xrp.example/cb", "https://rp.example/cb.evil", "https://rp.example/cb;x", "https://rp.example/cb,https://evil.example",
		"https://rp.example/cb https://evil.example", "https://rp。example/cb", "https://rp.examplE/cb", "https://xn--rp-.example/cb", "https://rp.example/cb%2f",
		"https://rp.example/cb%252f", "https://rp.example/q", "https://rp.example/q?a=b&c=d", "https://rp.example/q?a=b&code=x", "https://rp.example/q?A=b", "https://rp.example/q?a=%62",
		"https://rp.example/*", "https://*.example/cb", "https://rp.example/cb\x00", "https://rp.example/cb?redirect_uri=https://evil.example", "javascript:alert(1)", "data:text/html,x",
	} {
		if web.AllowsRedirect(bad) {
			t.Errorf("accepted %q", bad)
		}
	}
}

func TestLoopbackPorts(t *testing.T) {
	t.Parallel()
	uris := []string{"http://127.0.0.1/cb", "http://[::1]:7000/cb", "http://localhost:3000/cb", "com.example.app:/cb", "https://app.example/cb"}
	native := client(t, directory.ClientMetadata{ApplicationType: "native", RedirectURIs: uris})
	web := client(t, directory.ClientMetadata{RedirectURIs: []string{"http://127.0.0.1/cb"}})
	for uri, want := range map[string]bool{
		"http://127.0.0.1/cb": true, "http://127.0.0.1:51004/cb": true, "http://127.0.0.1:1/cb": true, "http://[::1]/cb": true, "http://[::1]:51004/cb": true,
		"com.example.app:/cb": true, "http://localhost:3000/cb": true,
		"http://localhost:3001/cb": false, "http://127.0.0.1:51004/cb/": false, "http://127.0.0.1:51004/other": false, "http://127.0.0.1:/cb": false,
		"http://127.0.0.1:510040/cb": false, "http://127.0.0.1:x/cb": false, "http://127.0.0.1:80@evil.example/cb": false, "http://127.0.0.1@evil.example/cb": false,
		"http://127.0.0.1.evil.example/cb": false, "http://127.0.0.1:80.evil.example/cb": false, "http://127.0.0.2:80/cb": false, "https://127.0.0.1:51004/cb": false,
		"http://[::1%25eth0]:80/cb": false, "http://127.0.0.1:51004/cb?code=x": false, "http://127.1:80/cb": false, "https://app.example:444/cb": false,
	} {
		if got := native.AllowsRedirect(uri); got != want {
			t.Errorf("native %q: %v", uri, got)
		}
	}
	if web.AllowsRedirect("http://127.0.0.1:51004/cb") {
		t.Error("a web application has no free port")
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	no := false
	ok := directory.ClientMetadata{RedirectURIs: []string{"https://rp.example/cb", "http://localhost:9000/callback", "http://127.0.0.1/x?a=b"},
		PostLogoutRedirectURIs: []string{"https://rp.example/"}, BackchannelLogoutURI: "http://localhost:9000/logout", RequirePKCE: &no,
		GrantTypes: []string{"authorization_code", "refresh_token", "client_credentials"}, TokenEndpointAuthMethod: "client_secret_basic",
		IDTokenSignedResponseAlg: "RS256", Scopes: []string{"openid", "organization", "access"}, Audience: []string{"https://api.example"}}
	if faults := application.Check(ok); len(faults) != 0 {
		t.Fatalf("a good registration was refused: %v", faults)
	}
	native := directory.ClientMetadata{ApplicationType: "native", TokenEndpointAuthMethod: "none", RedirectURIs: []string{"com.example.app:/cb"}}
	if faults := application.Check(native); len(faults) != 0 {
		t.Fatalf("a good native registration was refused: %v", faults)
	}
	for field, edits := range map[string][]func(*directory.ClientMetadata){
		"redirect_uris": {
			uris("http://rp.example/cb"), uris("https://rp.example/cb#x"), uris("https://rp.example/cb#"), uris("/cb"), uris("rp.example/cb"), uris(""),
			uris("https://"), uris("https://user:pw@rp.example/"), uris("https://rp.example/cb?code=1"), uris("https://rp.example/cb?x=1&state=2"),
			uris("https://rp.example/cb?iss=x"), uris("https://rp.example/?error=x"), uris("javascript:alert(1)"), uris("data:text/html,x"), uris("com.example.app:/cb"),
			uris("http://localhost.evil.example/"), uris("https://rp.example/ x"), uris("https://rp.example/\n"), uris("https://rp.example/é"), uris("https://rp.example/a", "https://rp.example/a"),
			uris(), uris("https://rp.example/?%zz"), uris("https://rp.example/?a;b"),
		},
		"token_endpoint_auth_method": {func(m *directory.ClientMetadata) { m.TokenEndpointAuthMethod = "client_secret_jwt" }},
		"jwks": {func(m *directory.ClientMetadata) { m.TokenEndpointAuthMethod = "private_key_jwt" },
			func(m *directory.ClientMetadata) { m.JWKS = json.RawMessage(`{"keys":[]}`) }},
		"jwks_uri": {func(m *directory.ClientMetadata) { m.JWKSURI = "http://rp.example/keys" }, func(m *directory.ClientMetadata) {
			m.JWKSURI, m.JWKS = "https://rp.example/keys", json.RawMessage(`{"keys":[]}`)
		}},
		"token_endpoint_auth_signing_alg": {func(m *directory.ClientMetadata) { m.TokenEndpointAuthSigningAlg = "HS256" }},
		"grant_types":                     {func(m *directory.ClientMetadata) { m.GrantTypes = []string{"authorization_code", "password"} }, func(m *directory.ClientMetadata) { m.GrantTypes = []string{"refresh_token"} }},
		"response_types":                  {func(m *directory.ClientMetadata) { m.ResponseTypes = []string{"token"} }},
		"id_token_signed_response_alg":    {func(m *directory.ClientMetadata) { m.IDTokenSignedResponseAlg = "none" }, func(m *directory.ClientMetadata) { m.IDTokenSignedResponseAlg = "HS256" }},
		"scopes":                          {func(m *directory.ClientMetadata) { m.Scopes = []string{"openid", "superuser"} }},
		"require_pkce":                    {func(m *directory.ClientMetadata) { m.TokenEndpointAuthMethod = "none"; m.GrantTypes = nil }},
		"application_type":                {func(m *directory.ClientMetadata) { m.ApplicationType = "spa" }},
		"backchannel_logout_uri":          {func(m *directory.ClientMetadata) { m.BackchannelLogoutURI = "http://rp.example/logout" }},
		"access_token_seconds":            {func(m *directory.ClientMetadata) { m.AccessTokenSeconds = 1 << 40 }},
		"audience":                        {func(m *directory.ClientMetadata) { m.Audience = []string{"a b"} }},
	} {
		for i, edit := range edits {
			m := ok
			edit(&m)
			found := false
			for _, f := range application.Check(m) {
				found = found || f.Field == field && f.Kind == fault.Invalid
			}
			if !found {
				t.Errorf("%s %d was not refused", field, i)
			}
		}
	}
}

func uris(list ...string) func(*directory.ClientMetadata) {
	return func(m *directory.ClientMetadata) { m.RedirectURIs = list }
}

func TestScopes(t *testing.T) {
	t.Parallel()
	c := client(t, directory.ClientMetadata{Scopes: []string{"openid", "organization", "authzen"}})
	if got := c.Grantable([]string{"openid", "profile", "openid", "organization:nordlys", "unknown"}); len(got) != 2 || got[0] != "openid" || got[1] != "organization:nordlys" {
		t.Errorf("grantable %v", got)
	}
	if got := c.OwnScopes([]string{"openid", "authzen", "organization:nordlys", "organization"}); len(got) != 2 || got[0] != "authzen" || got[1] != "organization" {
		t.Errorf("own %v", got)
	}
}
