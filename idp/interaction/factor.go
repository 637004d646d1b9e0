package interaction

import (
	"context"
	"net/http"
	"slices"
	"time"

	"portvakt/idp/credential"
	"portvakt/idp/gate"
	"portvakt/idp/session"
	pages "portvakt/idp/web"
	"portvakt/internal/actor"
	"portvakt/internal/directory"
	"portvakt/internal/web"
)

// read has the person's memberships at hand.
func (s *Service) read(ctx context.Context, v *visit, user directory.UserID) (err error) {
	if v.standings == nil || len(v.standings) > 0 && v.standings[0].User != user {
		v.standings, err = s.dir.Memberships.StandingsOf(ctx, user)
	}
	return err
}

// demanded reports whether the person cannot sign in without a second factor: an active membership demands one, the person
// is an operator, or the request insists.
func (s *Service) demanded(ctx context.Context, v *visit, u directory.User) (bool, error) {
	if err := s.read(ctx, v, u.ID); err != nil {
		return false, err
	}
	if v.wanted().insists(credential.ACRPassword) {
		return true, nil
	}
	return Demanded(u, v.standings, s.db.Now()), nil
}

// Demanded reports whether the person needs a second factor.
func Demanded(u directory.User, standings []directory.Standing, now time.Time) bool {
	return u.Operator || slices.ContainsFunc(standings, func(st directory.Standing) bool { return st.ActiveAt(now) && gate.Demands(&st) })
}

// Trusts is for how long a browser of the person may be trusted: by the strictest of the person's organizations.
func Trusts(standings []directory.Standing, now time.Time) time.Duration {
	days := int64(-1)
	for i := range standings {
		if st := &standings[i]; st.ActiveAt(now) && (days < 0 || gate.Trusts(st) < days) {
			days = gate.Trusts(st)
		}
	}
	return time.Duration(max(days, 0)) * 24 * time.Hour
}

// trusts is Trusts for whoever the conversation is about; zero where the sign-in is to be stronger than usual.
//
// Invariant: a trusted browser speaks at a plain sign-in alone; where somebody signed in is asked again, or a request wants
// a second factor, it has no voice (TestADeviceStepsNothingUp).
func (s *Service) trusts(ctx context.Context, v *visit, user directory.UserID) (time.Duration, error) {
	if !v.c.State.Before.IsZero() {
		return 0, nil
	}
	if err := s.read(ctx, v, user); err != nil {
		return 0, err
	}
	return Trusts(v.standings, s.db.Now()), nil
}

// withDevice adds to a password what the browser's cookie says of an earlier second factor.
func (s *Service) withDevice(r *http.Request, v *visit, e credential.Evidence) (credential.Evidence, error) {
	cookies := s.sessions.Cookies()
	token, ok := cookies.Value(r, cookies.Device)
	if !ok {
		return e, nil
	}
	age, err := s.trusts(r.Context(), v, e.User)
	if err != nil {
		return e, err
	}
	device, err := s.credentials.Trusted(r.Context(), e, token, age)
	if err != nil || !device.Device {
		return e, err
	}
	return e.And(device), nil
}

// carry takes the session's password on, where it was typed a moment ago and only a factor is missing. The browser's cookie
// changes with it as with any proof.
func (s *Service) carry(v *visit) bool {
	st := &v.c.State
	if st.Carried {
		return false
	}
	st.Carried, v.changed = true, true
	current := &v.session
	e := current.Held().Password(s.db.Now())
	if e.User.IsZero() {
		return false
	}
	st.Evidence, st.Email, v.c.User, v.proven = e, current.Email, e.User, true
	return true
}

func (s *Service) showSecondFactor(w http.ResponseWriter, r *http.Request, v *visit) {
	if v.mail {
		s.showMailed(w, r, v)
		return
	}
	e := v.c.State.Evidence
	has, err := s.credentials.Of(r.Context(), s.db, e.User)
	if err != nil {
		s.stop(w, r, err)
		return
	}
	age, err := s.trusts(r.Context(), v, e.User)
	if err != nil {
		s.stop(w, r, err)
		return
	}
	wants := v.wanted()
	onlyKeys := wants.must && has.Keys > 0 && !wants.met(credential.ACRMFA, nil)
	recovery := askedRecovery(r) && has.Recovery > 0
	if v.notice == "" && v.c.State.Want != "" {
		v.notice = pages.NoticeStepUp
	}
	if recovery && v.notice == pages.NoticeWrongCode {
		v.notice = pages.NoticeWrongRecovery
	}
	s.pages.SecondFactor(w, r, pages.SecondFactorView{
		Conversation: s.frame(w, v), Email: v.c.State.Email, Problem: v.problem, Code: has.Code, Keys: has.Keys > 0 && !e.Key, Recovery: recovery,
		OtherWay: has.Recovery > 0 && (!onlyKeys || wants.own), TrustFor: age, TrustThis: web.One(r.PostForm, "trust_device") != "",
		OnlyByKeys: onlyKeys && !recovery,
	})
}

// askedRecovery reports whether the page shown was, or is to be, the one for recovery codes.
func askedRecovery(r *http.Request) bool {
	switch web.One(r.PostForm, "action") {
	case pages.ActionRecovery:
		return true
	case pages.ActionTOTP:
		return false
	}
	return web.One(r.PostForm, "method") == pages.ActionRecovery
}

func (s *Service) takeCode(w http.ResponseWriter, r *http.Request, v *visit) {
	if v.mail {
		s.takeMailed(w, r, v)
		return
	}
	switch web.One(r.PostForm, "action") {
	case pages.ActionRecovery, pages.ActionTOTP:
		s.showSecondFactor(w, r, v)
		return
	}
	code := web.One(r.PostForm, "code")
	if code == "" {
		v.problem, v.verdict.status = pages.ProblemRequired, http.StatusUnprocessableEntity
		s.showSecondFactor(w, r, v)
		return
	}
	shown := v.c.State.Evidence
	ctx := actor.AsPerson(r.Context(), shown.User.String())
	e, err := s.credentials.VerifyFactor(ctx, shown.User, code)
	if err != nil {
		s.again(w, r, v, err, s.showSecondFactor)
		return
	}
	if err := s.second(w, r, v, e); err != nil {
		s.stop(w, r, err)
		return
	}
	s.proceed(w, r, v)
}

// second notes that the second factor was shown, whichever it is, and trusts the browser where the person says so.
func (s *Service) second(w http.ResponseWriter, r *http.Request, v *visit, e credential.Evidence) error {
	both := v.c.State.Evidence.And(e)
	if web.One(r.PostForm, "trust_device") != "" {
		if err := s.trust(w, r, v, both); err != nil {
			return err
		}
	}
	v.c.State.Evidence, v.proven = both, true
	return nil
}

// trust remembers that both factors were shown in this browser, where the person's organizations allow it.
func (s *Service) trust(w http.ResponseWriter, r *http.Request, v *visit, e credential.Evidence) error {
	age, err := s.trusts(r.Context(), v, e.User)
	if err != nil || age == 0 || !e.First() || !e.Code && !e.Key {
		return err
	}
	ctx := actor.AsPerson(r.Context(), e.User.String())
	token, err := s.credentials.Trust(ctx, e, session.UserAgent(r), actor.From(ctx).Address)
	if err != nil {
		return err
	}
	cookies := s.sessions.Cookies()
	cookies.Keep(w, cookies.Device, token, age)
	return nil
}
