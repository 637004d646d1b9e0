package saml

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"portvakt/idp/interaction"
	"portvakt/idp/saml/wire"
	"portvakt/internal/fault"
)

// Finish answers a request with an assertion: the conversation has its session, its sid and the gate's pass.
func (h *Handler) Finish(w http.ResponseWriter, r *http.Request, o interaction.Outcome) {
	t, err := h.kept(r, o.Request)
	if err != nil {
		h.page(w, r, err)
		return
	}
	h.finish(w, r, t, o)
}

// Refuse answers a request whose conversation ended without a sign-in.
func (h *Handler) Refuse(w http.ResponseWriter, r *http.Request, body json.RawMessage, reason *fault.Fault) {
	t, err := h.kept(r, body)
	if err != nil {
		h.page(w, r, err)
		return
	}
	h.refuse(w, r, t, reason)
}

// kept is a request as the conversation kept it.
func (h *Handler) kept(r *http.Request, body json.RawMessage) (*target, error) {
	var a request
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, err
	}
	return h.provenAgain(r, a)
}

func (h *Handler) finish(w http.ResponseWriter, r *http.Request, t *target, o interaction.Outcome) {
	w.Header()["Cache-Control"] = noStore
	m, err := h.response(r, t, o)
	if err == nil {
		err = h.send(w, r, t, m, newGuard(o))
	}
	if err != nil {
		h.refuse(w, r, t, err)
	}
}

var errWrongPass = errors.New("saml: the pass is for another application")

// response is the answer for somebody who signed in (profiles §4.1.4.2).
//
// Invariant: what it says ends with the membership and with the session, whichever is sooner (TestAssertionsEndWithTheMembership).
func (h *Handler) response(r *http.Request, t *target, o interaction.Outcome) (*wire.Message, error) {
	ctx, p, st := r.Context(), t.provider, o.Pass.Standing()
	if !o.Pass.Valid() || o.Pass.Application() != p.ID() || o.SID.IsZero() {
		return nil, errWrongPass
	}
	class, ok := wire.Context(t.Context, o.Pass.Class())
	if !ok {
		return nil, interaction.ErrUnmet
	}
	if !h.names.expected(t, st) {
		return nil, errOtherPerson
	}
	name, err := h.names.of(t, st)
	if err != nil {
		return nil, err
	}
	attributes, err := h.attributes(ctx, t, st)
	if err != nil {
		return nil, err
	}
	issuer, err := h.issuer(r, t.entity)
	if err != nil {
		return nil, err
	}
	seat := participant{SID: o.SID, Application: p.ID(), Name: name}
	if seat, err = h.enter(ctx, st.User, seat); err != nil {
		return nil, err
	}
	return issuer.Response(wire.Response{
		InResponseTo: t.ID, Destination: t.ACS.Location, Audience: p.EntityID, Now: h.DB.Now(), Until: o.Pass.Cap(), Subject: seat.Name,
		AuthnInstant: o.Session.AuthenticatedAt, SessionIndex: seat.Index, SessionNotOnOrAfter: h.sessionEnd(t, o), Class: class,
		Attributes: attributes, Sign: p.signs(), Encrypt: p.encrypts(), EncryptName: p.encryptsName(t),
	})
}

// sessionEnd is when the service provider shall ask again: when the session ends in the organization, or before, where
// that was registered.
func (h *Handler) sessionEnd(t *target, o interaction.Outcome) time.Time {
	end := o.Pass.InSession(o.Session.ExpiresAt)
	if most := t.provider.Settings.SessionSeconds; most > 0 {
		if sooner := h.DB.Now().Add(time.Duration(most) * time.Second); sooner.Before(end) {
			return sooner
		}
	}
	return end
}

// signs is what of a response is signed. The assertion is signed unless only the response was asked for, and the metadata
// does not insist.
func (p *Provider) signs() wire.Sign {
	switch wire.Sign(p.Settings.Sign) {
	case wire.SignBoth:
		return wire.SignBoth
	case wire.SignResponse:
		if p.Wire.WantAssertionsSigned {
			return wire.SignBoth
		}
		return wire.SignResponse
	}
	return wire.SignAssertion
}

// encrypts is to whom assertions are encrypted; nil: they are not.
func (p *Provider) encrypts() *wire.Encryption {
	if !p.Settings.Encrypt {
		return nil
	}
	return p.Encryption
}

// encryptsName is to whom the name is encrypted; nil: it is not, or the whole assertion is.
func (p *Provider) encryptsName(t *target) *wire.Encryption {
	if p.Settings.EncryptNameID || t.Hidden {
		return p.Encryption
	}
	return nil
}

// refuse tells the service provider that nobody signed in. Where nobody asked, the person reads it.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, t *target, err error) {
	w.Header()["Cache-Control"] = noStore
	if t.ID == "" {
		h.page(w, r, err)
		return
	}
	issuer, problem := h.issuer(r, t.entity)
	if problem != nil {
		h.page(w, r, problem)
		return
	}
	m, problem := issuer.Refuse(wire.Refusal{InResponseTo: t.ID, Destination: t.ACS.Location, Now: h.DB.Now(), Status: h.status(r.Context(), t, err)})
	if problem == nil {
		problem = h.send(w, r, t, m, nil)
	}
	if problem != nil {
		h.page(w, r, problem)
	}
}
