package client_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"
	"pgregory.net/rapid"

	"portvakt/authz/client"
)

func filterPage(version, next string, filter answer) (int, any) {
	all := answer{"module": "invoices", "action": "view", "none": false, "everyone": false, "owners": []string{}, "segments": []string{"*"}}
	for k, v := range filter {
		all[k] = v
	}
	return 200, answer{"results": []any{}, "page": answer{"next_token": next}, "context": answer{"version": version, "until": "2026-11-22T12:00:20Z", "filter": all}}
}

func TestFilterPages(t *testing.T) {
	t.Parallel()
	s := newIssuer(t)
	pages := func(of map[string]func() (int, any)) {
		s.with(func() { s.filter = func(token string) (int, any) { return of[token]() } })
	}
	owners := func(version, next string, ids ...string) func() (int, any) {
		return func() (int, any) {
			return filterPage(version, next, answer{"owners": ids, "segments": []string{"oslo"}})
		}
	}
	c := s.client(nil)
	pages(map[string]func() (int, any){"": owners("7", "p2", "user:usr_1", "user:usr_2"), "p2": owners("7", "", "group:grp_1")})
	f, err := c.Filter(t.Context(), viewInvoices())
	if err != nil || !slices.Equal(f.Owners, []client.Party{"user:usr_1", "user:usr_2", "group:grp_1"}) || !slices.Equal(f.Segments, []string{"oslo"}) || f.Version != "7" ||
		!f.Until.Equal(s.clock().Add(20*time.Second)) {
		t.Fatalf("%+v, %v", f, err)
	}
	f.Owners[0], f.Segments[0] = "user:usr_evil", "bergen"
	if f, err = c.Filter(t.Context(), viewInvoices()); err != nil || f.Owners[0] != "user:usr_1" || f.Segments[0] != "oslo" || s.count("/access/v1/search/resource") != 2 {
		t.Errorf("remembered: %+v, %v", f, err)
	}

	s.advance(2 * time.Second)
	changed := 0
	pages(map[string]func() (int, any){"": owners("8", "p2", "user:usr_1"), "p2": func() (int, any) {
		if changed++; changed == 1 {
			return 400, answer{"error": "version_changed"}
		}
		return filterPage("8", "", answer{"owners": []string{"user:usr_3"}})
	}})
	if f, err = c.Filter(t.Context(), viewInvoices()); err != nil || len(f.Owners) != 2 {
		t.Errorf("changed once: %+v, %v", f, err)
	}

	s.advance(2 * time.Second)
	for name, second := range map[string]func() (int, any){
		"changed always": func() (int, any) { return 400, answer{"error": "version_changed"} },
		"mixed versions": owners("9", "", "user:usr_3"),
		"everyone later": func() (int, any) { return filterPage("8", "", answer{"everyone": true}) },
	} {
		pages(map[string]func() (int, any){"": owners("8", "p2", "user:usr_1"), "p2": second})
		if f, err = c.Filter(t.Context(), viewInvoices()); !errors.Is(err, client.ErrChanged) || len(f.Owners) > 0 || f.Everyone {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
	for name, first := range map[string]answer{
		"none and everyone": {"none": true, "everyone": true}, "none and owners": {"none": true, "owners": []string{"user:usr_1"}}, "everyone and owners": {"everyone": true, "owners": []string{"user:usr_1"}},
		"another module": {"module": "payments"}, "another action": {"action": "edit"}, "not text": {"owners": []any{7}},
	} {
		pages(map[string]func() (int, any){"": func() (int, any) { return filterPage("8", "", first) }})
		if f, err = c.Filter(t.Context(), viewInvoices()); !errors.Is(err, client.ErrAnswer) || len(f.Owners) > 0 || f.Everyone {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
	pages(map[string]func() (int, any){"": owners("8", "p2", "user:usr_1"), "p2": owners("8", "p2", "user:usr_1")})
	if _, err = c.Filter(t.Context(), viewInvoices()); !errors.Is(err, client.ErrAnswer) {
		t.Errorf("the same page for ever: %v", err)
	}
}

func TestZeroFilterShowsNothing(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]client.Filter{
		"zero": {}, "none": {None: true}, "none, whatever else stands there": {None: true, Everyone: true, Owners: []client.Party{"user:a"}, Segments: []string{"*"}}, "no owners": {Segments: []string{"*"}},
	} {
		if where, args := f.SQL("owner", "segment", client.PostgreSQL(0)); where != "(1 = 0)" || len(args) > 0 {
			t.Errorf("%s: %s %v", name, where, args)
		}
		if f.Allows("user:a", "") || f.Allows("", "") {
			t.Errorf("%s: allows", name)
		}
	}
}

func TestFilterSQLText(t *testing.T) {
	t.Parallel()
	two := client.Filter{Owners: []client.Party{"user:a", "group:g"}, Segments: []string{"oslo"}}
	for _, row := range []struct {
		filter  client.Filter
		segment string
		style   client.Style
		want    string
		args    int
	}{
		{two, "i.segment", client.PostgreSQL(2), "(i.owner in ($3, $4) and (i.segment is null or i.segment = '' or i.segment in ($5)))", 3},
		{two, "", client.SQLite(0), "(i.owner in (?1, ?2))", 2},
		{two, "segment", client.QuestionMarks(), "(i.owner in (?, ?) and (segment is null or segment = '' or segment in (?)))", 3},
		{two, "", client.Numbered("@p", 1), "(i.owner in (@p2, @p3))", 2},
		{client.Filter{Everyone: true, Segments: []string{"*"}}, "segment", client.PostgreSQL(0), "(1 = 1)", 0},
		{client.Filter{Everyone: true}, "segment", client.PostgreSQL(0), "(1 = 1 and (segment is null or segment = ''))", 0},
		{client.Filter{Everyone: true, Segments: []string{"*", "oslo"}}, "segment", client.PostgreSQL(0), "(1 = 1 and (segment is null or segment = '' or segment in ($1)))", 1},
		{client.Filter{Owners: many(51)}, "", client.PostgreSQL(0), "(i.owner in (select jsonb_array_elements_text(cast($1 as text)::jsonb)))", 1},
		{client.Filter{Owners: many(51)}, "", client.SQLite(4), "(i.owner in (select value from json_each(?5)))", 1},
	} {
		if where, args := row.filter.SQL("i.owner", row.segment, row.style); where != row.want || len(args) != row.args {
			t.Errorf("%s\nwant %s; %d arguments", where, row.want, len(args))
		}
	}
	where, args := client.Filter{Owners: many(2500)}.SQL("owner", "", client.QuestionMarks())
	if strings.Count(where, "owner in (") != 3 || strings.Count(where, "?") != 2500 || len(args) != 2500 || !strings.HasPrefix(where, "((owner in") {
		t.Errorf("chunks: %.60s…, %d arguments", where, len(args))
	}
	for _, name := range []string{"", "owner; drop table x", "owner or 1=1", "a.b.", "1a", `"a"b"`, "owner--", "coalesce(owner)", "ownér"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q passes as a column", name)
				}
			}()
			two.SQL(name, "", client.PostgreSQL(0))
		}()
	}
	if where, _ := two.SQL(`s."the owner"`, "", client.PostgreSQL(0)); !strings.HasPrefix(where, `(s."the owner" in`) {
		t.Error(where)
	}
}

func many(n int) (out []client.Party) {
	for i := range n {
		out = append(out, client.User(fmt.Sprint("usr_", i)))
	}
	return out
}

// TestFilterSQLHoldsNoValues: whatever the values are, the text does not change.
func TestFilterSQLHoldsNoValues(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n, style := rapid.IntRange(1, 60).Draw(t, "owners"), rapid.SampledFrom([]client.Style{client.PostgreSQL(1), client.SQLite(1), client.QuestionMarks(), client.Numbered(":", 1)}).Draw(t, "style")
		plain, evil := client.Filter{Segments: []string{"s"}}, client.Filter{Segments: []string{rapid.StringN(1, 9, 40).Filter(func(s string) bool { return s != "*" }).Draw(t, "segment")}}
		for range n {
			plain.Owners = append(plain.Owners, "x")
			evil.Owners = append(evil.Owners, client.Party(rapid.String().Draw(t, "owner")))
		}
		want, _ := plain.SQL("owner", "segment", style)
		if where, _ := evil.SQL("owner", "segment", style); where != want {
			t.Fatalf("%s\nwant %s", where, want)
		}
	})
}

// databases are real ones: SQLite always, PostgreSQL where the tests have one.
func databases(t *testing.T) map[string]*sql.DB {
	out := map[string]*sql.DB{}
	open := func(name, driver, url string) {
		db, err := sql.Open(driver, url)
		if err != nil {
			t.Fatal(err)
		}
		db.SetMaxOpenConns(1) // the table is the connection's own
		t.Cleanup(func() { db.Close() })
		out[name] = db
	}
	open("sqlite", "sqlite", ":memory:")
	if url := os.Getenv("TEST_POSTGRES_URL"); url != "" {
		open("postgresql", "pgx", url)
	} else if os.Getenv("REQUIRE_POSTGRES") != "" {
		t.Fatal("TEST_POSTGRES_URL is not set")
	}
	return out
}

// TestFilterSQLAgreesWithAllows asks real databases: the rows that come are those that Allows lets through, whatever
// characters stand in owners and segments.
func TestFilterSQLAgreesWithAllows(t *testing.T) {
	t.Parallel()
	for name, db := range databases(t) {
		style := map[string]func(int) client.Style{"sqlite": client.SQLite, "postgresql": client.PostgreSQL}[name]
		ctx := context.Background()
		if _, err := db.ExecContext(ctx, "create temporary table records (id integer, owner text, segment text)"); err != nil {
			t.Fatal(err)
		}
		type record struct {
			owner   client.Party
			segment string
		}
		var records []record
		for _, owner := range []string{"user:usr_1", "user:usr_2", "group:grp_1", "member:mbr_1", "user:o'brien", `user:"; drop table records`, "user:Ærø", "user:%", "USER:usr_1", "\\"} {
			for _, segment := range []string{"", "oslo", "bergen", "*", "os'lo", "Oslo"} {
				records = append(records, record{client.Party(owner), segment})
			}
		}
		records = append(records, record{"", ""}, record{"", "oslo"})
		for i, r := range records {
			if _, err := db.ExecContext(ctx, "insert into records values ($1, $2, $3)", i, null(string(r.owner)), null(r.segment)); err != nil {
				t.Fatal(err)
			}
		}
		rapid.Check(t, func(t *rapid.T) {
			f := client.Filter{None: rapid.IntRange(0, 9).Draw(t, "none") == 0, Everyone: rapid.IntRange(0, 4).Draw(t, "everyone") == 0}
			owner := rapid.Custom(func(t *rapid.T) client.Party {
				return rapid.SampledFrom(records[:len(records)-2]).Draw(t, "record").owner
			})
			f.Owners = rapid.SliceOfN(owner, 0, 80).Draw(t, "owners")
			f.Segments = rapid.SliceOfN(rapid.SampledFrom([]string{"oslo", "bergen", "os'lo", "nowhere"}), 0, 3).Draw(t, "segments")
			if rapid.IntRange(0, 3).Draw(t, "every") == 0 {
				f.Segments = []string{client.EverySegment}
			}
			where, args := f.SQL("owner", "segment", style(1))
			rows, err := db.QueryContext(ctx, "select id from records where id >= $1 and "+where+" order by id", append([]any{0}, args...)...)
			if err != nil {
				t.Fatal(where, err)
			}
			defer rows.Close()
			var got, want []int
			for rows.Next() {
				var id int
				if err := rows.Scan(&id); err != nil {
					t.Fatal(err)
				}
				got = append(got, id)
			}
			for i, r := range records {
				if f.Allows(r.owner, r.segment) {
					want = append(want, i)
				}
			}
			if rows.Err() != nil || !slices.Equal(got, want) {
				t.Fatalf("%s %+v: %v, want %v; %v", where, f, got, want, rows.Err())
			}
		})
	}
}

func null(text string) any {
	if text == "" {
		return nil
	}
	return text
}
