package client

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

const maxToken = 64 << 10

// Token is an access token that was verified. It says how things stood when it was made; Client.Check asks how they stand.
type Token struct {
	Subject  string // sub: the person, or the client itself
	ClientID string
	Scopes   []string
	ID       string // jti
	Session  string // sid
	Issued   time.Time
	Expires  time.Time
	ACR      string
	AMR      []string

	// Of the scope organization.
	OrganizationID, Organization string // the second is the slug
	Membership, MembershipKind   string

	// Of the scope access. They are nil where the token does not say them: AccessRef is set then if they were too large,
	// and May asks.
	Roles, RolePath, Groups, Entitlements, Profiles, Functions, Segments []string
	AccessRef                                                            string

	// Claims are all claims, as JSON.
	Claims []byte

	c *Client
}

// Verify reads an access token that somebody presented: RFC 9068 §4. errors.Is(err, ErrToken) says that the token is
// wrong (answer 401); any other error that it could not be looked at (503).
//
// Invariant: only a token that the issuer signed as an access token for this audience, and that has not run out, passes
// (TestVerifyRefuses).
func (c *Client) Verify(ctx context.Context, token string) (*Token, error) {
	if c.running.over() {
		return nil, ErrClosed
	}
	wrong := func(why string) (*Token, error) { return nil, fmt.Errorf("%w: %s", ErrToken, why) }
	if len(token) > maxToken {
		return wrong("too long")
	}
	jws, err := jose.ParseSignedCompact(token, c.accepted())
	if err != nil || len(jws.Signatures) != 1 {
		return wrong("not a token signed in an accepted way")
	}
	header := jws.Signatures[0].Protected
	typ, _ := header.ExtraHeaders[jose.HeaderType].(string)
	if typ = strings.ToLower(typ); typ != "at+jwt" && typ != "application/at+jwt" {
		return wrong("its type is not at+jwt") // an ID token, a logout token
	}
	if header.KeyID == "" {
		return wrong("it names no key")
	}
	key, err := c.keys.key(ctx, header.KeyID)
	if err != nil {
		return nil, err
	}
	if key.Algorithm != "" && key.Algorithm != header.Algorithm {
		return wrong("the key is for another algorithm")
	}
	raw, err := jws.Verify(key)
	if err != nil {
		return wrong("the signature is wrong")
	}
	t := &Token{Claims: raw, c: c}
	if why := t.read(raw, c); why != "" {
		return wrong(why)
	}
	return t, nil
}

func (c *Client) accepted() []jose.SignatureAlgorithm {
	if len(c.cfg.Algorithms) == 0 {
		return algorithms()
	}
	out := make([]jose.SignatureAlgorithm, len(c.cfg.Algorithms))
	for i, name := range c.cfg.Algorithms {
		out[i] = jose.SignatureAlgorithm(name)
	}
	return out
}

// claims are read letter by letter, and none may stand there twice.
type claims struct {
	Issuer   string          `json:"iss"`
	Subject  string          `json:"sub"`
	Audience audience        `json:"aud"`
	Expires  *seconds        `json:"exp"`
	Issued   *seconds        `json:"iat"`
	Before   *seconds        `json:"nbf"`
	ID       string          `json:"jti"`
	ClientID string          `json:"client_id"`
	Scope    string          `json:"scope"`
	Session  string          `json:"sid"`
	ACR      string          `json:"acr"`
	AMR      []string        `json:"amr"`
	Bound    json.RawMessage `json:"cnf"`

	OrganizationID string `json:"org_id"`
	Organization   string `json:"org_slug"`
	Membership     string `json:"membership_id"`
	Kind           string `json:"membership_kind"`

	Roles        []string `json:"roles"`
	RolePath     []string `json:"role_path"`
	Groups       []string `json:"groups"`
	Entitlements []string `json:"entitlements"`
	Profiles     []string `json:"profiles"`
	Functions    []string `json:"functions"`
	Segments     []string `json:"segments"`
	AccessRef    string   `json:"access_ref"`
}

// read takes the claims over and says what is wrong with them.
func (t *Token) read(raw []byte, c *Client) string {
	var in claims
	if err := json.Unmarshal(raw, &in); err != nil {
		return "its claims are not what they should be"
	}
	now, leeway := c.cfg.Now(), c.cfg.Leeway
	switch {
	case in.Issuer != c.cfg.Issuer:
		return "another issuer"
	case !slices.Contains(in.Audience, c.cfg.Audience):
		return "for somebody else"
	case in.Subject == "" || in.ClientID == "" || in.ID == "" || in.Expires == nil || in.Issued == nil:
		return "a claim that RFC 9068 requires is missing"
	case !now.Before(in.Expires.time().Add(leeway)):
		return "it has run out"
	case in.Before != nil && now.Add(leeway).Before(in.Before.time()), now.Add(leeway).Before(in.Issued.time()):
		return "it does not count yet"
	case in.Bound != nil:
		// Whoever presents it would have to prove the key (RFC 8705, RFC 9449), which is not looked at here.
		return "it is bound to a key"
	}
	t.Subject, t.ClientID, t.ID, t.Session, t.ACR, t.AMR = in.Subject, in.ClientID, in.ID, in.Session, in.ACR, in.AMR
	t.Scopes, t.Issued, t.Expires = strings.Fields(in.Scope), in.Issued.time(), in.Expires.time()
	t.OrganizationID, t.Organization, t.Membership, t.MembershipKind = in.OrganizationID, in.Organization, in.Membership, in.Kind
	t.Roles, t.RolePath, t.Groups, t.Entitlements = in.Roles, in.RolePath, in.Groups, in.Entitlements
	t.Profiles, t.Functions, t.Segments, t.AccessRef = in.Profiles, in.Functions, in.Segments, in.AccessRef
	return ""
}

// audience is one text or a list of them (RFC 7519 §4.1.3).
type audience []string

// UnmarshalJSON reads both forms.
func (a *audience) UnmarshalJSON(raw []byte) error {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(raw, (*[]string)(a))
}

// seconds is a NumericDate.
type seconds float64

func (s seconds) time() time.Time {
	const most = 1 << 40 // beyond it the arithmetic of times is not exact any more
	return time.Unix(int64(max(-most, min(most, s))), 0)
}

// HasScope reports whether the token was given a scope.
func (t *Token) HasScope(scope string) bool { return slices.Contains(t.Scopes, scope) }

// May reports whether the token's holder may do something in a module at all: "invoices:view". The token's entitlements
// say it; where they are not in the token (there were too many, or the scope access was not asked for) the service is
// asked. It says nothing about a single record: that is Client.Check.
//
// Invariant: what the token leaves out is never taken for no or for yes (TestMayAsksWhatTheTokenLeavesOut).
func (t *Token) May(ctx context.Context, entitlement string) (bool, error) {
	if t.AccessRef == "" && t.Entitlements != nil {
		return slices.Contains(t.Entitlements, entitlement), nil
	}
	module, action, ok := strings.Cut(entitlement, ":")
	if !ok || module == "" || action == "" {
		return false, fmt.Errorf("%w: %q is no module:action", ErrNotSaid, entitlement)
	}
	q := Question{Organization: t.Organization, Subject: User(t.Subject), Module: module, Action: action}
	if t.Membership != "" {
		q.Subject = Member(t.Membership)
	}
	if q.Organization == "" && t.OrganizationID != "" {
		return false, fmt.Errorf("%w: the token does not say its organization's slug", ErrNotSaid)
	}
	if t.ClientID == t.Subject { // a client's own token speaks of no person
		return false, fmt.Errorf("%w: %s is no person", ErrNotSaid, t.Subject)
	}
	d, err := t.c.Check(ctx, q)
	return d.Allowed, err
}
