package interaction

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"portvakt/idp/credential"
	"portvakt/idp/session"
	"portvakt/internal/actor"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
	"portvakt/internal/web"
)

// Try reports whether the browser's session satisfies the request without a word; if not, the fault names what is
// missing: login_required, interaction_required, consent_required or access_denied.
func (s *Service) Try(r *http.Request, b Begin) (Outcome, bool, error) {
	ctx := r.Context()
	v := &visit{c: s.newConversation(nil, s.db.Now())}
	var err error
	if v.session, v.signedIn, err = s.sessions.Current(r); err != nil {
		return Outcome{}, false, err
	}
	if !v.signedIn {
		return Outcome{}, false, ErrLoginRequired
	}
	if v.client, err = s.clients.ByID(ctx, b.Application.ID); err != nil {
		return Outcome{}, false, err
	}
	lacks, err := s.lacks(ctx, withDemand(b.Needs, v.client), v.session, &state{Before: v.session.ID})
	if err != nil {
		return Outcome{}, false, err
	}
	if lacks != nil {
		return Outcome{}, false, lacks.Fault
	}
	if v.standings, err = s.dir.Memberships.StandingsOf(ctx, v.session.User); err != nil {
		return Outcome{}, false, err
	}
	v.c.Application, v.c.Demand = b.Application.ID, demand{Grant: b.Grant, Needs: b.Needs}
	return s.silently(ctx, v, b)
}

// silently is the rest of Try for a browser whose session suffices.
func (s *Service) silently(ctx context.Context, v *visit, b Begin) (Outcome, bool, error) {
	person := ofSession(v.session)
	if err := s.place(ctx, v, person); err != nil {
		return Outcome{}, false, err
	}
	switch out := &v.verdict; {
	case out.refuse != nil:
		return Outcome{}, false, out.refuse
	case out.page == pathPassword:
		return Outcome{}, false, ErrLoginRequired
	case out.page == pathOrganization && len(out.choices) == 0 && len(out.invitations) == 0:
		return Outcome{}, false, ErrAccessDenied
	case out.page != "":
		return Outcome{}, false, ErrInteractionRequired
	}
	if w := b.Needs.wanted(); w.must && !w.met(v.verdict.pass.Class(), nil) {
		return Outcome{}, false, ErrLoginRequired
	}
	missing, err := s.consentMissing(ctx, b.Needs, v.verdict.pass, directory.MembershipID{})
	if err != nil {
		return Outcome{}, false, err
	}
	if missing {
		return Outcome{}, false, ErrConsentRequired
	}
	sid, err := s.sessions.Enter(ctx, v.session, v.verdict.pass, b.Application.ID)
	if err != nil {
		return Outcome{}, false, err
	}
	return Outcome{Session: v.session, Pass: v.verdict.pass, SID: sid, Request: b.Request}, true, nil
}

// Begin stores the conversation for a protocol request and answers where it goes on; the caller answers 303 there.
func (s *Service) Begin(w http.ResponseWriter, r *http.Request, b Begin) (location string, err error) {
	current, signedIn, err := s.sessions.Current(r)
	if err != nil {
		return "", err
	}
	c := s.newConversation(secret.HashToken(s.sessions.Cookies().EnsureBrowser(w, r)), s.db.Now())
	c.Application, c.Request = b.Application.ID, b.Request
	c.Demand = demand{Protocol: b.Protocol, Grant: b.Grant, RedirectURI: b.RedirectURI, Needs: b.Needs}
	path := pathSignIn
	if signedIn {
		c.State.Before = current.ID
		client, err := s.clients.ByID(r.Context(), b.Application.ID)
		if err != nil {
			return "", err
		}
		lacks, err := s.lacks(r.Context(), withDemand(b.Needs, client), current, &state{Before: current.ID})
		if err != nil {
			return "", err
		}
		// The same person again, in all likelihood. Of somebody else whom an ID token names no address is shown: the
		// application may not have been told it.
		if hint := b.Needs.UserHint; lacks != nil && (hint.IsZero() || hint == current.User) {
			c.State.Email, path = current.Email, pathPassword
		}
	}
	if err := s.insert(r.Context(), c); err != nil {
		return "", err
	}
	return web.CarryLanguage(r, c.address(path)), nil
}

// UnderWay answers where this browser's conversation about the very request goes on, where it has one that is open: for an
// address that begins a conversation once, and is asked for again.
func (s *Service) UnderWay(r *http.Request, b Begin) (location string, ok bool, err error) {
	cookies := s.sessions.Cookies()
	browser, has := cookies.Value(r, cookies.Browser)
	if !has {
		return "", false, nil
	}
	id, err := s.underWay(r.Context(), secret.HashToken(browser), b.Application.ID, string(b.Request))
	if err != nil || id.IsZero() {
		return "", false, err
	}
	return web.CarryLanguage(r, (&conversation{ID: id}).address(pathSignIn)), true, nil
}

// proceed returns to the dispatcher after a step and goes where it says.
func (s *Service) proceed(w http.ResponseWriter, r *http.Request, v *visit) {
	err := s.decide(w, r, v)
	if err == nil {
		err = s.mailCode(r, v)
	}
	if err != nil {
		s.stop(w, r, err)
		return
	}
	s.move(w, r, v)
}

// move goes where the verdict says: another page of ours, or the end.
func (s *Service) move(w http.ResponseWriter, r *http.Request, v *visit) {
	switch out := &v.verdict; {
	case out.page != "":
		if err := s.keep(w, r, v); err != nil {
			s.stop(w, r, err)
			return
		}
		web.SeeOther(w, r, v.c.address(out.page))
	case out.refuse != nil:
		s.refuse(w, r, v, out.refuse)
	default:
		s.finish(w, r, v)
	}
}

// finish ends the conversation, once, and has the protocol answer. The gate is asked again inside the transaction.
func (s *Service) finish(w http.ResponseWriter, r *http.Request, v *visit) {
	ctx := r.WithContext(actor.AsPerson(r.Context(), v.session.User.String())).Context()
	o, back := Outcome{Session: v.session, Request: v.c.Request}, v.c.State.Return
	err := s.db.Update(ctx, func(tx *sqldb.Tx) error {
		if err := conclude(ctx, tx, v.c); err != nil || v.client == nil {
			return err
		}
		person := ofSession(v.session)
		a, grant := v.target()
		var err error
		if o.Pass, err = s.gate.MayIssue(ctx, tx, request(v.verdict.pass.Standing().Membership, person, a, grant)); err != nil {
			return err
		}
		if o.SID, err = s.sessions.Sid(ctx, tx, v.session, o.Pass); err != nil {
			return err
		}
		return s.sessions.Used(ctx, tx, o.SID, v.c.Application)
	})
	if err != nil {
		s.stop(w, r, err)
		return
	}
	if v.client == nil {
		web.SeeOther(w, r, cmp.Or(back, pathAccount))
		return
	}
	f, ok := s.finishers[v.c.Demand.Protocol]
	if !ok {
		s.stop(w, r, errNoFinisher)
		return
	}
	f.Finish(w, r, o)
}

var errNoFinisher = errors.New("interaction: nobody answers the protocol of this conversation")

// cancel ends the conversation because the person says so.
func (s *Service) cancel(w http.ResponseWriter, r *http.Request, v *visit) {
	if v.c == nil {
		web.SeeOther(w, r, pathSignIn)
		return
	}
	s.refuse(w, r, v, ErrCancelled)
}

func (s *Service) refuse(w http.ResponseWriter, r *http.Request, v *visit, reason *fault.Fault) {
	err := s.db.Update(r.Context(), func(tx *sqldb.Tx) error { return conclude(r.Context(), tx, v.c) })
	if err != nil {
		s.stop(w, r, err)
		return
	}
	f, ok := s.finishers[v.c.Demand.Protocol]
	switch {
	case v.client == nil:
		web.SeeOther(w, r, pathSignIn)
	case !ok:
		s.stop(w, r, errNoFinisher)
	default:
		f.Refuse(w, r, json.RawMessage(v.c.Request), reason)
	}
}

// Proven is what account has proven of a person.
type Proven struct {
	Email    string
	Evidence credential.Evidence
	Codes    []string // new recovery codes, to be shown before anything else
}

// Continue goes on after account has proven who the person is: with the conversation, where it is this browser's, still
// open and nobody's yet, else with one of our own, which ends at the account page.
func (s *Service) Continue(w http.ResponseWriter, r *http.Request, id ID, p Proven) {
	v, err := s.resume(w, r, id)
	if err != nil {
		s.stop(w, r, err)
		return
	}
	v.c.State.Email, v.c.State.Mailed, v.c.State.Evidence = p.Email, false, p.Evidence
	v.c.User, v.c.Session, v.proven = p.Evidence.User, session.ID{}, true
	if len(p.Codes) > 0 {
		v.c.State.Codes = s.credentials.SealCodes(p.Codes, v.sealed())
	}
	s.proceed(w, r, v)
}

func (s *Service) resume(w http.ResponseWriter, r *http.Request, id ID) (*visit, error) {
	v := &visit{}
	var err error
	if v.session, v.signedIn, err = s.sessions.Current(r); err != nil {
		return nil, err
	}
	if !id.IsZero() {
		v.c, v.browser, err = s.ofBrowser(r, id)
		if err != nil && !errors.Is(err, errOtherBrowser) {
			return nil, err
		}
	}
	if v.c != nil && v.c.open(s.db.Now()) && v.c.User.IsZero() {
		return v, s.findClient(r, v)
	}
	v.browser = s.sessions.Cookies().EnsureBrowser(w, r)
	v.c = s.newConversation(secret.HashToken(v.browser), s.db.Now())
	return v, s.insert(r.Context(), v.c)
}

// Waiting is the application, and where it will be answered, of a conversation that Continue would go on with.
func (s *Service) Waiting(r *http.Request, id ID) (name, redirectURI string) {
	if id.IsZero() {
		return "", ""
	}
	v := &visit{}
	var err error
	if v.c, _, err = s.ofBrowser(r, id); err != nil || !v.c.open(s.db.Now()) || !v.c.User.IsZero() || s.findClient(r, v) != nil || v.client == nil {
		return "", ""
	}
	f := s.frame(nil, v)
	return f.Application, f.RedirectURI
}

// OfAddress is the latest conversation of this browser on behalf of an application that waits for the person with the
// address; zero if none does.
func (s *Service) OfAddress(r *http.Request, email directory.Email) (ID, error) {
	cookies := s.sessions.Cookies()
	browser, ok := cookies.Value(r, cookies.Browser)
	if !ok {
		return ID{}, nil
	}
	waiting, err := s.waitingIn(r.Context(), secret.HashToken(browser))
	if err != nil {
		return ID{}, err
	}
	for _, w := range waiting {
		if typed, err := directory.ParseEmail(w.email); err == nil && typed.Key == email.Key {
			return w.id, nil
		}
	}
	return ID{}, nil
}

// Again begins a conversation of the signed-in person's own that asks for the password once more, and answers where.
func (s *Service) Again(w http.ResponseWriter, r *http.Request, current session.Session) (location string, err error) {
	c := s.newConversation(secret.HashToken(s.sessions.Cookies().EnsureBrowser(w, r)), s.db.Now())
	c.State.Email, c.State.Before, c.State.Again = current.Email, current.ID, true
	return c.address(pathPassword), s.insert(r.Context(), c)
}
