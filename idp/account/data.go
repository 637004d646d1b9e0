package account

import (
	"encoding/json"
	"errors"
	"net/http"

	pages "portvakt/idp/web"
	"portvakt/internal/audit"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/outbox"
	"portvakt/internal/ratelimit"
	"portvakt/internal/sqldb"
	"portvakt/internal/web"
)

// exportRule bounds how often a person's data are gathered, which costs.
var exportRule = ratelimit.Rule{Scope: "export.user", Max: 10, Window: fullDay}

// showData shows the own details, the copy of everything, and the request for erasure.
func (a *Account) showData(w http.ResponseWriter, r *http.Request) {
	if v, ok := a.visitor(w, r); ok {
		a.data(w, r, v)
	}
}

func (a *Account) data(w http.ResponseWriter, r *http.Request, v visitor) {
	view := pages.DataView{Frame: v.frame, Nav: navigation(r, "data"), Name: v.person.Details.Name(),
		Preferences: web.CarryLanguage(r, pathPreferences), Erase: web.CarryLanguage(r, pathErasure)}
	e, err := a.dir.Users.WaitingErasure(r.Context(), v.session.User)
	if err != nil && !fault.Is(err, fault.NotFound) {
		a.pages.Fault(w, r, err)
		return
	}
	if err == nil {
		view.ErasureSince, view.ErasureOwn = e.RequestedAt, e.Own()
	}
	a.pages.AccountData(w, r, view)
}

// actData does what a button of the page says.
func (a *Account) actData(w http.ResponseWriter, r *http.Request) {
	v, acting, ok := a.formSender(w, r, func(v visitor) { a.data(w, r, v) })
	if !ok {
		return
	}
	switch web.One(r.PostForm, "action") {
	case pages.ActionExport:
		if a.fresh(w, r, v.session, pathData) {
			a.download(w, acting, v)
		}
	case pages.ActionKeep:
		err := a.dir.Users.TakeBackErasure(acting.Context(), v.session.User)
		if err != nil && !fault.Is(err, fault.NotFound) {
			a.pages.Fault(w, r, err)
			return
		}
		web.SeeOther(w, r, pathData+"?done=kept")
	default:
		web.SeeOther(w, r, pathData)
	}
}

// download answers a copy of everything, and tells the person by mail that there is one.
func (a *Account) download(w http.ResponseWriter, r *http.Request, v visitor) {
	allowed, wait, err := a.limiter.Take(r.Context(), exportRule, v.session.User.String())
	if err == nil && !allowed {
		err = ratelimit.Refusal(wait)
	}
	if err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	copied, err := a.everything(r.Context(), v)
	if err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	body, err := json.MarshalIndent(copied, "", "  ")
	if err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	id := v.session.User.String()
	err = a.db.Update(r.Context(), func(tx *sqldb.Tx) error {
		if err := audit.Append(r.Context(), tx, directory.OrganizationID{}, audit.Entry{Action: EventDataExported, Object: id, Person: id}); err != nil {
			return err
		}
		return outbox.Append(tx, directory.OrganizationID{}, EventDataExported, id, event{User: id})
	})
	if err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Disposition", `attachment; filename="portvakt-`+a.db.Now().UTC().Format("2006-01-02")+`.json"`)
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write(append(body, '\n'))
}

// showErasure is the second step of asking to be erased.
func (a *Account) showErasure(w http.ResponseWriter, r *http.Request) {
	if v, ok := a.visitor(w, r); ok && a.fresh(w, r, v.session, pathErasure) {
		a.erasure(w, r, v, nil)
	}
}

func (a *Account) erasure(w http.ResponseWriter, r *http.Request, v visitor, refusal *fault.Fault) {
	if refusal != nil {
		v.frame.Status = web.Status(refusal)
	}
	a.pages.AccountErasure(w, r, pages.ErasureView{Frame: v.frame, Email: v.person.Email.Address, Refusal: refusal, Back: web.CarryLanguage(r, pathData)})
}

// takeErasure passes the request on; the erasure is the operator's act.
func (a *Account) takeErasure(w http.ResponseWriter, r *http.Request) {
	v, acting, ok := a.formSender(w, r, func(v visitor) { a.erasure(w, r, v, nil) })
	if !ok || !a.fresh(w, r, v.session, pathErasure) {
		return
	}
	if web.One(r.PostForm, "action") != pages.ActionErase {
		web.SeeOther(w, r, pathErasure)
		return
	}
	_, err := a.dir.Users.AskErasure(acting.Context(), v.session.User)
	switch {
	case errors.Is(err, directory.ErrLastAdministrator):
		a.erasure(w, r, v, fault.Of(err))
	case err != nil:
		a.pages.Fault(w, r, err)
	default:
		web.SeeOther(w, r, pathData+"?done=erasure")
	}
}
