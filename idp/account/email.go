package account

import (
	"net/http"
	"time"

	"portvakt/idp/credential"
	pages "portvakt/idp/web"
	"portvakt/internal/actor"
	"portvakt/internal/audit"
	"portvakt/internal/directory"
	"portvakt/internal/outbox"
	"portvakt/internal/ratelimit"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
	"portvakt/internal/web"
)

// How long the links of a change of address work.
const (
	confirmValid = 24 * time.Hour
	undoValid    = 7 * 24 * time.Hour
)

// emailRule bounds how many changes a person begins, whatever the addresses.
var emailRule = ratelimit.Rule{Scope: "email_change.user", Max: 10, Window: 24 * time.Hour}

// showEmail asks for a new sign-in address.
func (a *Account) showEmail(w http.ResponseWriter, r *http.Request) {
	if v, ok := a.visitor(w, r); ok && a.fresh(w, r, v.session, pathEmail) {
		a.email(w, r, v, pages.EmailView{})
	}
}

func (a *Account) email(w http.ResponseWriter, r *http.Request, v visitor, view pages.EmailView) {
	var err error
	if view.RuledBy, err = a.ruler(r, v.person.Email); err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	waiting, err := a.waitingChange(r.Context(), v.session.User)
	if err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	view.Frame, view.Present, view.Back = v.frame, v.person.Email.Address, web.CarryLanguage(r, pathSecurity)
	view.Waiting, view.WaitsTill, view.DevMail = waiting.new.Address, waiting.expiresAt, a.cfg.DevMail
	a.pages.AccountEmail(w, r, view)
}

// takeEmail notes the address that the person wants. Whether it can be had is decided where nobody watches.
//
// Invariant: page, statements and time are the same for an address that is free, another person's, or an organization's to
// give (TestR46_EmailChangeTellsNothing).
func (a *Account) takeEmail(w http.ResponseWriter, r *http.Request) {
	v, acting, ok := a.formSender(w, r, func(v visitor) { a.email(w, r, v, pages.EmailView{}) })
	if !ok {
		return
	}
	if web.One(r.PostForm, "action") == pages.ActionWithdraw {
		a.withdrawEmail(w, acting, v)
		return
	}
	if !a.fresh(w, r, v.session, pathEmail) {
		return
	}
	typed := web.One(r.PostForm, "email")
	to, err := directory.ParseEmail(typed)
	if err != nil || to.Key == v.person.Email.Key {
		v.frame.Notice, v.frame.Status = pages.NoticeNotSaved, http.StatusUnprocessableEntity
		if len(typed) > 254 {
			typed = ""
		}
		a.email(w, r, v, pages.EmailView{Typed: typed, Problem: pages.ProblemEmail})
		return
	}
	if ruler, err := a.ruler(r, v.person.Email); err != nil || ruler != "" {
		if err != nil {
			a.pages.Fault(w, r, err)
			return
		}
		v.frame.Status = http.StatusConflict
		a.email(w, r, v, pages.EmailView{})
		return
	}
	a.beginEmail(w, acting, v, to)
}

// beginEmail stores the change and asks for its mail, within what a person, a mailbox and a network may ask for.
func (a *Account) beginEmail(w http.ResponseWriter, r *http.Request, v visitor, to directory.Email) {
	ctx := r.Context()
	allowed, wait, err := a.limiter.Take(ctx, emailRule, v.session.User.String())
	if network, known := credential.Network(actor.AddressOr(ctx, r.RemoteAddr)); err == nil && allowed && known {
		allowed, wait, err = a.limiter.Take(ctx, networkRule, network)
	}
	if err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	if !allowed {
		v.frame.Notice, v.frame.Retry, v.frame.Status = pages.NoticeTooMany, wait, http.StatusTooManyRequests
		a.email(w, r, v, pages.EmailView{})
		return
	}
	mailbox, _, err := a.limiter.Take(ctx, recipientRule, to.Key)
	if err == nil {
		err = a.db.Update(ctx, func(tx *sqldb.Tx) error {
			c := emailChange{id: sqldb.NewID[emailChangePrefix](tx.Now()), user: v.session.User, old: v.person.Email, new: to, expiresAt: tx.Now().Add(confirmValid)}
			voidEmailChanges(tx, c.user)
			insertEmailChange(tx, c, secret.HashToken(secret.NewToken())) // nobody has this token; the mail gets another
			if err := a.noteEmail(r, tx, "account.email_change_asked", v.session.User, audit.Change{Field: "email", After: to.Address}); err != nil {
				return err
			}
			if !mailbox { // the mailbox gets no more mails; the person is not told, or would learn of others' mails
				return nil
			}
			return outbox.Append(tx, directory.OrganizationID{}, EventEmailChangeRequested, c.user.String(), emailEvent{c.user.String(), c.id.String()})
		})
	}
	if err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	web.SeeOther(w, r, pathEmail+"?done=sent")
}

// emailEvent says which change an event is about. It holds no address.
type emailEvent struct {
	User   string `json:"user"`
	Change string `json:"change"`
}

func (a *Account) noteEmail(r *http.Request, tx *sqldb.Tx, action string, user directory.UserID, changes ...audit.Change) error {
	return audit.Append(r.Context(), tx, directory.OrganizationID{}, audit.Entry{Action: action, Object: user.String(), Person: user.String(), Changes: changes})
}

// withdrawEmail takes back what waits.
func (a *Account) withdrawEmail(w http.ResponseWriter, r *http.Request, v visitor) {
	err := a.db.Update(r.Context(), func(tx *sqldb.Tx) error {
		voidEmailChanges(tx, v.session.User)
		return a.noteEmail(r, tx, "account.email_change_withdrawn", v.session.User)
	})
	if err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	web.SeeOther(w, r, pathEmail+"?done=withdrawn")
}
