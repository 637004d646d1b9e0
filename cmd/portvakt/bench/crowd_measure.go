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

// crowd is a seeded database with members to ask about: some of organizations of the usual size, some of the largest.
type crowd struct {
	questions []question
	people    [2][]picked
}

// sizes are the two kinds of organizations.
var sizes = [2]struct{ name, where string }{{"", "<> '" + bigSlug + "'"}, {", largest organization", "= '" + bigSlug + "'"}}

func openCrowd(ctx context.Context, db *sqldb.DB) (crowd, error) {
	c := crowd{questions: questions(db)}
	for i, size := range sizes {
		var err error
		if c.people[i], err = sample(ctx, db, size.where, 500); err != nil || len(c.people[i]) == 0 {
			return c, fmt.Errorf("the database holds no crowd; make one with bench seed (%w)", err)
		}
	}
	return c, nil
}

// MeasureCrowds asks seeded databases the directory's questions, rounds times each, one after the other. The databases take
// turns, so that whatever else the machine does falls on all of them.
func MeasureCrowds(ctx context.Context, rounds int, databases ...*sqldb.DB) ([][]Latency, error) {
	crowds := make([]crowd, len(databases))
	for i, db := range databases {
		var err error
		if crowds[i], err = openCrowd(ctx, db); err != nil {
			return nil, err
		}
	}
	out := make([][]Latency, len(databases))
	for n, q := range crowds[0].questions {
		for s, size := range sizes {
			took := make([][]time.Duration, len(databases))
			asks := rounds
			if q.few {
				asks = max(rounds/10, 10)
			}
			for i := range asks + asks/5 { // the first fifth warms up
				for d, c := range crowds {
					began := time.Now()
					if err := c.questions[n].ask(ctx, c.people[s][i*7919%len(c.people[s])]); err != nil {
						return out, fmt.Errorf("%s: %w", q.name, err)
					}
					if i >= asks/5 {
						took[d] = append(took[d], time.Since(began))
					}
				}
			}
			for d := range took {
				slices.Sort(took[d])
				out[d] = append(out[d], Latency{Name: q.name + size.name, P50: took[d][asks/2], P99: took[d][asks*99/100]})
			}
		}
	}
	return out, nil
}

// PrintEndings writes how many rows the ending of a member writes and reads, at most of so many tries; on PostgreSQL alone,
// which counts them.
func PrintEndings(ctx context.Context, w io.Writer, db *sqldb.DB, tries int) error {
	c, err := openCrowd(ctx, db)
	if err != nil || db.Engine() != sqldb.PostgreSQL {
		return err
	}
	for s, size := range sizes {
		var mostWritten, mostRead int64
		for i := range tries {
			var wrote, read int64
			if err := undone(ctx, db, c.people[s][i%len(c.people[s])], func(tx *sqldb.Tx) error {
				w, r, err := touched(ctx, tx)
				wrote, read = w-wrote, r-read
				return err
			}); err != nil {
				return err
			}
			mostWritten, mostRead = max(mostWritten, wrote), max(mostRead, read)
		}
		fmt.Fprintf(w, "%-60s writes %d rows and reads %d at most\n", "ending a member"+size.name, mostWritten, mostRead)
	}
	return nil
}

// PrintLatencies writes the figures of a database beside those of a small one, if there is one.
func PrintLatencies(w io.Writer, figures ...[]Latency) {
	fmt.Fprintf(w, "%-60s %10s %10s %10s %10s %7s %7s   (%d processors)\n", "measured", "p50 ms", "p99 ms", "small p50", "small p99", "p50", "p99", runtime.NumCPU())
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	for i, l := range figures[0] {
		fmt.Fprintf(w, "%-60s %10.3f %10.3f", l.Name, ms(l.P50), ms(l.P99))
		if len(figures) > 1 {
			s := figures[1][i]
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
