package saml

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"portvakt/idp/saml/wire"
	"portvakt/idp/session"
	"portvakt/internal/directory"
	"portvakt/internal/outbox"
	"portvakt/internal/outgoing"
	"portvakt/internal/sqldb"
)

// notice has participants of one service provider be told that their sessions are over.
type notice struct {
	Application  string   `json:"application"`
	Participants []string `json:"participants"`
}

// Subscribe has service providers told of the end of sessions that no browser takes to them: because they ended elsewhere,
// or a membership has ended.
func (h *Handler) Subscribe(o *outbox.Outbox) {
	for _, kind := range []string{
		directory.EventMembershipEnded, directory.EventMembershipSuspended, directory.EventUserSessionsEnded, session.EventEnded,
	} {
		o.SubscribeBefore(outbox.Ending, kind, "saml.logout", h.gather)
	}
	o.SubscribeBefore(outbox.Ending, eventTell, subscriber, h.notify)
	o.Subscribe(directory.EventUserErased, "saml.forget", directory.OfErased(h.forget))
}

// gather finds the person's participants of dead sids. It goes by the present state, so it may run late, twice, or for an
// event that something later has overtaken.
func (h *Handler) gather(ctx context.Context, e outbox.Event) error {
	var about struct{ User string }
	if err := json.Unmarshal(e.Data, &about); err != nil {
		return err
	}
	user, err := directory.ParseUserID(about.User)
	if err != nil { // a person without user has no sessions
		return nil
	}
	return h.DB.Update(ctx, func(tx *sqldb.Tx) error { return gatherOf(ctx, tx, user) })
}

// tellFirst is how long an erasure waits for service providers to be told, by the only name that they know. The outbox asks
// for more than twice as long.
const tellFirst = 10 * time.Minute

var errTelling = errors.New("saml: service providers are being told first")

// forget takes an erased person's names out of what is noted of sign-ins: an address may be one. Whom nobody could tell
// within tellFirst is not told any more, and no browser takes it there.
//
// Invariant: when it has been done, no participant of the person has a name (TestAnErasedPersonHasNoNames).
func (h *Handler) forget(ctx context.Context, user directory.UserID) error {
	left := false
	err := h.DB.Update(ctx, func(tx *sqldb.Tx) error {
		if err := stopRounds(ctx, tx, user); err != nil {
			return err
		}
		if err := gatherOf(ctx, tx, user); err != nil {
			return err
		}
		var err error
		left, err = unname(ctx, tx, user)
		return err
	})
	if err == nil && left {
		err = errTelling // the outbox asks again
	}
	return err
}

func gatherOf(ctx context.Context, tx *sqldb.Tx, user directory.UserID) error {
	untold, err := takeUntold(ctx, tx, user)
	if err != nil {
		return err
	}
	for _, g := range grouped(untold) {
		if err := announce(tx, g); err != nil {
			return err
		}
	}
	return nil
}

// notify tells a service provider by SOAP. One that offers no such thing is noted as not told; one that cannot be reached is
// tried again.
func (h *Handler) notify(ctx context.Context, e outbox.Event) error {
	var n notice
	if err := json.Unmarshal(e.Data, &n); err != nil {
		return err
	}
	application, err := directory.ParseApplicationID(n.Application)
	if err != nil {
		return err
	}
	var ids []participantID
	for _, text := range n.Participants {
		id, err := sqldb.ParseID[participantPrefix](text)
		if err != nil {
			return err
		}
		ids = append(ids, id)
	}
	all, err := participantsOf(ctx, h.DB, ids)
	if err != nil || len(all) == 0 {
		return err
	}
	p, err := h.Providers.ByApplication(ctx, application)
	if err != nil && !isNotFound(err) {
		return err
	}
	failed := true
	if err == nil {
		if at, ok := p.back(); ok {
			if failed, err = h.told(ctx, p, grouped(all)[0], at.Location); err != nil {
				return err
			}
		}
	}
	return h.DB.Update(ctx, func(tx *sqldb.Tx) error { settle(tx, ids, failed); return nil })
}

// told posts the request and judges the answer. TLS says who answers at the address of the metadata, so the answer need not
// be signed; a signature that is there must be good.
func (h *Handler) told(ctx context.Context, p *Provider, g *group, address string) (failed bool, err error) {
	m, err := h.tell(ctx, p, g, address)
	if err != nil {
		return false, err
	}
	body, err := m.SOAP()
	if err != nil {
		return false, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return true, nil
	}
	req.Header.Set("Content-Type", "text/xml; charset=utf-8")
	req.Header.Set("SOAPAction", `"http://www.oasis-open.org/committees/security"`) // bindings §3.2.2.1
	res, err := h.Outside.Do(req)
	switch {
	case errors.Is(err, outgoing.ErrRefused): // trying again makes no sense
		h.Log.WarnContext(ctx, "saml: the address for sign-outs by SOAP is not allowed", "service_provider", p.EntityID, "error", err)
		return true, nil
	case err != nil:
		return false, err
	case res.Status != http.StatusOK:
		return false, fmt.Errorf("saml: the sign-out at %s was answered %d", p.EntityID, res.Status)
	}
	return h.judge(ctx, p, m.ID, res.Body)
}

func (h *Handler) judge(ctx context.Context, p *Provider, request string, body []byte) (failed bool, err error) {
	received, err := wire.DecodeSOAP(body)
	if err != nil {
		return false, err
	}
	e, err := h.entityOfOwner(ctx, p)
	if err != nil {
		return false, err
	}
	trust := p.Trust
	trust.Required = false
	a, err := received.LogoutResponse(wire.Expect{Now: h.DB.Now(), Destinations: []string{e.base + endSLO, e.id()}, Trust: trust})
	switch {
	case err != nil:
		return false, err
	case a.InResponseTo != request || a.Issuer != p.EntityID:
		return false, fmt.Errorf("saml: the answer of %s is to something else", p.EntityID)
	}
	return !a.Status.Succeeded(), nil
}
