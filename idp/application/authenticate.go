package application

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
)

// Credentials are what a request to the back channel brought, read from header and form apart, so that two methods in
// one request are seen.
type Credentials struct {
	BasicUser, BasicPassword string // of the Authorization header, as decoded from base64
	HasBasic                 bool
	FormID, FormSecret       string // client_id and client_secret
	HasFormSecret            bool
	Assertion, AssertionType string // client_assertion and client_assertion_type
	HasAssertion             bool   // one of the two
	Issuer                   string // ours: whom an assertion must be addressed to
}

// Authenticated is the proof that a client is who it says: by a secret or a key, or, for a public client, by nothing,
// which Public tells.
type Authenticated struct {
	client *Client
	by     *credential // nil for a public client
}

// Client is who it is.
func (a Authenticated) Client() *Client { return a.client }

// Confidential reports whether the client proved itself by a secret or a key.
func (a Authenticated) Confidential() bool { return a.client != nil && !a.client.Public() }

// Credential is what a service account proved itself with; zero for an application.
func (a Authenticated) Credential() directory.CredentialID {
	if a.by == nil {
		return directory.CredentialID{}
	}
	return a.by.id
}

// Until is when that credential ends, and with it whatever is issued by it; zero: never. An application's own tokens are
// the application's, and do not end with one of its secrets.
func (a Authenticated) Until() time.Time {
	if a.by == nil || a.by.id.IsZero() {
		return time.Time{}
	}
	return a.by.ends
}

// Why a client is not let in. The texts do not tell unknown clients from wrong secrets, nor one bad assertion from another.
var (
	ErrInvalidClient = fault.New(fault.Unauthenticated, "invalid_client", "The client could not be authenticated")
	ErrTwoMethods    = fault.New(fault.Invalid, "invalid_request", "The client must use one authentication method")
	ErrNoClient      = fault.New(fault.Unauthenticated, "invalid_client", "The request names no client")
)

// unknownHash is compared with where there is no client, so that it costs the same.
var unknownHash = make([]byte, sha256.Size)

// proof is what a request says of its client, before anything is checked.
type proof struct {
	id     string
	method string
	secret string
	signed *assertion
}

// Authenticate checks a client by exactly the method that it registered (RFC 6749 §2.3).
func (c *Clients) Authenticate(ctx context.Context, cr Credentials) (Authenticated, error) {
	p, err := cr.read()
	if err != nil {
		return Authenticated{}, err
	}
	client, err := c.ByClientID(ctx, p.id)
	if fault.Is(err, fault.NotFound) {
		matches(unknownHash, p.secret)
		return Authenticated{}, ErrInvalidClient
	}
	if err != nil {
		return Authenticated{}, err
	}
	now := c.db.Now()
	if p.signed != nil && !client.meant(p.signed, cr.Issuer, now) { // before anything is fetched for it
		return Authenticated{}, ErrInvalidClient
	}
	keyed := client
	if client.keysURI != "" && p.method == AuthKey && client.Method == AuthKey && !client.Gate.Disabled {
		keyed = c.withKeysOf(ctx, client, p.signed, now)
	}
	by, ok := keyed.accepts(p, now)
	if !ok || client.Gate.Disabled {
		return Authenticated{}, ErrInvalidClient
	}
	if p.signed != nil {
		if err := c.redeem(ctx, client, p.signed); err != nil {
			return Authenticated{}, err
		}
	}
	c.noteUse(client, now)
	return Authenticated{client, by}, nil
}

func (cr Credentials) read() (p proof, err error) {
	switch {
	case cr.HasAssertion && (cr.HasBasic || cr.HasFormSecret), cr.HasBasic && cr.HasFormSecret:
		return p, ErrTwoMethods
	case cr.HasAssertion:
		return cr.readAssertion()
	case cr.HasBasic:
		p.method = AuthBasic
		// RFC 6749 §2.3.1: both parts are form-encoded before they are put into the header.
		if p.id, err = unescape(cr.BasicUser); err == nil {
			p.secret, err = unescape(cr.BasicPassword)
		}
		if err != nil {
			return p, ErrInvalidClient
		}
		if cr.FormID != "" && cr.FormID != p.id {
			return p, ErrTwoMethods
		}
		return p, nil
	case cr.FormID == "":
		return p, ErrNoClient
	case cr.HasFormSecret:
		return proof{id: cr.FormID, secret: cr.FormSecret, method: AuthPost}, nil
	}
	return proof{id: cr.FormID, method: AuthNone}, nil
}

func unescape(s string) (string, error) {
	if !strings.ContainsAny(s, "%+") {
		return s, nil
	}
	out, err := url.QueryUnescape(s)
	if err == nil && (!utf8.ValidString(out) || strings.ContainsRune(out, 0)) {
		err = ErrInvalidClient
	}
	return out, err
}

// accepts finds the credential that the request proves: by the registered method alone.
func (c *Client) accepts(p proof, now time.Time) (by *credential, ok bool) {
	method := p.method
	if !c.ServiceAccount.IsZero() && method == AuthPost { // a service account's secret may stand in header or form
		method = AuthBasic
	}
	if method != c.Method {
		return nil, false
	}
	switch method {
	case AuthNone:
		return nil, true
	case AuthKey:
		by = c.signer(p.signed, now)
		return by, by != nil
	}
	for i := range c.credentials { // all of them always
		x := &c.credentials[i]
		if matches(x.hash, p.secret) && x.inForce(now) {
			by = x
		}
	}
	return by, by != nil
}

// matches never accepts an empty secret, whatever hash is stored.
func matches(hash []byte, secret string) bool {
	sum := sha256.Sum256([]byte(secret))
	return subtle.ConstantTimeCompare(hash, sum[:]) == 1 && secret != ""
}
