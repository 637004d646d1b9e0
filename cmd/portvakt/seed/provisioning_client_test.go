package seed_test

import (
	"fmt"
	"strings"
	"testing"

	"portvakt/cmd/portvakt/seed"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

func TestProvisioningClientsAreServedAsTheFileSays(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		p := newPlace(t, db)
		file := func(settings string) string {
			return `organizations: [{slug: nordlys, name: Nordlys AS, provisioning_clients: [{name: HR, token: token-number-one` + settings + `}]}]`
		}
		apply := func(settings string) directory.ProvisioningSettings {
			p.apply(t, parse(t, file(settings)))
			c, err := p.Directory.ProvisioningClients.Authenticate(ctx, "token-number-one")
			if err != nil {
				t.Fatal(err)
			}
			return c.ProvisioningSettings
		}
		if got := apply(""); got != directory.DefaultProvisioning {
			t.Errorf("by default %+v", got)
		}
		want := directory.ProvisioningSettings{Profile: directory.ProvisioningEntra, UnknownAttributes: directory.RefuseUnknown, PatchAnswer: directory.PatchEmpty, RequestsPerMinute: 120}
		if got := apply(`, profile: entra, unknown_attributes: refuse, patch_answer: empty, requests_per_minute: 120`); got != want {
			t.Errorf("as said %+v", got)
		}
		if got := apply(""); got != want {
			t.Errorf("absent keys change: %+v", got)
		}
		want.Profile = directory.ProvisioningOkta
		if got := apply(`, quirks: okta`); got != want { // as files from before have it
			t.Errorf("as said before %+v", got)
		}
		for _, bad := range []string{"profile: azure", "unknown_attributes: keep", "patch_answer: none", "requests_per_minute: 0"} {
			if _, problems := seed.Parse("bad.yaml", fmt.Append(nil, file(", "+bad)), seed.Options{AllowPlainSecrets: true}); len(problems) != 1 || !strings.Contains(problems.Err().Error(), strings.Split(bad, ":")[0]) {
				t.Errorf("%s: %v", bad, problems)
			}
		}
	})
}
