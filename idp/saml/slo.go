package saml

import (
	"context"
	"mime"
	"net/http"
	"net/url"
	"time"

	"portvakt/idp/saml/wire"
	"portvakt/internal/actor"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
	"portvakt/internal/web"
)

const (
	maxIndexes   = 100 // SessionIndexes in a request
	leavePurpose = "saml sign-out"
)

// slo takes requests to sign out, and the answers to ours (profiles §4.4). A POST comes from another site and so without our
// cookies; it is looked at and becomes a GET of our own.
func (h *Handler) slo(w http.ResponseWriter, r *http.Request, e entity) {
	w.Header()["Cache-Control"] = noStore
	if r.Method == http.MethodPost && isXML(r) {
		h.backChannel(w, r, e)
		return
	}
	if r.Method == http.MethodGet {
		if text := web.One(r.URL.Query(), fieldRound); text != "" {
			h.goRound(w, r, text)
			return
		}
		if text := web.One(r.URL.Query(), fieldCarried); text != "" {
			h.leaveOn(w, r, e, text)
			return
		}
	}
	received, err := h.received(w, r)
	switch {
	case err != nil:
		h.page(w, r, err)
	case received.Kind == wire.KindLogoutResponse:
		h.visited(w, r, e, received)
	default:
		h.leave(w, r, e, received)
	}
}

func isXML(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && (kind == "text/xml" || kind == "application/xml" || kind == "application/soap+xml")
}

// leaving is a checked request to sign out, as it is carried from a POST to our own GET.
type leaving struct {
	Organization string                  `json:"organization,omitempty"`
	Application  directory.ApplicationID `json:"application"`
	Binding      wire.Binding            `json:"binding"`
	ID           string                  `json:"id"`
	RelayState   string                  `json:"relay_state,omitempty"`
	Name         wire.NameID             `json:"name"`
	Indexes      []string                `json:"indexes,omitempty"`
	Signed       bool                    `json:"signed,omitempty"`
	Until        time.Time               `json:"until,omitzero"`
}

func (l *leaving) last() lastWord {
	return lastWord{Organization: l.Organization, Binding: l.Binding, ID: l.ID, RelayState: l.RelayState}
}

// provenLeaving settles whom a request to sign out is from.
//
// Invariant: who has keys must use them, and without a browser nobody is believed who has none (TestUnsignedSignOuts).
func (h *Handler) provenLeaving(r *http.Request, e entity, received *wire.Received) (*Provider, *leaving, error) {
	p, err := h.usable(h.Providers.ByEntityID(r.Context(), e.owner, received.Issuer))
	if err != nil {
		return nil, nil, err
	}
	trust := p.Trust
	trust.Required = len(trust.Keys) > 0 || received.Binding == wire.BindingSOAP
	q, err := received.LogoutRequest(wire.Expect{Now: h.DB.Now(), Destinations: []string{e.base + endSLO}, Trust: trust})
	if err != nil {
		return nil, nil, err
	}
	return p, &leaving{Organization: e.slug, Application: p.ID(), Binding: received.Binding, ID: q.ID, RelayState: q.RelayState,
		Name: q.Subject, Indexes: q.SessionIndexes, Signed: q.Signed}, nil
}

// leave takes a request to sign out that came through a browser.
func (h *Handler) leave(w http.ResponseWriter, r *http.Request, e entity, received *wire.Received) {
	p, l, err := h.provenLeaving(r, e, received)
	if err != nil {
		h.page(w, r, err)
		return
	}
	if len(l.Indexes) > maxIndexes {
		h.answerLogout(w, r, p, l.last(), wire.StatusRequester.Saying("The request names too many sessions"))
		return
	}
	if r.Method == http.MethodGet {
		h.depart(w, r, e, p, l)
		return
	}
	l.Until = h.DB.Now().Add(carryFor)
	text, err := h.sealed(leavePurpose, l)
	if err != nil {
		h.page(w, r, err)
		return
	}
	web.SeeOther(w, r, e.base[len(h.Issuer):]+endSLO+"?"+url.Values{fieldCarried: {text}}.Encode())
}

// leaveOn goes on with a request that came by POST.
func (h *Handler) leaveOn(w http.ResponseWriter, r *http.Request, e entity, text string) {
	var l leaving
	err := h.opened(leavePurpose, text, &l)
	if err == nil && l.Organization != e.slug {
		err = errCarried
	}
	if err == nil && !h.DB.Now().Before(l.Until) {
		err = errOver
	}
	if err != nil {
		h.page(w, r, err)
		return
	}
	p, err := h.usable(h.Providers.ByApplication(r.Context(), l.Application))
	if err == nil && p.Owner() != e.owner {
		err = errUnknown
	}
	if err != nil {
		h.page(w, r, err)
		return
	}
	h.depart(w, r, e, p, &l)
}

// depart ends what the request names and takes the browser around.
//
// Invariant: the session is over before anybody else is told or answered (TestTheSessionEndsFirst).
func (h *Handler) depart(w http.ResponseWriter, r *http.Request, e entity, p *Provider, l *leaving) {
	current, signedIn, err := h.Sessions.Current(r)
	if err != nil {
		h.page(w, r, err)
		return
	}
	d := departure{leaving: l, entity: e, provider: p, browser: h.Sessions.Cookies().EnsureBrowser(w, r)}
	if signedIn {
		d.session = current.ID
	}
	if err := h.end(r.Context(), &d); err != nil {
		h.page(w, r, err)
		return
	}
	switch {
	case !d.taken:
		h.page(w, r, errReplayed)
		return
	case d.unknown:
		h.answerLogout(w, r, p, l.last(), wire.StatusUnknownPrincipal)
		return
	}
	for _, id := range d.ended {
		if signedIn && id == current.ID {
			h.Sessions.Cookies().Clear(w, h.Sessions.Cookies().Session)
		}
	}
	h.walk(w, r, d.round)
}

// backChannel takes a request to sign out without a browser. Participants that a browser alone could tell are not reached.
func (h *Handler) backChannel(w http.ResponseWriter, r *http.Request, e entity) {
	h.answerSOAP(w, r, func(body []byte) (*wire.Message, error) { return h.leftSilently(r, e, body) })
}

func (h *Handler) leftSilently(r *http.Request, e entity, body []byte) (*wire.Message, error) {
	received, err := wire.DecodeSOAP(body)
	if err != nil {
		return nil, err
	}
	p, l, err := h.provenLeaving(r, e, received)
	if err != nil {
		return nil, err
	}
	status := wire.StatusRequester.Saying("The request names too many sessions")
	if len(l.Indexes) <= maxIndexes {
		if status, err = h.silently(r.Context(), e, p, l); err != nil {
			return nil, err
		}
	}
	return h.logoutResponse(r.Context(), p, l.ID, "", status)
}

// silently ends what the request names; the outbox tells the others.
func (h *Handler) silently(ctx context.Context, e entity, p *Provider, l *leaving) (wire.Status, error) {
	d := departure{leaving: l, entity: e, provider: p}
	err := h.end(ctx, &d)
	switch {
	case err != nil:
		return wire.Status{}, err
	case !d.taken:
		return wire.Status{}, errReplayed
	case d.unknown:
		return wire.StatusUnknownPrincipal, nil
	}
	c, err := h.await(ctx, func(ctx context.Context) (all count, err error) {
		for _, id := range d.ended {
			c, err := countSession(ctx, h.DB, id)
			if err != nil {
				return all, err
			}
			all.open, all.failed = all.open+c.open, all.failed+c.failed
		}
		return all, nil
	})
	return c.status(), err
}

// visited takes a service provider's answer, and the browser goes on. An answer that cannot be taken is no reason to stop:
// its service provider counts as one that has not signed out.
//
// Invariant: an answer counts if it is from whom was asked, to what was asked, and signed where there are keys
// (TestAnswersAreProven).
func (h *Handler) visited(w http.ResponseWriter, r *http.Request, e entity, received *wire.Received) {
	id, err := h.takeAnswer(r, e, received)
	switch {
	case fault.Is(err, fault.Internal):
		h.page(w, r, err)
	case err != nil:
		h.Log.WarnContext(r.Context(), "saml: an answer to a sign-out was not taken", "issuer", received.Issuer, "reason", fault.Of(err).Text)
		web.SeeOther(w, r, pathRoot+endSLO+"?"+fieldRound+"="+roundHere)
	default:
		web.SeeOther(w, r, (&round{ID: id}).address())
	}
}

func (h *Handler) takeAnswer(r *http.Request, e entity, received *wire.Received) (id roundID, err error) {
	p, err := h.Providers.ByEntityID(r.Context(), e.owner, received.Issuer)
	if err != nil {
		return id, unknown(err)
	}
	trust := p.Trust
	trust.Required = len(trust.Keys) > 0
	a, err := received.LogoutResponse(wire.Expect{Now: h.DB.Now(), Destinations: []string{e.base + endSLO}, Trust: trust})
	if err != nil {
		return id, err
	}
	ok := false
	err = h.DB.Update(r.Context(), func(tx *sqldb.Tx) error {
		var err error
		id, ok, err = answered(r.Context(), tx, p.ID(), a.InResponseTo, !a.Status.Succeeded())
		return err
	})
	if err == nil && !ok {
		err = errUnasked
	}
	return id, err
}

// asProvider has the history say that a service provider did it.
func asProvider(ctx context.Context, p *Provider) context.Context {
	a := actor.From(ctx)
	a.Kind, a.ID, a.Name = actor.Application, p.ID().String(), p.Application.Name
	return actor.With(ctx, a)
}
