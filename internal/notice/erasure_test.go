package notice_test

import (
	"testing"

	"portvakt/internal/actor"
	"portvakt/internal/directory"
)

// TestErasureIsToldInEachOrganization: each organization hears of its own member, from the person's one request, as long as it
// waits.
func TestErasureIsToldInEachOrganization(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.member(h.org, "kari@nordlys.example", nil)
		h.told()
		own := actor.AsPerson(ctx, m.User.String())
		must(h.Users.AskErasure(own, m.User))(t)
		must(h.Users.AskErasure(own, m.User))(t)
		h.want("asked", "boss@nordlys.example: Kari Berg har bedt om å bli slettet")
		if err := h.Users.TakeBackErasure(own, m.User); err != nil {
			t.Fatal(err)
		}
		must(h.Users.AskErasure(own, m.User))(t)
		if err := h.Users.TakeBackErasure(own, m.User); err != nil {
			t.Fatal(err)
		}
		h.want("taken back before anybody was told")
		if err := h.Users.TakeBackErasure(own, m.User); err != directory.ErrErasureNotFound { //nolint:errorlint // the very value
			t.Errorf("taken back twice: %v", err)
		}
	})
}
