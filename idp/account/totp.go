package account

import (
	"errors"
	"net/http"

	"portvakt/idp/credential"
	"portvakt/idp/session"
	pages "portvakt/idp/web"
	"portvakt/internal/actor"
	"portvakt/internal/sqldb"
	"portvakt/internal/web"
)

// sealedFor binds a key that is being set up to the session; the form brings it back.
func sealedFor(current session.Session) string { return "account " + current.ID.String() }

// showTOTP has the person set up an authenticator app, in place of the one that may be there.
func (a *Account) showTOTP(w http.ResponseWriter, r *http.Request) {
	current, ok := a.signedIn(w, r)
	if ok && a.fresh(w, r, current, pathTOTP) {
		a.enrolment(w, r, current, enrolling{key: credential.NewAuthenticator()})
	}
}

// enrolling is an enrolment that is not done yet.
type enrolling struct {
	key     credential.Authenticator
	problem pages.FieldProblem
	frame   pages.Frame // Status and Notice
}

func (a *Account) enrolment(w http.ResponseWriter, r *http.Request, current session.Session, e enrolling) {
	u, err := a.dir.Users.ByID(r.Context(), current.User)
	if err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	has, err := a.credentials.Of(r.Context(), a.db, current.User)
	if err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	code, err := pages.NewQR(e.key.URI(a.cfg.Name, u.Email.Address))
	if err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	v := pages.EnrolFactorView{
		Conversation: pages.Conversation{Frame: a.frame(r, current, u)}, Email: u.Email.Address, Replaces: has.Code, QR: code, Key: e.key.Text(),
		Sealed: a.credentials.SealAuthenticator(e.key, sealedFor(current)), Problem: e.problem, Back: web.CarryLanguage(r, pathFactors),
	}
	v.Status, v.Notice = e.frame.Status, e.frame.Notice
	a.pages.EnrolFactor(w, r, v)
}

// takeTOTP stores the authenticator whose first code is right.
func (a *Account) takeTOTP(w http.ResponseWriter, r *http.Request) {
	current, ok := a.signedIn(w, r)
	if !ok {
		return
	}
	key, known := a.credentials.OpenAuthenticator(web.One(r.PostForm, "key"), sealedFor(current))
	if !known {
		key = credential.NewAuthenticator()
	}
	if !a.formed(r, current) || !known {
		a.enrolment(w, r, current, enrolling{key: key, frame: pages.Frame{Notice: pages.NoticeFormExpired, Status: http.StatusForbidden}})
		return
	}
	if !a.fresh(w, r, current, pathTOTP) {
		return
	}
	code := web.One(r.PostForm, "code")
	if code == "" {
		a.enrolment(w, r, current, enrolling{key, pages.ProblemRequired, pages.Frame{Status: http.StatusUnprocessableEntity}})
		return
	}
	r = r.WithContext(actor.AsPerson(r.Context(), current.User.String()))
	codes, err := a.enrol(w, r, current, key)
	switch {
	case errors.Is(err, credential.ErrWrongCode):
		a.enrolment(w, r, current, enrolling{key, pages.ProblemCode, pages.Frame{Status: web.Status(err)}})
	case err != nil:
		a.pages.Fault(w, r, err)
	case len(codes) == 0:
		web.SeeOther(w, r, pathFactors+"?done=added")
	default:
		if err := a.showCodes(w, r, current, newCodes{codes, pathFactors}); err != nil {
			a.pages.Fault(w, r, err)
		}
	}
}

// enrol stores the authenticator.
func (a *Account) enrol(w http.ResponseWriter, r *http.Request, current session.Session, key credential.Authenticator) ([]string, error) {
	proven, err := a.credentials.Prove(current.User, key, web.One(r.PostForm, "code"))
	if err != nil {
		return nil, err
	}
	return a.enrolled(w, r, current, func(tx *sqldb.Tx) (credential.Evidence, error) { return a.credentials.Enrol(r.Context(), tx, proven) })
}

// enrolled stores a factor, by store, with recovery codes where there are none yet, and steps the session up by it: a
// session from before a change of factors does not go on as it was.
func (a *Account) enrolled(w http.ResponseWriter, r *http.Request, current session.Session, store func(*sqldb.Tx) (credential.Evidence, error)) (codes []string, err error) {
	ctx := r.Context()
	var e credential.Evidence
	err = a.db.Update(ctx, func(tx *sqldb.Tx) (err error) {
		codes = nil
		if err = credential.LockUser(ctx, tx, current.User); err != nil {
			return err
		}
		if e, err = store(tx); err != nil {
			return err
		}
		has, err := a.credentials.Of(ctx, tx, current.User)
		if err == nil && has.Recovery == 0 {
			codes, err = a.credentials.MakeRecoveryCodes(ctx, tx, current.User)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if held := current.Held().Password(a.db.Now()); !held.User.IsZero() {
		_, err = a.sessions.Start(ctx, w, r, held.And(e))
	}
	return codes, err
}
