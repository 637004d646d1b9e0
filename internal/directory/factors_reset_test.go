package directory_test

import (
	"errors"
	"strings"
	"testing"

	"portvakt/internal/actor"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestFactorsAreResetByOperatorsAlone, with a reason, and never of somebody who may not sign in.
func TestFactorsAreResetByOperatorsAlone(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		ola := must(h.Memberships.Create(ctx, h.home.ID, person("ola@nordlys.example")))(t)
		operator := actor.With(ctx, actor.Actor{Kind: actor.Operator})
		epochs := func() (epoch, credentials int64) {
			u := must(h.Users.ByID(ctx, ola.User))(t)
			return u.Epoch, u.CredentialsEpoch
		}
		before, beforeCredentials := epochs()
		for _, kind := range []actor.Kind{actor.Person, actor.ProvisioningClient, actor.Anonymous, actor.Application, actor.ServiceAccount} {
			if err := h.Users.ResetFactors(actor.With(ctx, actor.Actor{Kind: kind}), ola.User, "r"); !errors.Is(err, directory.ErrNotOperator) {
				t.Errorf("%s resets: %v", kind, err)
			}
		}
		for want, reason := range map[string]string{"missing": " ", "too_long": strings.Repeat("x", 501), "bad_text": "a\x00b"} {
			if err := h.Users.ResetFactors(operator, ola.User, reason); codeOf(err) != want {
				t.Errorf("%s: %v", want, err)
			}
		}
		if err := h.Users.ResetFactors(operator, directory.UserID{}, "r"); codeOf(err) != "user_not_found" {
			t.Errorf("nobody: %v", err)
		}
		if epoch, credentials := epochs(); epoch != before || credentials != beforeCredentials {
			t.Error("a refusal has changed something")
		}
		if err := h.Users.ResetFactors(operator, ola.User, "r"); err != nil {
			t.Fatal(err)
		}
		if epoch, credentials := epochs(); epoch == before || credentials == beforeCredentials {
			t.Error("nothing is void")
		}
		must(h.Users.SetState(ctx, ola.User, directory.UserDisabled))(t)
		before, beforeCredentials = epochs()
		if err := h.Users.ResetFactors(operator, ola.User, "r"); codeOf(err) != "user_inactive" {
			t.Errorf("somebody disabled: %v", err)
		}
		if epoch, credentials := epochs(); epoch != before || credentials != beforeCredentials {
			t.Error("the refusal has changed something")
		}
	})
}
