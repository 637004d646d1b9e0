package account

import (
	"cmp"
	"net/http"

	pages "portvakt/idp/web"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/web"
)

// showLeave asks before a membership is ended at the person's wish.
func (a *Account) showLeave(w http.ResponseWriter, r *http.Request) {
	if v, ok := a.visitor(w, r); ok {
		a.leave(w, r, v, leaving{id: web.One(r.URL.Query(), "membership")})
	}
}

// leaving is the membership that would end, and why it does not.
type leaving struct {
	id      string
	refusal *fault.Fault
}

func (a *Account) leave(w http.ResponseWriter, r *http.Request, v visitor, l leaving) {
	all, err := a.dir.Memberships.StandingsOf(r.Context(), v.session.User)
	if err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	view := pages.LeaveView{Frame: v.frame, ID: l.id, Refusal: l.refusal, Back: web.CarryLanguage(r, pathAccount)}
	if l.refusal != nil {
		view.Status = web.Status(l.refusal)
	}
	others := 0
	for i := range all {
		st := &all[i]
		switch state := st.State(a.db.Now()); {
		case st.Membership.String() == l.id && (state == directory.StateActive || state == directory.StateSuspended || state == directory.StateScheduled):
			view.Name = st.Name
		case st.ActiveAt(a.db.Now()):
			others++
		}
	}
	if view.Name == "" { // over, invited, or somebody else's
		web.SeeOther(w, r, pathAccount)
		return
	}
	view.Last = others == 0 && !v.person.Operator
	a.pages.AccountLeave(w, r, view)
}

// takeLeave ends the membership.
func (a *Account) takeLeave(w http.ResponseWriter, r *http.Request) {
	named := leaving{id: cmp.Or(web.One(r.PostForm, "membership"), web.One(r.URL.Query(), "membership"))}
	v, acting, ok := a.formSender(w, r, func(v visitor) { a.leave(w, r, v, named) })
	if !ok {
		return
	}
	id, err := directory.ParseMembershipID(named.id)
	if err != nil || web.One(r.PostForm, "action") != pages.ActionLeave {
		web.SeeOther(w, r, pathAccount)
		return
	}
	err = a.dir.Memberships.Leave(acting.Context(), v.session.User, id)
	switch {
	case fault.Is(err, fault.NotFound):
		web.SeeOther(w, r, pathAccount)
	case fault.Is(err, fault.Conflict):
		named.refusal = fault.Of(err)
		a.leave(w, r, v, named)
	case err != nil:
		a.pages.Fault(w, r, err)
	default:
		web.SeeOther(w, r, pathAccount+"?done=left")
	}
}
