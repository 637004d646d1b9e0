package token

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"portvakt/idp/gate"
	"portvakt/idp/signing"
	"portvakt/internal/audit"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

// ErrToken says that a token is not ours, or not any more. It never says why.
var ErrToken = fault.New(fault.Unauthenticated, "invalid_token", "The access token is not valid")

// Access is an access token of ours whose signature, type, issuer and time are right. Whether it still counts, State
// says.
type Access struct {
	ID       string   `json:"jti"`
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience audience `json:"aud"`
	ClientID string   `json:"client_id"`
	Scope    string   `json:"scope"`
	SID      string   `json:"sid"`
	Expires  int64    `json:"exp"`
	Family   FamilyID `json:"fam"` // zero: a client's own
	Org      string   `json:"org_id"`
	Ref      string   `json:"access_ref"` // where claims were left out
	// Credential is what a service account proved itself with; zero for everybody else.
	Credential directory.CredentialID `json:"cred"`

	claims []byte
	scopes []string
	// unrevoked is one more than the version of revokedWatermark at which the token was not revoked; 0: not asked yet.
	unrevoked atomic.Int64
}

// Scopes are the token's scopes.
func (a *Access) Scopes() []string { return a.scopes }

// Claims is the token's content as it was signed.
func (a *Access) Claims() []byte { return a.claims }

// Organization is the organization that a client's own token is for; false where it is for none.
func (a *Access) Organization() (directory.OrganizationID, bool) {
	id, err := directory.ParseOrganizationID(a.Org)
	return id, err == nil
}

// audience is one text or several.
type audience []string

// UnmarshalJSON reads both forms.
func (a *audience) UnmarshalJSON(b []byte) error {
	if bytes.HasPrefix(b, []byte{'['}) {
		return json.Unmarshal(b, (*[]string)(a))
	}
	*a = make([]string, 1)
	return json.Unmarshal(b, &(*a)[0])
}

// VerifyAccess reads an access token. What was verified once is remembered, so a token that comes back costs a hash.
func (s *Service) VerifyAccess(ctx context.Context, token string) (*Access, error) {
	version, err := s.Ring.Version(ctx)
	if err != nil {
		return nil, err
	}
	now := seconds(s.DB.Now())
	key := keyOf(token)
	if a := s.seen.get(key, version); a != nil {
		if now >= a.Expires {
			return nil, ErrToken
		}
		return a, nil
	}
	claims, err := s.Ring.Verify(ctx, token, signing.TypeAccess)
	if err != nil {
		return nil, ErrToken
	}
	a := &Access{claims: claims}
	if err := json.Unmarshal(claims, a); err != nil {
		return nil, ErrToken
	}
	if a.Issuer != s.cfg.Issuer || now >= a.Expires || a.ClientID == "" {
		return nil, ErrToken
	}
	a.scopes = strings.Fields(a.Scope)
	s.seen.put(key, version, a)
	return a, nil
}

// State reports whether an access token still counts: its family, the membership, the person, the organization and the
// application. It is one indexed read and never writes. The pass holds for showing what the token may show.
func (s *Service) State(ctx context.Context, a *Access, c Client) (gate.Pass, error) {
	if a.ClientID != c.ClientID || a.Family.IsZero() {
		return gate.Pass{}, ErrToken
	}
	f, st, err := readFamily(ctx, s.DB, a.Family)
	if errors.Is(err, sqldb.ErrNoRows) {
		return gate.Pass{}, ErrToken
	}
	if err != nil {
		return gate.Pass{}, err
	}
	if !f.aliveAt(s.DB.Now()) || f.application != c.ID || st.User.String() != a.Subject {
		return gate.Pass{}, ErrToken
	}
	return s.stillCounts(&f, st, c)
}

func (s *Service) stillCounts(f *family, st directory.Standing, c Client) (gate.Pass, error) {
	pass, err := gate.Judge(st, s.DB.Now(), gate.Request{
		Membership: st.Membership, UserEpoch: f.userEpoch, MembershipEpoch: f.membershipEpoch,
		Application: c.Gate, Grant: gate.GrantAuthorize, ACR: f.grant.ACR, AMR: f.grant.AMR, FactorAt: f.grant.FactorAt, Use: f.use(),
	})
	if err != nil {
		return gate.Pass{}, ErrToken.Because(err)
	}
	return pass, nil
}

// ClientState is State for a client's own token.
func (s *Service) ClientState(ctx context.Context, a *Access, c Client) error {
	if a.ClientID != c.ClientID || !a.Family.IsZero() || c.Gate.Disabled {
		return ErrToken
	}
	return s.notRevoked(ctx, a)
}

// revokedWatermark moves with every revocation of a client's own token.
const revokedWatermark = "revoked_tokens"

// notRevoked asks the database once for each token and version of the watermark: clients show the same token many times
// a second, and few are ever revoked.
//
// Invariant: a revocation counts on this node when it has committed, on every other within two seconds
// (TestRevokedClientToken).
func (s *Service) notRevoked(ctx context.Context, a *Access) error {
	version, err := s.DB.Watermarks().Version(ctx, revokedWatermark) // read before the row, so that none is missed
	if err != nil {
		return err
	}
	if a.unrevoked.Load() == version+1 {
		return nil
	}
	revoked, err := isRevoked(ctx, s.DB, a.ID)
	switch {
	case err != nil:
		return err
	case revoked:
		return ErrToken
	}
	a.unrevoked.Store(version + 1)
	return nil
}

// Refreshable is what introspection tells of a refresh token.
type Refreshable struct {
	Subject string
	Scope   string
	Expires int64
}

// RefreshState reports what a refresh token is worth now; ErrToken where it is not the client's, or nothing.
func (s *Service) RefreshState(ctx context.Context, token string, c Client) (Refreshable, error) {
	id, generation, ok := s.parseRefresh(token)
	if !ok {
		return Refreshable{}, ErrToken
	}
	f, st, err := readFamily(ctx, s.DB, id)
	if errors.Is(err, sqldb.ErrNoRows) {
		return Refreshable{}, ErrToken
	}
	if err != nil {
		return Refreshable{}, err
	}
	if f.application != c.ID || f.generation != generation || !f.aliveAt(s.DB.Now()) || !c.Refresh {
		return Refreshable{}, ErrToken
	}
	pass, err := s.stillCounts(&f, st, c)
	if err != nil {
		return Refreshable{}, err
	}
	expires := pass.InSession(earlier(f.idleUntil, f.expires)) // the membership's end may have been moved since
	return Refreshable{st.User.String(), strings.Join(c.registered(f.grant.Scope), " "), seconds(expires)}, nil
}

// UserInfo is the answer of the userinfo endpoint (OpenID Connect Core §5.3) for a token that counts.
func (s *Service) UserInfo(ctx context.Context, a *Access, c Client, pass gate.Pass) ([]byte, error) {
	if !pass.Valid() || pass.Application() != c.ID || !slices.Contains(a.scopes, scopeOpenID) {
		return nil, errWrongPass
	}
	st := pass.Standing()
	claims, err := s.memberClaims(ctx, c, st, a.scopes, whole)
	if err != nil {
		return nil, err
	}
	o := newObject(512 + len(claims))
	o.text("sub", st.User.String())
	personClaims(st, a.scopes, &o)
	o.members(claims)
	return o.end(), nil
}

// Introspection is what is told of a person's access token that counts (RFC 7662 §2.2): what it says. Where it left claims
// out, the claims of organization and access are told whole instead, as they stand now: an answer is no header.
func (s *Service) Introspection(ctx context.Context, a *Access, c Client, pass gate.Pass) ([]byte, error) {
	if !pass.Valid() || pass.Application() != c.ID {
		return nil, errWrongPass
	}
	if a.Ref == "" {
		return a.claims, nil
	}
	now, err := s.memberClaims(ctx, c, pass.Standing(), a.scopes, whole)
	if err != nil {
		return nil, err
	}
	all := map[string]json.RawMessage{}
	if err := json.Unmarshal(a.claims, &all); err != nil {
		return nil, err
	}
	delete(all, claimRef)
	delete(all, claimOmitted)
	if err := json.Unmarshal(now, &all); err != nil {
		return nil, err
	}
	return json.Marshal(all)
}

// Revoke ends what the token belongs to, where it is the client's (RFC 7009 §2.1); anything else changes nothing.
func (s *Service) Revoke(ctx context.Context, c Client, token string) error {
	if id, _, ok := s.parseRefresh(token); ok {
		return s.revokeFamily(ctx, c, id)
	}
	a, err := s.VerifyAccess(ctx, token)
	if fault.Is(err, fault.Unauthenticated) || err == nil && a.ClientID != c.ClientID {
		return nil
	}
	if err != nil {
		return err
	}
	if !a.Family.IsZero() {
		return s.revokeFamily(ctx, c, a.Family)
	}
	return s.DB.Update(ctx, func(tx *sqldb.Tx) error {
		insertRevoked(tx, a.ID, time.Unix(a.Expires, 0))
		tx.Bump(revokedWatermark)
		return audit.Append(ctx, tx, directory.OrganizationID{}, audit.Entry{Action: "token.revoked", Object: a.ID})
	})
}

func (s *Service) revokeFamily(ctx context.Context, c Client, id FamilyID) error {
	if c.ID.IsZero() {
		return nil
	}
	return s.DB.Update(ctx, func(tx *sqldb.Tx) error {
		ended, err := endFamily(ctx, tx, id, c.ID)
		if err != nil || !ended {
			return err
		}
		return audit.Append(ctx, tx, directory.OrganizationID{}, audit.Entry{Action: "token_family.revoked", Object: id.String()})
	})
}
