package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// BulkConfig says what to measure of SCIM Bulk, on PostgreSQL.
type BulkConfig struct {
	Config
	Size   int // operations of one bulk request
	People int // of the initial load; 0 leaves it out
}

// bulkWay is one way of making people over SCIM.
type bulkWay struct {
	workers, requests, people int // people of each request
	send                      func(run, i int) (*http.Request, error)
	check                     func(status int, body []byte) error
}

// RunBulk compares people made by bulk requests, one after the other, with people made by single ones: one after the other
// on one kept connection, as provisioning clients do, and over several connections. Then it loads many people into a fresh
// process and tells the most memory that it took.
func RunBulk(ctx context.Context, cfg BulkConfig) ([]Figure, error) {
	seedFile := filepath.Join(cfg.Scratch, "seed.yaml")
	if err := os.WriteFile(seedFile, []byte(seed), 0o600); err != nil {
		return nil, err
	}
	serve := func(name string) (*child, error) {
		return start(ctx, cfg.Config, name, "serve", "--dev", "--addr", "127.0.0.1:0", "--demo-addr", "127.0.0.1:0",
			"--data", filepath.Join(cfg.Scratch, name), "--seed", seedFile, "--database", cfg.Database)
	}
	subject, err := serve("bulk")
	if err != nil {
		return nil, err
	}
	figures, err := cfg.compare(ctx, subject)
	subject.stop()
	if err != nil || cfg.People == 0 {
		return figures, err
	}
	if subject, err = serve("initial"); err != nil { // a fresh process, whose memory has seen little else
		return figures, err
	}
	defer subject.stop()
	loaded, err := cfg.initial(ctx, subject)
	return append(figures, loaded...), err
}

// compare measures all ways in turns; the better turn of each counts. A turn begins when all that the one before leads to is
// done, and its processor time holds what it leads to itself: the chain of the history, and the events.
func (cfg BulkConfig) compare(ctx context.Context, subject *child) ([]Figure, error) {
	ways := []bulkWay{cfg.together(subject.addr, "suspended"), cfg.single(subject.addr, "suspended", 1, cfg.alone()),
		cfg.single(subject.addr, "suspended", cfg.Workers, cfg.Requests)}
	rate, processor := make([]float64, len(ways)), make([]float64, len(ways))
	for run := range 3 {
		for i, w := range ways {
			if err := subject.settle(ctx); err != nil {
				return nil, err
			}
			var a float64
			micros, _, err := subject.cost(w.requests*w.people, func() (err error) {
				if a, err = w.rate(ctx, run); err != nil {
					return err
				}
				return subject.settle(ctx)
			})
			if err != nil {
				return nil, err
			}
			if a > rate[i] {
				rate[i], processor[i] = a, micros
			}
		}
	}
	bulk, one, many := rate[0], rate[1], rate[2]
	return []Figure{
		{Name: fmt.Sprintf("people a second, Bulk of %d / single POSTs, one after the other", cfg.Size), Subject: bulk, Floor: one, Unit: "/s", Goal: "≥ 5"},
		{Name: fmt.Sprintf("people a second, Bulk of %d / single POSTs, %d at a time", cfg.Size, cfg.Workers), Subject: bulk, Floor: many, Unit: "/s"},
		{Name: "server's processor time, with what follows, / one after the other", Subject: processor[0], Floor: processor[1], Unit: "µs"},
		{Name: fmt.Sprintf("the same / %d at a time", cfg.Workers), Subject: processor[0], Floor: processor[2], Unit: "µs"},
	}, nil
}

// initial loads people who may work, so that the mails to them are made meanwhile. What single POSTs would need is reckoned
// from how long some of the same people take, one after the other.
func (cfg BulkConfig) initial(ctx context.Context, subject *child) ([]Figure, error) {
	single, err := cfg.single(subject.addr, "active", 1, cfg.alone()).rate(ctx, 3)
	if err != nil {
		return nil, err
	}
	if err := subject.settle(ctx); err != nil {
		return nil, err
	}
	w := cfg.together(subject.addr, "active")
	w.requests = (cfg.People + cfg.Size - 1) / cfg.Size
	people := float64(w.requests * w.people)
	rate, err := w.rate(ctx, 3)
	if err != nil {
		return nil, err
	}
	peak, err := subject.peak()
	return []Figure{
		{Name: fmt.Sprintf("initial load of %.0f / single POSTs at the rate of %d", people, cfg.alone()), Subject: people / rate, Floor: people / single, Unit: "s", Goal: "≤ 0.1"},
		{Name: "its rate / theirs", Subject: rate, Floor: single, Unit: "/s"},
		{Name: "most memory meanwhile", Subject: peak, Unit: "MB", Goal: "< 150"},
	}, err
}

// alone is how many people are made one after the other: fewer, because it takes longer.
func (cfg BulkConfig) alone() int { return max(cfg.Requests*2/5, 1) }

// single makes people by single requests, so many at a time.
func (cfg BulkConfig) single(addr, state string, workers, requests int) bulkWay {
	return bulkWay{workers: workers, requests: requests, people: 1,
		send: func(run, i int) (*http.Request, error) {
			return creationOf(addr, fmt.Sprintf("single-%d-%d-%d-%d@bench.example", workers, requests, run, i), state)
		},
		check: func(status int, _ []byte) error {
			if status != http.StatusCreated {
				return fmt.Errorf("a single POST was answered %d", status)
			}
			return nil
		}}
}

func (cfg BulkConfig) together(addr, state string) bulkWay {
	return bulkWay{workers: 1, requests: max(cfg.Requests/cfg.Size, 1), people: cfg.Size,
		send: func(run, i int) (*http.Request, error) {
			operations := make([]any, cfg.Size)
			for n := range operations {
				email := fmt.Sprintf("bulk-%d-%d-%d@bench.example", run, i, n)
				operations[n] = map[string]any{"method": "POST", "path": "/Users", "bulkId": email, "data": userOf(email, state)}
			}
			return scimRequest(addr, "Bulk", map[string]any{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:BulkRequest"}, "Operations": operations})
		},
		check: func(status int, body []byte) error {
			if made := bytes.Count(body, []byte(`"status":"201"`)); status != http.StatusOK || made != cfg.Size {
				return fmt.Errorf("a bulk request was answered %d, with %d people made: %.300s", status, made, body)
			}
			return nil
		}}
}

// rate is how many people a second were answered.
func (w bulkWay) rate(ctx context.Context, run int) (float64, error) {
	began := time.Now()
	err := w.run(ctx, run)
	return float64(w.requests*w.people) / time.Since(began).Seconds(), err
}

// run sends the way's requests and fails on the first that does not make its people.
func (w bulkWay) run(ctx context.Context, run int) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: w.workers}, Timeout: 10 * time.Minute}
	defer client.CloseIdleConnections()
	return spread(ctx, w.workers, w.requests, func(i int) error {
		req, err := w.send(run, i)
		if err != nil {
			return err
		}
		res, err := client.Do(req.WithContext(ctx))
		if err != nil {
			return err
		}
		defer res.Body.Close()
		body, err := io.ReadAll(io.LimitReader(res.Body, 8<<20))
		if err != nil {
			return err
		}
		return w.check(res.StatusCode, body)
	})
}

func scimRequest(addr, path string, body any) (*http.Request, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequest(http.MethodPost, "http://"+addr+"/scim/v2/bench/"+path, bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/scim+json")
	req.Header.Set("Authorization", "Bearer "+scimToken)
	return req, nil
}
