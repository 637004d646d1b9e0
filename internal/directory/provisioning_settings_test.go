package directory_test

import (
	"testing"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

func TestProvisioningSettings(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		c := directory.ProvisioningClient{Organization: h.home.ID, Name: "HR", MayUsers: true}
		made := must(h.ProvisioningClients.Create(ctx, c, "first-token"))(t)
		if made.ProvisioningSettings != directory.DefaultProvisioning {
			t.Errorf("by default %+v", made.ProvisioningSettings)
		}
		for what, bad := range map[string]directory.ProvisioningSettings{
			"bad_setting": {Profile: "azure"}, "bad_setting of unknown": {UnknownAttributes: "keep"}, "bad_setting of answers": {PatchAnswer: "204"},
			"bad_rate": {RequestsPerMinute: -1}, "bad_rate, too high": {RequestsPerMinute: directory.MaxRequestsPerMinute + 1},
		} {
			c.ProvisioningSettings = bad
			if _, err := h.ProvisioningClients.Create(ctx, c, "first-token"); codeOf(err) != "bad_setting" && codeOf(err) != "bad_rate" {
				t.Errorf("%s: %v", what, err)
			}
		}
		want := directory.ProvisioningSettings{Profile: directory.ProvisioningEntra, UnknownAttributes: directory.RefuseUnknown,
			PatchAnswer: directory.PatchEmpty, RequestsPerMinute: directory.MaxRequestsPerMinute}
		c.ProvisioningSettings = want
		must(h.ProvisioningClients.Create(ctx, c, "first-token"))(t)
		if got := must(h.ProvisioningClients.Authenticate(ctx, "first-token"))(t); got.ProvisioningSettings != want || got.ID != made.ID {
			t.Errorf("changed to %+v", got)
		}
	})
}
