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

// RunBulk compares people made by bulk requests, one after the other, with people made by single ones over several
// connections, in turns; then it loads many people into a fresh process and tells the most memory that it took.
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
	if subject, err = serve("initial"); err != nil { // a fresh process, whose memory has seen nothing else
		return figures, err
	}
	defer subject.stop()
	loaded, err := cfg.initial(ctx, subject)
	return append(figures, loaded...), err
}

// compare measures both ways in turns; the better turn of each counts.
func (cfg BulkConfig) compare(ctx context.Context, subject *child) ([]Figure, error) {
	rate, processor := [2]float64{}, [2]float64{}
	for run := range 3 {
		for i, w := range []bulkWay{cfg.together(subject.addr, "suspended"), cfg.single(subject.addr)} {
			people := w.requests * w.people
			micros, a, err := subject.cost(people, func() error { return w.run(ctx, run) })
			if err != nil {
				return nil, err
			}
			if a > rate[i] {
				rate[i], processor[i] = a, micros
			}
		}
	}
	return []Figure{
		{Name: fmt.Sprintf("people a second, Bulk of %d / %d single POSTs", cfg.Size, cfg.Workers), Subject: rate[0], Floor: rate[1], Unit: "/s", Goal: "≥ 5"},
		{Name: "processor time of each", Subject: processor[0], Floor: processor[1], Unit: "µs"},
	}, nil
}

// initial loads people who may work, so that the mails to them are made meanwhile.
func (cfg BulkConfig) initial(ctx context.Context, subject *child) ([]Figure, error) {
	w := cfg.together(subject.addr, "active")
	w.requests = (cfg.People + cfg.Size - 1) / cfg.Size
	people := w.requests * w.people
	_, rate, err := subject.cost(people, func() error { return w.run(ctx, 3) })
	if err != nil {
		return nil, err
	}
	peak, err := subject.peak()
	return []Figure{
		{Name: fmt.Sprintf("initial load of %d people", people), Subject: rate, Unit: "/s"},
		{Name: "most memory meanwhile", Subject: peak, Unit: "MB", Goal: "< 150"},
	}, err
}

func (cfg BulkConfig) single(addr string) bulkWay {
	return bulkWay{workers: cfg.Workers, requests: cfg.Requests, people: 1,
		send: func(run, i int) (*http.Request, error) {
			return creationOf(addr, fmt.Sprintf("single-%d-%d@bench.example", run, i), "suspended")
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
