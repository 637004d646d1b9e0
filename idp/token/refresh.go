package token

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"time"

	"portvakt/idp/gate"
	"portvakt/internal/audit"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

var base64url = base64.RawURLEncoding.Strict()

// A refresh token is family ‖ generation ‖ HMAC-SHA256(key, "refresh" ‖ family ‖ generation).
const (
	refreshBytes = 16 + 4 + sha256.Size
	refreshChars = (refreshBytes*8 + 5) / 6
)

func (s *Service) refreshToken(id FamilyID, generation int64) string {
	b := make([]byte, 20, refreshBytes)
	copy(b, id[:])
	binary.BigEndian.PutUint32(b[16:], uint32(generation))
	return base64url.EncodeToString(append(b, s.refreshMAC(b)...))
}

func (s *Service) refreshMAC(b []byte) []byte {
	mac := hmac.New(sha256.New, s.refreshKey)
	mac.Write([]byte("refresh"))
	mac.Write(b[:20])
	return mac.Sum(nil)
}

// parseRefresh reads a refresh token of ours; false for anything else, before the store is asked.
func (s *Service) parseRefresh(token string) (id FamilyID, generation int64, ok bool) {
	if len(token) != refreshChars || strings.ContainsAny(token, "\r\n") {
		return id, 0, false
	}
	b, err := base64url.DecodeString(token)
	if err != nil || len(b) != refreshBytes || !hmac.Equal(b[20:], s.refreshMAC(b)) {
		return id, 0, false
	}
	copy(id[:], b)
	return id, int64(binary.BigEndian.Uint32(b[16:])), true
}

// RefreshRequest is what a token request brings for a refresh token.
type RefreshRequest struct {
	Token        string
	Scope        []string // nil: all that was granted
	Organization string   // slug of another organization of the same person; "": stay
}

// Refresh exchanges a refresh token for new tokens, in one transaction.
func (s *Service) Refresh(ctx context.Context, c Client, r RefreshRequest) (Tokens, error) {
	id, generation, ok := s.parseRefresh(r.Token)
	if !ok {
		return Tokens{}, ErrGrant
	}
	var out outcome
	err := s.DB.Update(ctx, func(tx *sqldb.Tx) (err error) {
		out, err = s.refresh(ctx, tx, c, presented{id, generation, r})
		return err
	})
	if err == nil {
		err = out.refusal
	}
	if err != nil {
		return Tokens{}, err
	}
	return s.issue(ctx, c, out)
}

// presented is a refresh token that is ours.
type presented struct {
	id         FamilyID
	generation int64
	RefreshRequest
}

const rotateTries = 4

func (s *Service) refresh(ctx context.Context, tx *sqldb.Tx, c Client, p presented) (outcome, error) {
	for range rotateTries {
		f, st, err := readFamily(ctx, tx, p.id)
		if errors.Is(err, sqldb.ErrNoRows) || err == nil && (f.application != c.ID || !f.aliveAt(tx.Now())) {
			return outcome{refusal: ErrGrant}, nil
		}
		if err != nil {
			return outcome{}, err
		}
		recent := p.generation == f.generation-1 && tx.Now().Before(f.rotatedAt.Add(reuseWindow))
		if p.generation != f.generation && !recent {
			return outcome{refusal: ErrGrant}, s.reused(ctx, tx, f, st)
		}
		out, err := s.judged(&f, st, tx.Now(), c, p)
		if err != nil || out.refusal != nil {
			return out, err
		}
		if p.Organization != "" && p.Organization != st.Slug {
			return s.sibling(ctx, tx, c, p.Organization, out)
		}
		if recent { // the same child again
			return out, nil
		}
		rotated, err := rotateFamily(ctx, tx, &f, earlier(tx.Now().Add(s.cfg.RefreshIdle), f.expires))
		if err != nil {
			return outcome{}, err
		}
		if rotated {
			out.family.generation++
			return out, nil
		}
		// Somebody else rotated or ended it between the two statements: look again.
	}
	return outcome{refusal: ErrGrant}, nil
}

// judged asks the gate and narrows the scope. A refusal leaves the refresh token as it was: the reason may pass.
func (s *Service) judged(f *family, st directory.Standing, now time.Time, c Client, p presented) (outcome, error) {
	pass, err := gate.Judge(st, now, gate.Request{
		Membership: st.Membership, UserEpoch: f.userEpoch, MembershipEpoch: f.membershipEpoch,
		Application: c.Gate, Grant: "refresh_token", ACR: f.grant.ACR, AMR: f.grant.AMR, FactorAt: f.grant.FactorAt, Use: f.use(),
	})
	if err != nil {
		if fault.Is(err, fault.Internal) {
			return outcome{}, err
		}
		return outcome{refusal: refused(err)}, nil
	}
	out := outcome{family: *f, pass: pass, scope: c.registered(f.grant.Scope)}
	if p.Scope != nil {
		for _, scope := range p.Scope {
			if !slices.Contains(out.scope, scope) {
				return outcome{refusal: ErrScope}, nil
			}
		}
		out.scope = p.Scope
	}
	return out, nil
}

// reused ends a family of which an old refresh token came back: one of the two who hold it is a thief (RFC 9700 §4.14.2).
func (s *Service) reused(ctx context.Context, tx *sqldb.Tx, f family, st directory.Standing) error {
	ended, err := endFamily(ctx, tx, f.id, f.application)
	if err != nil || !ended {
		return err
	}
	return audit.Append(ctx, tx, st.Organization, audit.Entry{Action: "refresh_token.reused", Object: f.id.String()})
}

// sibling begins a family of the same person in another organization; the one that was shown goes on as it was.
func (s *Service) sibling(ctx context.Context, tx *sqldb.Tx, c Client, slug string, out outcome) (outcome, error) {
	f := out.family
	standings, err := s.Directory.WithTx(tx).Memberships.StandingsOf(ctx, out.pass.Standing().User)
	if err != nil {
		return outcome{}, err
	}
	var refusal error = ErrOrganization
	for _, st := range standings {
		if st.Slug != slug {
			continue
		}
		pass, err := gate.Judge(st, tx.Now(), gate.Request{
			Membership: st.Membership, UserEpoch: f.userEpoch, Application: c.Gate, Grant: "refresh_token", ACR: f.grant.ACR, AMR: f.grant.AMR, FactorAt: f.grant.FactorAt, Use: f.elsewhere(),
		})
		if err != nil {
			if errors.Is(err, gate.ErrSecondFactor) || errors.Is(err, gate.ErrSessionLimit) {
				refusal = ErrStepUp
			}
			continue
		}
		if bound(f.grant.Scope, slug) {
			return outcome{refusal: ErrOrganization}, nil
		}
		if c.ConsentNeeded {
			if agreed, err := gate.Agreed(ctx, tx, pass, c.registered(f.grant.Scope)); err != nil || !agreed {
				return outcome{refusal: ErrConsent}, err
			}
		}
		out.pass = pass
		out.family, err = s.siblingFamily(ctx, tx, c, f, pass)
		return out, err
	}
	return outcome{refusal: refusal}, nil
}

// bound reports whether the scope ties the grant to another organization than slug.
func bound(scope []string, slug string) bool {
	return slices.ContainsFunc(scope, func(v string) bool {
		to, ok := strings.CutPrefix(v, scopeOrganization+":")
		return ok && to != slug
	})
}

func (s *Service) siblingFamily(ctx context.Context, tx *sqldb.Tx, c Client, f family, pass gate.Pass) (family, error) {
	g := f.grant
	g.Nonce = ""
	if f.sessionLives {
		var err error
		if g.SID, err = s.SIDs.SID(ctx, tx, g.Session, pass); err != nil {
			return family{}, err
		}
	} else { // offline access outlived the session: nobody is left who could be signed out
		g.Session, g.SID = SessionID{}, sqldb.NewID[sidPrefix](tx.Now())
	}
	made := s.newFamily(tx, c, pass, sqldb.NewID[familyPrefix](tx.Now()), g)
	return made, audit.Append(ctx, tx, pass.Standing().Organization, audit.Entry{Action: "token_family.switched", Object: made.id.String(), Detail: map[string]any{"from": f.id.String()}})
}
