package importer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"portvakt/cmd/portvakt/importer"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

var ctx = context.Background()

func prepared(t *testing.T, db *sqldb.DB) (importer.Deps, directory.Organization) {
	t.Helper()
	d := importer.Deps{DB: db, Directory: directory.New(db), Progress: func(importer.Progress) {}}
	for _, slug := range []string{"nordlys", "neighbour"} {
		if _, err := d.Directory.Organizations.Create(ctx, directory.Organization{Slug: slug, Name: slug, Seats: 300}); err != nil {
			t.Fatal(err)
		}
	}
	o, err := d.Directory.Organizations.BySlug(ctx, "nordlys")
	if err != nil {
		t.Fatal(err)
	}
	return d, o
}

func job(name, text string) importer.Job {
	return importer.Job{Organization: "nordlys", Name: name, Chunk: 100, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}
}

func count(t *testing.T, db *sqldb.DB, sql string) (n int64) {
	t.Helper()
	if err := db.QueryRow(ctx, sql).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func crowd(n int) string {
	var b strings.Builder
	b.WriteString("email,given_name,family_name,external_id\n")
	for i := range n {
		fmt.Fprintf(&b, "person%d@import.example,Kari,\"Nord\nmann %d\",%d\n", i, i%10, i)
	}
	return strings.ReplaceAll(b.String(), "\"Nord\nmann", "\"Nordmann")
}

// TestBadFiles: a file that cannot be read to its end is refused with the line, and nothing of it is written.
func TestBadFiles(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		d, _ := prepared(t, db)
		good := "email\na@b.example\n"
		for _, tc := range []struct{ name, text, want string }{
			{"x.csv", "", "the file is empty"},
			{"x.csv", "email,shoe_size\n", `line 1: there is no column "shoe_size"; the columns are administrator, `},
			{"x.csv", "email,Email\n", "line 1: column \"email\" stands here twice"},
			{"x.csv", good + "\"open@quote.example\n", "line 3: the quotes of this line do not match"},
			{"x.csv", "email;given_name\nkari@b.example;K\xe5re\n", "line 2: this is not UTF-8; the file may be Windows-1252"},
			{"x.csv", "\xff\xfee\x00", "line 1: the file is UTF-16"},
			{"x.jsonl", `{"email":"a@b.example"}` + "\n" + `{"mail":"c@d.example"}`, `line 2: there is no key "mail"`},
			{"x.jsonl", `{"email":"a@b.example"}` + "\n[1]", "line 2: this is no JSON object"},
			{"x.jsonl", `{"email":"a@b.example"} {}`, "line 1: this is no JSON object"},
			{"x.jsonl", `{"given_name":"` + strings.Repeat("x", 2<<20) + `"}`, "line 1: the line is too long"},
			{"x.xlsx", good, "the file's name ends with .csv"},
		} {
			_, err := importer.Run(ctx, d, job(tc.name, tc.text))
			if m, ok := errors.AsType[*importer.Mistake](err); !ok || !strings.HasPrefix(m.Error(), tc.want) {
				t.Errorf("%.40q: %v, want %s", tc.text, err, tc.want)
			}
		}
		j := job("x.csv", good)
		j.Organization = "nobody"
		if _, err := importer.Run(ctx, d, j); err == nil || err.Error() != `there is no organization "nobody"` {
			t.Error(err)
		}
		if n := count(t, db, "select (select count(*) from users) + (select count(*) from imports)"); n != 0 {
			t.Errorf("%d rows of files that were refused", n)
		}
	})
}

// TestLines: what the forms of a file say, and which lines are refused for what.
func TestLines(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		d, o := prepared(t, db)
		csv := "\xef\xbb\xbfEmail;Given_Name;title;kind;end;administrator\r\n" +
			"kari@a.example;\"Kari; \"\"K\"\"\";\"=HYPERLINK(\"\"http://x\"\")\";;;\r\n" + // 2
			"ole@a.example;Ole\r\n" + // 3
			"ida@a.example;Ida;;external;31.12.2026;\r\n" + // 4
			"\r\n;;;;;\r\n" + // 5, 6
			"per@a.example;\"Per\r\nOle\";;external;2030-12-31;\r\n" + // 7, 8
			"bo@a.example;Bo;;;;maybe\r\n" + // 9
			"eva@a.example;Eva;;external;2030-12-31T10:00:00+02:00;true\r\n" // 10
		r, err := importer.Run(ctx, d, job("people.CSV", csv))
		if err != nil {
			t.Fatal(err)
		}
		want := "[{3  bad_line The line has 2 values, the header 6} {4 end bad_date A date is written as 2026-03-31, or with a time as 2026-03-31T16:00:00+02:00} " +
			"{7 given_name bad_text The text holds control characters} {9 administrator bad_value This is true or false}]"
		if fmt.Sprint(r.Refusals) != want || r.Created != 2 || r.Refused != 4 || r.Done != 6 {
			t.Errorf("%+v", r)
		}
		kari, err := d.Directory.Memberships.ByUserName(ctx, o.ID, "kari@a.example")
		if err != nil || kari.Details.GivenName != `Kari; "K"` || kari.Details.Title != `=HYPERLINK("http://x")` {
			t.Errorf("%+v, %v", kari.Details, err)
		}
		eva, err := d.Directory.Memberships.ByUserName(ctx, o.ID, "eva@a.example")
		if err != nil || eva.End.Format("2006-01-02 15:04") != "2030-12-31 08:00" || !eva.Administrator {
			t.Errorf("%+v, %v", eva, err)
		}
		json := `{"email":"kari@a.example","title":"Chief","packages":[]}` + "\n\n" + `{"email":"new@a.example","given_name":3}` + "\n" +
			`{"kind":"contact","user_name":"Desk","given_name":null}` + "\n" + `{"email":["a@a.example","b@a.example"]}`
		r, err = importer.Run(ctx, d, job("people.jsonl", json))
		want = "[{3 given_name bad_value A text is expected here, or a list of texts} {5 email bad_value One value is expected here}]"
		if err != nil || fmt.Sprint(r.Refusals) != want || r.Created != 1 || r.Linked != 1 {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

// TestInterrupted: a run that stops between chunks goes on where it stopped, with what was refused before; done, it begins
// anew and finds everybody there.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		d, _ := prepared(t, db)
		text := strings.Replace(crowd(350), "person5@import.example", "nonsense", 1)
		stop, cancel := context.WithCancel(ctx)
		d.Progress = func(p importer.Progress) {
			if p.Done == 200 {
				cancel()
			}
		}
		if _, err := importer.Run(stop, d, job("people.csv", text)); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if n := count(t, db, "select count(*) from memberships"); n != 199 {
			t.Errorf("%d members after two chunks", n)
		}
		var steps []importer.Progress
		d.Progress = func(p importer.Progress) { steps = append(steps, p) }
		r, err := importer.Run(ctx, d, job("people.csv", text))
		if err != nil || len(steps) != 2 || steps[0].From != 201 || steps[0].Done != 300 {
			t.Fatalf("%+v, %v, %v", steps, r.Progress, err)
		}
		// 300 seats: 49 of the last lines find none.
		if r.Created != 300 || r.Refused != 50 || len(r.Refusals) != 50 || r.Refusals[0].Line != 7 || r.Refusals[0].Code != "bad_email" ||
			r.Refusals[1].Code != "seats_full" || r.Done != 350 {
			t.Errorf("%+v %v", r.Progress, r.Refusals[:2])
		}
		if n := count(t, db, "select (select count(*) from memberships) * 10000 + (select count(*) from users)"); n != 300*10000+300 {
			t.Errorf("members and users: %d", n)
		}
		events := count(t, db, "select count(*) from events")
		if r, err := importer.Run(ctx, d, job("people.csv", text)); err != nil || r.Linked != 300 || r.Refused != 50 {
			t.Errorf("again: %+v, %v", r.Progress, err)
		}
		if n := count(t, db, "select count(*) from events"); n != events {
			t.Errorf("the same again made %d events", n-events)
		}
	})
}

// TestDryRun: its answer is what the real run then does, and it leaves nothing.
func TestDryRun(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		d, _ := prepared(t, db)
		text := crowd(120) + "person3@import.example,Again,,\nnobody,,,\n"
		everything := `select (select count(*) from users) + (select count(*) from memberships) + (select count(*) from audit_entries)
			+ (select count(*) from events) + (select count(*) from imports) + (select count(*) from import_refusals)`
		before := count(t, db, everything)
		j := job("people.csv", text)
		j.Run = importer.Dry
		dry, err := importer.Run(ctx, d, j)
		if err != nil || dry.Created != 120 || dry.Linked != 1 || dry.Refused != 1 || len(dry.Refusals) != 1 {
			t.Fatalf("%+v, %v", dry, err)
		}
		if n := count(t, db, everything) - before; n != 0 {
			t.Errorf("a dry run left %d rows", n)
		}
		j.Run = importer.Real
		if real, err := importer.Run(ctx, d, j); err != nil || fmt.Sprint(real) != fmt.Sprint(dry) {
			t.Errorf("dry %+v, real %+v, %v", dry, real, err)
		}
		if n := count(t, db, "select count(*) from memberships m join organizations o on o.id = m.organization_id where o.slug = 'neighbour'"); n != 0 {
			t.Errorf("the neighbour got %d members", n)
		}
	})
}
