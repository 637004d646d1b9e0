package account

import (
	"cmp"
	"errors"
	"net/http"
	"strconv"
	"time"

	"portvakt/idp/credential"
	"portvakt/idp/interaction"
	pages "portvakt/idp/web"
	"portvakt/internal/actor"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/ratelimit"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
	"portvakt/internal/web"
)

// opened is a link that was shown to be good, with what its page needs.
type opened struct {
	link
	token        string
	browser      string
	person       directory.User
	has          credential.Enrolled
	standings    []directory.Standing
	organization string // the one whose invitation the link accepts
	asked        directory.Asked
	may          bool            // the person may choose a password at all
	invitation   directory.State // of the membership that it accepts, "" where it accepts none
	problems     pages.NewPasswordView
}

func formPurpose(token string) string { return "setup " + token }

// open finds what the token opens; errUnknownLink where it opens nothing any more. It changes nothing.
func (a *Account) open(w http.ResponseWriter, r *http.Request, token string) (*opened, error) {
	o := &opened{token: token, browser: a.sessions.Cookies().EnsureBrowser(w, r)}
	var err error
	if o.link, err = findLink(r.Context(), a.db, secret.HashToken(token)); err != nil {
		return o, err
	}
	if o.person, err = a.dir.Users.ByID(r.Context(), o.user); err != nil {
		return o, err
	}
	var st directory.Standing
	if o.asked, st, err = a.askedBy(r.Context(), &o.link); err != nil {
		return o, err
	}
	if !o.membership.IsZero() {
		o.organization, o.invitation = st.Name, st.State(a.db.Now())
	}
	if o.may, err = mayChoose(r.Context(), a.db, o.user); err != nil {
		return o, err
	}
	if !o.may || !o.good(o.person, a.db.Now()) || o.invitation == directory.StateEnded {
		return o, errUnknownLink
	}
	if o.has, err = a.credentials.Of(r.Context(), a.db, o.user); err != nil {
		return o, err
	}
	o.standings, err = a.dir.Memberships.StandingsOf(r.Context(), o.user)
	return o, err
}

func (a *Account) showSetup(w http.ResponseWriter, r *http.Request) {
	o, err := a.open(w, r, web.One(r.URL.Query(), "token"))
	if err != nil {
		a.closed(w, r, o, err)
		return
	}
	a.opened(r, o.asked.ID)
	a.form(w, r, o)
}

// form shows the page that asks for a password.
func (a *Account) form(w http.ResponseWriter, r *http.Request, o *opened) {
	v := o.problems
	v.CSRF = a.forms.Token(o.browser, formPurpose(o.token))
	v.UserLanguage = interaction.Language(o.person.Details)
	if v.UserLanguage == "" && len(o.standings) > 0 {
		v.UserLanguage = interaction.Language(o.standings[0].Details)
	}
	v.Application, v.RedirectURI = a.interactions.Waiting(r, a.waiting(r, o))
	v.Email, v.Token, v.First, v.Organization, v.NeedsCode = o.person.Email.Address, o.token, !o.has.Password, o.organization, o.has.SecondFactor()
	v.MinLength, v.MaxLength = a.about(o).MinLength(), credential.MaxLength
	if v.Retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((v.Retry+time.Second-1)/time.Second)))
	}
	a.pages.NewPassword(w, r, v)
}

// waiting is the sign-in to go on with: the one from which the link was asked for, or else the latest in this browser in
// which the address was typed. The mail of a person's creation leads on as well as one that was asked for.
func (a *Account) waiting(r *http.Request, o *opened) interaction.ID {
	if name, _ := a.interactions.Waiting(r, o.interaction); name != "" {
		return o.interaction
	}
	id, err := a.interactions.OfAddress(r, o.person.Email)
	if err != nil { // the password is set; where to go on is worth no failure
		a.log.ErrorContext(r.Context(), "no conversation found", "error", err)
		return o.interaction
	}
	if id.IsZero() {
		return o.interaction
	}
	return id
}

func (a *Account) about(o *opened) credential.About {
	d := o.person.Details
	about := credential.About{Email: o.person.Email, SecondFactor: o.has.SecondFactor(), Names: []string{d.Name(), d.GivenName, d.FamilyName}}
	for _, st := range o.standings {
		about.Names = append(about.Names, st.Details.Name(), st.Details.GivenName, st.Details.FamilyName)
		about.Organizations = append(about.Organizations, st.Name, st.Slug)
	}
	return about
}

// closed answers a link that opens nothing: whatever the reason, one page that offers a new mail.
func (a *Account) closed(w http.ResponseWriter, r *http.Request, o *opened, err error) {
	if !errors.Is(err, errUnknownLink) && !fault.Is(err, fault.NotFound) {
		a.pages.Fault(w, r, err)
		return
	}
	v := pages.LinkExpiredView{
		Frame: pages.Frame{Status: http.StatusGone, CSRF: a.forms.Token(o.browser, formPurpose(o.token))},
		Token: shown(o.token), SignIn: web.CarryLanguage(r, pathSignIn),
	}
	if o.invitation == directory.StateEnded && !o.asked.Answered { // whoever has the token has had the mail that names it
		v.Organization, v.Withdrawn = o.organization, o.asked.Withdrawn
		v.UserLanguage = cmp.Or(interaction.Language(o.person.Details), o.asked.Language) // as the mail was written
		if !o.may {
			v.Token = ""
		}
	}
	a.pages.LinkExpired(w, r, v)
}

// shown keeps a page from repeating what can be no token of ours; the empty token would hide the form.
func shown(token string) string {
	if len(token) > 100 {
		return token[:100]
	}
	return token
}

func (a *Account) takeSetup(w http.ResponseWriter, r *http.Request) {
	token := web.One(r.PostForm, "token")
	if token == "" {
		token = web.One(r.URL.Query(), "token")
	}
	o, err := a.open(w, r, token)
	valid := a.forms.Valid(o.browser, formPurpose(token), web.One(r.PostForm, "csrf"))
	if web.One(r.PostForm, "action") == pages.ActionResend && valid {
		a.resend(w, r, o)
		return
	}
	if err != nil {
		a.closed(w, r, o, err)
		return
	}
	if !valid {
		o.problems.Notice, o.problems.Status = pages.NoticeFormExpired, http.StatusForbidden
		a.form(w, r, o)
		return
	}
	password, ok := a.acceptable(r, o)
	if !ok {
		o.problems.Status = cmp.Or(o.problems.Status, http.StatusUnprocessableEntity)
		a.form(w, r, o)
		return
	}
	a.choose(w, r, o, password)
}

// acceptable reads the new password and notes what is wrong with it.
func (a *Account) acceptable(r *http.Request, o *opened) (string, bool) {
	password, again := web.One(r.PostForm, "new_password"), web.One(r.PostForm, "new_password_again")
	p := &o.problems
	switch {
	case password == "":
		p.PasswordProblem = pages.ProblemRequired
	case password != again:
		p.AgainProblem = pages.ProblemDiffer
	default:
		err := a.credentials.Check(password, a.about(o))
		if err == nil {
			err = a.credentials.CheckAgain(r.Context(), o.user, password)
		}
		if fault.Is(err, fault.Invalid) {
			p.PasswordProblem = pages.FieldProblem(fault.Of(err).Code) // the codes are the page's words
		}
		if errors.Is(err, credential.ErrBusy) { // not checked, so not taken
			p.Notice, p.Retry, p.Status = pages.NoticeBusy, fault.Of(err).Retry, web.Status(err)
			return "", false
		}
	}
	if o.has.SecondFactor() && web.One(r.PostForm, "code") == "" {
		p.CodeProblem = pages.ProblemRequired
	}
	if p.PasswordProblem != "" || p.AgainProblem != "" || p.CodeProblem != "" {
		p.Notice = pages.NoticeNotSaved
		return "", false
	}
	return password, true
}

// choose stores the password: second factor and hash first, then all the rest in one transaction, then a session.
func (a *Account) choose(w http.ResponseWriter, r *http.Request, o *opened, password string) {
	r = r.WithContext(actor.AsPerson(r.Context(), o.user.String()))
	proof := credential.Evidence{}
	if o.has.SecondFactor() {
		var err error
		if proof, err = a.credentials.VerifyFactor(r.Context(), o.user, web.One(r.PostForm, "code")); err != nil {
			a.wrongCode(w, r, o, err)
			return
		}
	}
	hash, err := a.credentials.Hash(r.Context(), password)
	if err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	e, refused, err := a.store(r, o, hash, proof)
	switch {
	case err != nil:
		a.pages.Fault(w, r, err)
	case refused:
		a.closed(w, r, o, errUnknownLink)
	default:
		a.log.InfoContext(r.Context(), "password set", "user", o.user.String(), "purpose", string(o.purpose))
		a.interactions.Continue(w, r, a.waiting(r, o), o.person.Email.Address, e)
	}
}

func (a *Account) wrongCode(w http.ResponseWriter, r *http.Request, o *opened, err error) {
	f := fault.Of(err)
	switch {
	case errors.Is(err, credential.ErrWrongCode):
		o.problems.CodeProblem, o.problems.Notice = pages.ProblemCode, pages.NoticeNotSaved
	case errors.Is(err, ratelimit.ErrExhausted):
		o.problems.Notice, o.problems.Retry = pages.NoticeTooMany, f.Retry
	default:
		a.pages.Fault(w, r, err)
		return
	}
	o.problems.Status = web.Status(err)
	a.form(w, r, o)
}

// store takes the link and does all that hangs on it. A link that turns out to be worth nothing stays taken.
func (a *Account) store(r *http.Request, o *opened, hash string, proof credential.Evidence) (e credential.Evidence, refused bool, err error) {
	ctx := r.Context()
	err = a.db.Update(ctx, func(tx *sqldb.Tx) error {
		e, refused = credential.Evidence{}, false
		l, err := consumeLink(ctx, tx, secret.HashToken(o.token))
		if errors.Is(err, errUnknownLink) {
			refused = true
			return nil
		}
		if err != nil {
			return err
		}
		if refused, err = a.unworthy(r, tx, l, proof); err != nil || refused {
			return err
		}
		u, had, err := a.settle(r, tx, l, hash)
		if err != nil {
			return err
		}
		e = credential.Evidence{User: u.ID, Epoch: u.Epoch, At: tx.Now(), Password: true, Code: proof.Code, Key: proof.Key, Verified: proof.Verified, Recovery: proof.Recovery}
		if !had {
			return nil
		}
		return announceChanged(tx, u.ID)
	})
	return e, refused, err
}

// unworthy asks inside the transaction what was asked before it: person, address, access, second factor.
func (a *Account) unworthy(r *http.Request, tx *sqldb.Tx, l link, proof credential.Evidence) (bool, error) {
	u, err := a.dir.WithTx(tx).Users.ByID(r.Context(), l.user)
	if err != nil {
		return false, err
	}
	may, err := mayChoose(r.Context(), tx, l.user)
	if err != nil {
		return false, err
	}
	has, err := a.credentials.Of(r.Context(), tx, l.user)
	return !may || !l.belongs(u) || has.SecondFactor() && (!proof.Second() || proof.User != u.ID || proof.Epoch != u.Epoch), err
}

// settle stores the password and whatever the mailbox's owner has shown with it, and ends every session.
func (a *Account) settle(r *http.Request, tx *sqldb.Tx, l link, hash string) (u directory.User, had bool, err error) {
	ctx, dir := r.Context(), a.dir.WithTx(tx)
	has, err := a.credentials.Of(ctx, tx, l.user)
	if err != nil {
		return u, false, err
	}
	if err := a.credentials.Set(ctx, tx, l.user, hash); err != nil {
		return u, false, err
	}
	if err := dir.Users.VerifyEmail(ctx, l.user); err != nil {
		return u, false, err
	}
	if !l.membership.IsZero() {
		if _, err := dir.Memberships.Accept(ctx, l.user, l.membership); err != nil && !fault.Is(err, fault.NotFound) {
			return u, false, err
		}
	}
	voidLinks(tx, l.user)
	voidEmailChanges(tx, l.user)
	u, err = dir.Users.EndSessions(ctx, l.user, "password_set")
	return u, has.Password, err
}

// resend asks for a new link of the person whose link it was. Whether there is one, nobody is told.
func (a *Account) resend(w http.ResponseWriter, r *http.Request, o *opened) {
	email := o.person.Email
	if o.user.IsZero() || !o.belongs(o.person) {
		email = directory.Email{Key: "link " + shown(o.token)} // nobody's address: the same counters, the same event
	}
	if err := a.Request(r.Context(), email, actor.AddressOr(r.Context(), r.RemoteAddr), o.interaction); err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	a.pages.MailSent(w, r, pages.MailSentView{
		Conversation: pages.Conversation{Frame: pages.Frame{CSRF: a.forms.Token(o.browser, formPurpose(o.token))}},
		ValidFor:     a.cfg.ResetValid, DevMail: a.cfg.DevMail,
	})
}
