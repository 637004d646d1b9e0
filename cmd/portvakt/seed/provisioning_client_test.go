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
		caller := func() directory.ProvisioningClient {
			t.Helper()
			c, err := p.Directory.ProvisioningClients.Authenticate(ctx, "token-number-one")
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		for _, c := range []struct{ id, more string }{
			{"nordlys.hr", `, service_accounts: [{id: hr, secret: secret-number-one}]}]`},
			{"hr-app", "}]\napplications: [{client_id: hr-app, secret: secret-number-one, grant_types: [client_credentials]}]"},
		} {
			p.apply(t, parse(t, strings.TrimSuffix(file(", oauth_client: "+c.id), "}]")+c.more))
			if got := caller(); got.Application.IsZero() == got.ServiceAccount.IsZero() || got.Application.IsZero() != (c.id == "nordlys.hr") {
				t.Errorf("called by %s: %+v", c.id, got)
			}
		}
		apply("")
		if c := caller(); c.Application.IsZero() {
			t.Error("an absent key takes the caller away")
		}
		apply(`, oauth_client: ""`)
		if c := caller(); !c.Application.IsZero() {
			t.Error("an empty key leaves the caller")
		}
		if _, err := seed.Apply(ctx, p.Deps, parse(t, file(", oauth_client: nobody"))); err == nil || !strings.Contains(err.Error(), "no such application") {
			t.Errorf("an unknown caller: %v", err)
		}
		for _, bad := range []string{"profile: azure", "unknown_attributes: keep", "patch_answer: none", "requests_per_minute: 0"} {
			if _, problems := seed.Parse("bad.yaml", fmt.Append(nil, file(", "+bad)), seed.Options{AllowPlainSecrets: true}); len(problems) != 1 || !strings.Contains(problems.Err().Error(), strings.Split(bad, ":")[0]) {
				t.Errorf("%s: %v", bad, problems)
			}
		}
	})
}
