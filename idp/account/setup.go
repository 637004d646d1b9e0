package account

import (
	"cmp"
	"errors"
	"net/http"

	"portvakt/idp/credential"
	"portvakt/idp/interaction"
	pages "portvakt/idp/web"
	"portvakt/internal/actor"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/ratelimit"
	"portvakt/internal/secret"
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

// form shows the page that asks for a password, or a passkey instead.
func (a *Account) form(w http.ResponseWriter, r *http.Request, o *opened) {
	v := o.problems
	v.CSRF = a.forms.Token(o.browser, formPurpose(o.token))
	v.UserLanguage = interaction.Language(o.person.Details)
	if v.UserLanguage == "" && len(o.standings) > 0 {
		v.UserLanguage = interaction.Language(o.standings[0].Details)
	}
	v.Brand = a.interactions.BrandOf(o.brand(a.db.Now()))
	v.Application, v.RedirectURI = a.interactions.Waiting(r, a.waiting(r, o))
	v.Email, v.Token, v.First, v.Organization, v.NeedsCode = o.person.Email.Address, o.token, o.has.Newcomer(), o.organization, o.has.SecondFactor()
	if v.MinLength == 0 {
		v.NewPasswordFields = interaction.PasswordFields(o.about())
	}
	var err error
	if v.Passkey, err = a.toRegister(r, o.user, pathSetupKey); err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	v.Replaces = o.has.Password
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

func (o *opened) about() credential.About {
	return credential.AboutPerson(o.person, o.has, o.standings)
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
	if web.One(r.PostForm, "action") == pages.ActionAddKey {
		a.chooseKey(w, r, o)
		return
	}
	password, err := a.acceptable(r, o)
	switch {
	case err != nil:
		a.pages.Fault(w, r, err)
	case o.problems.Notice != "":
		o.problems.Status = cmp.Or(o.problems.Status, http.StatusUnprocessableEntity)
		a.form(w, r, o)
	default:
		a.choose(w, r, o, password)
	}
}

// acceptable reads the new password and notes what is wrong with it.
func (a *Account) acceptable(r *http.Request, o *opened) (password string, err error) {
	p := &o.problems
	password, p.NewPasswordFields, err = a.interactions.ChosenPassword(r, o.user, o.about())
	if errors.Is(err, credential.ErrBusy) { // not checked, so not taken
		p.Notice, p.Retry, p.Status = pages.NoticeBusy, fault.Of(err).Retry, web.Status(err)
		return "", nil
	}
	if o.has.SecondFactor() && web.One(r.PostForm, "code") == "" {
		p.CodeProblem = pages.ProblemRequired
	}
	if !p.Good() || p.CodeProblem != "" {
		p.Notice = pages.NoticeNotSaved
	}
	return password, err
}

// choose stores the password: second factor and hash first, then all the rest in one transaction, then a session.
func (a *Account) choose(w http.ResponseWriter, r *http.Request, o *opened, password string) {
	r = r.WithContext(actor.AsPerson(r.Context(), o.user.String()))
	proof, err := a.shownFactor(r, o)
	if err != nil {
		a.wrongCode(w, r, o, err)
		return
	}
	hash, err := a.credentials.Hash(r.Context(), password)
	if err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	a.finish(w, r, o, means{hash: hash, factor: proof})
}

// shownFactor takes the code in the form, where the person has a second factor.
func (a *Account) shownFactor(r *http.Request, o *opened) (credential.Evidence, error) {
	if !o.has.SecondFactor() {
		return credential.Evidence{}, nil
	}
	return a.credentials.VerifyFactor(r.Context(), o.user, web.One(r.PostForm, "code"))
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
