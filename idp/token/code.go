package token

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"portvakt/idp/gate"
	"portvakt/internal/audit"
	"portvakt/internal/fault"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
)

const scopeOffline = "offline_access"

// Grant is what a person allowed, under which sign-in. It stands on the code and then on the family.
type Grant struct {
	Session         SessionID // zero: none is left
	SID             SID
	Scope           []string
	Nonce           string
	ACR             string
	AMR             []string
	AuthenticatedAt time.Time
	FactorAt        time.Time // when the second factor was shown, where the browser has been trusted since (gate.Request)
}

func (g *Grant) offline() bool { return slices.Contains(g.Scope, scopeOffline) }

// CodeRequest is what an authorization code is bound to.
type CodeRequest struct {
	Client      Client
	RedirectURI string
	Challenge   string // S256; "" where the application may do without
	Grant       Grant
}

// IssueCode makes an authorization code.
func (s *Service) IssueCode(ctx context.Context, tx *sqldb.Tx, pass gate.Pass, r CodeRequest) (string, error) {
	if !pass.Valid() || pass.Application() != r.Client.ID || r.Client.ID.IsZero() || r.Grant.SID.IsZero() {
		return "", errWrongPass
	}
	code := secret.NewToken()
	insertCode(tx, pass, r, secret.HashToken(code), pass.Until(tx.Now().Add(s.cfg.Code)))
	return code, nil
}

// Redemption is what a token request brings for a code.
type Redemption struct {
	Code        string
	RedirectURI string
	Verifier    string // "" if none was sent
}

// challenge is the code challenge that the verifier answers; "" for none. A verifier that breaks RFC 7636 §4.1 answers
// none that can be stored.
func (r Redemption) challenge() (string, bool) {
	if r.Verifier == "" {
		return "", true
	}
	if len(r.Verifier) < 43 || len(r.Verifier) > 128 {
		return "", false
	}
	for i := range len(r.Verifier) {
		c := r.Verifier[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("-._~", rune(c)) {
			return "", false
		}
	}
	sum := sha256.Sum256([]byte(r.Verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:]), true
}

// Redeem exchanges a code for tokens and begins its family.
func (s *Service) Redeem(ctx context.Context, c Client, r Redemption) (Tokens, error) {
	challenge, ok := r.challenge()
	if !ok || len(r.Code) != 43 {
		return Tokens{}, ErrGrant
	}
	hash := secret.HashToken(r.Code)
	var out outcome
	err := s.DB.Update(ctx, func(tx *sqldb.Tx) error {
		out = outcome{}
		taken, err := takeCode(ctx, tx, c.ID, codeKey{hash, r.RedirectURI, challenge})
		if errors.Is(err, sqldb.ErrNoRows) {
			out.refusal = ErrGrant
			return s.replayed(ctx, tx, c, hash)
		}
		if err != nil {
			return err
		}
		return s.begin(ctx, tx, c, taken, &out)
	})
	if err == nil {
		err = out.refusal
	}
	if err != nil {
		return Tokens{}, err
	}
	return s.issue(ctx, c, out)
}

// outcome is what a transaction decided; what a refusal wrote is committed.
type outcome struct {
	family  family
	pass    gate.Pass
	refusal error
	first   bool     // the ID token repeats the nonce
	scope   []string // of the access token
}

// use is what the gate is told of the session behind a code: it was in use when the code was issued, a minute ago at most.
func (t *takenCode) use(c Client) gate.Use {
	return gate.Use{SignedInAt: t.grant.AuthenticatedAt, SeenAt: t.issuedAt, Lasting: t.grant.offline() && c.Refresh}
}

// begin asks the gate and stores the family. A code that the gate refuses is spent.
func (s *Service) begin(ctx context.Context, tx *sqldb.Tx, c Client, t takenCode, out *outcome) error {
	pass, err := s.Gate.MayIssue(ctx, tx, gate.Request{
		Membership: t.membership, UserEpoch: t.userEpoch, MembershipEpoch: t.membershipEpoch,
		Application: c.Gate, Grant: "authorization_code", ACR: t.grant.ACR, AMR: t.grant.AMR, FactorAt: t.grant.FactorAt, Use: t.use(c),
	})
	if fault.Is(err, fault.Internal) {
		return err
	}
	if err != nil {
		out.refusal = refused(err)
		return nil
	}
	out.pass, out.first, out.scope = pass, true, c.registered(t.grant.Scope)
	out.family = s.newFamily(tx, c, pass, t.family, t.grant)
	return nil
}

// newFamily stores a family of generation 0.
func (s *Service) newFamily(tx *sqldb.Tx, c Client, pass gate.Pass, id FamilyID, g Grant) family {
	now := tx.Now()
	f := family{id: id, application: c.ID, grant: g, offline: g.offline() && c.Refresh}
	if c.Refresh {
		total := s.cfg.RefreshTotal
		if c.RefreshLifetime > 0 {
			total = c.RefreshLifetime
		}
		f.expires = pass.Until(now.Add(total))
		f.idleUntil = earlier(now.Add(s.cfg.RefreshIdle), f.expires)
	} else {
		f.expires = pass.Until(now.Add(s.accessLifetime(c)))
		f.idleUntil = f.expires
	}
	insertFamily(tx, pass, f)
	return f
}

// replayed ends what the first redemption made, where the code was used before by the same application (RFC 6749 §4.1.2).
func (s *Service) replayed(ctx context.Context, tx *sqldb.Tx, c Client, hash []byte) error {
	id, organization, err := familyOfUsedCode(ctx, tx, c.ID, hash)
	if errors.Is(err, sqldb.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	ended, err := endFamily(ctx, tx, id, c.ID)
	if err != nil || !ended {
		return err
	}
	return audit.Append(ctx, tx, organization, audit.Entry{Action: "authorization_code.replayed", Object: id.String()})
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
