package token

import (
	"context"
	"slices"
	"strings"
	"time"

	"portvakt/idp/gate"
	"portvakt/idp/signing"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
)

// SIDs gives the sid of a session in the organization of a pass, and notes that the application was opened there.
type SIDs interface { // session.Sessions
	SID(ctx context.Context, tx *sqldb.Tx, session SessionID, pass gate.Pass) (SID, error)
}

type (
	familyPrefix  struct{}
	sessionPrefix struct{}
	sidPrefix     struct{}
	tokenPrefix   struct{}
)

func (familyPrefix) Prefix() string  { return "fam" }
func (sessionPrefix) Prefix() string { return "ses" }
func (sidPrefix) Prefix() string     { return "sid" }
func (tokenPrefix) Prefix() string   { return "tok" }

// Identifiers. SessionID and SID are those of package session, which stands beside this one.
type (
	FamilyID  = sqldb.ID[familyPrefix]
	SessionID = sqldb.ID[sessionPrefix]
	SID       = sqldb.ID[sidPrefix]
)

// Config says how long things live; zero values are the defaults.
type Config struct {
	Issuer       string
	Code         time.Duration // how long an authorization code can be redeemed
	Access       time.Duration // how long access and ID tokens live
	RefreshIdle  time.Duration // how long a refresh token lives unused
	RefreshTotal time.Duration // how long a sign-in can be refreshed altogether
	ClaimsBudget int           // most bytes of access claims in a token, where the application says nothing else
}

// DefaultConfig has the lifetimes that fit almost everybody.
func DefaultConfig() Config {
	return Config{Code: time.Minute, Access: 10 * time.Minute, RefreshIdle: 30 * 24 * time.Hour, RefreshTotal: 90 * 24 * time.Hour, ClaimsBudget: 4 << 10}
}

// reuseWindow is how long the refresh token before the current one gets the same child again.
const reuseWindow = 10 * time.Second

// Client is what is needed of the application that tokens are for.
type Client struct {
	ID              directory.ApplicationID // zero for a service account
	ClientID        string
	Audience        []string
	IDAlgorithm     string
	AccessAlgorithm string
	AccessLifetime  time.Duration // 0: the installation's
	RefreshLifetime time.Duration // 0: the installation's
	Refresh         bool          // is given refresh tokens
	ClaimsInID      bool
	Modules         []string // whose entitlements it is told; nil: all
	AccessClaims    []directory.ClaimMapping
	ClaimsBudget    int                    // 0: the installation's
	Scopes          []string               // that it may ask for at present; nil: all
	ConsentNeeded   bool                   // the person must have agreed in each organization
	Credential      directory.CredentialID // what a service account proved itself with; its token says so
	Until           time.Time              // nothing issued by it is valid later; zero: no end
	Gate            gate.Application
}

// ClientOf reads what an application registered.
func ClientOf(a directory.Application, g gate.Application) Client {
	m := &a.Metadata
	c := Client{
		ID: a.ID, ClientID: a.ClientID, Audience: m.Audience, IDAlgorithm: m.IDTokenSignedResponseAlg, AccessAlgorithm: m.AccessTokenSignedResponseAlg,
		AccessLifetime: time.Duration(m.AccessTokenSeconds) * time.Second, RefreshLifetime: time.Duration(m.RefreshTokenSeconds) * time.Second,
		Refresh: slices.Contains(g.Grants, "refresh_token"), ClaimsInID: m.ClaimsInIDToken, Modules: m.Modules, Gate: g,
		AccessClaims: a.AccessClaims, ClaimsBudget: int(m.ClaimsBudget),
	}
	return c.complete()
}

// ServiceAccountClient is a service account as the holder of tokens.
func ServiceAccountClient(clientID string, g gate.Application) Client {
	return Client{ClientID: clientID, Gate: g}.complete()
}

// registered keeps of a grant what the client may still ask for: its registration can have become narrower since.
func (c *Client) registered(scope []string) []string {
	if c.Scopes == nil {
		return scope
	}
	return slices.DeleteFunc(slices.Clone(scope), func(v string) bool {
		return !slices.Contains(c.Scopes, v) && !strings.HasPrefix(v, scopeOrganization+":")
	})
}

func (c Client) complete() Client {
	if c.IDAlgorithm == "" {
		c.IDAlgorithm = signing.ES256
	}
	if c.AccessAlgorithm == "" {
		c.AccessAlgorithm = signing.ES256
	}
	if len(c.Audience) == 0 {
		c.Audience = []string{c.ClientID}
	}
	return c
}

// Tokens is a successful answer of the token endpoint (RFC 6749 §5.1).
type Tokens struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"`
	RefreshToken string `json:"refresh_token,omitempty"`
	IDToken      string `json:"id_token,omitempty"`
	Scope        string `json:"scope,omitempty"`
}

// Why nothing is issued.
var (
	ErrGrant          = fault.New(fault.Expired, "grant_not_valid", "The code or refresh token is not valid")
	errCredentialOver = fault.New(fault.Unauthenticated, "invalid_client", "The client could not be authenticated")
	ErrScope          = fault.New(fault.Invalid, "scope_too_wide", "The scope goes beyond what was granted").On("scope")
	ErrOrganization   = fault.New(fault.Forbidden, "not_a_member", "The person is not an active member of this organization").On("organization")
	ErrStepUp         = fault.New(fault.Unauthenticated, "interaction_required", "The organization requires a stronger sign-in")
	ErrConsent        = fault.New(fault.Unauthenticated, "consent_required", "The person has not agreed to this in the organization")
	errWrongPass      = fault.New(fault.Internal, "wrong_pass", "The pass is not for this")
)

// Parts are what the service stands on.
type Parts struct {
	DB        *sqldb.DB
	Directory *directory.Directory
	Gate      *gate.Gate
	Ring      *signing.Ring
	Keys      *secret.Keys
	Claims    Claims // nil: the scope access says nothing
	SIDs      SIDs
}

// Service issues and judges.
type Service struct {
	Parts
	cfg        Config
	refreshKey []byte
	seen       *verified
}

// New makes the service.
func New(p Parts, cfg Config) *Service {
	def := DefaultConfig()
	fill(&cfg.Code, def.Code)
	fill(&cfg.Access, def.Access)
	fill(&cfg.RefreshIdle, def.RefreshIdle)
	fill(&cfg.RefreshTotal, def.RefreshTotal)
	fill(&cfg.ClaimsBudget, def.ClaimsBudget)
	return &Service{Parts: p, cfg: cfg, refreshKey: p.Keys.Derive("refresh tokens"), seen: newVerified()}
}

func fill[T comparable](v *T, fallback T) {
	var zero T
	if *v == zero {
		*v = fallback
	}
}

// refused turns the gate's no into the grant's: an application learns that its grant is over, not why. Trouble stays
// trouble.
func refused(err error) error {
	f := fault.Of(err)
	switch {
	case f == nil || f.Kind == fault.Internal:
		return err
	case f.Code == gate.ErrSecondFactor.Code:
		return ErrStepUp.Because(err)
	}
	return ErrGrant.Because(err)
}
