package application_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"portvakt/idp/application"
	"portvakt/internal/directory"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

const (
	issuer     = "https://id.example"
	jwtBearer  = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	webshopKey = "webshop-key"
)

// signers are an application and a service account that prove themselves by keys, and one that uses a secret.
type signers struct {
	dir     *directory.Directory
	org     directory.Organization
	account directory.ServiceAccount
	ec      *ecdsa.PrivateKey
	rsa     *rsa.PrivateKey
	clock   *testenv.Clock
}

func keySet(t testing.TB, keys ...jose.JSONWebKey) []byte {
	t.Helper()
	b, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func newSigners(t *testing.T, db *sqldb.DB, clock *testenv.Clock) signers {
	t.Helper()
	s := signers{dir: directory.New(db), clock: clock}
	s.ec = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	s.rsa = must(rsa.GenerateKey(rand.Reader, 2048))(t)
	s.org = must(s.dir.Organizations.Create(ctx, directory.Organization{Slug: "nordlys", Name: "Nordlys", Seats: directory.UnlimitedSeats}))(t)
	set := keySet(t, jose.JSONWebKey{Key: s.ec.Public(), KeyID: "ec"}, jose.JSONWebKey{Key: s.rsa.Public(), KeyID: "rsa"})
	by := directory.ClientMetadata{TokenEndpointAuthMethod: "private_key_jwt", JWKS: set}
	save(t, s.dir, directory.Application{ClientID: "signer", Metadata: by, Secrets: []directory.ApplicationSecret{{Hash: secret.HashToken("s")}}})
	save(t, s.dir, directory.Application{ClientID: "off", Metadata: by, Disabled: true})
	by.TokenEndpointAuthSigningAlg = "PS256"
	save(t, s.dir, directory.Application{ClientID: "ps256", Metadata: by})
	save(t, s.dir, directory.Application{ClientID: "basic", Metadata: directory.ClientMetadata{JWKS: set}, Secrets: []directory.ApplicationSecret{{Hash: secret.HashToken("s")}}})
	s.account = must(s.dir.ServiceAccounts.Save(ctx, "nordlys", directory.ServiceAccount{Organization: s.org.ID, Key: "webshop", Name: "Web shop",
		Method: directory.ByKey, Credentials: []directory.ServiceCredential{{Hash: secret.HashToken("s")}}}))(t)
	if err := s.dir.ServiceAccounts.SetKeys(ctx, s.org.ID, s.account.ID, keySet(t, jose.JSONWebKey{Key: s.ec.Public(), KeyID: webshopKey})); err != nil {
		t.Fatal(err)
	}
	return s
}

// claims are good ones of a client; changes replace them, nil takes one away.
func (s signers) claims(client string, changes map[string]any) map[string]any {
	now := s.clock.Now().Unix()
	c := map[string]any{"iss": client, "sub": client, "aud": issuer, "jti": secret.NewToken(), "exp": now + 60, "iat": now}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

func (s signers) sign(t testing.TB, key any, alg jose.SignatureAlgorithm, kid string, claims map[string]any) application.Credentials {
	t.Helper()
	opts := &jose.SignerOptions{}
	if kid != "" {
		opts = opts.WithHeader("kid", kid)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, opts)
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(body)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return application.Credentials{HasAssertion: true, Assertion: text, AssertionType: jwtBearer, Issuer: issuer}
}

// The wall's entries about client assertions: audience, lifetime, whose it is, and which method was registered.
func TestAssertion(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		s := newSigners(t, db, clock)
		clients := application.NewClients(db, s.dir)
		at := func(d time.Duration) int64 { return clock.Now().Add(d).Unix() }
		ec := func(changes map[string]any) application.Credentials {
			return s.sign(t, s.ec, jose.ES256, "ec", s.claims("signer", changes))
		}
		with := func(cr application.Credentials, edit func(*application.Credentials)) application.Credentials {
			edit(&cr)
			return cr
		}
		stranger := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
		good := map[string]application.Credentials{
			"ES256":              ec(nil),
			"without iat":        ec(map[string]any{"iat": nil}),
			"iat 59 s ahead":     ec(map[string]any{"iat": at(59 * time.Second), "nbf": at(59 * time.Second)}),
			"five minutes":       ec(map[string]any{"exp": at(5 * time.Minute)}),
			"with client_id":     with(ec(nil), func(c *application.Credentials) { c.FormID = "signer" }),
			"one key fits":       s.sign(t, s.ec, jose.ES256, "", s.claims("signer", nil)),
			"PS256":              s.sign(t, s.rsa, jose.PS256, "rsa", s.claims("signer", nil)),
			"RS256":              s.sign(t, s.rsa, jose.RS256, "rsa", s.claims("signer", nil)),
			"registered PS256":   s.sign(t, s.rsa, jose.PS256, "rsa", s.claims("ps256", nil)),
			"service account":    s.sign(t, s.ec, jose.ES256, webshopKey, s.claims(s.account.ClientID, nil)),
			"fraction of second": ec(map[string]any{"exp": float64(at(time.Minute)) + 0.5}),
		}
		for name, cr := range good {
			if got, err := clients.Authenticate(ctx, cr); err != nil || !got.Confidential() {
				t.Errorf("%s: %v", name, err)
			}
		}
		bad := map[string]application.Credentials{
			"aud: token endpoint":     ec(map[string]any{"aud": issuer + "/oauth2/token"}),
			"aud: issuer and slash":   ec(map[string]any{"aud": issuer + "/"}),
			"aud: other letters":      ec(map[string]any{"aud": "https://ID.example"}),
			"aud: list of the issuer": ec(map[string]any{"aud": []string{issuer}}),
			"aud: list with another":  ec(map[string]any{"aud": []string{issuer, "https://evil.example"}}),
			"aud: PAR":                ec(map[string]any{"aud": issuer + "/oauth2/par"}),
			"aud: number in a list":   ec(map[string]any{"aud": []int{1}}),
			"aud: none":               ec(map[string]any{"aud": nil}),
			"aud: empty":              ec(map[string]any{"aud": ""}),
			"no jti":                  ec(map[string]any{"jti": nil}),
			"empty jti":               ec(map[string]any{"jti": ""}),
			"jti is a number":         ec(map[string]any{"jti": 1}),
			"no exp":                  ec(map[string]any{"exp": nil}),
			"expired":                 ec(map[string]any{"exp": at(0)}),
			"lives too long":          ec(map[string]any{"exp": at(6 * time.Minute)}),
			"exp is a text":           ec(map[string]any{"exp": fmt.Sprint(at(time.Minute))}),
			"exp is enormous":         ec(map[string]any{"exp": 1e300}),
			"exp is negative":         ec(map[string]any{"exp": -1}),
			"iat 61 s ahead":          ec(map[string]any{"iat": at(61 * time.Second)}),
			"nbf 61 s ahead":          ec(map[string]any{"nbf": at(61 * time.Second)}),
			"iss is another":          ec(map[string]any{"iss": "basic"}),
			"sub is another":          ec(map[string]any{"sub": "basic"}),
			"no iss":                  ec(map[string]any{"iss": nil}),
			"another client's":        s.sign(t, s.ec, jose.ES256, "ec", s.claims("nobody", nil)),
			"another client_id":       with(ec(nil), func(c *application.Credentials) { c.FormID = "basic" }),
			"no type":                 with(ec(nil), func(c *application.Credentials) { c.AssertionType = "" }),
			"SAML's type": with(ec(nil), func(c *application.Credentials) {
				c.AssertionType = "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"
			}),
			"no issuer to compare with": with(ec(map[string]any{"aud": ""}), func(c *application.Credentials) { c.Issuer = "" }),
			"unknown kid":               s.sign(t, s.ec, jose.ES256, "x", s.claims("signer", nil)),
			"kid of another kind":       s.sign(t, s.ec, jose.ES256, "rsa", s.claims("signer", nil)),
			"stranger's key":            s.sign(t, stranger, jose.ES256, "ec", s.claims("signer", nil)),
			"secret as key":             s.sign(t, []byte("0123456789abcdef0123456789abcdef"), jose.HS256, "ec", s.claims("signer", nil)),
			"alg not registered":        s.sign(t, s.ec, jose.ES256, "ec", s.claims("ps256", nil)),
			"method not registered":     s.sign(t, s.ec, jose.ES256, "ec", s.claims("basic", nil)),
			"disabled":                  s.sign(t, s.ec, jose.ES256, "ec", s.claims("off", nil)),
			"secret instead":            {HasBasic: true, BasicUser: "signer", BasicPassword: "s"},
			"account's secret instead":  {HasBasic: true, BasicUser: s.account.ClientID, BasicPassword: "s"},
			"nothing instead":           {FormID: "signer"},
		}
		for name, cr := range bad {
			if _, err := clients.Authenticate(ctx, cr); !errors.Is(err, application.ErrInvalidClient) {
				t.Errorf("%s: %v", name, err)
			}
		}
		two := with(ec(nil), func(c *application.Credentials) { c.HasFormSecret, c.FormSecret, c.FormID = true, "s", "signer" })
		if _, err := clients.Authenticate(ctx, two); !errors.Is(err, application.ErrTwoMethods) {
			t.Errorf("two methods: %v", err)
		}
		twoHeaders := with(ec(nil), func(c *application.Credentials) { c.HasBasic = true })
		if _, err := clients.Authenticate(ctx, twoHeaders); !errors.Is(err, application.ErrTwoMethods) {
			t.Errorf("two methods: %v", err)
		}
	})
}

func TestAssertionCountsOnce(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		s := newSigners(t, db, clock)
		nodes := []*application.Clients{application.NewClients(db, s.dir), application.NewClients(db, s.dir)}
		cr := s.sign(t, s.ec, jose.ES256, "ec", s.claims("signer", map[string]any{"jti": "j", "exp": clock.Now().Add(time.Minute).Unix()}))
		var done sync.WaitGroup
		var won atomic.Int64
		for i := range 30 {
			done.Go(func() {
				switch _, err := nodes[i%2].Authenticate(ctx, cr); {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, application.ErrInvalidClient):
					t.Error(err)
				}
			})
		}
		done.Wait()
		if won.Load() != 1 {
			t.Errorf("%d of 30 were let in, want 1", won.Load())
		}
		// Another client may have the same jti; lengths keep "a" + "bj" and "ab" + "j" apart.
		if _, err := nodes[0].Authenticate(ctx, s.sign(t, s.rsa, jose.PS256, "rsa", s.claims("ps256", map[string]any{"jti": "j"}))); err != nil {
			t.Errorf("another client's jti: %v", err)
		}
		clock.Advance(5 * time.Minute)
		if n, err := nodes[0].Purge(ctx); err != nil || n != 0 {
			t.Errorf("purged %d soon after, %v", n, err)
		}
		clock.Advance(10 * time.Minute)
		if n, err := nodes[0].Purge(ctx); err != nil || n != 2 {
			t.Errorf("purged %d, %v", n, err)
		}
		if _, err := nodes[0].Authenticate(ctx, cr); !errors.Is(err, application.ErrInvalidClient) {
			t.Errorf("forgotten, and taken again: %v", err)
		}
	})
}

// A service account's use is noted to the hour, in the background, and authenticating by secret writes nothing.
func TestR34_LastUsedIsWrittenInTheBackground(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		s := newSigners(t, db, clock)
		till := must(s.dir.ServiceAccounts.Save(ctx, "nordlys", directory.ServiceAccount{Organization: s.org.ID, Key: "till", Name: "Till",
			Credentials: []directory.ServiceCredential{{Hash: secret.HashToken("s")}}}))(t)
		clients := application.NewClients(db, s.dir)
		cr := application.Credentials{HasBasic: true, BasicUser: till.ClientID, BasicPassword: "s"}
		use := func() {
			if _, err := clients.Authenticate(ctx, cr); err != nil {
				t.Fatal(err)
			}
		}
		flush := func() {
			if err := clients.Flush(ctx); err != nil {
				t.Fatal(err)
			}
		}
		used := func() time.Time { return must(s.dir.ServiceAccounts.ByID(ctx, s.org.ID, till.ID))(t).LastUsedAt }
		use()
		if !used().IsZero() {
			t.Error("written in the request")
		}
		first := clock.Now()
		flush()
		if !used().Equal(first) {
			t.Errorf("last used %s, want %s", used(), first)
		}
		clock.Advance(59 * time.Minute)
		use()
		flush()
		if !used().Equal(first) {
			t.Error("written more than once an hour")
		}
		clock.Advance(time.Minute)
		use()
		flush()
		if !used().Equal(clock.Now()) {
			t.Errorf("last used %s, want %s", used(), clock.Now())
		}
	})
}
