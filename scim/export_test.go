package scim

import (
	"context"
	"net/http"

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
