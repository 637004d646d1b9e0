package main

import (
	"os"
	"runtime/debug"

	"portvakt/cmd/portvakt/bench"
	"portvakt/internal/sqldb"
	"portvakt/migrations"
)

// benchDatabase opens and prepares the database of a measurement. It keeps nothing of anybody's.
func benchDatabase(w world, url string) (*sqldb.DB, error) {
	db, err := sqldb.Open(w.ctx, sqldb.Config{URL: url})
	if err != nil {
		return nil, mistake{err}
	}
	if _, err := db.Migrate(w.ctx, migrations.Files); err != nil {
		db.Close()
		return nil, mistake{err}
	}
	return db, nil
}

type benchSeedCommand struct {
	Users         int    `help:"People." default:"1000000"`
	Organizations int    `help:"Organizations; the first has a tenth of the people." default:"10000"`
	Memberships   int    `help:"Memberships, at most two a person." default:"1500000"`
	Seed          uint64 `help:"Another number makes other people." default:"1"`
	Database      string `required:"" help:"An empty database." placeholder:"URL"`
}

// Run fills the database.
func (c benchSeedCommand) Run(w world) error {
	db, err := benchDatabase(w, c.Database)
	if err != nil {
		return err
	}
	defer db.Close()
	return bench.SeedCrowd(w.ctx, db, bench.Crowd{Users: c.Users, Organizations: c.Organizations, Memberships: c.Memberships, Seed: c.Seed}, w.stderr)
}

type benchDirectoryCommand struct {
	Database string `required:"" help:"A database that bench seed filled." placeholder:"URL"`
	Small    string `help:"A small one, filled by the same, to compare with." placeholder:"URL"`
	Rounds   int    `help:"Times that each question is asked." default:"1000"`
}

// Run measures both databases.
func (c benchDirectoryCommand) Run(w world) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent) // as the service has it
	}
	var databases []*sqldb.DB
	for _, url := range []string{c.Database, c.Small} {
		if url == "" {
			continue
		}
		db, err := benchDatabase(w, url)
		if err != nil {
			return err
		}
		defer db.Close()
		databases = append(databases, db)
	}
	figures, err := bench.MeasureCrowds(w.ctx, c.Rounds, databases...)
	if err != nil {
		return err
	}
	bench.PrintLatencies(w.stdout, figures...)
	for _, db := range databases {
		if err := bench.PrintEndings(w.ctx, w.stdout, db, 100); err != nil {
			return err
		}
	}
	return nil
}

type benchImportCommand struct {
	People   int    `help:"How many." default:"100000"`
	Database string `required:"" help:"postgres://…" placeholder:"URL"`
}

// Run measures an import.
func (c benchImportCommand) Run(w world) error {
	if !isPostgres(c.Database) {
		return mistakef("the floor is PostgreSQL's COPY; the database is postgres://…")
	}
	db, err := benchDatabase(w, c.Database)
	if err != nil {
		return err
	}
	defer db.Close()
	figure, err := bench.MeasureImport(w.ctx, db, c.People)
	if err != nil {
		return err
	}
	bench.Print(w.stdout, []bench.Figure{figure})
	return nil
}

type benchSCIMCommand struct {
	Members  int    `help:"In the large organization; the small one has a hundredth." default:"100000"`
	Rounds   int    `help:"Times that each question is asked." default:"200"`
	Database string `required:"" help:"Two organizations are made in it." placeholder:"URL"`
}

// Run measures lists and filters over HTTP.
func (c benchSCIMCommand) Run(w world) error {
	if c.Members < 10_000 || c.Rounds < 1 {
		return mistakef("the large organization has 10000 members at least, and each question is asked once at least")
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent) // as the service has it
	}
	db, err := benchDatabase(w, c.Database)
	if err != nil {
		return err
	}
	defer db.Close()
	figures, err := bench.MeasureSCIM(w.ctx, db, c.Rounds, c.Members, c.Members/100)
	if err == nil {
		bench.PrintLatencies(w.stdout, figures...)
	}
	return err
}
