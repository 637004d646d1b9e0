package account

import (
	"errors"
	"net/http"

	pages "portvakt/idp/web"
	"portvakt/internal/actor"
	"portvakt/internal/directory"
	"portvakt/internal/outbox"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
	"portvakt/internal/web"
)

// showConfirm shows what the link in the new mailbox would do. It changes nothing.
func (a *Account) showConfirm(w http.ResponseWriter, r *http.Request) {
	a.confirmForm(w, r, web.One(r.URL.Query(), "token"), "")
}

// confirmForm shows the link to the person who asked for it, in a session of that person; everybody else is shown how to
// come there, so that nobody can make a stranger's mailbox part of another account.
//
// Invariant: a link confirms nothing for anybody but the person who asked (TestR46_EmailChangeIsThePersonsOwn).
func (a *Account) confirmForm(w http.ResponseWriter, r *http.Request, token string, n pages.Notice) {
	view := pages.EmailLinkView{Step: pages.EmailExpired, SignIn: web.CarryLanguage(r, pathAccount)}
	current, signedIn, err := a.sessions.Current(r)
	if err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	c, err := changeToConfirm(r.Context(), a.db, secret.HashToken(token))
	switch {
	case errors.Is(err, errUnknownLink):
		view.Status = http.StatusGone
	case err != nil:
		a.pages.Fault(w, r, err)
		return
	case !signedIn || c.user != current.User:
		view.Step, view.Status = pages.EmailSignIn, http.StatusForbidden
	default:
		u, err := a.dir.Users.ByID(r.Context(), current.User)
		if err != nil {
			a.pages.Fault(w, r, err)
			return
		}
		view.Frame = a.frame(r, current, u)
		view.Step, view.Token, view.Old, view.New = pages.EmailConfirm, token, c.old.Address, c.new.Address
		if n != "" {
			view.Notice, view.Status = n, http.StatusForbidden
		}
	}
	a.pages.AccountEmailLink(w, r, view)
}

// takeConfirm gives the person the new address.
func (a *Account) takeConfirm(w http.ResponseWriter, r *http.Request) {
	token := web.One(r.PostForm, "token")
	current, signedIn, err := a.sessions.Current(r)
	if err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	if !signedIn || !a.formed(r, current) {
		a.confirmForm(w, r, token, pages.NoticeFormExpired)
		return
	}
	r = r.WithContext(actor.AsPerson(r.Context(), current.User.String()))
	refused := pages.EmailStep("")
	err = a.db.Update(r.Context(), func(tx *sqldb.Tx) error {
		refused = ""
		c, err := confirmChange(r.Context(), tx, secret.HashToken(token), current.User)
		if errors.Is(err, errUnknownLink) {
			refused = pages.EmailExpired
			return nil
		}
		if err != nil {
			return err
		}
		voidLinks(tx, c.user)
		voidEmailChanges(tx, c.user)
		_, err = a.dir.WithTx(tx).Users.Move(r.Context(), c.user, c.old, c.new)
		return err
	})
	a.concluded(w, r, err, refused, pathSecurity+"?done=email")
}

// concluded answers the form of a link about the address.
func (a *Account) concluded(w http.ResponseWriter, r *http.Request, err error, refused pages.EmailStep, onwards string) {
	switch {
	case errors.Is(err, directory.ErrEmailTaken), errors.Is(err, directory.ErrEmailRuled):
		a.pages.AccountEmailLink(w, r, pages.EmailLinkView{Frame: pages.Frame{Status: http.StatusConflict}, Step: pages.EmailTaken, SignIn: web.CarryLanguage(r, pathAccount)})
	case errors.Is(err, directory.ErrEpoch):
		refused = pages.EmailExpired
		fallthrough
	case err == nil && refused != "":
		a.pages.AccountEmailLink(w, r, pages.EmailLinkView{Frame: pages.Frame{Status: http.StatusGone}, Step: refused, SignIn: web.CarryLanguage(r, pathAccount)})
	case err != nil:
		a.pages.Fault(w, r, err)
	default:
		web.SeeOther(w, r, onwards)
	}
}

// showUndo shows what the link in the old mailbox would do, to whoever has it: somebody else may hold the account.
func (a *Account) showUndo(w http.ResponseWriter, r *http.Request) {
	a.undoForm(w, r, web.One(r.URL.Query(), "token"), "")
}

func undoPurpose(token string) string { return "email undo " + token }

func (a *Account) undoForm(w http.ResponseWriter, r *http.Request, token string, n pages.Notice) {
	browser := a.sessions.Cookies().EnsureBrowser(w, r)
	view := pages.EmailLinkView{Step: pages.EmailExpired, SignIn: web.CarryLanguage(r, pathAccount)}
	c, err := changeToUndo(r.Context(), a.db, secret.HashToken(token))
	switch {
	case errors.Is(err, errUnknownLink):
		view.Status = http.StatusGone
	case err != nil:
		a.pages.Fault(w, r, err)
		return
	default:
		view.Step, view.Token, view.Old, view.CSRF = pages.EmailUndo, token, c.old.Address, a.forms.Token(browser, undoPurpose(token))
		if n != "" {
			view.Notice, view.Status = n, http.StatusForbidden
		}
	}
	a.pages.AccountEmailLink(w, r, view)
}

// takeUndo gives the person the earlier address back, whatever it was changed to since, ends every session, and has a link
// for a new password sent there.
//
// Invariant: the first link back wins over every later change and its link (TestR46_EmailUndoBeatsLaterChanges).
func (a *Account) takeUndo(w http.ResponseWriter, r *http.Request) {
	token := web.One(r.PostForm, "token")
	browser := a.sessions.Cookies().EnsureBrowser(w, r)
	if !a.forms.Valid(browser, undoPurpose(token), web.One(r.PostForm, "csrf")) {
		a.undoForm(w, r, token, pages.NoticeFormExpired)
		return
	}
	var c emailChange
	refused := pages.EmailStep("")
	err := a.db.Update(r.Context(), func(tx *sqldb.Tx) (err error) {
		refused = ""
		c, err = undoChange(r.Context(), tx, secret.HashToken(token))
		if errors.Is(err, errUnknownLink) {
			refused = pages.EmailExpired
			return nil
		}
		if err != nil {
			return err
		}
		r := r.WithContext(actor.AsPerson(r.Context(), c.user.String()))
		voidLinks(tx, c.user)
		users := a.dir.WithTx(tx).Users
		if _, err := users.MoveBack(r.Context(), c.user, c.old); err != nil {
			return err
		}
		if _, err := users.EndSessions(r.Context(), c.user, "email_change_undone"); err != nil {
			return err
		}
		if err := a.noteEmail(r, tx, "account.email_change_undone", c.user); err != nil {
			return err
		}
		e := event{User: c.user.String()}
		return outbox.Append(tx, directory.OrganizationID{}, EventLinkRequested, e.User, e)
	})
	if err != nil || refused != "" {
		a.concluded(w, r, err, refused, "")
		return
	}
	a.pages.AccountEmailLink(w, r, pages.EmailLinkView{Step: pages.EmailUndone, Old: c.old.Address, SignIn: web.CarryLanguage(r, pathSignIn)})
}
