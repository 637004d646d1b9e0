package main

import (
	"os"
	"time"

	"portvakt/cmd/portvakt/bench"
)

type benchTimingCommand struct {
	Samples  int    `help:"Questions for each group." default:"300"`
	Database string `help:"postgres://… of an empty database, instead of SQLite." placeholder:"URL"`
}

// Run starts this program as a child process and asks it about people of every group.
func (c benchTimingCommand) Run(w world) error {
	if c.Samples < 1 {
		return mistakef("--samples is at least 1")
	}
	binary, err := os.Executable()
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "portvakt-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	all, err := bench.Timing(w.ctx, bench.Config{Binary: binary, Database: c.Database, Requests: c.Samples, Scratch: scratch, Timeout: 2 * time.Minute})
	if err != nil {
		return err
	}
	bench.PrintTiming(w.stdout, all)
	return nil
}
