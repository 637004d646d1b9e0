package api

import (
	"net/http"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
)

// transferPage is how many transfers are answered at a time.
const transferPage = 100

// transfer is what an application sees of one: its own parts.
type transfer struct {
	ID            string       `json:"id"`
	Organization  organization `json:"organization"`
	From          member       `json:"from"`
	To            member       `json:"to"`
	RequestedAt   time.Time    `json:"requested_at"`
	State         string       `json:"state"` // waiting, done, withdrawn
	SuccessorGone bool         `json:"successor_gone"`
	Parts         []part       `json:"parts"`
}

type organization struct {
	ID   string `json:"id"`
	Slug string `json:"slug"`
}

type member struct {
	Membership string `json:"membership"`
	User       string `json:"user,omitempty"`
}

type part struct {
	Module         string     `json:"module"` // "": all that the application keeps
	State          string     `json:"state"`  // waiting, done
	AcknowledgedAt *time.Time `json:"acknowledged_at,omitempty"`
	Moved          *int64     `json:"moved,omitempty"`
}

func shown(t directory.Transfer) transfer {
	out := transfer{
		ID: t.ID.String(), Organization: organization{t.Organization.String(), t.Slug}, From: member{t.From.String(), t.FromUser.String()},
		To: member{t.To.String(), t.ToUser.String()}, RequestedAt: t.CreatedAt, State: "waiting", SuccessorGone: t.SuccessorGone,
		Parts: make([]part, len(t.Parts)),
	}
	switch {
	case !t.WithdrawnAt.IsZero():
		out.State = "withdrawn"
	case !t.DoneAt.IsZero():
		out.State = "done"
	}
	for i, p := range t.Parts {
		out.Parts[i] = part{Module: p.Module, State: "waiting"}
		if !p.AcknowledgedAt.IsZero() {
			out.Parts[i].State, out.Parts[i].AcknowledgedAt = "done", &t.Parts[i].AcknowledgedAt
		}
		if p.Moved != directory.MovedUnknown {
			out.Parts[i].Moved = &t.Parts[i].Moved
		}
	}
	return out
}

// listTransfers answers what still waits for the caller, the oldest first.
func (x *exchange) listTransfers() error {
	org, err := x.organization()
	if err != nil {
		return err
	}
	var after directory.TransferID
	if cursor := x.query.Get("cursor"); cursor != "" {
		if after, err = directory.ParseTransferID(cursor); err != nil {
			return fault.New(fault.Invalid, "bad_cursor", "This is not a cursor of an earlier answer").On("cursor")
		}
	}
	list, err := x.h.Directory.Transfers.ForApplication(x.ctx, x.caller.Application, org, after, transferPage)
	if err != nil {
		return err
	}
	page := struct {
		Transfers []transfer `json:"transfers"`
		Next      string     `json:"next,omitempty"`
	}{Transfers: make([]transfer, len(list))}
	for i, t := range list {
		page.Transfers[i] = shown(t)
	}
	if len(list) == transferPage {
		page.Next = list[len(list)-1].ID.String()
	}
	return x.answer(http.StatusOK, page)
}

// organization is the one that the caller asks about: the parameter, or the token's own. What the caller does not serve is
// not there; a token for one organization sees no other, whatever the parameter says.
func (x *exchange) organization() (directory.OrganizationID, error) {
	slug := x.query.Get("organization")
	if slug == "" {
		return x.caller.Organization, nil
	}
	o, err := x.h.Directory.Organizations.BySlug(x.ctx, slug)
	if err != nil {
		return o.ID, err
	}
	if !x.caller.Serves(o.ID) || !x.caller.Organization.IsZero() && x.caller.Organization != o.ID {
		return o.ID, directory.ErrOrganizationNotFound
	}
	return o.ID, nil
}

// transfer is the one of the path, where it is the caller's.
func (x *exchange) transfer() (directory.Transfer, error) {
	id, err := directory.ParseTransferID(x.id)
	if err != nil {
		return directory.Transfer{}, directory.ErrTransferNotFound
	}
	t, err := x.h.Directory.Transfers.OfApplication(x.ctx, x.caller.Application, id)
	if err == nil && !x.caller.Organization.IsZero() && x.caller.Organization != t.Organization {
		err = directory.ErrTransferNotFound
	}
	return t, err
}

func (x *exchange) getTransfer() error {
	t, err := x.transfer()
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, shown(t))
}

// acknowledge takes the caller's word that a module's records have been moved; without a module, all that were waiting.
func (x *exchange) acknowledge() error {
	o, err := x.readObject("module", "moved")
	if err != nil {
		return err
	}
	a := directory.Acknowledgement{}
	if a.Module, err = o.text("module", 100); err != nil {
		return err
	}
	if a.Moved, err = o.number("moved", directory.MovedUnknown); err != nil {
		return err
	}
	_, named := o["module"]
	a.All = !named
	t, err := x.transfer()
	if err != nil {
		return err
	}
	if t, err = x.h.Directory.Transfers.Acknowledge(x.ctx, x.caller.Application, t.ID, a); err != nil {
		return err
	}
	return x.answer(http.StatusOK, shown(t))
}
