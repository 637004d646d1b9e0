package account

import (
	"context"
	"errors"
	"net/http"

	"portvakt/idp/credential"
	"portvakt/idp/interaction"
	"portvakt/idp/session"
	pages "portvakt/idp/web"
	"portvakt/internal/actor"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
	"portvakt/internal/web"
)

var errFactorNeeded = fault.New(fault.Conflict, "factor_needed", "Somebody bound to have a second factor keeps the last one")

// factorNotices are the messages that an action may leave behind in the address.
var factorNotices = map[string]pages.Notice{
	"added": pages.NoticeFactorAdded, "removed": pages.NoticeFactorRemoved, "ended": pages.NoticeDeviceEnded,
}

// showFactors lists the person's second factors.
func (a *Account) showFactors(w http.ResponseWriter, r *http.Request) {
	if current, ok := a.signedIn(w, r); ok {
		a.factors(w, r, current, pages.Frame{Notice: factorNotices[web.One(r.URL.Query(), "done")]})
	}
}

func (a *Account) factors(w http.ResponseWriter, r *http.Request, current session.Session, f pages.Frame) {
	v, err := a.factorsView(r, current)
	if err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	v.Notice, v.Status = f.Notice, f.Status
	a.pages.Factors(w, r, v)
}

func (a *Account) factorsView(r *http.Request, current session.Session) (v pages.FactorsView, err error) {
	ctx, now := r.Context(), a.db.Now()
	u, err := a.dir.Users.ByID(ctx, current.User)
	if err != nil {
		return v, err
	}
	has, err := a.credentials.Of(ctx, a.db, current.User)
	if err != nil {
		return v, err
	}
	if has.Code {
		if v.Since, err = a.credentials.TOTPSince(ctx, current.User); err != nil {
			return v, err
		}
	}
	standings, err := a.dir.Memberships.StandingsOf(ctx, current.User)
	if err != nil {
		return v, err
	}
	v.Frame = a.frame(r, current, u)
	v.Keys, v.Recovery, v.Few = has.Keys, has.Recovery, credential.FewRecoveryCodes(has.Recovery)
	v.Demanded = interaction.Demanded(u, standings, now)
	v.AddTOTP, v.ManageKeys, v.Back = web.CarryLanguage(r, pathTOTP), web.CarryLanguage(r, pathKeys), web.CarryLanguage(r, pathAccount)
	age := interaction.Trusts(standings, now)
	if age == 0 {
		return v, nil
	}
	trusted, err := a.credentials.Devices(ctx, current.User, now.Add(-age))
	for _, d := range trusted {
		v.Devices = append(v.Devices, pages.TrustedDevice{ID: d.ID.String(), Name: device(d.UserAgent), Proven: d.ProvenAt, Until: d.ProvenAt.Add(age)})
	}
	return v, err
}

// actFactors does what a button of the page says.
func (a *Account) actFactors(w http.ResponseWriter, r *http.Request) {
	current, ok := a.signedIn(w, r)
	if !ok {
		return
	}
	if !a.formed(r, current) {
		a.factors(w, r, current, pages.Frame{Notice: pages.NoticeFormExpired, Status: http.StatusForbidden})
		return
	}
	if !a.fresh(w, r, current, pathFactors) {
		return
	}
	r = r.WithContext(actor.AsPerson(r.Context(), current.User.String()))
	var err error
	done := ""
	switch web.One(r.PostForm, "action") {
	case pages.ActionRemoveTOTP:
		done, err = "removed", a.removeTOTP(r.Context(), current.User)
	case pages.ActionNewRecovery:
		err = a.newRecoveryCodes(w, r, current)
		if err == nil {
			return
		}
	case pages.ActionEndDevice:
		done = "ended"
		if id, bad := credential.ParseDeviceID(web.One(r.PostForm, "device")); bad == nil {
			err = a.credentials.EndDevice(r.Context(), current.User, id)
		}
	}
	switch {
	case errors.Is(err, errFactorNeeded):
		a.factors(w, r, current, pages.Frame{Notice: pages.NoticeFactorNeeded, Status: http.StatusConflict})
	case err != nil:
		a.pages.Fault(w, r, err)
	default:
		web.SeeOther(w, r, pathFactors+"?done="+done)
	}
}

// removeTOTP takes the authenticator away.
//
// Invariant: whoever is bound to have a second factor keeps the last one, also where two are removed at once
// (TestTheLastFactorStays).
func (a *Account) removeTOTP(ctx context.Context, user directory.UserID) error {
	return a.db.Update(ctx, func(tx *sqldb.Tx) error {
		if err := credential.LockUser(ctx, tx, user); err != nil {
			return err
		}
		has, err := a.credentials.Of(ctx, tx, user)
		if err != nil {
			return err
		}
		if has.Keys == 0 {
			if err := a.mayDoWithout(ctx, tx, user); err != nil {
				return err
			}
		}
		return a.credentials.RemoveTOTP(ctx, tx, user)
	})
}

// mayDoWithout is errFactorNeeded for somebody who is bound to have a second factor.
func (a *Account) mayDoWithout(ctx context.Context, tx *sqldb.Tx, user directory.UserID) error {
	dir := a.dir.WithTx(tx)
	u, err := dir.Users.ByID(ctx, user)
	if err != nil {
		return err
	}
	standings, err := dir.Memberships.StandingsOf(ctx, user)
	if err == nil && interaction.Demanded(u, standings, tx.Now()) {
		err = errFactorNeeded
	}
	return err
}

// newRecoveryCodes makes new codes and shows them, in this one answer alone.
func (a *Account) newRecoveryCodes(w http.ResponseWriter, r *http.Request, current session.Session) error {
	var codes []string
	err := a.db.Update(r.Context(), func(tx *sqldb.Tx) (err error) {
		has, err := a.credentials.Of(r.Context(), tx, current.User)
		if err != nil || !has.SecondFactor() { // nothing to stand in for
			return err
		}
		codes, err = a.credentials.MakeRecoveryCodes(r.Context(), tx, current.User)
		return err
	})
	if err != nil {
		return err
	}
	if len(codes) == 0 {
		web.SeeOther(w, r, pathFactors)
		return nil
	}
	return a.showCodes(w, r, current, newCodes{codes, pathFactors})
}

// newCodes are recovery codes to be shown, and the page to go on at.
type newCodes struct {
	codes []string
	done  string
}

func (a *Account) showCodes(w http.ResponseWriter, r *http.Request, current session.Session, made newCodes) error {
	u, err := a.dir.Users.ByID(r.Context(), current.User)
	if err != nil {
		return err
	}
	a.pages.RecoveryCodes(w, r, pages.RecoveryCodesView{
		Conversation: pages.Conversation{Frame: a.frame(r, current, u)}, Codes: made.codes, Done: web.CarryLanguage(r, made.done),
	})
	return nil
}
