package bench

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// Latency is how long a question takes, half of the times and all but one of a hundred.
type Latency struct {
	Name     string
	P50, P99 time.Duration
}

// MeasureCrowd asks a seeded database the directory's questions, rounds times each, one after the other.
func MeasureCrowd(ctx context.Context, db *sqldb.DB, rounds int) ([]Latency, error) {
	dir := directory.New(db)
	big, err := sample(ctx, db, "= '"+bigSlug()+"'", 500)
	if err != nil {
		return nil, err
	}
	small, err := sample(ctx, db, "<> '"+bigSlug()+"'", 500)
	if err != nil || len(big) == 0 || len(small) == 0 {
		return nil, fmt.Errorf("the database holds no crowd; make one with bench seed (%w)", err)
	}
	var out []Latency
	for _, q := range append(lookups(dir), lists(dir)...) {
		for _, who := range []struct {
			name   string
			people []picked
		}{{"", small}, {", largest organization", big}} {
			l, err := timed(ctx, rounds, who.people, q.ask)
			if err != nil {
				return out, fmt.Errorf("%s: %w", q.name, err)
			}
			l.Name = q.name + who.name
			out = append(out, l)
		}
	}
	return out, nil
}

type question struct {
	name string
	ask  func(ctx context.Context, p picked) error
}

func lookups(dir *directory.Directory) []question {
	return []question{
		{"user by e-mail", func(ctx context.Context, p picked) error {
			e, err := directory.ParseEmail(p.email)
			if err == nil {
				_, err = dir.Users.ByEmail(ctx, e)
			}
			return err
		}},
		{"member by e-mail and organization", func(ctx context.Context, p picked) error {
			e, err := directory.ParseEmail(p.email)
			if err == nil {
				_, err = dir.Memberships.ByEmail(ctx, p.organization, e)
			}
			return err
		}},
		{"member by user name", func(ctx context.Context, p picked) error {
			_, err := dir.Memberships.ByUserName(ctx, p.organization, p.name)
			return err
		}},
		{"standing", func(ctx context.Context, p picked) error { _, err := dir.Memberships.Standing(ctx, p.id); return err }},
		{"standings of a person", func(ctx context.Context, p picked) error {
			_, err := dir.Memberships.StandingsOf(ctx, p.user)
			return err
		}},
	}
}

const pageSize = 50

// lists are pages in every offered order, and with filters; counted to as many as a page of a list says.
func lists(dir *directory.Directory) (out []question) {
	add := func(name string, of func(p picked) directory.Query) {
		out = append(out, question{name, func(ctx context.Context, p picked) error {
			_, err := dir.Memberships.List(ctx, p.organization, of(p))
			return err
		}})
	}
	for _, sort := range directory.Sorts {
		q := directory.Query{SortBy: sort, Limit: pageSize, CountTo: countTo}
		add(fmt.Sprintf("list by %s", sort), func(picked) directory.Query { return q })
		down := q
		down.Descending = true
		add(fmt.Sprintf("list by %s, last first", sort), func(picked) directory.Query { return down })
		add(fmt.Sprintf("list by %s, in the middle", sort), func(picked) directory.Query {
			late := q
			late.After = &directory.Position{Text: "m", Created: time.Now()}
			return late
		})
	}
	filter := func(f directory.Field, op directory.Op, value func(p picked) any) func(p picked) directory.Query {
		return func(p picked) directory.Query {
			return directory.Query{Where: directory.Compare{Field: f, Op: op, Value: value(p)}, Limit: pageSize, CountTo: countTo, SortBy: directory.FieldFamilyName}
		}
	}
	always := func(v any) func(picked) any { return func(picked) any { return v } }
	add("filter user_name eq", filter(directory.FieldUserName, directory.Equal, func(p picked) any { return p.name }))
	add("filter external_id eq", filter(directory.FieldExternalID, directory.Equal, func(p picked) any { return p.external }))
	add("filter family_name eq", filter(directory.FieldFamilyName, directory.Equal, always("Holm")))
	add("filter family_name sw", filter(directory.FieldFamilyName, directory.StartsWith, always("nordm")))
	add("filter department eq", filter(directory.FieldDepartment, directory.Equal, always("Legal")))
	add("filter active", filter(directory.FieldActive, directory.Equal, always(true)))
	add("filter administrator", filter(directory.FieldAdministrator, directory.Equal, always(true)))
	add("exact total", func(picked) directory.Query { return directory.Query{} })
	return out
}

// countTo is how far a page's total is counted for people.
const countTo = 1000

func timed(ctx context.Context, rounds int, people []picked, ask func(context.Context, picked) error) (Latency, error) {
	took := make([]time.Duration, 0, rounds)
	for i := range rounds + rounds/5 { // the first fifth warms up
		began := time.Now()
		if err := ask(ctx, people[i*7919%len(people)]); err != nil {
			return Latency{}, err
		}
		if i >= rounds/5 {
			took = append(took, time.Since(began))
		}
	}
	slices.Sort(took)
	return Latency{P50: took[len(took)/2], P99: took[len(took)*99/100]}, nil
}

// PrintLatencies writes the figures of a database beside those of a small one, if there is one.
func PrintLatencies(w io.Writer, large, small []Latency) {
	fmt.Fprintf(w, "%-60s %10s %10s %10s %10s %7s %7s   (%d processors)\n", "measured", "p50 ms", "p99 ms", "small p50", "small p99", "p50", "p99", runtime.NumCPU())
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	for i, l := range large {
		fmt.Fprintf(w, "%-60s %10.3f %10.3f", l.Name, ms(l.P50), ms(l.P99))
		if i < len(small) {
			s := small[i]
			fmt.Fprintf(w, " %10.3f %10.3f %7.2f %7.2f", ms(s.P50), ms(s.P99), ms(l.P50)/ms(s.P50), ms(l.P99)/ms(s.P99))
		}
		fmt.Fprintln(w)
	}
}

// MeasureImport makes people members of an organization and then loads copies of the very rows that this wrote, in chunks
// of the same size and nothing else: the floor.
func MeasureImport(ctx context.Context, db *sqldb.DB, people int) (Figure, error) {
	const chunk = 1000
	dir := directory.New(db)
	var organizations [2]directory.OrganizationID
	for i := range organizations {
		o, err := dir.Organizations.Create(ctx, directory.Organization{Slug: fmt.Sprintf("import-%d", time.Now().UnixNano()), Name: "Import", Seats: directory.UnlimitedSeats})
		if err != nil {
			return Figure{}, err
		}
		organizations[i] = o.ID
	}
	crowd := Crowd{Seed: 1}
	began := time.Now()
	for from := 0; from < people; from += chunk {
		var lines []directory.ImportLine
		for i := from; i < min(from+chunk, people); i++ {
			d := crowd.person(i)
			d.Phones = []directory.Contact{{Value: fmt.Sprintf("+47 %08d", i), Type: "work", Primary: true}}
			lines = append(lines, directory.ImportLine{Line: i + 2, Email: "import." + crowd.email(i), ExternalID: fmt.Sprint(i), Details: d})
		}
		if _, err := dir.Memberships.Import(ctx, organizations[0], lines, directory.ImportQuietly); err != nil {
			return Figure{}, err
		}
	}
	imported := time.Since(began)
	tables, err := copied(ctx, db, organizations[0], organizations[1])
	if err != nil {
		return Figure{}, err
	}
	began = time.Now()
	for _, t := range tables { // one after the other, because the rows of a chunk refer to rows of others
		for rows := range slices.Chunk(t.rows, chunk) {
			if err := db.Update(ctx, func(tx *sqldb.Tx) error { return tx.Load(ctx, t.name, t.columns, rows) }); err != nil {
				return Figure{}, err
			}
		}
	}
	rate := func(took time.Duration) float64 { return float64(people) / took.Seconds() }
	return Figure{Name: fmt.Sprintf("import of %d people, and COPY of the same rows", people), Subject: rate(imported), Floor: rate(time.Since(began)),
		Unit: "/s", Goal: "at least 5000 a second"}, nil
}
