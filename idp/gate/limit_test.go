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

// TestSessionLimitMatrix: what an organization allows, how old the sign-in is, how long the session was and is unused.
func TestSessionLimitMatrix(t *testing.T) {
	t.Parallel()
	now := testenv.Start
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		w := newWorld(t, db, clock, directory.NewMember{Trusted: true})
		base := must(w.dir.Memberships.Standing(context.Background(), w.member.ID))(t)
		asked := w.request(t)
		const never = time.Duration(-1)
		ages := []time.Duration{never, 0, time.Hour - time.Second, time.Hour, 9 * time.Hour}
		for _, idle := range []time.Duration{0, 10 * time.Minute, time.Hour} {
			for _, limit := range []time.Duration{0, time.Hour} {
				for _, age := range ages {
					for _, unused := range append(ages, 10*time.Minute-time.Second, 10*time.Minute) {
						for _, pause := range []time.Duration{0, 10*time.Minute - time.Second, 10 * time.Minute, 2 * time.Hour} {
							st := base
							st.IdleLimit, st.SessionLimit = idle, limit
							r := asked
							r.Use.Pause = pause
							if age != never {
								r.Use.SignedInAt = now.Add(-age)
							}
							if unused != never {
								r.Use.SeenAt = now.Add(-unused)
							}
							want := (limit == 0 || age != never && age < limit) && (idle == 0 || unused != never && unused < idle && pause < idle)
							pass, err := gate.Judge(st, now, r)
							if (err == nil) != want || err != nil && !errors.Is(err, gate.ErrSessionLimit) {
								t.Errorf("idle %s limit %s: signed in %s ago, unused for %s, pause %s: %v", idle, limit, age, unused, pause, err)
							}
							if err == nil && limit > 0 && !pass.InSession(now.Add(9*time.Hour)).Equal(r.Use.SignedInAt.Add(limit)) {
								t.Errorf("issued until %s", pass.InSession(now.Add(9*time.Hour)))
							}
							r.Use.Lasting = true
							if pass, err := gate.Judge(st, now, r); err != nil || !pass.InSession(now.Add(time.Hour)).Equal(now.Add(time.Hour)) {
								t.Errorf("what lasts beyond the session: %v", err)
							}
						}
					}
				}
			}
		}
	})
}
