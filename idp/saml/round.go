package saml

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"portvakt/idp/saml/wire"
	"portvakt/idp/session"
	pages "portvakt/idp/web"
	"portvakt/internal/directory"
	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
)

// round is a sign-out on its way through a browser: the session is over, the participants are visited one after another, and
// whoever asked is answered last (profiles §4.4).
type round struct {
	ID          roundID
	Application directory.ApplicationID // who asked; zero: the person, with us
	Answer      lastWord
	browser     string
}

// lastWord is what a sign-out ends with.
type lastWord struct {
	Organization string       `json:"organization,omitempty"` // of the address that the service provider asked
	Binding      wire.Binding `json:"binding,omitempty"`
	ID           string       `json:"id,omitempty"` // of its request
	RelayState   string       `json:"relay_state,omitempty"`
	Back         string       `json:"back,omitempty"` // where the person goes
	Locales      string       `json:"locales,omitempty"`
}

const (
	fieldRound = "logout" // the parameter of our own address that goes on with a sign-out
	fieldBegun = "begun"  // and of its first page
	fieldOn    = "on"     // and of what follows a page that was shown on the way
	roundHere  = "here"   // whichever is under way in the browser
	maxVisits  = 2        // how often a browser is sent to who does not answer
	inARow     = 3        // how many are visited without a page: each takes three redirects, and browsers follow twenty
)

// Begin has the browser of a session that ends visit its participants.
func (h *Handler) Begin(ctx context.Context, tx *sqldb.Tx, v session.Session, d session.Departure) (string, error) {
	r := round{ID: sqldb.NewID[roundPrefix](tx.Now()), browser: d.Browser, Answer: lastWord{Back: d.Back, Locales: d.Locales}}
	n, err := joinRound(ctx, tx, r.ID, v.ID)
	if err != nil || n == 0 {
		return "", err
	}
	return r.address() + "&" + fieldBegun + "=1", r.insert(ctx, tx)
}

func (d *round) address() string {
	return pathRoot + endSLO + "?" + url.Values{fieldRound: {d.ID.String()}}.Encode()
}

// goRound goes on with the sign-out of the request's browser.
func (h *Handler) goRound(w http.ResponseWriter, r *http.Request, text string) {
	var id roundID
	var err error
	if text != roundHere {
		if id, err = sqldb.ParseID[roundPrefix](text); err != nil {
			h.page(w, r, errCarried)
			return
		}
	}
	cookies := h.Sessions.Cookies()
	browser, _ := cookies.Value(r, cookies.Browser)
	d, ok, err := roundOf(r.Context(), h.DB, h.DB.Now(), id, browser)
	switch {
	case err != nil:
		h.page(w, r, err)
	case !ok:
		h.Pages.SignedOut(w, r, pages.SignedOutView{SignIn: "/sign-in"})
	case text == roundHere: // somebody's answer could not be taken
		if err := h.giveUp(r.Context(), d.ID); err != nil {
			h.page(w, r, err)
			return
		}
		h.onward(w, r, d)
	case r.URL.Query().Has(fieldBegun):
		// A form of ours led here, and its page's policy holds for every redirect that follows; a page of its own does not.
		h.rest(w, r, d, d.address())
	default:
		h.onward(w, r, d)
	}
}

// onward takes the browser to the next participant, with a page in between where it has followed many redirects.
func (h *Handler) onward(w http.ResponseWriter, r *http.Request, d round) {
	n, err := visitedIn(r.Context(), h.DB, d.ID)
	switch {
	case err != nil:
		h.page(w, r, err)
	case n > 0 && n%inARow == 0 && !r.URL.Query().Has(fieldOn):
		h.rest(w, r, d, d.address()+"&"+fieldOn+"=1")
	default:
		h.walk(w, r, d)
	}
}

// rest shows the page that goes on by itself.
func (h *Handler) rest(w http.ResponseWriter, r *http.Request, d round, next string) {
	w.Header().Set("Refresh", "0;url="+next)
	h.Pages.SigningOut(w, r, pages.SigningOutView{Frame: pages.Frame{UILocales: d.Answer.Locales}, Next: next})
}

// giveUp waits no longer for the participant at which the browser was.
func (h *Handler) giveUp(ctx context.Context, id roundID) error {
	return h.DB.Update(ctx, func(tx *sqldb.Tx) error {
		all, err := remaining(ctx, tx, id)
		if err != nil {
			return err
		}
		for _, p := range all {
			if p.Visits > 0 {
				settle(tx, []participantID{p.ID}, true)
			}
		}
		return nil
	})
}

// stop is where the browser is sent next.
type stop struct {
	group    *group
	provider *Provider
	at       wire.Endpoint
	message  *wire.Message
}

// walk sends the browser to the next participant, or where there is none left, to where the sign-out ends.
func (h *Handler) walk(w http.ResponseWriter, r *http.Request, d round) {
	s, err := h.nextStop(r.Context(), d)
	if err == nil && s == nil {
		h.arrive(w, r, d)
		return
	}
	if err == nil {
		err = h.take(w, r, parcel{s.provider, s.at.Binding, s.message, ""})
	}
	if err != nil {
		h.page(w, r, err)
	}
}

// nextStop finds the next participant that a browser can reach, and writes the request for it. Those on the way that can be
// told without a browser are left to the outbox, and those that cannot be told at all are noted.
func (h *Handler) nextStop(ctx context.Context, d round) (*stop, error) {
	all, err := remaining(ctx, h.DB, d.ID)
	if err != nil {
		return nil, err
	}
	var next *stop
	var lost []participantID
	var quiet []*group
	for _, g := range grouped(all) {
		p, err := h.Providers.ByApplication(ctx, g.of.Application)
		if isNotFound(err) {
			lost = append(lost, g.ids...)
			continue
		}
		if err != nil {
			return nil, err
		}
		front, ok := p.front()
		_, silent := p.back()
		switch {
		case ok && g.of.Visits >= maxVisits, !ok && !silent:
			lost = append(lost, g.ids...)
		case !ok && g.of.Told.IsZero():
			quiet = append(quiet, g)
		case ok && next == nil:
			next = &stop{group: g, provider: p, at: front}
		}
	}
	if next != nil {
		if next.message, err = h.tell(ctx, next.provider, next.group, next.at.Location); err != nil {
			return nil, err
		}
	}
	if next == nil && lost == nil && quiet == nil {
		return nil, nil
	}
	return next, h.DB.Update(ctx, func(tx *sqldb.Tx) error {
		settle(tx, lost, true)
		for _, g := range quiet {
			told(tx, g.ids)
			if err := announce(tx, g); err != nil {
				return err
			}
		}
		if next != nil {
			visit(tx, next.group.ids, next.message.ID)
		}
		return nil
	})
}

// parcel is a message of a sign-out and how it travels.
type parcel struct {
	to      *Provider
	binding wire.Binding
	message *wire.Message
	relay   string
}

// take has the browser carry a message: in its address, or in a form with its button.
func (h *Handler) take(w http.ResponseWriter, r *http.Request, p parcel) error {
	w.Header()["Cache-Control"] = noStore
	if p.binding == wire.BindingRedirect {
		to, err := p.message.RedirectURL(p.relay)
		if err != nil {
			return err
		}
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusSeeOther)
		return nil
	}
	form, err := p.message.Form(p.relay)
	if err != nil {
		return err
	}
	fields := []pages.Field{{Name: form.Parameter, Value: form.Value}}
	if form.RelayState != "" {
		fields = append(fields, pages.Field{Name: "RelayState", Value: form.RelayState})
	}
	h.Pages.FormPost(w, r, pages.FormPostView{Application: p.to.Application.Name, Action: form.Action, Fields: fields})
	return nil
}

// arrive answers whoever asked, or takes the person where the sign-out leads.
//
// Invariant: success is said without PartialLogout only if every participant said so (TestPartialLogoutIsReported).
func (h *Handler) arrive(w http.ResponseWriter, r *http.Request, d round) {
	c, err := h.await(r.Context(), func(ctx context.Context) (count, error) { return countRound(ctx, h.DB, d.ID) })
	if err != nil {
		h.page(w, r, err)
		return
	}
	if !d.Application.IsZero() {
		p, err := h.Providers.ByApplication(r.Context(), d.Application)
		if err == nil {
			h.answerLogout(w, r, p, d.Answer, c.status())
			return
		}
		if !isNotFound(err) {
			h.page(w, r, err)
			return
		}
	}
	if d.Answer.Back != "" {
		w.Header().Set("Location", d.Answer.Back)
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	names, err := failedNames(r.Context(), h.DB, d.ID)
	if err != nil {
		h.page(w, r, err)
		return
	}
	h.Pages.SignedOut(w, r, pages.SignedOutView{Frame: pages.Frame{UILocales: d.Answer.Locales}, Remaining: names, SignIn: "/sign-in"})
}

func (c count) status() wire.Status {
	if c.open+c.failed > 0 {
		return wire.StatusPartialLogout
	}
	return wire.StatusSuccess
}

// answerLogout answers a request to sign out. Who offers no address for it sees a page.
func (h *Handler) answerLogout(w http.ResponseWriter, r *http.Request, p *Provider, l lastWord, s wire.Status) {
	at, ok := p.Wire.Logout(l.Binding, wire.BindingRedirect, wire.BindingPOST)
	if !ok || at.Binding == wire.BindingSOAP {
		h.Pages.SignedOut(w, r, pages.SignedOutView{Application: p.Application.Name, SignIn: "/sign-in"})
		return
	}
	m, err := h.logoutResponse(r.Context(), p, l.ID, at.Answers(), s)
	if err == nil {
		err = h.take(w, r, parcel{p, at.Binding, m, l.RelayState})
	}
	if err != nil {
		h.page(w, r, err)
	}
}

func (h *Handler) logoutResponse(ctx context.Context, p *Provider, request, destination string, s wire.Status) (*wire.Message, error) {
	e, err := h.entityOfOwner(ctx, p)
	if err != nil {
		return nil, err
	}
	issuer, err := h.issuerOf(ctx, e)
	if err != nil {
		return nil, err
	}
	a := wire.LogoutResponse{Status: s}
	a.InResponseTo, a.Destination, a.IssueInstant = request, destination, h.DB.Now()
	return issuer.LogoutResponse(a)
}

const (
	patience   = 3 * time.Second // how long whoever asked waits for those that are told without the browser
	lookAgain  = 50 * time.Millisecond
	eventTell  = "saml.logout"
	subscriber = "saml.backchannel"
)

// await counts until everybody has answered, or the patience is over.
func (h *Handler) await(ctx context.Context, counted func(context.Context) (count, error)) (count, error) {
	most := h.Patience
	if most == 0 {
		most = patience
	}
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for {
		c, err := counted(context.WithoutCancel(ctx))
		if err != nil || c.open == 0 {
			return c, err
		}
		select {
		case <-ctx.Done():
			return c, nil
		case <-tick.C:
		}
	}
}

// announce has the outbox tell a group.
func announce(tx *sqldb.Tx, g *group) error {
	n := notice{Application: g.of.Application.String()}
	for _, id := range g.ids {
		n.Participants = append(n.Participants, id.String())
	}
	return outbox.Append(tx, directory.OrganizationID{}, eventTell, g.of.SID.String(), n)
}
