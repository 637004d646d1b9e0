package interaction

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"portvakt/idp/credential"
	"portvakt/idp/gate"
	pages "portvakt/idp/web"
	"portvakt/internal/actor"
	"portvakt/internal/directory"
	"portvakt/internal/ratelimit"
	"portvakt/internal/web"
)

// The ways in which somebody without a second factor can show one: state.Way.
const (
	wayMail = "mail" // by a code that is mailed
	wayApp  = "app"  // by one that is set up now, although mail would do
)

// MailCodes reports whether a mailed code is enough of a second factor for the person: an organization of theirs permits it,
// and so does each of those that demand a second factor.
//
// Invariant: one organization that demands a better factor is enough for all, and administrators and operators always need
// one (TestMailCodesStrictestWins).
func MailCodes(standings []directory.Standing, now time.Time) bool {
	active := func(st directory.Standing) bool { return st.ActiveAt(now) }
	stricter := func(st directory.Standing) bool {
		return active(st) && gate.Demands(&st) && gate.Least(&st) != gate.MailCode
	}
	permits := func(st directory.Standing) bool { return active(st) && st.MailCodes }
	return slices.ContainsFunc(standings, permits) && !slices.ContainsFunc(standings, stricter)
}

// further is the page on which somebody without a second factor shows one, where something demands it; "" where nothing does,
// or a mailed code has been shown and is enough. Whoever lost everything sets one up: the mailbox alone let them in.
//
// Invariant: whoever has shown mailed codes before shows one before a better factor is set up, also where a code is not
// enough: the password alone does not lead around it (TestWall092_ThePasswordLeadsAroundNoMailedCode).
func (s *Service) further(ctx context.Context, v *visit, u directory.User, has credential.Enrolled) (string, error) {
	demanded, err := s.demanded(ctx, v, u)
	if err != nil || !demanded && !has.Due {
		return "", err
	}
	before, err := s.credentials.Mailing(ctx, u.ID)
	if err != nil {
		return "", err
	}
	v.mail = !has.Due && !v.wanted().insists(credential.ACRMailCode) && MailCodes(v.standings, s.db.Now())
	st := &v.c.State
	if v.mail && before.Asked && st.Way == "" {
		st.Way, v.changed = wayMail, true
	}
	switch {
	case before.Shown && !has.Due && !st.Evidence.Mail:
		v.mail, v.mustMail = true, true
		return pathSecondFactor, nil
	case v.mail && st.Way != wayApp && st.Evidence.Mail:
		return "", nil
	case v.mail && st.Way == wayMail:
		return pathSecondFactor, nil
	}
	return pathEnrolFactor, nil
}

// chooseWay notes what the person prefers, where the form says so; false where it does not, or a code comes first.
func (s *Service) chooseWay(w http.ResponseWriter, r *http.Request, v *visit) bool {
	ways := map[string]string{pages.ActionMailCode: wayMail, pages.ActionEnrol: wayApp}
	way, ok := ways[web.One(r.PostForm, "action")]
	if !ok || !v.mail || way == v.c.State.Way {
		return false
	}
	v.c.State.Way, v.changed = way, true
	if v.mustMail {
		return false
	}
	s.proceed(w, r, v)
	return true
}

// mailCode has a code mailed on the way to the page that asks for it, once in a conversation. Where too many were mailed
// already, the page says so when the person asks again.
func (s *Service) mailCode(r *http.Request, v *visit) error {
	if !v.mail || v.verdict.page != pathSecondFactor || v.c.State.CodeSent {
		return nil
	}
	err := s.sendCode(r, v)
	if errors.Is(err, ratelimit.ErrExhausted) {
		return nil
	}
	return err
}

func (s *Service) sendCode(r *http.Request, v *visit) error {
	e := v.c.State.Evidence
	if err := s.links.MailCode(actor.AsPerson(r.Context(), e.User.String()), e, v.c.ID); err != nil {
		return err
	}
	v.c.State.CodeSent, v.changed = true, true
	return nil
}

func (s *Service) showMailed(w http.ResponseWriter, r *http.Request, v *visit) {
	if v.notice == "" && v.c.State.Want != "" {
		v.notice = pages.NoticeStepUp
	}
	s.pages.SecondFactor(w, r, pages.SecondFactorView{
		Conversation: s.frame(w, v), Email: v.c.State.Email, Problem: v.problem, ByMail: true, Mailed: v.c.State.CodeSent,
		ValidFor: credential.MailedFor, DevMail: s.cfg.DevMail,
	})
}

// takeMailed takes the code that was mailed, or has a new one mailed.
func (s *Service) takeMailed(w http.ResponseWriter, r *http.Request, v *visit) {
	if s.chooseWay(w, r, v) {
		return
	}
	if web.One(r.PostForm, "action") == pages.ActionMailCode {
		s.resendCode(w, r, v)
		return
	}
	code := web.One(r.PostForm, "code")
	if code == "" {
		v.problem, v.verdict.status = pages.ProblemRequired, http.StatusUnprocessableEntity
		s.showMailed(w, r, v)
		return
	}
	shown := v.c.State.Evidence
	e, err := s.credentials.VerifyMailed(actor.AsPerson(r.Context(), shown.User.String()), shown.User, v.c.ID.String(), code)
	if err != nil {
		s.again(w, r, v, err, s.showMailed)
		return
	}
	v.c.State.Evidence, v.proven = shown.And(e), true
	s.proceed(w, r, v)
}

func (s *Service) resendCode(w http.ResponseWriter, r *http.Request, v *visit) {
	again := v.c.State.CodeSent
	if err := s.sendCode(r, v); err != nil {
		s.again(w, r, v, err, s.showMailed)
		return
	}
	if err := s.keep(w, r, v); err != nil {
		s.stop(w, r, err)
		return
	}
	if again {
		v.notice = pages.NoticeCodeSentAgain
	}
	s.showMailed(w, r, v)
}
