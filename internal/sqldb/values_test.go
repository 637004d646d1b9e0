package sqldb_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

func TestIDRoundTrip(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		id := sqldb.NewID[thingPrefix](db.Now())
		if _, err := db.Exec(ctx, "insert into events (id, kind, subject, data, at) values ($1, 'k', 's', '{}', 1)", id); err != nil {
			t.Fatal(err)
		}
		var got, organization thingID
		organization = id // must be overwritten
		var none int64
		err := db.QueryRow(ctx, "select id, organization_id, case when organization_id is null then 1 else 0 end from events where id = $1", id).
			Scan(&got, &organization, &none)
		if err != nil || got != id || !organization.IsZero() || none != 1 {
			t.Errorf("id %v, organization %v (null: %d), %v", got, organization, none, err)
		}
		_, err = db.Exec(ctx, "insert into events (id, kind, organization_id, subject, data, at) values ($1, 'k', $2, 's', '{}', 1)",
			sqldb.NewID[thingPrefix](db.Now()), thingID{})
		if err != nil {
			t.Errorf("the zero ID as NULL: %v", err)
		}
		if _, err := db.Exec(ctx, "insert into events (id, kind, subject, data, at) values ($1, 'k', 's', '{}', 1)", thingID{}); err == nil {
			t.Error("the zero ID became a primary key")
		}
	})
}

func TestIDText(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 9, 0, 0, 123e6, time.UTC)
	id, later := sqldb.NewID[thingPrefix](now), sqldb.NewID[thingPrefix](now.Add(time.Millisecond))
	s := id.String()
	if len(s) != 4+26 || !strings.HasPrefix(s, "thg_") || strings.ToLower(s) != s {
		t.Errorf("String = %q", s)
	}
	if later.String() <= s {
		t.Errorf("%s is not after %s", later, s)
	}
	if id[6]>>4 != 7 || id[8]>>6 != 2 {
		t.Errorf("% x is no UUIDv7", id)
	}
	body, err := json.Marshal(map[string]thingID{"a": id, "b": {}})
	if err != nil || string(body) != `{"a":"`+s+`","b":""}` {
		t.Errorf("JSON %s, %v", body, err)
	}
	var back map[string]thingID
	if err := json.Unmarshal(body, &back); err != nil || back["a"] != id || !back["b"].IsZero() {
		t.Errorf("back %v, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`{"a":"usr_`+s[4:]+`"}`), &back); err == nil {
		t.Error("another kind's identifier was read")
	}
}

func TestParseIDIsStrict(t *testing.T) {
	t.Parallel()
	s := sqldb.NewID[thingPrefix](time.Now()).String()
	last := "0123456789abcdefghijklmnopqrstuv"[strings.IndexByte("0123456789abcdefghijklmnopqrstuv", s[29])|1]
	for _, bad := range []string{"", "thg_", s + "0", s[:29], strings.ToUpper(s), "thg_" + strings.ToUpper(s[4:]), "usr_" + s[4:], " " + s, s + "\n",
		strings.Replace(s, "_", "-", 1), "thg_" + strings.Repeat("0", 26), "thg_" + strings.Repeat("z", 26), s[:29] + string(last), "thg_" + s[4:29] + "=", "thg_\x00" + s[5:]} {
		if id, err := sqldb.ParseID[thingPrefix](bad); !errors.Is(err, sqldb.ErrBadID) || !id.IsZero() {
			t.Errorf("ParseID(%q) = %v, %v", bad, id, err)
		}
	}
}

func FuzzParseID(f *testing.F) {
	f.Add(sqldb.NewID[thingPrefix](time.Now()).String())
	f.Add("thg_00000000000000000000000001")
	f.Add("thg_zzzzzzzzzzzzzzzzzzzzzzzzzz")
	f.Fuzz(func(t *testing.T, s string) {
		id, err := sqldb.ParseID[thingPrefix](s)
		switch {
		case err == nil && id.String() != s:
			t.Errorf("%q was read as %v", s, id)
		case err != nil && !id.IsZero():
			t.Errorf("%q gave %v with %v", s, id, err)
		}
	})
}

func TestTimes(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		for _, at := range []time.Time{{}, time.UnixMicro(0), time.UnixMicro(-1), time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC),
			time.Date(9999, 12, 31, 23, 59, 59, 999999e3, time.UTC), time.Date(2026, 7, 1, 12, 0, 0, 1500, time.FixedZone("CEST", 7200))} {
			id := sqldb.NewID[thingPrefix](db.Now())
			_, err := db.Exec(ctx, "insert into events (id, kind, subject, data, at, dispatched_at) values ($1, 'k', 's', '{}', 1, $2)", id, sqldb.Micros(at))
			if err != nil {
				t.Fatal(err)
			}
			got := time.Now() // must be overwritten
			var null bool
			if err := db.QueryRow(ctx, "select dispatched_at, dispatched_at is null from events where id = $1", id).Scan(sqldb.Time(&got), &null); err != nil {
				t.Fatal(err)
			}
			if null != at.IsZero() || !got.Equal(at.Truncate(time.Microsecond)) || !at.IsZero() && got.Location() != time.UTC {
				t.Errorf("%v came back as %v (null %v)", at, got, null)
			}
		}
	})
}

func TestTexts(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		for i, text := range []string{"", "a", "Å ", "' \" \\ % _ $1", "日本語 \u2028 \r\n\t", strings.Repeat("x", 100_000)} {
			id := sqldb.NewID[thingPrefix](db.Now())
			if _, err := db.Exec(ctx, "insert into events (id, kind, subject, data, at) values ($1, 'k', $2, '{}', 1)", id, text); err != nil {
				t.Fatal(err)
			}
			if _, err := db.Exec(ctx, "insert into deliveries (event_id, subscriber, attempts, due_at, last_error) values ($1, 's', 0, 1, $2)", id, sqldb.Text(text)); err != nil {
				t.Fatal(err)
			}
			subject, last := "x", "x"
			err := db.QueryRow(ctx, "select e.subject, d.last_error from events e join deliveries d on d.event_id = e.id where e.id = $1", id).
				Scan(&subject, sqldb.NullText(&last))
			if err != nil || subject != text || last != text {
				t.Errorf("text %d came back as %q and %q, %v", i, subject, last, err)
			}
		}
	})
}

// Comparison is by bytes on both engines: no case folding, no trailing-space rule, no locale.
func TestComparisonIsByBytes(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		names := []string{"B", "a", "a ", "b", "\u00c5", "\u00e5", "a\u030a"}
		for _, n := range names {
			if _, err := db.Exec(ctx, insertLease, n, "x", 1); err != nil {
				t.Fatalf("%q: %v", n, err)
			}
		}
		got, err := sqldb.All(ctx, db, func(r sqldb.Row) (s string, err error) { return s, r.Scan(&s) }, "select name from leases order by name")
		if err != nil || len(got) != len(names) {
			t.Fatalf("%q, %v", got, err)
		}
		for i := 1; i < len(got); i++ {
			if got[i-1] >= got[i] {
				t.Errorf("order %q: %q stands before %q", got, got[i-1], got[i])
			}
		}
	})
}

func TestNumbersAndBytes(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		key := []byte{0, 1, 0xff, 0}
		for _, n := range []int64{math.MinInt64, -1, 0, 1, math.MaxInt64} {
			if _, err := db.Exec(ctx, "delete from attempts"); err != nil {
				t.Fatal(err)
			}
			if _, err := db.Exec(ctx, "insert into attempts (scope, key, failures, window_ends) values ('s', $1, $2, 1)", key, n); err != nil {
				t.Fatal(err)
			}
			var back int64
			var bytesBack []byte
			if err := db.QueryRow(ctx, "select failures, key from attempts where key = $1", key).Scan(&back, &bytesBack); err != nil || back != n || !bytes.Equal(bytesBack, key) {
				t.Errorf("%d came back as %d, % x as % x, %v", n, back, key, bytesBack, err)
			}
		}
	})
}

func TestAll(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		scan := func(r sqldb.Row) (s string, err error) { return s, r.Scan(&s) }
		if got, err := sqldb.All(ctx, db, scan, "select name from leases"); err != nil || len(got) != 0 {
			t.Errorf("of nothing: %v, %v", got, err)
		}
		if _, err := sqldb.All(ctx, db, scan, "select nonsense from leases"); err == nil {
			t.Error("a wrong statement gave no error")
		}
		if _, err := db.Exec(ctx, insertLease, "a", "x", 1); err != nil {
			t.Fatal(err)
		}
		no := errors.New("no")
		if _, err := sqldb.All(ctx, db, func(sqldb.Row) (int, error) { return 0, no }, "select name from leases"); !errors.Is(err, no) {
			t.Errorf("the scan's error: %v", err)
		}
	})
}
