package account

import (
	"errors"
	"net/http"
	"slices"

	"portvakt/idp/credential"
	"portvakt/idp/interaction"
	pages "portvakt/idp/web"
	"portvakt/internal/actor"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/ratelimit"
	"portvakt/internal/sqldb"
	"portvakt/internal/web"
)

// change is a visitor who chooses another password.
type change struct {
	visitor
	has   credential.Enrolled
	about credential.About
	view  pages.ChangePasswordView
}

// changing reads what the page needs. Whoever has a second factor, or no password, must have shown to be the person a
// moment ago; of everybody else the form asks the present password, which is as much.
func (a *Account) changing(w http.ResponseWriter, r *http.Request, v visitor) (c change, ok bool) {
	c.visitor = v
	var err error
	if c.has, err = a.credentials.Of(r.Context(), a.db, v.session.User); err == nil {
		var standings []directory.Standing
		standings, err = a.dir.Memberships.StandingsOf(r.Context(), v.session.User)
		c.about = credential.AboutPerson(v.person, c.has, standings)
		c.view.NewPasswordFields = interaction.PasswordFields(c.about)
	}
	if err != nil {
		a.pages.Fault(w, r, err)
		return c, false
	}
	if (c.has.SecondFactor() || !c.has.Password) && !a.fresh(w, r, v.session, pathPassword) {
		return c, false
	}
	return c, true
}

func (a *Account) showPassword(w http.ResponseWriter, r *http.Request) {
	v, ok := a.visitor(w, r)
	if !ok {
		return
	}
	if c, ok := a.changing(w, r, v); ok {
		a.passwordForm(w, r, c)
	}
}

func (a *Account) passwordForm(w http.ResponseWriter, r *http.Request, c change) {
	view := c.view
	view.Frame, view.Email, view.Has = c.frame, c.person.Email.Address, c.has.Password
	view.Back = web.CarryLanguage(r, pathSecurity)
	a.pages.ChangePassword(w, r, view)
}

// takePassword stores another password: the present one and the rules first, then the change in one transaction.
func (a *Account) takePassword(w http.ResponseWriter, r *http.Request) {
	again := func(v visitor) {
		if c, ok := a.changing(w, r, v); ok {
			a.passwordForm(w, r, c)
		}
	}
	v, acting, ok := a.formSender(w, r, again)
	if !ok {
		return
	}
	if action := web.One(r.PostForm, "action"); action == pages.ActionForgot || action == pages.ActionResend {
		a.forgot(w, acting, v)
		return
	}
	c, ok := a.changing(w, r, v)
	if !ok {
		return
	}
	password, ok := a.checkPasswords(w, acting, &c)
	if !ok {
		return
	}
	hash, err := a.credentials.Hash(acting.Context(), password)
	if err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	a.replacePassword(w, acting, c, hash)
}

// forgot sends a link with which another password is chosen; the present one is not asked then, the mailbox is.
func (a *Account) forgot(w http.ResponseWriter, r *http.Request, v visitor) {
	if err := a.Request(r.Context(), v.person.Email, actor.AddressOr(r.Context(), r.RemoteAddr), interaction.ID{}); err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	a.pages.MailSent(w, r, pages.MailSentView{Conversation: pages.Conversation{Frame: v.frame}, ValidFor: a.cfg.ResetValid,
		Email: v.person.Email.Address, Back: web.CarryLanguage(r, pathSecurity), DevMail: a.cfg.DevMail})
}

// checkPasswords reads the form and answers what is wrong with it.
func (a *Account) checkPasswords(w http.ResponseWriter, r *http.Request, c *change) (string, bool) {
	present, p := web.One(r.PostForm, "password"), &c.view
	password, fields, err := a.interactions.ChosenPassword(r, c.session.User, c.about)
	if err != nil {
		a.pages.Fault(w, r, err)
		return "", false
	}
	if fields.Good() && c.has.Password && password == present {
		fields.PasswordProblem = pages.ProblemUsedBefore
	}
	p.NewPasswordFields = fields
	if c.has.Password && present == "" {
		p.PresentProblem = pages.ProblemRequired
	}
	if fields.Good() && p.PresentProblem == "" {
		return password, a.checkPresent(w, r, c, present)
	}
	c.frame.Notice, c.frame.Status = pages.NoticeNotSaved, http.StatusUnprocessableEntity
	a.passwordForm(w, r, *c)
	return "", false
}

// checkPresent proves the person by the present password, counted like every other attempt.
func (a *Account) checkPresent(w http.ResponseWriter, r *http.Request, c *change, present string) bool {
	if !c.has.Password {
		return true
	}
	e, err := a.credentials.Verify(r.Context(), c.person.Email, present, actor.AddressOr(r.Context(), r.RemoteAddr))
	if err == nil && e.User == c.session.User {
		return true
	}
	switch {
	case err == nil, errors.Is(err, credential.ErrWrongPassword):
		c.view.PresentProblem, c.frame.Notice, c.frame.Status = pages.ProblemPresent, pages.NoticeNotSaved, http.StatusForbidden
	case errors.Is(err, ratelimit.ErrExhausted):
		c.frame.Notice, c.frame.Retry, c.frame.Status = pages.NoticeTooMany, fault.Of(err).Retry, http.StatusTooManyRequests
	default:
		a.pages.Fault(w, r, err)
		return false
	}
	a.passwordForm(w, r, *c)
	return false
}

// replacePassword stores the password and ends all that was begun under the old one; this browser goes on in a new session.
//
// Invariant: of any number of changes in one session one happens (TestPasswordChangeHappensOnce).
func (a *Account) replacePassword(w http.ResponseWriter, r *http.Request, c change, hash string) {
	ctx := r.Context()
	var u directory.User
	err := a.db.Update(ctx, func(tx *sqldb.Tx) (err error) {
		if u, err = a.dir.WithTx(tx).Users.EndSessionsUnder(ctx, c.session.User, c.session.UserEpoch, "password_set"); err != nil {
			return err
		}
		if err := a.credentials.Set(ctx, tx, u.ID, hash); err != nil {
			return err
		}
		voidLinks(tx, u.ID)
		voidEmailChanges(tx, u.ID)
		return announceChanged(tx, u.ID)
	})
	if errors.Is(err, directory.ErrEpoch) { // signed out everywhere meanwhile, or changed in another tab
		web.SeeOther(w, r, pathSignIn)
		return
	}
	if err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	a.log.InfoContext(ctx, "password changed", "user", u.ID.String())
	if _, err := a.sessions.Start(ctx, w, r, a.goingOn(c, u)); err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	web.SeeOther(w, r, pathSecurity+"?done=password")
}

// goingOn is the evidence for the session in place of the one that has just ended: the password was shown now, and the
// second factor, where there is one, within the last ten minutes.
func (a *Account) goingOn(c change, u directory.User) credential.Evidence {
	e := credential.Evidence{User: u.ID, Epoch: u.Epoch, At: a.db.Now(), Password: true}
	if c.has.SecondFactor() || !c.has.Password { // changing has demanded that they are fresh
		e.At = c.session.AuthenticatedAt
		shown := func(method string) bool { return slices.Contains(c.session.AMR, method) }
		e.Code, e.Key, e.Verified, e.Recovery = shown("otp") && c.session.ACR != credential.ACRMailCode, shown("hwk"), shown("user"), shown("rc")
		e.Attested = shown(credential.AMRAttested)
	}
	return e
}
