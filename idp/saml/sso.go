package saml

import (
	"errors"
	"mime"
	"net/http"
	"net/url"

	"portvakt/idp/interaction"
	"portvakt/idp/saml/wire"
	"portvakt/internal/fault"
	"portvakt/internal/web"
)

// fieldCarried is the parameter of our own address that a POST becomes.
const fieldCarried = "request"

// sso takes a request to sign somebody in (profiles §4.1.4.1). A POST comes from another site and so without our cookies; it
// is looked at and becomes a GET of our own.
func (h *Handler) sso(w http.ResponseWriter, r *http.Request, e entity) {
	w.Header()["Cache-Control"] = noStore
	if text := web.One(r.URL.Query(), fieldCarried); r.Method == http.MethodGet && text != "" {
		h.goOn(w, r, e, text)
		return
	}
	received, err := h.received(w, r)
	if err != nil {
		h.page(w, r, err)
		return
	}
	t, q, err := h.proven(r, e, received)
	if err != nil {
		h.page(w, r, err)
		return
	}
	if wrong := t.check(q); wrong != nil {
		if err := h.takeOnce(r, t); err != nil {
			h.page(w, r, err)
			return
		}
		h.refuse(w, r, t, wrong)
		return
	}
	if r.Method == http.MethodPost {
		text, err := h.carry(t)
		if err != nil {
			h.page(w, r, err)
			return
		}
		web.SeeOther(w, r, e.base[len(h.Issuer):]+endSSO+"?"+url.Values{fieldCarried: {text}}.Encode())
		return
	}
	h.begin(w, r, t)
}

// received reads the message of either binding.
func (h *Handler) received(w http.ResponseWriter, r *http.Request) (*wire.Received, error) {
	if r.Method == http.MethodGet {
		return wire.DecodeRedirect(r.URL.RawQuery)
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" || r.URL.RawQuery != "" {
		return nil, errForm
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		return nil, errForm
	}
	return wire.DecodePOST(r.PostForm)
}

// proven settles whom a request is from and where its answer goes: to an address of that service provider, by the
// registration of the owner whose address was asked.
//
// Invariant: one organization's service provider is never another's, nor the installation's, whatever the entity ID
// (TestEveryOwnerHasItsOwn).
func (h *Handler) proven(r *http.Request, e entity, received *wire.Received) (*target, *wire.AuthnRequest, error) {
	p, err := h.usable(h.Providers.ByEntityID(r.Context(), e.owner, received.Issuer))
	if err != nil {
		return nil, nil, err
	}
	q, err := received.AuthnRequest(wire.Expect{Now: h.DB.Now(), Destinations: []string{e.base + endSSO}, Trust: p.Trust})
	if err != nil {
		return nil, nil, err
	}
	t := &target{entity: e, provider: p, request: request{Organization: e.slug, Application: p.ID(), ID: q.ID, RelayState: q.RelayState}}
	ok := false
	if t.ACS, ok = p.answers(q); !ok {
		return nil, nil, errACS
	}
	t.misbound = q.ProtocolBinding != "" && q.ProtocolBinding != t.ACS.Binding
	return t, q, nil
}

// usable is the service provider, if anybody may be sent to it.
func (h *Handler) usable(p *Provider, err error) (*Provider, error) {
	switch {
	case err != nil:
		return nil, unknown(err)
	case p.Application.Disabled:
		return nil, errUnknown
	case p.Wire.Expired(h.DB.Now()):
		return nil, errExpired
	}
	return p, nil
}

// answers is where a request is answered. One that asks for a binding in which the address is not registered hears of
// that there, by a form.
func (p *Provider) answers(q *wire.AuthnRequest) (wire.Endpoint, bool) {
	if q.ACS == nil && q.ACSURL == "" && q.ProtocolBinding == "" {
		return p.usualACS()
	}
	if at, ok := p.Wire.Answer(q); ok {
		return at, ok
	}
	open := *q
	open.ProtocolBinding = ""
	return p.Wire.Answer(&open)
}

// usualACS is where to answer where nobody says: by artifact if it is registered so, else by POST if that is possible.
func (p *Provider) usualACS() (wire.Endpoint, bool) {
	bindings := []wire.Binding{wire.BindingPOST, ""}
	if p.Settings.Artifact {
		bindings = []wire.Binding{wire.BindingArtifact, wire.BindingPOST, ""}
	}
	for _, b := range bindings {
		if at, ok := p.Wire.DefaultACS(b); ok {
			return at, true
		}
	}
	return wire.Endpoint{}, false
}

// goOn goes on with a request that came by POST.
func (h *Handler) goOn(w http.ResponseWriter, r *http.Request, e entity, text string) {
	a, err := h.carried(text)
	if err == nil && a.Organization != e.slug {
		err = errCarried
	}
	if err != nil {
		h.page(w, r, err)
		return
	}
	t, err := h.provenAgain(r, a)
	if err != nil {
		h.page(w, r, err)
		return
	}
	h.begin(w, r, t)
}

// provenAgain settles once more whom a request that was kept is from and where its answer goes: the registration may have
// changed meanwhile.
func (h *Handler) provenAgain(r *http.Request, a request) (*target, error) {
	e, err := h.entityOf(r, a.Organization)
	if err != nil {
		return nil, err
	}
	p, err := h.usable(h.Providers.ByApplication(r.Context(), a.Application))
	switch {
	case err != nil:
		return nil, err
	case p.Owner() != e.owner:
		return nil, errUnknown
	case !p.has(a.ACS):
		return nil, errACS
	}
	return &target{request: a, entity: e, provider: p}, nil
}

// proves reports whether the service provider can prove by a signature that it is the one that asks.
func (p *Provider) proves() bool { return len(p.Trust.Keys) > 0 }

func (p *Provider) has(at wire.Endpoint) bool {
	for _, e := range p.Wire.ACS {
		if e.Location == at.Location && e.Binding == at.Binding {
			return true
		}
	}
	return false
}

// takeOnce notes that a request was taken; a second time it is refused.
func (h *Handler) takeOnce(r *http.Request, t *target) error {
	if t.ID == "" {
		return nil
	}
	taken, err := takeRequest(r.Context(), h.DB, t.Application, t.ID)
	if err == nil && !taken {
		err = errReplayed
	}
	return err
}

// begin answers at once where the browser's session suffices, else begins the conversation.
func (h *Handler) begin(w http.ResponseWriter, r *http.Request, t *target) {
	if err := h.takeOnce(r, t); err != nil {
		h.again(w, r, t, err)
		return
	}
	n, err := h.needs(r, t)
	if err != nil {
		h.refuse(w, r, t, err)
		return
	}
	b, err := t.begin(n)
	if err != nil {
		h.refuse(w, r, t, err)
		return
	}
	out, ok, err := h.Interactions.Try(r, b)
	switch {
	case ok && err == nil:
		h.finish(w, r, t, out)
		return
	case t.Passive && err != nil, fault.Is(err, fault.Internal):
		h.refuse(w, r, t, err)
		return
	case t.Passive:
		h.refuse(w, r, t, interaction.ErrInteractionRequired)
		return
	}
	location, err := h.Interactions.Begin(w, r, b)
	if err != nil {
		h.refuse(w, r, t, err)
		return
	}
	w.Header().Set("Location", location)
	w.WriteHeader(http.StatusSeeOther)
}

// again answers a request that was taken before: the browser that began a sign-in by it goes on with that, whoever else asks
// reads where to begin anew. Nothing is issued here.
func (h *Handler) again(w http.ResponseWriter, r *http.Request, t *target, replayed error) {
	if !errors.Is(replayed, errReplayed) {
		h.page(w, r, replayed)
		return
	}
	b, err := t.begin(interaction.Needs{})
	location, ok := "", false
	if err == nil {
		location, ok, err = h.Interactions.UnderWay(r, b)
	}
	switch {
	case err != nil:
		h.page(w, r, err)
	case ok:
		w.Header().Set("Location", location)
		w.WriteHeader(http.StatusSeeOther)
	default:
		h.Pages.Error(w, r, http.StatusBadRequest, web.Problem{Code: errReplayed.Code, Detail: errReplayed.Text, About: web.AboutExpired, Back: t.wayBack()})
	}
}

// wayBack is where sign-ins at the service provider begin, as its registration says; "": it does not.
func (t *target) wayBack() string {
	m := &t.provider.Application.Metadata
	switch {
	case m.InitiateLoginURI != "":
		return m.InitiateLoginURI
	case m.ClientURI == "" && t.provider.Settings.IDPInitiated:
		return t.entity.base + endInit + t.provider.ID().String()
	}
	return m.ClientURI
}

// initiate begins a sign-in that nobody asked for, where the service provider's registration allows it (profiles §4.1.5).
// Where the person is sent within the service provider is the registration's to say, never the address's.
//
// Invariant: a service provider that did not register for it cannot be told from one that does not exist
// (TestWall053_UnsolicitedIsOffByDefault).
func (h *Handler) initiate(w http.ResponseWriter, r *http.Request, e entity) {
	w.Header()["Cache-Control"] = noStore
	name := r.URL.Path[len(e.base)-len(h.Issuer)+len(endInit):]
	p, err := h.usable(h.Providers.ByName(r.Context(), e.owner, name))
	switch {
	case fault.Is(err, fault.Internal):
		h.page(w, r, err)
		return
	case err != nil || !p.Settings.IDPInitiated:
		h.page(w, r, errNoAddress)
		return
	}
	t := &target{entity: e, provider: p, request: request{Organization: e.slug, Application: p.ID(), RelayState: p.Settings.RelayState}}
	ok := false
	if t.ACS, ok = p.usualACS(); !ok {
		h.page(w, r, errACS)
		return
	}
	if err := t.check(&wire.AuthnRequest{}); err != nil {
		h.page(w, r, err)
		return
	}
	h.begin(w, r, t)
}
