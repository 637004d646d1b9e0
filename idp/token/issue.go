package token

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"slices"
	"strings"
	"time"

	"portvakt/idp/gate"
	"portvakt/idp/signing"
	"portvakt/internal/sqldb"
)

func (s *Service) accessLifetime(c Client) time.Duration {
	if c.AccessLifetime > 0 {
		return c.AccessLifetime
	}
	return s.cfg.Access
}

// issue signs what a transaction granted, after it has committed. Should signing fail, the code or refresh token stays
// spent on purpose.
func (s *Service) issue(ctx context.Context, c Client, out outcome) (Tokens, error) {
	if !out.pass.Valid() || out.pass.Application() != c.ID || c.ID.IsZero() {
		return Tokens{}, errWrongPass
	}
	claims, err := s.memberClaims(ctx, c, out.pass.Standing(), out.scope, inHeader)
	if err != nil {
		return Tokens{}, err
	}
	now := out.pass.Now()
	expires := seconds(out.pass.InSession(earlier(now.Add(s.accessLifetime(c)), out.family.expires)))
	access, err := s.accessToken(ctx, c, out, claims, expires)
	if err != nil {
		return Tokens{}, err
	}
	t := Tokens{AccessToken: access, TokenType: "Bearer", ExpiresIn: expires - seconds(now), Scope: strings.Join(out.scope, " ")}
	if c.Refresh {
		t.RefreshToken = s.refreshToken(out.family.id, out.family.generation)
	}
	if slices.Contains(out.scope, scopeOpenID) {
		if claims, err = s.idClaims(ctx, c, out, claims); err != nil {
			return Tokens{}, err
		}
		t.IDToken, err = s.idToken(ctx, c, out, idToken{access: access, claims: claims, expires: expires})
	}
	return t, err
}

// idClaims are those of the access token, where the application wants them, unless they are too large for an ID token.
func (s *Service) idClaims(ctx context.Context, c Client, out outcome, access []byte) ([]byte, error) {
	switch {
	case !c.ClaimsInID:
		return nil, nil
	case s.budgetOf(c, inHeader) <= mostInAddress:
		return access, nil
	}
	return s.memberClaims(ctx, c, out.pass.Standing(), out.scope, inAddress)
}

// accessToken is a JWT of RFC 9068, with sid and, so that its state is found again, fam.
func (s *Service) accessToken(ctx context.Context, c Client, out outcome, claims []byte, expires int64) (string, error) {
	st, g := out.pass.Standing(), &out.family.grant
	o := newObject(640 + len(claims))
	o.text("iss", s.cfg.Issuer)
	o.text("sub", st.User.String())
	s.audience(&o, c, st.Slug, out.scope)
	o.number("exp", expires)
	o.number("iat", seconds(out.pass.Now()))
	o.text("jti", sqldb.NewID[tokenPrefix](out.pass.Now()).String())
	o.text("client_id", c.ClientID)
	o.text("scope", strings.Join(out.scope, " "))
	o.number("auth_time", seconds(g.AuthenticatedAt))
	o.text("acr", out.pass.Class())
	o.texts("amr", g.AMR)
	o.text("sid", g.SID.String())
	o.text("fam", out.family.id.String())
	o.members(claims)
	return s.Ring.Sign(ctx, c.AccessAlgorithm, signing.TypeAccess, o.end())
}

// audience writes aud: the application's own, or the APIs of ours that the scopes name, so that a token for one is
// refused by the others.
func (s *Service) audience(o *object, c Client, slug string, scope []string) {
	list, named := c.Audience, false
	for _, r := range resources {
		if r.organization && slug == "" || !slices.Contains(scope, r.scope) {
			continue
		}
		if !named {
			list, named = nil, true
		}
		address := s.cfg.Issuer + r.path
		if r.organization {
			address += slug
		}
		if !slices.Contains(list, address) {
			list = append(list, address)
		}
	}
	if len(list) == 1 {
		o.text("aud", list[0])
		return
	}
	o.texts("aud", list)
}

// idToken is what an ID token says beside the family's facts.
type idToken struct {
	access  string
	claims  []byte
	expires int64
}

// idToken is OpenID Connect Core §2. The nonce stands in the first one only (§12.2).
func (s *Service) idToken(ctx context.Context, c Client, out outcome, t idToken) (string, error) {
	st, g := out.pass.Standing(), &out.family.grant
	o := newObject(512 + len(t.claims))
	o.text("iss", s.cfg.Issuer)
	o.text("sub", st.User.String())
	o.text("aud", c.ClientID)
	o.number("exp", t.expires)
	o.number("iat", seconds(out.pass.Now()))
	o.number("auth_time", seconds(g.AuthenticatedAt))
	if out.first {
		o.some("nonce", g.Nonce)
	}
	o.text("acr", out.pass.Class())
	o.texts("amr", g.AMR)
	o.text("sid", g.SID.String())
	o.text("at_hash", accessHash(c.IDAlgorithm, t.access))
	if c.ClaimsInID {
		personClaims(st, out.scope, &o)
		o.members(t.claims)
	}
	return s.Ring.Sign(ctx, c.IDAlgorithm, signing.TypeID, o.end())
}

// accessHash is at_hash (OpenID Connect Core §3.1.3.6): the left half of the hash that the algorithm uses; Ed25519 uses
// SHA-512.
func accessHash(algorithm, access string) string {
	if algorithm == signing.EdDSA {
		sum := sha512.Sum512([]byte(access))
		return base64url.EncodeToString(sum[:len(sum)/2])
	}
	sum := sha256.Sum256([]byte(access))
	return base64url.EncodeToString(sum[:len(sum)/2])
}

// IssueClient makes a client's own token (RFC 6749 §4.4). It touches no database.
func (s *Service) IssueClient(ctx context.Context, c Client, pass gate.ClientPass, scope []string) (Tokens, error) {
	if !pass.Valid() || pass.ClientID() != c.ClientID {
		return Tokens{}, errWrongPass
	}
	org := pass.Organization()
	if org.ID.IsZero() { // there is no provisioning but an organization's
		scope = slices.DeleteFunc(slices.Clone(scope), func(v string) bool { return v == scopeSCIM })
	}
	now := pass.Now()
	end := now.Add(s.accessLifetime(c))
	if !c.Until.IsZero() {
		end = earlier(end, c.Until)
	}
	expires := seconds(end)
	if expires <= seconds(now) {
		return Tokens{}, errCredentialOver
	}
	o := newObject(512)
	o.text("iss", s.cfg.Issuer)
	o.text("sub", c.ClientID)
	s.audience(&o, c, org.Slug, scope)
	o.number("exp", expires)
	o.number("iat", seconds(now))
	o.text("jti", sqldb.NewID[tokenPrefix](now).String())
	o.text("client_id", c.ClientID)
	joined := strings.Join(scope, " ")
	o.some("scope", joined)
	if !c.Credential.IsZero() {
		o.text("cred", c.Credential.String())
	}
	if !org.ID.IsZero() {
		o.text("org_id", org.ID.String())
		o.text("org_slug", org.Slug)
		o.text("org_name", org.Name)
	}
	access, err := s.Ring.Sign(ctx, c.AccessAlgorithm, signing.TypeAccess, o.end())
	return Tokens{AccessToken: access, TokenType: "Bearer", ExpiresIn: expires - seconds(now), Scope: joined}, err
}

// logoutLifetime is short: the token is posted at once (OpenID Connect Back-Channel Logout §2.4).
const logoutLifetime = 2 * time.Minute

// LogoutToken tells an application that the session of a person in an organization has ended.
func (s *Service) LogoutToken(ctx context.Context, c Client, subject string, sid SID) (string, error) {
	now := s.DB.Now()
	o := newObject(512)
	o.text("iss", s.cfg.Issuer)
	o.text("sub", subject)
	o.text("aud", c.ClientID)
	o.number("iat", seconds(now))
	o.number("exp", seconds(now.Add(logoutLifetime)))
	o.text("jti", sqldb.NewID[tokenPrefix](now).String())
	o.text("sid", sid.String())
	o.raw("events", []byte(`{"http://schemas.openid.net/event/backchannel-logout":{}}`))
	return s.Ring.Sign(ctx, c.IDAlgorithm, signing.TypeLogout, o.end())
}
