// Package bench measures a build on the machine at hand. Machines are shared and noisy, so a figure is a ratio to a floor:
// a bare server that does only the necessary signature or statement, run by the same program in the same minute.
//
// Servers run as child processes, and what counts is their processor time a request, read from the kernel: the load
// generator works on the same cores and would spoil a rate.
package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// Config says what to measure with.
type Config struct {
	Binary   string        // this program
	Database string        // postgres://… for the figures that need PostgreSQL; empty leaves them out
	PgBench  string        // path of pgbench; empty leaves out the comparison with it
	Requests int           // for each measurement
	Workers  int           // concurrent requests
	Scratch  string        // folder for databases
	Timeout  time.Duration // for a child to be ready
}

// Figure is one measured thing beside its floor.
type Figure struct {
	Name    string
	Subject float64 // microseconds of server processor time a request, or what Unit says
	Floor   float64
	Unit    string
	Goal    string
}

// Ratio is how many times the floor the subject costs; 0 where there is no floor.
func (f Figure) Ratio() float64 {
	if f.Floor == 0 {
		return 0
	}
	return f.Subject / f.Floor
}

// Print writes the figures as a table.
func Print(w io.Writer, figures []Figure) {
	fmt.Fprintf(w, "%-66s %12s %12s %8s  %s\n", "measured", "portvakt", "floor", "ratio", "goal")
	for _, f := range figures {
		ratio := ""
		if f.Floor != 0 {
			ratio = fmt.Sprintf("%.2f", f.Ratio())
		}
		fmt.Fprintf(w, "%-66s %9.1f %-2s %12.1f %8s  %s\n", f.Name, f.Subject, f.Unit, f.Floor, ratio, f.Goal)
	}
}

// load sends n requests made by next from several workers and fails on the first answer that is not wanted.
func load(ctx context.Context, cfg Config, want int, next func(i int) (*http.Request, error)) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: cfg.Workers}, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	defer client.CloseIdleConnections()
	return spread(ctx, cfg.Workers, cfg.Requests, func(i int) error { return one(ctx, client, want, i, next) })
}

// spread does n jobs from several workers; the first failure ends it.
func spread(ctx context.Context, workers, n int, do func(i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	jobs := make(chan int)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for i := range jobs {
				if ctx.Err() != nil {
					continue
				}
				if err := do(i); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := range n {
		select {
		case jobs <- i:
		case <-ctx.Done():
		}
	}
	close(jobs)
	group.Wait()
	return context.Cause(ctx)
}

func one(ctx context.Context, client *http.Client, want, i int, next func(int) (*http.Request, error)) error {
	if ctx.Err() != nil {
		return nil
	}
	req, err := next(i)
	if err != nil {
		return err
	}
	res, err := client.Do(req.WithContext(ctx))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err == nil && res.StatusCode != want {
		err = fmt.Errorf("%s %s answered %d: %.200s", req.Method, req.URL.Path, res.StatusCode, body)
	}
	return err
}
