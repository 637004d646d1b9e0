package account

import (
	"errors"
	"net/http"

	"portvakt/idp/credential"
	"portvakt/idp/interaction"
	pages "portvakt/idp/web"
	"portvakt/internal/actor"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/web"
)

// purposeSetup is what a page that adds a key asks challenges for.
const purposeSetup = "register"

// toRegister is what the script of a page needs on which a key can be added; nil where the person can add none.
func (a *Account) toRegister(r *http.Request, user directory.UserID, options string) (*pages.Ceremony, error) {
	addable, err := a.credentials.Addable(r.Context(), user)
	if err != nil || addable == credential.NoKeys {
		return nil, err
	}
	return &pages.Ceremony{Purpose: purposeSetup, Options: options, Party: a.credentials.RelyingParty(), Attested: addable == credential.AttestedKeys}, nil
}

// bound is what the ceremonies of a link are bound to: the browser's cookie, and the link.
func (o *opened) bound() string { return o.browser + " " + formPurpose(o.token) }

// newSetupKey answers a challenge to the script of a link's page.
func (a *Account) newSetupKey(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		a.pages.Error(w, r, http.StatusMethodNotAllowed, web.Problem{Code: "method_not_allowed"})
		return
	}
	c, err := a.setupChallenge(w, r)
	if err != nil {
		if fault.Is(err, fault.Internal) {
			a.log.ErrorContext(r.Context(), "no challenge was made", "error", err)
		}
		web.RefuseJSON(w, err, "")
		return
	}
	web.WriteJSON(w, http.StatusOK, c)
}

// setupChallenge makes a challenge for whoever has a good link and has been shown its page in this browser.
//
// Invariant: without the link and the browser there is no challenge, and a challenge consumes nothing
// (TestChallengesOfALinkNeedTheLink).
func (a *Account) setupChallenge(w http.ResponseWriter, r *http.Request) (c credential.Challenge, err error) {
	var q struct {
		Interaction string `json:"i"`
		CSRF        string `json:"csrf"`
		Purpose     string `json:"purpose"`
		Token       string `json:"token"`
	}
	if err := web.ReadJSON(w, r, &q); err != nil {
		return c, err
	}
	if q.Purpose != purposeSetup {
		return c, web.ErrBadJSON
	}
	o, err := a.open(w, r, q.Token)
	if fault.Is(err, fault.NotFound) {
		err = errUnknownLink
	}
	if err != nil {
		return c, err
	}
	if !a.forms.Valid(o.browser, formPurpose(q.Token), q.CSRF) {
		return c, interaction.ErrFormExpired
	}
	return a.credentials.BeginRegistration(r.Context(), credential.NewKey{
		User: o.user, Passkey: true, Account: o.person.Email.Address, Name: o.person.Details.Name(), Bound: o.bound(),
	})
}

// chooseKey stores a passkey instead of a password: the ceremony and the second factor first, then all the rest in one
// transaction, then a session. The ceremony comes before the factor so that a failed one uses up no recovery code.
//
// Invariant: a ceremony that fails consumes nothing but its challenge (TestAFailedCeremonyLeavesTheLink).
func (a *Account) chooseKey(w http.ResponseWriter, r *http.Request, o *opened) {
	r = r.WithContext(actor.AsPerson(r.Context(), o.user.String()))
	if o.has.SecondFactor() && web.One(r.PostForm, "code") == "" {
		o.problems.CodeProblem, o.problems.Notice, o.problems.Status = pages.ProblemRequired, pages.NoticeNotSaved, http.StatusUnprocessableEntity
		a.form(w, r, o)
		return
	}
	key, err := a.credentials.ProveKey(r.Context(), o.user, credential.Answer{
		Ceremony: web.One(r.PostForm, "ceremony"), Credential: web.One(r.PostForm, "credential"), Bound: o.bound(),
	}, device(r.UserAgent()))
	if err == nil && !key.SignsIn() {
		err = credential.ErrKeyRefused
	}
	if err != nil {
		a.setupKeyRefused(w, r, o, err)
		return
	}
	proof, err := a.shownFactor(r, o)
	if err != nil {
		a.wrongCode(w, r, o, err)
		return
	}
	a.finish(w, r, o, means{key: &key, factor: proof})
}

// setupKeyRefused shows the page once more; what is no refusal of a key is trouble.
func (a *Account) setupKeyRefused(w http.ResponseWriter, r *http.Request, o *opened, err error) {
	notice, known := interaction.KeyNotice(err)
	if !known || errors.Is(err, credential.ErrNoCeremonies) {
		a.pages.Fault(w, r, err)
		return
	}
	a.log.InfoContext(r.Context(), "key refused", "error", err)
	o.problems.Notice, o.problems.Status = notice, web.Status(err)
	a.form(w, r, o)
}
