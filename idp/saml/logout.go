package saml

import (
	"context"
	"encoding/hex"
	"time"

	"portvakt/idp/saml/wire"
	"portvakt/idp/session"
	"portvakt/internal/directory"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
)

type (
	participantPrefix struct{}
	roundPrefix       struct{}
)

func (participantPrefix) Prefix() string { return "smp" }
func (roundPrefix) Prefix() string       { return "slo" }

type (
	participantID = sqldb.ID[participantPrefix]
	roundID       = sqldb.ID[roundPrefix]
)

// participant is a service provider in a session: by the name and index that it knows, it asks for the session's end and is
// told of it.
type participant struct {
	ID          participantID
	SID         session.SID
	Application directory.ApplicationID
	Name        wire.NameID
	Index       string // SessionIndex: random, so that service providers cannot compare it

	Round  roundID   // the sign-out that takes a browser there
	Told   time.Time // when a sign-out was sent
	Ended  time.Time // when it was answered, or it signed out itself
	Visits int64     // how often a browser was sent there
	Failed bool
}

// enter notes the participant. One that is in the session already keeps its index, and a name of one use stays the same
// within the session; that writes nothing.
//
// Invariant: nobody enters a session that is over, and so misses its end (TestNobodyEntersADeadSession); nor one that ends
// while the participant is noted, which PostgreSQL allows: whoever is told of that end was found before the row was there, so
// it is looked at once more when it is (TestAnEndMeanwhileIsTold).
func (h *Handler) enter(ctx context.Context, user directory.UserID, p participant) (participant, error) {
	known, ok, err := p.known(ctx, h.DB)
	if err != nil || ok && (known.Name.Value == p.Name.Value || p.Name.Format == wire.FormatTransient) {
		return known, err
	}
	p.Index = "_" + hex.EncodeToString(secret.Random(20))
	if err := h.DB.Update(ctx, func(tx *sqldb.Tx) error { return p.insert(ctx, tx) }); err != nil {
		return p, err
	}
	over, err := p.over(ctx, h.DB)
	if err != nil || !over {
		return p, err
	}
	if err := h.DB.Update(ctx, func(tx *sqldb.Tx) error { return gatherOf(ctx, tx, user) }); err != nil {
		return p, err
	}
	return p, session.ErrSIDEnded
}

// group is what one request tells a service provider: all sessions of one person there.
type group struct {
	of   participant // the first
	ids  []participantID
	list []string // SessionIndexes
}

// grouped puts participants together that one request can tell.
func grouped(all []participant) []*group {
	var out []*group
	at := map[[3]string]*group{}
	for _, p := range all {
		key := [3]string{p.Application.String(), p.Name.Format, p.Name.Value}
		g := at[key]
		if g == nil {
			g = &group{of: p}
			at[key] = g
			out = append(out, g)
		}
		g.ids, g.list = append(g.ids, p.ID), append(g.list, p.Index)
	}
	return out
}

// requestFor is how long a request of ours to sign out holds.
const requestFor = 5 * time.Minute

// tell writes the request to sign out for a service provider.
func (h *Handler) tell(ctx context.Context, p *Provider, g *group, destination string) (*wire.Message, error) {
	e, err := h.entityOfOwner(ctx, p)
	if err != nil {
		return nil, err
	}
	issuer, err := h.issuerOf(ctx, e)
	if err != nil {
		return nil, err
	}
	q := wire.LogoutRequest{Subject: g.of.Name, SessionIndexes: g.list, Reason: wire.ReasonUser, NotOnOrAfter: h.DB.Now().Add(requestFor)}
	q.Destination, q.IssueInstant = destination, h.DB.Now()
	if g.of.Name.Format != wire.FormatEmail { // as the assertion had it
		q.Subject.NameQualifier, q.Subject.SPNameQualifier = e.id(), p.EntityID
	}
	if p.Settings.EncryptNameID || p.Settings.Encrypt {
		q.EncryptName = p.Encryption
	}
	return issuer.LogoutRequest(q)
}

// entityOfOwner is the identity provider that a service provider knows.
func (h *Handler) entityOfOwner(ctx context.Context, p *Provider) (entity, error) {
	e := entity{owner: p.Owner(), base: h.Issuer + pathRoot}
	if e.owner.IsZero() {
		return e, nil
	}
	o, err := h.Directory.Organizations.ByID(ctx, e.owner)
	e.slug, e.base = o.Slug, h.Issuer+pathOrganization+o.Slug
	return e, err
}

func (h *Handler) issuerOf(ctx context.Context, e entity) (wire.Issuer, error) {
	keys, err := h.Certificates.Of(ctx, e.id())
	if err != nil {
		return wire.Issuer{}, err
	}
	return wire.Issuer{EntityID: e.id(), Key: keys.Present}, nil
}

// front is where a browser is sent to sign out; false where the service provider offers nothing of the kind.
func (p *Provider) front() (wire.Endpoint, bool) {
	return p.Wire.Logout(wire.BindingRedirect, wire.BindingPOST)
}

// back is where it is told without a browser.
func (p *Provider) back() (wire.Endpoint, bool) { return p.Wire.Logout(wire.BindingSOAP) }
