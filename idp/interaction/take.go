package interaction

import (
	"errors"
	"net/http"

	"portvakt/idp/credential"
	"portvakt/idp/gate"
	pages "portvakt/idp/web"
	"portvakt/internal/actor"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/secret"
	"portvakt/internal/web"
)

// takeEmail notes who says to be here. Nothing is looked up: the next page is the same for everybody.
func (s *Service) takeEmail(w http.ResponseWriter, r *http.Request, v *visit) {
	cookies := s.sessions.Cookies()
	if web.One(r.PostForm, "action") == pages.ActionForgetEmail {
		s.forms.RememberEmail(cookies, w, r, "")
		s.pages.SignIn(w, r, pages.SignInView{Conversation: s.frame(w, v)})
		return
	}
	typed, remember := web.One(r.PostForm, "email"), web.One(r.PostForm, "remember") != ""
	email, err := directory.ParseEmail(typed)
	if err != nil {
		view := pages.SignInView{Conversation: s.frame(w, v), Email: short(typed), Problem: pages.ProblemEmail, Remember: remember}
		if typed == "" {
			view.Problem = pages.ProblemRequired
		}
		view.Status = http.StatusUnprocessableEntity
		s.pages.SignIn(w, r, view)
		return
	}
	remembered := ""
	if remember {
		remembered = email.Address
	}
	s.forms.RememberEmail(cookies, w, r, remembered)
	if v.c == nil {
		v.c = s.newConversation(secret.HashToken(v.browser), s.db.Now())
		v.c.State.Email = email.Address
		if err := s.insert(r.Context(), v.c); err != nil {
			s.stop(w, r, err)
			return
		}
		web.SeeOther(w, r, v.c.address(pathPassword))
		return
	}
	st := &v.c.State
	st.Email, st.Mailed, st.Evidence, v.changed = email.Address, false, credential.Evidence{}, true
	st.unchoose()
	st.Key, st.Codes, st.Way, st.CodeSent = "", nil, "", false
	v.c.User = directory.UserID{}
	s.proceed(w, r, v)
}

func short(s string) string {
	if len(s) > 254 {
		return ""
	}
	return s
}

func (s *Service) takePassword(w http.ResponseWriter, r *http.Request, v *visit) {
	if web.One(r.PostForm, "action") == pages.ActionForgot {
		s.takeForgot(w, r, v)
		return
	}
	password := web.One(r.PostForm, "password")
	if password == "" {
		v.problem, v.verdict.status = pages.ProblemRequired, http.StatusUnprocessableEntity
		s.showPassword(w, r, v)
		return
	}
	email, err := directory.ParseEmail(v.c.State.Email) // the one that was stored, whatever the form says
	if err != nil {
		s.stop(w, r, err)
		return
	}
	e, err := s.credentials.VerifyIn(r.Context(), email, password, s.visitor(r))
	if err != nil {
		s.again(w, r, v, err, s.showPassword)
		return
	}
	if e, err = s.withDevice(r, v, e); err != nil {
		s.stop(w, r, err)
		return
	}
	v.c.State.Evidence, v.c.User, v.proven = e, e.User, true
	s.proceed(w, r, v)
}

// again shows a page once more with what was wrong; what is no refusal is trouble.
func (s *Service) again(w http.ResponseWriter, r *http.Request, v *visit, err error, show func(http.ResponseWriter, *http.Request, *visit)) {
	f := fault.Of(err)
	switch {
	case errors.Is(err, credential.ErrWrongPassword):
		v.notice = pages.NoticeWrongPassword
	case errors.Is(err, credential.ErrWrongCode):
		v.notice = pages.NoticeWrongCode
		if v.mail {
			v.notice = pages.NoticeWrongMailCode
		}
	case errors.Is(err, credential.ErrBusy):
		v.notice, v.retry = pages.NoticeBusy, f.Retry
	case f.Kind == fault.Exhausted:
		v.notice, v.retry = pages.NoticeTooMany, f.Retry
	default:
		s.stop(w, r, err)
		return
	}
	v.verdict.status = web.Status(err)
	show(w, r, v)
}

// takeForgot sends a link, to whoever may get one, and shows the same page to everybody.
func (s *Service) takeForgot(w http.ResponseWriter, r *http.Request, v *visit) {
	email, err := directory.ParseEmail(v.c.State.Email)
	if err == nil {
		err = s.links.Request(r.Context(), email, actor.AddressOr(r.Context(), r.RemoteAddr), v.c.ID)
	}
	if err != nil {
		s.again(w, r, v, err, s.showPassword)
		return
	}
	if !v.c.State.Mailed {
		v.c.State.Mailed, v.changed = true, true
		if err := s.keep(w, r, v); err != nil {
			s.stop(w, r, err)
			return
		}
		web.SeeOther(w, r, v.c.address(pathForgot))
		return
	}
	v.notice = pages.NoticeMailSentAgain
	s.showMailSent(w, r, v)
}

func (s *Service) takeOrganization(w http.ResponseWriter, r *http.Request, v *visit) {
	if id := web.One(r.PostForm, "invitation"); id != "" {
		for _, st := range v.verdict.invitations {
			if st.Membership.String() == id {
				v.c.State.Invitation, v.changed = st.Membership, true
			}
		}
		s.proceed(w, r, v)
		return
	}
	slug := web.One(r.PostForm, "organization")
	for _, st := range v.verdict.choices {
		if st.Slug == slug {
			v.c.State.Membership, v.changed = st.Membership, true
			s.proceed(w, r, v)
			return
		}
	}
	v.notice, v.verdict.status = pages.NoticeChooseOrganization, http.StatusUnprocessableEntity
	s.showOrganization(w, r, v)
}

func (s *Service) takeInvitation(w http.ResponseWriter, r *http.Request, v *visit) {
	st := v.verdict.invitations[0]
	if web.One(r.PostForm, "invitation") != st.Membership.String() { // the page was about another one
		s.proceed(w, r, v)
		return
	}
	ctx := r.WithContext(actor.AsPerson(r.Context(), st.User.String())).Context()
	var err error
	switch web.One(r.PostForm, "action") {
	case pages.ActionAccept:
		_, err = s.dir.Memberships.Accept(ctx, st.User, st.Membership)
		v.c.State.Membership = st.Membership
	case pages.ActionDeny:
		err = s.dir.Memberships.Decline(ctx, st.User, st.Membership)
	default:
		s.showInvitation(w, r, v)
		return
	}
	if err != nil && !fault.Is(err, fault.NotFound) { // withdrawn meanwhile: the dispatcher sees
		s.stop(w, r, err)
		return
	}
	v.c.State.Invitation, v.changed, v.standings = directory.MembershipID{}, true, nil
	if err != nil {
		v.c.State.Gone = true
	}
	s.proceed(w, r, v)
}

func (s *Service) takeConsent(w http.ResponseWriter, r *http.Request, v *visit) {
	switch web.One(r.PostForm, "action") {
	case pages.ActionAccept:
		st := v.verdict.pass.Standing()
		if err := s.remember(r.WithContext(actor.AsPerson(r.Context(), st.User.String())).Context(), st, v.c.Application, v.c.Demand.Needs.Scopes); err != nil {
			s.stop(w, r, err)
			return
		}
		v.c.State.Consented, v.changed = st.Membership, true
		s.proceed(w, r, v)
	case pages.ActionDeny:
		s.cancel(w, r, v)
	default:
		s.showConsent(w, r, v)
	}
}

// notice says why there is no organization to choose.
func notice(barred *fault.Fault) pages.Notice {
	if barred != nil && errors.Is(barred, gate.ErrSecondFactor) {
		return pages.NoticeSecondFactorMissing
	}
	return pages.NoticeNoOrganization
}
