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
	binary, err := os.Executable()
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "portvakt-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	figures, err := bench.Run(w.ctx, bench.Config{
		Binary: binary, Database: c.Database, PgBench: c.PgBench, Requests: c.Requests, Workers: c.Workers, Scratch: scratch, Timeout: 20 * time.Second,
	})
	bench.Print(w.stdout, figures)
	return err
}

type benchFloorCommand struct {
	ReadyFile string `required:"" type:"path"`
}

// Run serves until it is told to stop.
func (c benchFloorCommand) Run(w world) error {
	return bench.ServeFloor(w.ctx, func(addr string) error { return writeReady(c.ReadyFile, addr) })
}
