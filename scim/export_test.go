package scim

import (
	"context"
	"net/http"
	"time"

	"portvakt/internal/directory"
)

// NoteOperationsForTest has a request of a client noted as one of many operations.
func (h *Handler) NoteOperationsForTest(w http.ResponseWriter, r *http.Request, c directory.ProvisioningClient, body map[string]any, outcomes []error) {
	x := &exchange{h: h, w: w, r: r, ctx: r.Context(), client: c}
	x.watch()
	defer x.log()
	for i, err := range outcomes {
		x.noteOperation(i+1, &exchange{h: h, r: r, body: body}, "/Users", err)
	}
	x.writeJSON(http.StatusOK, map[string]any{})
}

// BadValueForTest is a refusal.
func BadValueForTest(text string) error { return badValue("%s", text) }

// FailLogForTest has the log's writing answered by fail, until it is nil.
func (h *Handler) FailLogForTest(fail func() error) {
	keep := h.requests.keep
	h.requests.keep = func(ctx context.Context, r []directory.NewProvisioningRequest, m map[directory.ProvisioningClientID]int64) error {
		if err := fail(); err != nil {
			return err
		}
		return keep(ctx, r, m)
	}
}

// NewTurnsForTest makes turns for bulk requests that wait for so long. What it answers takes one for an organization's request of
// so many bytes: leave gives it back, status is not 0 where it was sent away.
func NewTurnsForTest(patience time.Duration) func(org directory.OrganizationID, bytes int) (leave func(), status int) {
	t := newTurns()
	t.patience = patience
	return func(org directory.OrganizationID, bytes int) (func(), int) {
		turn, err := t.enter(org)
		if err != nil {
			return nil, toRefusal(err).Status
		}
		if err := turn.begin(context.Background(), bytes); err != nil {
			turn.leave()
			return nil, toRefusal(err).Status
		}
		return turn.leave, 0
	}
}

// StrokeForTest has bulk requests make so many users at once.
func (h *Handler) StrokeForTest(users int) { h.stroke = users }

// LanesForTest is how many requests of a caller are worked on at a time, and how long the next one waits from now on.
func (h *Handler) LanesForTest(patience time.Duration) int {
	h.lanes.patience = patience
	return int(h.lanes.width)
}
