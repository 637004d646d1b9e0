package audit_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"portvakt/internal/audit"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

const personal = "kari@nordlys.example"

func change(person string) audit.Entry {
	return audit.Entry{Action: "membership.changed", Object: "mbr_1", Person: person,
		Changes: []audit.Change{{Field: "email", Before: "", After: personal}}}
}

func list(t *testing.T, db *sqldb.DB, org orgID, f audit.Filter) []audit.Record {
	t.Helper()
	page, err := audit.List(ctx, db, org, f, audit.Ask{})
	if err != nil {
		t.Fatal(err)
	}
	return page.Records
}

func TestChangesAreSealed(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		org := sqldb.NewID[orgPrefix](clock.Now())
		add(t, db, org, change("usr_1"), change("usr_2"))
		if found := testenv.Find(t, db, personal); len(found) > 0 {
			t.Errorf("in clear: %v", found)
		}
		for _, r := range list(t, db, org, audit.Filter{}) {
			if len(r.Changes) != 1 || r.Changes[0].After != personal || r.Erased || r.Address != "192.0.2.7" || r.UserAgent != "Browser/7" {
				t.Errorf("record %+v", r)
			}
		}
		if err := db.Update(ctx, func(tx *sqldb.Tx) error { return audit.DestroyKeys(ctx, tx, []string{"usr_1"}) }); err != nil {
			t.Fatal(err)
		}
		add(t, db, org, change("usr_1"))
		for _, r := range list(t, db, org, audit.Filter{}) {
			if readable := len(r.Changes) == 1; readable != (r.Person == "usr_2") {
				t.Errorf("after the key of usr_1 is gone: %+v", r)
			}
		}
		// What is sealed in one entry says nothing in another, not even of the same person.
		add(t, db, org, change("usr_2"))
		if _, err := db.Exec(ctx, `update audit_entries set sealed = (select sealed from audit_entries where person = 'usr_2' order by id limit 1)
			where person = 'usr_2'`); err != nil {
			t.Fatal(err)
		}
		if two := list(t, db, org, audit.Filter{Person: "usr_2"}); len(two) != 2 || two[0].Damaged == two[1].Damaged {
			t.Errorf("with the values of another entry: %+v", two)
		}
	})
}

func TestWithoutAVaultNothingPersonalIsStored(t *testing.T) {
	t.Parallel()
	for name, url := range testenv.URLs(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := url(t)
			testenv.Open(t, sqldb.Config{URL: address, Relaxed: true, MaxConnections: 2})
			db, err := sqldb.Open(ctx, sqldb.Config{URL: address, Relaxed: true, MaxConnections: 2})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			append := func(e audit.Entry) error {
				return db.Update(ctx, func(tx *sqldb.Tx) error { return audit.Append(ctx, tx, orgID{}, e) })
			}
			if err := append(change("usr_1")); err == nil {
				t.Error("a personal value was stored without a vault")
			}
			if err := append(audit.Entry{Action: "a.b", Object: "x"}); err != nil {
				t.Error(err)
			}
			if err := append(audit.Entry{Action: "a.b", Object: "x", Changes: change("").Changes}); err == nil {
				t.Error("a personal value of nobody was stored")
			}
		})
	}
}

// TestOnePersonOneKey: thirty first changes of one person at once.
func TestOnePersonOneKey(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		org := sqldb.NewID[orgPrefix](clock.Now())
		var group sync.WaitGroup
		for range 30 {
			group.Go(func() { add(t, db, org, change("usr_1")) })
		}
		group.Wait()
		records := list(t, db, org, audit.Filter{Person: "usr_1"})
		for _, r := range records {
			if len(r.Changes) != 1 {
				t.Errorf("unreadable: %+v", r)
			}
		}
		if len(records) != 30 {
			t.Errorf("%d entries, want 30", len(records))
		}
	})
}

func TestR47_HistoryIsAskedByPersonObjectAndTime(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		org := sqldb.NewID[orgPrefix](clock.Now())
		for i := range 25 {
			add(t, db, org, audit.Entry{Action: fmt.Sprint("a.", i%2), Object: fmt.Sprint("mbr_", i%5), Person: fmt.Sprint("usr_", i%3)})
			if i%4 == 0 {
				clock.Advance(time.Minute)
			}
		}
		for _, tc := range []struct {
			f    audit.Filter
			want int
		}{
			{audit.Filter{}, 25}, {audit.Filter{Person: "usr_0"}, 9}, {audit.Filter{Object: "mbr_4"}, 5}, {audit.Filter{Action: "a.1"}, 12},
			{audit.Filter{ActorID: "usr_1"}, 25}, {audit.Filter{ActorID: "usr_2"}, 0}, {audit.Filter{Person: "usr_0", Object: "mbr_0"}, 2},
			{audit.Filter{From: testenv.Start.Add(time.Minute)}, 24}, {audit.Filter{To: testenv.Start.Add(time.Minute)}, 1},
		} {
			var got []audit.Record
			for cursor := ""; ; {
				page, err := audit.List(ctx, db, org, tc.f, audit.Ask{Cursor: cursor, Limit: 4})
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, page.Records...)
				if cursor = page.Next; cursor == "" {
					break
				}
			}
			seen := map[string]bool{}
			for i, r := range got {
				seen[r.ID] = true
				if i > 0 && r.At.After(got[i-1].At) {
					t.Errorf("%+v: not newest first", tc.f)
				}
			}
			if len(got) != tc.want || len(seen) != tc.want {
				t.Errorf("%+v: %d entries, %d different, want %d", tc.f, len(got), len(seen), tc.want)
			}
		}
		if _, err := audit.List(ctx, db, org, audit.Filter{}, audit.Ask{Cursor: "nonsense"}); !fault.Is(err, fault.Invalid) {
			t.Errorf("a bad cursor: %v", err)
		}
	})
}

func TestR47_TheNeighbourReadsNothing(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		org, neighbour := sqldb.NewID[orgPrefix](clock.Now()), sqldb.NewID[orgPrefix](clock.Now())
		add(t, db, org, change("usr_1"))
		for _, f := range []audit.Filter{{}, {Person: "usr_1"}, {Object: "mbr_1"}, {ActorID: "usr_1"}} {
			if r := append(list(t, db, neighbour, f), list(t, db, orgID{}, f)...); len(r) > 0 {
				t.Errorf("%+v: %+v", f, r)
			}
		}
		var out bytes.Buffer
		sealAll(t, sealer(t, db))
		if n, err := audit.Export(ctx, db, neighbour, audit.Span{}, &out); err != nil || n != 0 || out.Len() > 0 {
			t.Errorf("%d lines, %v", n, err)
		}
	})
}

// TestR47_AnExportIsVerifiedByOutsiders recomputes the chain from the lines alone, as the documentation tells.
func TestR47_AnExportIsVerifiedByOutsiders(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		org := sqldb.NewID[orgPrefix](clock.Now())
		add(t, db, org, some(5)...)
		clock.Advance(time.Hour)
		add(t, db, org, change("usr_1"), change("usr_2"))
		sealAll(t, sealer(t, db))
		if _, err := audit.ForgetOrigins(ctx, db, "usr_1"); err != nil {
			t.Fatal(err)
		}
		if err := db.Update(ctx, func(tx *sqldb.Tx) error { return audit.DestroyKeys(ctx, tx, []string{"usr_1"}) }); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		n, err := audit.Export(ctx, db, org, audit.Span{}, &out)
		if err != nil || n != 7 {
			t.Fatalf("%d lines, %v", n, err)
		}
		genesis := sha256.Sum256([]byte("portvakt audit chain 1\n" + org.String()))
		previous := genesis[:]
		for i, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
			var e audit.Exported
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatal(err)
			}
			if e.Position != int64(i+1) || e.Previous != hex.EncodeToString(previous) || e.Erased != (e.Sealed != "" && e.Person == "usr_1") {
				t.Errorf("line %d: %s", i, line)
			}
			previous = recomputed(t, e, previous)
			if e.Link != hex.EncodeToString(previous) {
				t.Errorf("line %d: link %s, recomputed %x", i, e.Link, previous)
			}
		}
		out.Reset()
		if n, err := audit.Export(ctx, db, org, audit.Span{From: testenv.Start.Add(time.Minute)}, &out); err != nil || n != 2 {
			t.Errorf("since a minute: %d lines, %v", n, err)
		}
	})
}

func recomputed(t *testing.T, e audit.Exported, previous []byte) []byte {
	t.Helper()
	raw := func(s string) string {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	number := func(n int64) string { return string(binary.BigEndian.AppendUint64(nil, uint64(n))) }
	id, err := sqldb.ParseID[audPrefix](e.ID)
	if err != nil {
		t.Fatal(err)
	}
	org, err := sqldb.ParseID[orgPrefix](e.Organization)
	if err != nil {
		t.Fatal(err)
	}
	b := append([]byte(nil), previous...)
	for _, part := range []string{number(e.Position), string(id[:]), string(org[:]), number(e.Micros), e.ActorKind, e.ActorID, e.Behalf, e.Action,
		e.Object, e.RawText, e.RequestID, raw(e.Origin), e.Person, raw(e.Sealed)} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(part)))
		b = append(b, part...)
	}
	sum := sha256.Sum256(b)
	return sum[:]
}

type audPrefix struct{}

func (audPrefix) Prefix() string { return "aud" }

// TestHistoryPlans: what is asked of a large history is answered from indexes.
func TestHistoryPlans(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		var orgs []orgID
		for i := range 20 {
			clock.Advance(time.Minute)
			orgs = append(orgs, sqldb.NewID[orgPrefix](clock.Now()))
			entries := some(300)
			for j := range entries {
				entries[j].Person = fmt.Sprint("usr_", i, "_", j%50)
			}
			add(t, db, orgs[i], entries...)
		}
		sealAll(t, sealer(t, db))
		if _, err := db.Exec(ctx, "analyze"); err != nil {
			t.Fatal(err)
		}
		scan := regexp.MustCompile(`Seq Scan on audit_entries|SCAN audit_entries(?: |$)`)
		explain := map[sqldb.Engine]string{sqldb.PostgreSQL: "explain ", sqldb.SQLite: "explain query plan "}[db.Engine()]
		for _, s := range audit.StatementsForTest(t, orgs[3], clock.Now()) {
			rows, err := db.Query(ctx, explain+s.Text, s.Args...)
			if err != nil {
				t.Fatal(err)
			}
			for rows.Next() {
				var line string
				var n int64
				into := []any{&line}
				if db.Engine() == sqldb.SQLite {
					into = []any{&n, &n, &n, &line}
				}
				if err := rows.Scan(into...); err != nil {
					t.Fatal(err)
				}
				if scan.MatchString(line) && !strings.Contains(line, "USING INDEX audit_entries_waiting") {
					t.Errorf("%s: %s", s.Name, line)
				}
			}
			rows.Close()
		}
	})
}
