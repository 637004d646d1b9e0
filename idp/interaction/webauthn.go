package interaction

import (
	"errors"
	"net/http"

	"portvakt/idp/credential"
	pages "portvakt/idp/web"
	"portvakt/internal/actor"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
	"portvakt/internal/web"
)

// pathWebAuthn answers challenges to the script of our pages. What the browser makes of a challenge comes back by the
// page's own form, through the same checks as a password or a code.
const pathWebAuthn = "/sign-in/webauthn/options"

// The purposes that the script asks challenges for.
const (
	purposePasskey      = "passkey"
	purposeSecondFactor = "second_factor"
	purposeRegister     = "register"
)

// ceremonies says what keys are for on a page.
var ceremonies = map[string]string{
	pathSignIn: purposePasskey, pathPassword: purposePasskey, pathSecondFactor: purposeSecondFactor, pathEnrolFactor: purposeRegister,
}

// ceremony is what the page's script needs; nil where keys are of no use. Before the password it is the same for everybody.
func (s *Service) ceremony(v *visit) *pages.Ceremony {
	purpose := ceremonies[v.path]
	if purpose == "" || !s.credentials.KeysWork() || purpose == purposeSecondFactor && v.keys == 0 ||
		purpose == purposeRegister && v.addable == credential.NoKeys {
		return nil
	}
	return &pages.Ceremony{
		Purpose: purpose, Options: pathWebAuthn, Unknown: v.unknown, Party: s.credentials.RelyingParty(),
		Suggest:  purpose == purposePasskey && !v.refused, // or a key that was just refused could be sent again and again
		Attested: purpose == purposeRegister && v.addable == credential.AttestedKeys,
	}
}

// bound is what the ceremonies of a visit are bound to: the browser's cookie, the conversation and the session.
func (v *visit) bound() string { return v.browser + " " + v.purpose() }

// asked is what the script asks.
type asked struct {
	Interaction string `json:"i"`
	CSRF        string `json:"csrf"`
	Purpose     string `json:"purpose"`
}

// challenge answers a challenge for the page that the browser shows.
func (s *Service) challenge(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		s.pages.Error(w, r, http.StatusMethodNotAllowed, web.Problem{Code: "method_not_allowed"})
		return
	}
	var q asked
	if err := web.ReadJSON(w, r, &q); err != nil {
		web.RefuseJSON(w, err, "")
		return
	}
	c, err := s.challengeFor(w, r, q)
	if err != nil {
		if fault.Is(err, fault.Internal) {
			s.log.ErrorContext(r.Context(), "no challenge was made", "error", err)
		}
		web.RefuseJSON(w, err, "")
		return
	}
	web.WriteJSON(w, http.StatusOK, c)
}

// ErrFormExpired is the refusal of a page that is too old, or of another browser.
var ErrFormExpired = fault.New(fault.Forbidden, "form_expired", "The page is too old")

func (s *Service) challengeFor(w http.ResponseWriter, r *http.Request, q asked) (c credential.Challenge, err error) {
	v, err := s.visit(w, r, q.Interaction)
	if errors.Is(err, errOver) {
		return c, errOver
	}
	if err != nil {
		return c, err
	}
	if !s.forms.Valid(v.browser, v.purpose(), q.CSRF) {
		return c, ErrFormExpired
	}
	switch q.Purpose {
	case purposePasskey:
		return s.credentials.BeginPasskey(r.Context(), v.bound(), actor.AddressOr(r.Context(), r.RemoteAddr))
	case purposeSecondFactor:
		if user, ok := v.half(); ok {
			return s.credentials.BeginSecondFactor(r.Context(), user, v.bound())
		}
	case purposeRegister:
		if v.c != nil && v.c.State.Evidence.First() {
			return s.newKey(r, v, v.c.State.Evidence)
		}
	default:
		return c, web.ErrBadJSON
	}
	return c, ErrFormExpired
}

// half is the person who has shown the password in this conversation, and no more.
func (v *visit) half() (directory.UserID, bool) {
	if v.c == nil {
		return directory.UserID{}, false
	}
	e := v.c.State.Evidence
	return e.User, e.Password && !e.User.IsZero()
}

// newKey makes the challenge for a first factor of somebody who has none, or for one more of somebody who has shown the one
// that there is (beyondKeys).
//
// Invariant: the password alone adds no key to an account that has a second factor (TestWall94_ThePasswordAddsNoKey).
func (s *Service) newKey(r *http.Request, v *visit, e credential.Evidence) (c credential.Challenge, err error) {
	has, err := s.credentials.Of(r.Context(), s.db, e.User)
	if err == nil && has.SecondFactor() && !e.Second() {
		err = ErrFormExpired
	}
	if err != nil {
		return c, err
	}
	u, err := s.dir.Users.ByID(r.Context(), e.User)
	if err != nil {
		return c, err
	}
	return s.credentials.BeginRegistration(r.Context(), credential.NewKey{
		User: e.User, Passkey: true, Account: u.Email.Address, Name: u.Details.Name(), Bound: v.bound(),
	})
}

// takeKey takes the answer of a ceremony, where the form brings one; false where it does not.
func (s *Service) takeKey(w http.ResponseWriter, r *http.Request, v *visit, p step) bool {
	a := credential.Answer{Ceremony: web.One(r.PostForm, "ceremony"), Credential: web.One(r.PostForm, "credential"), Bound: v.bound()}
	var e credential.Evidence
	var err error
	switch action := web.One(r.PostForm, "action"); {
	case action == pages.ActionUsePasskey && ceremonies[p.path] == purposePasskey:
		if e, err = s.credentials.FinishPasskey(r.Context(), a); err == nil {
			err = s.identify(r, v, e)
		}
	case action == pages.ActionUsePasskey && p.path == pathSecondFactor:
		if e, err = s.credentials.FinishSecondFactor(r.Context(), v.c.State.Evidence.User, a); err == nil {
			err = s.second(w, r, v, e)
		}
	case action == pages.ActionAddKey && p.path == pathEnrolFactor:
		err = s.enrolKey(r, v, a)
	default:
		return false
	}
	if err != nil {
		v.unknown = s.credentials.UnknownKey(a, err)
		s.keyRefused(w, r, v, p, err)
		return true
	}
	s.proceed(w, r, v)
	return true
}

// identify notes who has shown a passkey, whoever's address was typed before.
func (s *Service) identify(r *http.Request, v *visit, e credential.Evidence) error {
	u, err := s.dir.Users.ByID(r.Context(), e.User)
	if err != nil {
		return err
	}
	if v.c == nil {
		v.c = s.newConversation(secret.HashToken(v.browser), s.db.Now())
		if err := s.insert(r.Context(), v.c); err != nil {
			return err
		}
	}
	st := &v.c.State
	if v.c.User != e.User {
		st.unchoose()
	}
	st.Email, st.Mailed, st.Evidence = u.Email.Address, false, e
	v.c.User, v.proven = e.User, true
	return nil
}

// enrolKey stores the key that a forced enrolment has made, and has recovery codes shown next. Where somebody has enrolled
// a factor meanwhile nothing is stored: that one is to be shown.
func (s *Service) enrolKey(r *http.Request, v *visit, a credential.Answer) error {
	user := v.c.State.Evidence.User
	ctx := actor.AsPerson(r.Context(), user.String())
	proven, err := s.credentials.ProveKey(ctx, user, a, "")
	if err != nil {
		return err
	}
	return s.enrolled(ctx, v, func(tx *sqldb.Tx) (credential.Evidence, error) { return s.credentials.EnrolKey(ctx, tx, proven) })
}

// keyNotices are the refusals of keys in words.
var keyNotices = []struct {
	refusal *fault.Fault
	notice  pages.Notice
}{
	{credential.ErrKeyUnknown, pages.NoticeKeyUnknown},
	{credential.ErrKeySuspicious, pages.NoticeKeySuspicious},
	{credential.ErrCeremonyOver, pages.NoticeKeyLate},
	{credential.ErrKeyTaken, pages.NoticeKeyRegistered},
	{credential.ErrKeyAttested, pages.NoticeKeyNotAttested},
	{credential.ErrTooManyKeys, pages.NoticeTooManyKeys},
	{credential.ErrKeyRefused, pages.NoticeKeyRefused},
	{ErrFormExpired, pages.NoticeFormExpired},
}

// KeyNotice says to the person why a key was refused; false where it is no such refusal.
func KeyNotice(err error) (pages.Notice, bool) {
	for _, row := range keyNotices {
		if errors.Is(err, row.refusal) {
			return row.notice, true
		}
	}
	return "", false
}

// keyRefused shows the page once more.
func (s *Service) keyRefused(w http.ResponseWriter, r *http.Request, v *visit, p step, err error) {
	notice, ok := KeyNotice(err)
	if !ok {
		s.stop(w, r, err)
		return
	}
	s.log.InfoContext(r.Context(), "key refused", "error", err)
	v.refused, v.notice, v.verdict.status = true, notice, web.Status(err)
	p.show(w, r, v)
}
