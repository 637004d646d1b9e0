package interaction

import (
	"cmp"
	"net/http"
	"time"

	pages "portvakt/idp/web"
	"portvakt/internal/directory"
	"portvakt/internal/web"
)

// frame is what every page of the conversation shows beside its own question.
func (s *Service) frame(w http.ResponseWriter, v *visit) pages.Conversation {
	f := pages.Conversation{Frame: pages.Frame{
		Status: v.verdict.status, CSRF: s.forms.Token(v.browser, v.purpose()), Notice: v.notice, Retry: v.retry,
	}}
	f.Passkey = s.ceremony(v)
	if v.c == nil {
		return f
	}
	f.Brand = s.brand(v)
	f.Interaction = v.c.ID.String()
	f.UILocales = v.c.Demand.Needs.UILocales
	if len(v.standings) > 0 { // known only after the sign-in
		own := v.standings[0].Own
		f.UserLanguage, f.Location = Language(own), Location(own)
	}
	if v.client != nil {
		m := &v.client.Registered.Metadata
		f.Application, f.PolicyURI, f.TermsURI = v.client.Name, m.PolicyURI, m.TermsURI
		f.RedirectURI = v.c.Demand.RedirectURI
		if f.RedirectURI == "" && len(m.RedirectURIs) > 0 {
			f.RedirectURI = m.RedirectURIs[0] // the policy goes by the scheme alone
		}
	}
	return f
}

// Language is the person's own choice of language, "" if none.
func Language(d directory.Details) string {
	if d.PreferredLanguage != "" {
		return d.PreferredLanguage
	}
	return d.Locale
}

// Location is the person's time zone; nil where none, or none that we know, was chosen.
func Location(d directory.Details) *time.Location {
	if d.Timezone == "" {
		return nil
	}
	loc, err := time.LoadLocation(d.Timezone)
	if err != nil {
		return nil
	}
	return loc
}

func (s *Service) showSignIn(w http.ResponseWriter, r *http.Request, v *visit) {
	remembered := s.forms.Email(s.sessions.Cookies(), r)
	view := pages.SignInView{Conversation: s.frame(w, v), Remember: remembered != ""}
	if v.c != nil {
		view.Email = cmp.Or(v.c.State.Email, hinted(v.c.Demand.Needs.LoginHint))
	}
	view.Email = cmp.Or(view.Email, remembered)
	view.Filled = remembered != "" && view.Email == remembered
	s.pages.SignIn(w, r, view)
}

// hinted is a login_hint that can be an address; other hints mean nothing to us.
func hinted(hint string) string {
	if e, err := directory.ParseEmail(hint); err == nil {
		return e.Address
	}
	return ""
}

func (s *Service) showPassword(w http.ResponseWriter, r *http.Request, v *visit) {
	if v.notice == "" && v.signedIn && v.c.State.Before == v.session.ID {
		v.notice = pages.NoticeSignInAgain
		if v.c.State.Want != "" {
			v.notice = pages.NoticeStepUp
		}
	}
	s.pages.Password(w, r, pages.PasswordView{
		Conversation: s.frame(w, v), Email: v.c.State.Email, OtherEmail: v.c.address(pathSignIn), Problem: v.problem,
	})
}

func (s *Service) showMailSent(w http.ResponseWriter, r *http.Request, v *visit) {
	if !v.c.State.Mailed {
		web.SeeOther(w, r, v.c.address(pathPassword))
		return
	}
	s.pages.MailSent(w, r, pages.MailSentView{
		Conversation: s.frame(w, v), Email: v.c.State.Email, ValidFor: s.cfg.LinkValid, Back: v.c.address(pathPassword),
		DevMail: s.cfg.DevMail,
	})
}

func (s *Service) showOrganization(w http.ResponseWriter, r *http.Request, v *visit) {
	out := &v.verdict
	if v.c.State.Gone && v.notice == "" {
		v.notice = pages.NoticeInvitationGone
		if len(out.choices) == 0 {
			out.status = http.StatusForbidden
		}
	}
	if len(out.choices) == 0 && len(out.invitations) == 0 && v.notice == "" {
		v.notice, out.status = notice(out.barred), http.StatusForbidden
	}
	view := pages.OrganizationView{Conversation: s.frame(w, v)}
	for i := range out.choices {
		view.Choices = append(view.Choices, Shown(&out.choices[i], s.db.Now()))
	}
	for i := range out.invitations {
		shown, err := s.invited(r, &out.invitations[i], view.Frame)
		if err != nil {
			s.stop(w, r, err)
			return
		}
		view.Invitations = append(view.Invitations, shown)
	}
	s.pages.Organization(w, r, view)
}

func (s *Service) showInvitation(w http.ResponseWriter, r *http.Request, v *visit) {
	st, frame := &v.verdict.invitations[0], s.frame(w, v)
	shown, err := s.invited(r, st, frame.Frame)
	if err != nil {
		s.stop(w, r, err)
		return
	}
	s.pages.Invitation(w, r, pages.InvitationView{Conversation: frame, Invitation: shown, Email: st.Email})
}

func (s *Service) invited(r *http.Request, st *directory.Standing, f pages.Frame) (pages.Invitation, error) {
	return Invited(r.Context(), s.dir, st, string(s.pages.Language(r, f)))
}

func (s *Service) showConsent(w http.ResponseWriter, r *http.Request, v *visit) {
	st := v.verdict.pass.Standing()
	s.pages.Consent(w, r, pages.ConsentView{
		Conversation: s.frame(w, v), Email: st.Email, Organization: st.Name, Scopes: v.c.Demand.Needs.Scopes,
	})
}

// Shown is a membership as pages show it.
func Shown(st *directory.Standing, now time.Time) pages.Membership {
	state := string(st.State(now))
	if st.State(now) == directory.StateScheduled {
		state = "upcoming"
	}
	return pages.Membership{
		Slug: st.Slug, Name: st.Name, Kind: string(st.Kind), State: state, Administrator: st.Administrator, Start: st.Start, End: st.End,
	}
}
