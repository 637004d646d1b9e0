package api

import (
	"net/http"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/ratelimit"
)

// recalculation is one as programs see it.
type recalculation struct {
	ID           string                  `json:"id"`
	Organization organization            `json:"organization"`
	State        string                  `json:"state"` // waiting, running, done
	AskedAt      time.Time               `json:"asked_at"`
	FinishedAt   *time.Time              `json:"finished_at,omitempty"`
	Done         int64                   `json:"done"`
	Total        int64                   `json:"total"`
	Version      int64                   `json:"version,omitempty"`
	Drifts       int64                   `json:"drifts"`
	Drift        []directory.AccessDrift `json:"drift"`
}

func shownRecalculation(r directory.Recalculation) recalculation {
	out := recalculation{ID: r.ID.String(), Organization: organization{r.Organization.String(), r.Slug}, State: "waiting", AskedAt: r.AskedAt,
		Done: r.Done, Total: r.Total, Version: r.Version, Drifts: r.Drifts, Drift: r.Drift}
	switch {
	case !r.FinishedAt.IsZero():
		out.State, out.FinishedAt = "done", &r.FinishedAt
	case !r.StartedAt.IsZero():
		out.State = "running"
	}
	return out
}

var errWhichOrganization = fault.New(fault.Invalid, "missing", "The organization's slug is missing").On("organization")

// recalculations is how many programs may ask for in an organization: each makes every node build anew, and tells of it.
//
// Invariant: whoever asks again and again has it built no more often than that (TestR17_RecalculationsAreFew).
var recalculations = ratelimit.Rule{Scope: "api.recalculations", Max: 10, Window: time.Minute}

// recalculate asks for an organization's access to be built anew from its rows.
func (x *exchange) recalculate() error {
	o, err := x.readObject("organization")
	if err != nil {
		return err
	}
	slug, err := o.text("organization", 100)
	if err != nil {
		return err
	}
	x.query.Set("organization", slug)
	org, err := x.organization()
	if err != nil {
		return err
	}
	if org.IsZero() {
		return errWhichOrganization
	}
	allowed, wait, err := x.h.Limiter.Take(x.ctx, recalculations, org.String())
	if err == nil && !allowed {
		err = errTooMany.After(wait)
	}
	if err != nil {
		return err
	}
	r, err := x.h.Directory.Access.Recalculate(x.ctx, org)
	if err != nil {
		return err
	}
	x.w.Header().Set("Location", Prefix+"access/recalculations/"+r.ID.String())
	return x.answer(http.StatusAccepted, shownRecalculation(r))
}

// recalculation says how far one is. One of an organization that the caller does not serve is not there.
func (x *exchange) recalculation() error {
	id, err := directory.ParseRecalculationID(x.id)
	if err != nil {
		return directory.ErrRecalculationNotFound
	}
	r, err := x.h.Directory.Access.Recalculation(x.ctx, id)
	if err != nil {
		return err
	}
	if !x.caller.Serves(r.Organization) || !x.caller.Organization.IsZero() && x.caller.Organization != r.Organization {
		return directory.ErrRecalculationNotFound
	}
	return x.answer(http.StatusOK, shownRecalculation(r))
}
