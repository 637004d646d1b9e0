package main

import (
	"os"
	"time"

	"portvakt/cmd/portvakt/bench"
)

type benchCommand struct {
	Run       benchRunCommand       `cmd:"" default:"withargs" help:"Measure, and print the figures."`
	Seed      benchSeedCommand      `cmd:"" help:"Fill an empty database with a crowd of people."`
	Directory benchDirectoryCommand `cmd:"" help:"Ask a seeded database the directory's questions, and print how long they take."`
	Import    benchImportCommand    `cmd:"" help:"Import people into PostgreSQL, beside COPY of the same rows."`
	Bulk      benchBulkCommand      `cmd:"" help:"Make people by SCIM Bulk, beside single requests, and load many at once."`
	SCIM      benchSCIMCommand      `cmd:"" name:"scim" help:"Ask a large and a small organization over SCIM, and print how long it takes."`
	Timing    benchTimingCommand    `cmd:"" help:"Measure whether the time of a sign-in tells who exists."`
	Floor     benchFloorCommand     `cmd:"" hidden:"" help:"The floor as a server; bench run starts it."`
}

type benchRunCommand struct {
	Requests int    `help:"Requests for each measurement." default:"20000"`
	Workers  int    `help:"Concurrent requests." default:"16"`
	Database string `help:"postgres://… of an empty database, for the figures that need PostgreSQL." placeholder:"URL"`
	PgBench  string `help:"The pgbench program, to compare SCIM creates with." placeholder:"FILE" name:"pgbench" type:"path"`
}

// Run starts this program as child processes and measures them.
func (c benchRunCommand) Run(w world) error {
	return scratched(w, func(binary, scratch string) ([]bench.Figure, error) {
		return bench.Run(w.ctx, bench.Config{
			Binary: binary, Database: c.Database, PgBench: c.PgBench, Requests: c.Requests, Workers: c.Workers, Scratch: scratch, Timeout: 20 * time.Second,
		})
	})
}

// scratched measures with a folder that is removed afterwards, and prints the figures.
func scratched(w world, measure func(binary, scratch string) ([]bench.Figure, error)) error {
	binary, err := os.Executable()
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "portvakt-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	figures, err := measure(binary, scratch)
	bench.Print(w.stdout, figures)
	return err
}

type benchBulkCommand struct {
	Database string `required:"" help:"postgres://… of an empty database." placeholder:"URL"`
	Requests int    `help:"People of each measurement." default:"5000"`
	Workers  int    `help:"Connections of the single requests." default:"8"`
	Size     int    `help:"Operations of a bulk request." default:"1000"`
	People   int    `help:"People of the initial load; 0 leaves it out." default:"100000"`
}

// Run starts this program as child processes and measures them.
func (c benchBulkCommand) Run(w world) error {
	return scratched(w, func(binary, scratch string) ([]bench.Figure, error) {
		return bench.RunBulk(w.ctx, bench.BulkConfig{Size: c.Size, People: c.People, Config: bench.Config{
			Binary: binary, Database: c.Database, Requests: c.Requests, Workers: c.Workers, Scratch: scratch, Timeout: 20 * time.Second,
		}})
	})
}

type benchFloorCommand struct {
	ReadyFile string `required:"" type:"path"`
}

// Run serves until it is told to stop.
func (c benchFloorCommand) Run(w world) error {
	return bench.ServeFloor(w.ctx, func(addr string) error { return writeReady(c.ReadyFile, addr) })
}
