package gate_test

import (
	"context"
	"errors"
	"strings"
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

// TestMailCodeMatrix: who demands, who permits, whose class is enough.
func TestMailCodeMatrix(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		w := newWorld(t, db, clock, directory.NewMember{Trusted: true})
		must(w.dir.Organizations.Change(context.Background(), w.org.ID, func(o *directory.Organization) error { o.MailCodes = true; return nil }))(t)
		base := must(w.dir.Memberships.Standing(context.Background(), w.member.ID))(t)
		if !base.MailCodes {
			t.Fatal("the standing does not know what the organization permits")
		}
		for _, demand := range []directory.SecondFactor{directory.SecondFactorOptional, directory.SecondFactorRequired} {
			for _, permitted := range []bool{false, true} {
				for _, who := range []string{"member", "administrator", "operator"} {
					for _, class := range []string{"", password, gate.MailCode, mfa, "urn:portvakt:acr:phr", "unknown"} {
						st := base
						st.SecondFactor, st.MailCodes, st.Administrator, st.Operator = demand, permitted, who == "administrator", who == "operator"
						r := w.request(t)
						r.ACR = class
						_, err := gate.Judge(st, clock.Now(), r)
						strong := class == mfa || class == "urn:portvakt:acr:phr"
						free := who == "member" && (demand == directory.SecondFactorOptional || permitted && class == gate.MailCode)
						if want := strong || free; (err == nil) != want {
							t.Errorf("%s %s, permitted %v, class %q: %v", who, demand, permitted, class, err)
						}
					}
				}
			}
		}
	})
}

// TestApplicationDemandsAFactor: whatever the organization demands, permits or trusts, in every grant.
func TestApplicationDemandsAFactor(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		w := newWorld(t, db, clock, directory.NewMember{Trusted: true})
		base := must(w.dir.Memberships.Standing(context.Background(), w.member.ID))(t)
		base.MailCodes, base.TrustedDays = true, 30
		for _, demand := range []directory.SecondFactor{directory.SecondFactorOptional, directory.SecondFactorRequired} {
			for _, grant := range []string{gate.GrantAuthorize, "authorization_code", "refresh_token"} {
				for class, want := range map[string]bool{"": false, password: false, gate.MailCode: false, mfa: true, "mfa": true, "urn:portvakt:acr:phr": true} {
					st, r := base, w.request(t)
					st.SecondFactor = demand
					r.Application.SecondFactor, r.Grant, r.ACR, r.FactorAt = true, grant, class, clock.Now()
					if _, err := gate.Judge(st, clock.Now(), r); (err == nil) != want || !want && !errors.Is(err, gate.ErrSecondFactor) {
						t.Errorf("%s, %s, class %q: %v", demand, grant, class, err)
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

// TestKeyPolicyMatrix: where attested keys alone are taken, what a sign-in is worth follows from what else was shown.
func TestKeyPolicyMatrix(t *testing.T) {
	t.Parallel()
	const phr = "urn:portvakt:acr:phr"
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		w := newWorld(t, db, clock, directory.NewMember{Trusted: true})
		st := must(w.dir.Memberships.Standing(context.Background(), w.member.ID))(t)
		asked := w.request(t)
		for _, row := range []struct{ class, methods, any, attested string }{
			{password, "pwd", password, password}, {mfa, "pwd otp mfa", mfa, mfa}, {"", "", "", ""},
			{phr, "hwk user mfa", phr, password}, {phr, "pwd hwk mfa", phr, password}, {phr, "", phr, password}, {"phr", "hwk user", "phr", password},
			{phr, "hwk otp mfa", phr, password}, {phr, "pwd otp hwk mfa", phr, mfa}, {phr, "hwk user otp", phr, mfa}, {phr, "pwd hwk rc", phr, mfa},
			{"mfa", "hwk user mfa", "mfa", password}, {"mfa", "pwd hwk mfa", "mfa", password}, {mfa, "hwk user mfa", mfa, password}, {"mfa", "", "mfa", password},
			{"mfa", "pwd otp mfa", "mfa", "mfa"}, {"mfa", "hwk user mfa attested_key", "mfa", "mfa"}, {"mfa", "pwd otp hwk mfa", "mfa", "mfa"},
			{phr, "hwk user mfa attested_key", phr, phr}, {phr, "pwd hwk attested_key", phr, phr}, {mfa, "pwd rc mfa attested_key", mfa, mfa},
		} {
			for policy, want := range map[directory.KeyPolicy]string{directory.KeysAny: row.any, directory.KeysAttested: row.attested} {
				st := st
				st.KeyPolicy, st.SecondFactor = policy, directory.SecondFactorRequired
				r := asked
				r.ACR, r.AMR = row.class, strings.Fields(row.methods)
				pass, err := gate.Judge(st, clock.Now(), r)
				if suffices := gate.Reaches(want, mfa); (err == nil) != suffices || suffices && pass.Class() != want {
					t.Errorf("%s, %q by %q: %q, %v; want %q", policy, row.class, row.methods, pass.Class(), err, want)
				}
				st.TrustedDays, r.FactorAt = 30, clock.Now() // by whichever factor
				if _, err := gate.Judge(st, clock.Now(), r); (err == nil) != (policy == directory.KeysAny || gate.Reaches(want, mfa)) {
					t.Errorf("%s, %q by %q in a trusted browser: %v", policy, row.class, row.methods, err)
				}
				if got := gate.KeyIsNoFactor(&st, r.ACR, r.AMR); got != (gate.Reaches(row.any, mfa) && !gate.Reaches(want, mfa)) {
					t.Errorf("%s, %q by %q: KeyIsNoFactor %v", policy, row.class, row.methods, got)
				}
			}
		}
	})
}
