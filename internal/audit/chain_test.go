package audit_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"portvakt/idp/signing"
	"portvakt/internal/actor"
	"portvakt/internal/audit"
	"portvakt/internal/outbox"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

var ctx = context.Background()

func ring(t *testing.T, db *sqldb.DB) *signing.Ring {
	t.Helper()
	r, err := signing.Open(ctx, db, testenv.Vault().(*secret.Keys), signing.Config{Algorithms: []string{signing.ES256}}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func sealer(t *testing.T, db *sqldb.DB) *audit.Sealer {
	return audit.NewSealer(audit.Config{DB: db, Signer: ring(t, db)})
}

func add(t *testing.T, db *sqldb.DB, org orgID, entries ...audit.Entry) {
	t.Helper()
	who := actor.With(ctx, actor.Actor{Kind: actor.Person, ID: "usr_1", Address: "192.0.2.7", UserAgent: "Browser/7"})
	if err := db.Update(who, func(tx *sqldb.Tx) error {
		for _, e := range entries {
			if err := audit.Append(who, tx, org, e); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func some(n int) []audit.Entry {
	out := make([]audit.Entry, n)
	for i := range out {
		out[i] = audit.Entry{Action: "membership.changed", Object: fmt.Sprint("mbr_", i), Person: "usr_9", Detail: map[string]any{"n": i}}
	}
	return out
}

func sealAll(t *testing.T, s *audit.Sealer) {
	t.Helper()
	for {
		n, err := s.Seal(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

// verified is what doctor would find.
func verified(t *testing.T, db *sqldb.DB, orgs ...orgID) audit.Verified {
	t.Helper()
	v, err := audit.NewVerifier(ctx, db, signing.CheckHead)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Chain(ctx, audit.Installation, [16]byte{}); err != nil {
		t.Fatal(err)
	}
	for _, o := range orgs {
		if err := v.Chain(ctx, o.String(), o); err != nil {
			t.Fatal(err)
		}
	}
	return v.Found()
}

// TestR47_OneChainWhoeverSeals: thirty writers, three sealers, and every chain is whole.
func TestR47_OneChainWhoeverSeals(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		a, b := sqldb.NewID[orgPrefix](clock.Now()), sqldb.NewID[orgPrefix](clock.Now())
		r := ring(t, db)
		var stop atomic.Bool
		var sealers, writers sync.WaitGroup
		for range 3 {
			s := audit.NewSealer(audit.Config{DB: db, Signer: r})
			sealers.Go(func() {
				for !stop.Load() {
					if _, err := s.Seal(ctx); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		for i := range 30 {
			writers.Go(func() {
				for j := range 5 {
					add(t, db, []orgID{a, b, {}}[(i+j)%3], some(2)...)
				}
			})
		}
		writers.Wait()
		stop.Store(true)
		sealers.Wait()
		// The lease may be with one of the three; the machine's clock lets it lapse, which nobody waits for here.
		if _, err := db.Exec(ctx, "delete from leases"); err != nil {
			t.Fatal(err)
		}
		last := audit.NewSealer(audit.Config{DB: db, Signer: r})
		sealAll(t, last)
		if err := last.Sign(ctx); err != nil {
			t.Fatal(err)
		}
		found := verified(t, db, a, b)
		if len(found.Findings) > 0 {
			t.Errorf("findings: %+v", found.Findings)
		}
		if want := int64(300 + 1); found.Entries < want || found.Heads < 3 { // and those of the ring's keys
			t.Errorf("verified %+v, want at least %d entries under 3 heads", found, want)
		}
	})
}

func TestR47_LateCommitsAreSealed(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		s, org := sealer(t, db), sqldb.NewID[orgPrefix](clock.Now())
		add(t, db, org, some(3)...)
		sealAll(t, s)
		clock.Advance(-time.Hour) // as if it had begun long ago: its id and time are smaller than all that is sealed
		add(t, db, org, some(1)...)
		sealAll(t, s)
		if n, _, err := audit.Waiting(ctx, db); err != nil || n != 0 {
			t.Errorf("%d entries wait, %v", n, err)
		}
		if found := verified(t, db, org); len(found.Findings) > 0 {
			t.Errorf("findings: %+v", found.Findings)
		}
	})
}

// TestR47_SealedWithinASecond waits for the worker, not for a clock.
func TestR47_SealedWithinASecond(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		done := make(chan int, 100)
		s := audit.NewSealer(audit.Config{DB: db, Signer: ring(t, db), Sealed: func(n int) { done <- n }})
		db.Subscribe(outbox.Topic, s.Wake)
		running, stop := context.WithCancel(ctx)
		var worker sync.WaitGroup
		worker.Go(func() { s.Run(running) })
		t.Cleanup(func() { stop(); worker.Wait() })
		<-done // what the ring wrote
		org := sqldb.NewID[orgPrefix](clock.Now())
		for _, woken := range []bool{false, true} {
			if err := db.Update(ctx, func(tx *sqldb.Tx) error {
				if woken {
					tx.Notify(outbox.Topic)
				}
				return audit.Append(ctx, tx, org, audit.Entry{Action: "a.b", Object: "x"})
			}); err != nil {
				t.Fatal(err)
			}
			testenv.Within(t, time.Second, "the entry is sealed", func() bool { return len(done) > 0 })
			if n := <-done; n != 1 {
				t.Errorf("%d entries sealed", n)
			}
		}
	})
}

// TestR47_TamperingIsNoticed: whatever is done to the tables by somebody who has neither the master key nor the ring.
func TestR47_TamperingIsNoticed(t *testing.T) {
	t.Parallel()
	const third = `(select id from audit_entries where organization_id is not null and position = 3)`
	tampering := map[string][]string{
		"nothing":               nil,
		"actor":                 {`update audit_entries set actor_id = 'usr_2' where id = ` + third},
		"actor kind":            {`update audit_entries set actor_kind = 'system' where id = ` + third},
		"behalf":                {`update audit_entries set behalf = 'usr_2' where id = ` + third},
		"action":                {`update audit_entries set action = 'x' where id = ` + third},
		"object":                {`update audit_entries set object = 'x' where id = ` + third},
		"detail":                {`update audit_entries set detail = '{}' where id = ` + third},
		"request":               {`update audit_entries set request_id = 'x' where id = ` + third},
		"address":               {`update audit_entries set address = '' where id = ` + third},
		"user agent":            {`update audit_entries set user_agent = '' where id = ` + third},
		"salt":                  {`update audit_entries set salt = null where id = ` + third},
		"person":                {`update audit_entries set person = '' where id = ` + third},
		"time":                  {`update audit_entries set at = at - 1 where id = ` + third},
		"sealed":                {`update audit_entries set sealed = null where sealed is not null`},
		"organization":          {`update audit_entries set organization_id = null, position = 99 where id = ` + third},
		"link":                  {`update audit_entries set link = salt where id = ` + third},
		"an entry removed":      {`delete from audit_entries where id = ` + third},
		"the first removed":     {`delete from audit_entries where organization_id is not null and position = 1`},
		"the tail cut":          {`delete from audit_entries where organization_id is not null and position >= 7`},
		"the end set back":      {`update audit_chains set position = 6, link = (select link from audit_entries where organization_id is not null and position = 6) where chain <> 'installation'`},
		"tail and end cut":      {`delete from audit_entries where organization_id is not null and position >= 7`, `update audit_chains set position = 6, link = (select link from audit_entries where organization_id is not null and position = 6) where chain <> 'installation'`},
		"the whole chain gone":  {`delete from audit_entries where organization_id is not null`, `delete from audit_chains where chain <> 'installation'`},
		"a head's link":         {`update audit_heads set link = (select link from audit_entries where organization_id is not null and position = 7) where chain <> 'installation'`},
		"a head moved":          {`update audit_heads set position = 7 where chain <> 'installation'`},
		"origins taken out":     {`update audit_entries set address = '', user_agent = '', salt = null, origin = link where id = ` + third},
		"a signer put in place": {`update audit_signers set jwk = (select link from audit_entries where organization_id is not null and position = 7)`},
	}
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		s, org := sealer(t, db), sqldb.NewID[orgPrefix](clock.Now())
		entries := some(9)
		entries[7].Changes = []audit.Change{{Field: "email", Before: "a", After: "b"}}
		add(t, db, org, entries...)
		sealAll(t, s)
		if err := s.Sign(ctx); err != nil {
			t.Fatal(err)
		}
		undo := errUndo{}
		for what, statements := range tampering {
			err := db.Update(ctx, func(tx *sqldb.Tx) error {
				for _, text := range statements {
					if n, err := tx.Exec(ctx, text); err != nil || n == 0 {
						t.Errorf("%s: %d rows, %v", what, n, err)
						return undo
					}
				}
				v, err := audit.NewVerifier(ctx, tx, signing.CheckHead)
				if err != nil {
					return err
				}
				for chain, id := range map[string][16]byte{audit.Installation: {}, org.String(): org} {
					if err := v.Chain(ctx, chain, id); err != nil {
						return err
					}
				}
				if noticed := len(v.Found().Findings) > 0; noticed != (len(statements) > 0) {
					t.Errorf("%s: findings %+v", what, v.Found().Findings)
				}
				return undo
			})
			if err != undo {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

type errUndo struct{}

func (errUndo) Error() string { return "undo" }

// TestR47_AChainMadeAnewIsNoticed: all entries, links and ends are consistent again, and only the signature is missing.
func TestR47_AChainMadeAnewIsNoticed(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		s, org := sealer(t, db), sqldb.NewID[orgPrefix](clock.Now())
		add(t, db, org, some(9)...)
		sealAll(t, s)
		if err := s.Sign(ctx); err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{
			`update audit_entries set actor_id = 'usr_2' where organization_id is not null and position = 3`,
			`update audit_entries set position = null, link = null where organization_id is not null`,
			`delete from audit_chains where chain <> 'installation'`,
		} {
			if _, err := db.Exec(ctx, text); err != nil {
				t.Fatal(err)
			}
		}
		sealAll(t, audit.NewSealer(audit.Config{DB: db})) // under another lease
		if _, err := db.Exec(ctx, "delete from leases"); err != nil {
			t.Fatal(err)
		}
		sealAll(t, audit.NewSealer(audit.Config{DB: db}))
		said := verified(t, db, org).Findings
		if !slices.ContainsFunc(said, func(f audit.Finding) bool { return strings.Contains(f.Text, "made anew") }) {
			t.Errorf("a chain that was made anew: %+v", said)
		}
		// A head of it signed by a ring of their own, with the key put where ours are.
		foreign, err := secret.NewKeys(secret.Random(secret.MasterSize))
		if err != nil {
			t.Fatal(err)
		}
		theirs := testenv.Open(t, sqldb.Config{URL: t.TempDir() + "/theirs.db", Relaxed: true, Vault: foreign})
		r, err := signing.Open(ctx, theirs, foreign, signing.Config{Algorithms: []string{signing.ES256}}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		forged, err := r.SignHead(ctx, []byte(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(ctx, `update audit_heads set signature = $1 where chain <> 'installation'`, forged.JWS); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(ctx, `insert into audit_signers (kid, jwk, created_at) values ($1, $2, 1)`, forged.KID,
			foreign.Seal("audit signer "+forged.KID, []byte(forged.JWK))); err != nil {
			t.Fatal(err)
		}
		if said := verified(t, db, org).Findings; len(said) == 0 {
			t.Error("a foreign signature is taken for ours")
		}
	})
}

// TestR47_HeadsKeptOutsideProveTheChain: with every head in the database removed, one that was told proves the cut.
func TestR47_HeadsKeptOutsideProveTheChain(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		var told []audit.Head
		s := audit.NewSealer(audit.Config{DB: db, Signer: ring(t, db), Issuer: "https://id.example",
			Tell: func(_ *sqldb.Tx, h audit.Head) error { told = append(told, h); return nil }})
		org := sqldb.NewID[orgPrefix](clock.Now())
		add(t, db, org, some(1200)...)
		sealAll(t, s) // passing a thousand signs by itself
		if len(told) != 1 || told[0].Chain != org.String() || told[0].Position != 1000 && told[0].Position != 999 && told[0].Position < 990 {
			t.Fatalf("heads told: %+v", told)
		}
		outside := func() []audit.Finding {
			v, err := audit.NewVerifier(ctx, db, signing.CheckHead)
			if err != nil {
				t.Fatal(err)
			}
			if err := v.Outside(ctx, told[0].Signature); err != nil {
				t.Fatal(err)
			}
			if err := v.Outside(ctx, "a.b.c"); err == nil {
				t.Error("anything is a head")
			}
			return v.Found().Findings
		}
		if found := outside(); len(found) > 0 {
			t.Errorf("findings: %+v", found)
		}
		for _, text := range []string{
			`delete from audit_entries where organization_id is not null and position > 500`,
			`update audit_chains set position = 500, link = (select link from audit_entries where organization_id is not null and position = 500) where chain <> 'installation'`,
			`delete from audit_heads`,
		} {
			if _, err := db.Exec(ctx, text); err != nil {
				t.Fatal(err)
			}
		}
		if found := verified(t, db, org).Findings; len(found) > 0 {
			t.Errorf("inside the database nothing tells of it, and yet: %+v", found)
		}
		if found := outside(); len(found) != 1 {
			t.Errorf("findings: %+v", found)
		}
	})
}
