package seed_test

import (
	"strings"
	"testing"

	"portvakt/cmd/portvakt/seed"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

const equipped = `
features:
  - {id: reports, name: {en: Reports, nb: Rapporter}, price: 49 kr / month}
  - {id: archive, price: 10 kr / month}
organizations:
  - slug: nordlys
    name: Nordlys AS
    domains: [nordlys.example]
    seats: 2
    suspended_keep_seats: true
    trusted_device_days: 14
    mail_codes: true
    features: [reports, archive]
    members:
      - {email: kari@nordlys.example, second_factor: required}
      - {email: per@nordlys.example}
`

// TestR24_FeaturesOfAFile: a file declares and prices features, and switches them on once, however often it is applied.
func TestR24_FeaturesOfAFile(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		p := newPlace(t, db)
		if got := p.apply(t, parse(t, equipped)).String(); !strings.Contains(got, "1 feature made, 1 changed") {
			t.Errorf("report:\n%s", got)
		}
		if again := p.apply(t, parse(t, equipped)); !again.Total().Zero() {
			t.Errorf("applied again:\n%s", again)
		}
		o, err := p.Directory.Organizations.BySlug(ctx, "nordlys")
		if err != nil || !o.SuspendedKeepSeats || o.TrustedDays != 14 || !o.MailCodes {
			t.Fatalf("organization %+v, %v", o, err)
		}
		states, err := p.Directory.Organizations.FeatureStates(ctx, o.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range states {
			want := map[string]string{"reports": "49 kr / month", "archive": "10 kr / month"}[s.Key]
			if (s.Switch == directory.FeatureOn) != (want != "") || s.Price != want || s.Key == "archive" && s.Name("nb") != "Arkivering" {
				t.Errorf("%+v", s)
			}
		}
		if n := len(p.table(t, "feature_activations")); n != 2 {
			t.Errorf("%d activations", n)
		}
		if kari, per := p.member(t, "nordlys", "kari@nordlys.example"), p.member(t, "nordlys", "per@nordlys.example"); kari.SecondFactor != directory.SecondFactorRequired || per.SecondFactor != "" {
			t.Errorf("second factor %q, %q", kari.SecondFactor, per.SecondFactor)
		}
		p.apply(t, parse(t, `organizations: [{slug: nordlys, members: [{email: kari@nordlys.example, second_factor: optional}]}]`))
		if kari := p.member(t, "nordlys", "kari@nordlys.example"); kari.SecondFactor != "" {
			t.Errorf("taken back: %q", kari.SecondFactor)
		}
	})
}

// TestHouseRulesOfAFile: what the directory refuses, a file cannot do either, and the refusal says where.
func TestHouseRulesOfAFile(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		p := newPlace(t, db)
		p.apply(t, parse(t, equipped))
		for text, want := range map[string]string{
			`organizations: [{slug: nordlys, seats: 1}]`:                          "2 seats are in use",
			`organizations: [{slug: nordlys, features: [teleport]}]`:              `there is no feature "teleport"`,
			`organizations: [{slug: nordlys, domains: [gmail.com]}]`:              "people of many organizations",
			`organizations: [{slug: other, name: O, domains: [nordlys.example]}]`: "another organization has this domain",
			"modules: [{id: a}]\npackages: [{id: x, base: true}, {id: y, base: true}]\norganizations: [{slug: nordlys, members: [{email: per@nordlys.example, packages: [x, y]}]}]": "one base package at most",
		} {
			_, err := seed.Apply(ctx, p.Deps, parse(t, text))
			if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "test.yaml:") {
				t.Errorf("%s: %v", text, err)
			}
		}
	})
}
