package application

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/url"
	"strings"
	"unicode/utf8"

	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

// Credentials are what a request to the back channel brought, read from header and form apart, so that two methods in
// one request are seen.
type Credentials struct {
	BasicUser, BasicPassword string // of the Authorization header, as decoded from base64
	HasBasic                 bool
	FormID, FormSecret       string // client_id and client_secret
	HasFormSecret            bool
	HasAssertion             bool // client_assertion or client_assertion_type
}

// Authenticated is the proof that a client is who it says: by its secret, or, for a public client, by nothing, which
// Public tells.
type Authenticated struct{ client *Client }

// Client is who it is.
func (a Authenticated) Client() *Client { return a.client }

// Confidential reports whether the client proved itself by a secret.
func (a Authenticated) Confidential() bool { return a.client != nil && !a.client.Public() }

// Why a client is not let in. The texts do not tell unknown clients from wrong secrets.
var (
	ErrInvalidClient = fault.New(fault.Unauthenticated, "invalid_client", "The client could not be authenticated")
	ErrTwoMethods    = fault.New(fault.Invalid, "invalid_request", "The client must use one authentication method")
	ErrNoClient      = fault.New(fault.Unauthenticated, "invalid_client", "The request names no client")
)

// unknownHash is compared with where there is no client, so that it costs the same.
var unknownHash = make([]byte, sha256.Size)

// Authenticate checks a client by exactly the method that it registered (RFC 6749 §2.3).
func (c *Clients) Authenticate(ctx context.Context, cr Credentials) (Authenticated, error) {
	id, secret, method, err := cr.read()
	if err != nil {
		return Authenticated{}, err
	}
	client, err := c.ByClientID(ctx, id)
	if fault.Is(err, fault.NotFound) {
		matches(unknownHash, secret)
		return Authenticated{}, ErrInvalidClient
	}
	if err != nil {
		return Authenticated{}, err
	}
	if !client.accepts(secret, method, c.db) || client.Gate.Disabled {
		return Authenticated{}, ErrInvalidClient
	}
	return Authenticated{client}, nil
}

func (cr Credentials) read() (id, secret, method string, err error) {
	switch {
	case cr.HasAssertion && (cr.HasBasic || cr.HasFormSecret), cr.HasBasic && cr.HasFormSecret:
		return "", "", "", ErrTwoMethods
	case cr.HasAssertion: // nobody can register that yet
		return "", "", "", ErrInvalidClient
	case cr.HasBasic:
		// RFC 6749 §2.3.1: both parts are form-encoded before they are put into the header.
		if id, err = unescape(cr.BasicUser); err == nil {
			secret, err = unescape(cr.BasicPassword)
		}
		if err != nil {
			return "", "", "", ErrInvalidClient
		}
		if cr.FormID != "" && cr.FormID != id {
			return "", "", "", ErrTwoMethods
		}
		return id, secret, AuthBasic, nil
	case cr.FormID == "":
		return "", "", "", ErrNoClient
	case cr.HasFormSecret:
		return cr.FormID, cr.FormSecret, AuthPost, nil
	}
	return cr.FormID, "", AuthNone, nil
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

// accepts compares with every secret that is in force, all of them always.
func (c *Client) accepts(secret, method string, db *sqldb.DB) bool {
	if c.ServiceAccount.IsZero() {
		if method != c.Method {
			return false
		}
	} else if method != AuthBasic && method != AuthPost { // a service account registers no method: either will do
		return false
	}
	if method == AuthNone {
		return true
	}
	ok := false
	for _, s := range c.secrets {
		if matches(s.Hash, secret) && (s.ExpiresAt.IsZero() || db.Now().Before(s.ExpiresAt)) {
			ok = true
		}
	}
	return ok
}

// matches never accepts an empty secret, whatever hash is stored.
func matches(hash []byte, secret string) bool {
	sum := sha256.Sum256([]byte(secret))
	return subtle.ConstantTimeCompare(hash, sum[:]) == 1 && secret != ""
}
