package gate_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"portvakt/idp/gate"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

const (
	password = "urn:portvakt:acr:password"
	mfa      = "urn:portvakt:acr:mfa"
)

func TestGateDemandsOfAdministrators(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		w := newWorld(t, db, clock, directory.NewMember{Trusted: true})
		g := gate.New(w.dir)
		asked := func(what string, want error) {
			t.Helper()
			for _, grant := range []string{gate.GrantSession, gate.GrantAuthorize, "authorization_code", "refresh_token"} {
				r := w.request(t)
				r.Grant = grant
				if _, err := g.MayIssue(ctx, db, r); !errors.Is(err, want) {
					t.Errorf("%s, %s by password: %v", what, grant, err)
				}
				r.FactorAt = clock.Now() // whoever is to have one is trusted nowhere
				if _, err := g.MayIssue(ctx, db, r); !errors.Is(err, want) {
					t.Errorf("%s, %s in a trusted browser: %v", what, grant, err)
				}
				r.ACR = mfa
				if _, err := g.MayIssue(ctx, db, r); err != nil {
					t.Errorf("%s, %s with a factor: %v", what, grant, err)
				}
			}
		}
		must(w.dir.Organizations.Change(ctx, w.org.ID, func(o *directory.Organization) error { o.TrustedDays = 30; return nil }))(t)
		asked("member", nil)
		w.change(func(m *directory.Member) { m.Administrator = true })(t)
		asked("administrator", gate.ErrSecondFactor)
		w.change(func(m *directory.Member) { m.Administrator = false })(t)
		asked("member again", nil)
		if err := w.dir.Users.SetOperator(ctx, w.member.User, directory.IsOperator); err != nil {
			t.Fatal(err)
		}
		asked("operator", gate.ErrSecondFactor)
	})
}

// TestTrustedBrowserMatrix: who demands, who trusts for how long, when the factor was shown.
func TestTrustedBrowserMatrix(t *testing.T) {
	t.Parallel()
	now := testenv.Start
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		w := newWorld(t, db, clock, directory.NewMember{Trusted: true})
		base := must(w.dir.Memberships.Standing(context.Background(), w.member.ID))(t)
		const day = 24 * time.Hour
		for _, demand := range []directory.SecondFactor{directory.SecondFactorOptional, directory.SecondFactorRequired} {
			for _, days := range []int64{0, 1, 30} {
				for _, ago := range []time.Duration{-time.Hour, 0, time.Hour, day - time.Second, day, 30*day - time.Second, 30 * day, 1000 * day} {
					for _, who := range []string{"member", "administrator", "operator"} {
						for _, class := range []string{"", password, "urn:portvakt:acr:mail", mfa, "urn:portvakt:acr:phr", "mfa", "unknown"} {
							st := base
							st.SecondFactor, st.TrustedDays, st.Administrator, st.Operator = demand, days, who == "administrator", who == "operator"
							r := w.request(t)
							r.ACR, r.FactorAt = class, now.Add(-ago)
							_, err := gate.Judge(st, now, r)
							shown := class == mfa || class == "mfa" || class == "urn:portvakt:acr:phr"
							trusted := who == "member" && ago >= 0 && ago < time.Duration(days)*day
							free := who == "member" && demand == directory.SecondFactorOptional
							if want := shown || trusted || free; (err == nil) != want {
								t.Errorf("%s %s, %d days, shown %s ago, class %q: %v", who, demand, days, ago, class, err)
							}
							r.FactorAt = time.Time{}
							if _, err := gate.Judge(st, now, r); (err == nil) != (shown || free) {
								t.Errorf("%s %s, %d days, nothing trusted, class %q: %v", who, demand, days, class, err)
							}
						}
					}
				}
			}
		}
	})
}

func TestClasses(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"https://refeds.org/profile/mfa": mfa, "mfa": mfa, mfa: mfa, "phr": "urn:portvakt:acr:phr", "https://refeds.org/profile/sfa": password,
		"http://schemas.openid.net/pape/policies/2007/06/multi-factor": mfa, "": "", "phrh": "", "urn:nobody": "",
	} {
		if got := gate.Class(name); got != want {
			t.Errorf("Class(%q) = %q, want %q", name, got, want)
		}
	}
	for _, c := range []struct {
		have, want string
		reaches    bool
	}{{mfa, password, true}, {password, mfa, false}, {"urn:portvakt:acr:mail", mfa, false}, {"urn:portvakt:acr:phr", "mfa", true}, {"", password, false}, {mfa, "", false}, {"", "", false}, {"x", "x", false}} {
		if gate.Reaches(c.have, c.want) != c.reaches {
			t.Errorf("Reaches(%q, %q) = %v", c.have, c.want, !c.reaches)
		}
	}
	for _, name := range gate.Classes() {
		if gate.Class(name) == "" {
			t.Errorf("%q is offered and unknown", name)
		}
	}
}
