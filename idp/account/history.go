package account

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"portvakt/idp/session"
	pages "portvakt/idp/web"
	"portvakt/internal/actor"
	"portvakt/internal/audit"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/web"
)

const historyPage = 25

// setUp is what the page calls a first credential: it ended sessions that there were none of.
const setUp = "user.set_up"

// showHistory shows what happened to the person's account, newest first.
func (a *Account) showHistory(w http.ResponseWriter, r *http.Request) {
	v, ok := a.visitor(w, r)
	if !ok {
		return
	}
	after := web.One(r.URL.Query(), "after")
	page, err := audit.OfPerson(r.Context(), a.db, v.session.User.String(), audit.Ask{Cursor: after, Limit: historyPage})
	if fault.Is(err, fault.Invalid) { // no link of ours
		web.SeeOther(w, r, pathHistory)
		return
	}
	if err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	view := pages.HistoryView{Frame: v.frame, Nav: navigation(r, "history")}
	names := organizationNames{a: a, known: map[string]string{}}
	for i := range page.Records {
		h, err := a.happened(r.Context(), &page.Records[i], v.session.User, &names)
		if err != nil {
			a.pages.Fault(w, r, err)
			return
		}
		view.Events = append(view.Events, h)
	}
	if page.Next != "" {
		view.Older = web.CarryLanguage(r, pathHistory+"?after="+url.QueryEscape(page.Next))
	}
	if after != "" {
		view.Newest = web.CarryLanguage(r, pathHistory)
	}
	a.pages.AccountHistory(w, r, view)
}

// happened is an entry as the person may see it. Where somebody else was, and who exactly, is that one's affair; the
// organization can be asked.
//
// Invariant: of other people it shows neither name nor network (TestR46_HistoryIsOnesOwn).
func (a *Account) happened(ctx context.Context, e *audit.Record, user directory.UserID, names *organizationNames) (pages.Happened, error) {
	h := pages.Happened{Action: e.Action, At: e.At, By: by(e, user)}
	var detail struct{ Reason string }
	if err := json.Unmarshal(e.Detail, &detail); err == nil && e.Action == directory.EventUserSessionsEnded && detail.Reason == directory.ReasonSetUp {
		h.Action = setUp
	}
	var err error
	if h.Organization, err = names.of(ctx, e.Organization); err != nil {
		return h, err
	}
	if h.By == "you" {
		h.Device, h.Network = device(e.UserAgent), session.NetworkOf(e.Address)
	}
	if e.Action == directory.EventUserEmailChanged {
		for _, c := range e.Changes {
			h.Before, h.After = c.Before, c.After
		}
	}
	return h, nil
}

// by says what sort of actor it was, in a word that the pages know.
func by(e *audit.Record, user directory.UserID) string {
	switch actor.Kind(e.ActorKind) {
	case actor.Person:
		switch {
		case e.ActorID == user.String():
			return "you"
		case e.Organization == "":
			return "operator"
		}
		return "administrator"
	case actor.Operator:
		return "operator"
	case actor.ProvisioningClient:
		return "provisioning"
	case actor.ServiceAccount, actor.Application:
		return "application"
	}
	return "service"
}

// organizationNames reads what organizations are called, each once.
type organizationNames struct {
	a     *Account
	known map[string]string
}

func (n *organizationNames) of(ctx context.Context, organization string) (string, error) {
	if organization == "" {
		return "", nil
	}
	if name, ok := n.known[organization]; ok {
		return name, nil
	}
	id, err := directory.ParseOrganizationID(organization)
	if err != nil {
		return "", err
	}
	o, err := n.a.dir.Organizations.ByID(ctx, id)
	if err != nil {
		return "", gone(err)
	}
	n.known[organization] = o.Name
	return o.Name, nil
}
