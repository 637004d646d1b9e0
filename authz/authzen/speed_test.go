package authzen_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"portvakt/authz/authzen"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// post sends one body over a real connection that is kept.
func post(b testing.TB, c *http.Client, url, bearer, body string) {
	r, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+bearer)
	res, err := c.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		b.Fatal(res.Status)
	}
}

// hundreds are a hundred evaluations, as an application asks them that shows a list: all of one owner, so that an item is an
// id; and each of its own.
func (w *world) hundreds() (short, long string) {
	var ids, owners []string
	for i := range 100 {
		ids = append(ids, fmt.Sprintf(`{"resource":{"id":"%d"}}`, i))
		owners = append(owners, "{"+[]string{record1, record2}[i%2]+"}")
	}
	return w.names.Replace(body(alice, read, record1, `"evaluations":[`+strings.Join(ids, ",")+`]`)), w.names.Replace(body(alice, read, `"evaluations":[`+strings.Join(owners, ",")+`]`))
}

// BenchmarkOverHTTP compares, taking turns on the same machine at the same time, each with a handler that only reads the body
// and writes an answer of the same size: one evaluation (empty/one at least 0.5), and a hundred at once.
func BenchmarkOverHTTP(b *testing.B) {
	w := newWorld(b, testenv.Open(b, sqldb.Config{URL: b.TempDir() + "/bench.db", Relaxed: true}))
	w.handler = w.door(authzen.Config{Rate: 1 << 30})
	short, long := w.hundreds()
	mux := http.NewServeMux()
	mux.Handle(authzen.Prefix, w.handler)
	rows := []struct {
		name, path, body string
		real, empty      time.Duration
	}{{name: "one", path: "evaluation", body: w.names.Replace(good)}, {name: "hundred_ids", path: "evaluations", body: short}, {name: "hundred_owners", path: "evaluations", body: long}}
	for _, r := range rows {
		answer := w.ask(r.path, r.body).Body.Bytes()
		mux.HandleFunc("/empty/"+r.name, func(rw http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadAll(r.Body)
			rw.Header().Set("Content-Type", "application/json")
			rw.Header().Set("Content-Length", strconv.Itoa(len(answer)))
			_, _ = rw.Write(answer)
		})
	}
	server := httptest.NewServer(mux)
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	const clients, turn = 4, 50
	round := func(path, body string) time.Duration {
		began := time.Now()
		var group sync.WaitGroup
		for range clients {
			group.Go(func() {
				for range turn {
					post(b, client, server.URL+path, w.bearer, body)
				}
			})
		}
		group.Wait()
		return time.Since(began)
	}
	for b.Loop() {
		for i := range rows {
			r := &rows[i]
			r.empty += round("/empty/"+r.name, r.body)
			r.real += round(authzen.Prefix+r.path, r.body)
		}
	}
	for _, r := range rows {
		b.ReportMetric(float64(r.real.Microseconds())/float64(b.N*clients*turn), "µs/"+r.name)
		b.ReportMetric(r.empty.Seconds()/r.real.Seconds(), "empty/"+r.name)
		if r.name != "one" {
			b.ReportMetric(r.real.Seconds()/rows[0].real.Seconds(), r.name+"/one")
		}
	}
}

// BenchmarkHandler is what the handler itself costs, without the connection.
func BenchmarkHandler(b *testing.B) {
	w := newWorld(b, testenv.Open(b, sqldb.Config{URL: b.TempDir() + "/bench.db", Relaxed: true}))
	w.handler = w.door(authzen.Config{Rate: 1 << 30})
	short, long := w.hundreds()
	for name, row := range map[string]struct{ path, body string }{
		"one": {"evaluation", good}, "hundred_ids": {"evaluations", short}, "hundred_owners": {"evaluations", long},
		"filter": {"search/resource", body(alice, read, `"resource":{"type":"record"}`)}, "actions": {"search/action", body(alice, record1)},
	} {
		text := w.names.Replace(row.body)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			out := &sink{header: http.Header{}}
			for b.Loop() {
				r := httptest.NewRequest(http.MethodPost, authzen.Prefix+row.path, strings.NewReader(text))
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("Authorization", "Bearer "+w.bearer)
				w.handler.ServeHTTP(out, r)
				if out.status != 200 {
					b.Fatal(out.status)
				}
			}
		})
	}
}

// sink is a ResponseWriter that makes nothing.
type sink struct {
	header http.Header
	status int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(status int)      { s.status = status }
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }
