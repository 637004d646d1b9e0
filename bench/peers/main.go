// Peers asks Portvakt's snapshot, cedar-go and openfga the same questions about the same organization, looks whether they
// agree, and then measures them side by side. It is a module of its own, so that the peers never become a part of the
// product.
//
//	make bench-peers          (or: cd bench/peers && go run .)
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"runtime"
	"syscall"
	"time"

	"portvakt/authz"
	"portvakt/internal/directory"
)

// peer answers questions. prepare makes of a question what the peer takes, which is not measured.
type peer interface {
	prepare(q authz.Question) any
	decide(prepared any) (bool, error)
}

// ours is the snapshot.
type ours struct{ snapshot *authz.Snapshot }

func (o ours) prepare(q authz.Question) any { return &q }

func (o ours) decide(prepared any) (bool, error) {
	return o.snapshot.Decide(*prepared.(*authz.Question)).Allowed, nil
}

// contender is a peer and how it is made.
type contender struct {
	name   string
	sample int // questions that are compared before it is timed
	make   func(m *directory.AccessModel) (peer, error)
}

func contenders() []contender {
	return []contender{
		{"Portvakt, Snapshot.Decide", 1 << 14, func(m *directory.AccessModel) (peer, error) { return ours{authz.Compile(m)}, nil }},
		{"cedar-go, all policies in one set", 1 << 10, func(m *directory.AccessModel) (peer, error) { return newCedar(m, false) }},
		{"cedar-go, one set for each module", 1 << 14, func(m *directory.AccessModel) (peer, error) { return newCedar(m, true) }},
		{"openfga, its in-memory store with an index", 1 << 12, func(m *directory.AccessModel) (peer, error) { return newFGA(context.Background(), m, true) }},
		{"openfga, its in-memory store", 1 << 7, func(m *directory.AccessModel) (peer, error) { return newFGA(context.Background(), m, false) }},
	}
}

func main() {
	log.SetFlags(0)
	span := flag.Duration("for", 3*time.Second, "how long each one is asked")
	flag.Parse()
	m := crowd()
	asked := questions(m, 1<<14)
	fmt.Printf("%d members, %d roles, %d groups, %d modules, %d sharing rules; %s, one caller\n\n", len(m.Members), len(m.Roles), len(m.Groups), len(m.Modules), len(m.Rules), runtime.Version())
	fmt.Println("| | decisions a second | by processor time | one decision | against ours | memory | made in | agree |")
	fmt.Println("|---|---:|---:|---:|---:|---:|---:|---:|")
	var want []bool
	first := 0.0
	for _, c := range contenders() {
		before, begun := heap(), time.Now()
		p, err := c.make(m)
		if err != nil {
			log.Fatalf("%s: %v", c.name, err)
		}
		made, memory := time.Since(begun), heap()-before
		prepared := make([]any, c.sample)
		for i := range prepared {
			prepared[i] = p.prepare(asked[i])
		}
		allowed := compare(c.name, p, prepared, &want)
		wall, rate := measure(c.name, p, prepared, *span)
		if first == 0 {
			first = rate
		}
		fmt.Printf("| %s | %s | %s | %s | 1/%.0f | %.1f MB | %s | %d of %d, %d allowed |\n", c.name, thousands(wall), thousands(rate), time.Duration(float64(time.Second)/rate).Round(time.Nanosecond),
			first/rate, float64(memory)/(1<<20), made.Round(time.Millisecond), c.sample, c.sample, allowed)
		runtime.KeepAlive(p)
	}
}

// compare asks everything once. The first contender's answers are what the others' have to be.
func compare(name string, p peer, prepared []any, want *[]bool) (allowed int) {
	for i, q := range prepared {
		yes, err := p.decide(q)
		if err != nil {
			log.Fatalf("%s: question %d: %v", name, i, err)
		}
		if yes {
			allowed++
		}
		if len(*want) == i {
			*want = append(*want, yes)
		} else if yes != (*want)[i] {
			log.Fatalf("%s answers question %d with %v, %s with %v", name, i, yes, contenders()[0].name, (*want)[i])
		}
	}
	return allowed
}

// measure answers how many decisions there were in a second of the clock, and in a second of the processor's: the second
// is right on a machine that others use too.
func measure(name string, p peer, prepared []any, span time.Duration) (wall, processor float64) {
	runtime.GC()
	n, used, begun := 0, processorTime(), time.Now()
	for time.Since(begun) < span {
		for range max(1, min(64, len(prepared)/16)) {
			if _, err := p.decide(prepared[n%len(prepared)]); err != nil {
				log.Fatalf("%s: %v", name, err)
			}
			n++
		}
	}
	return float64(n) / time.Since(begun).Seconds(), float64(n) / (processorTime() - used).Seconds()
}

// processorTime is what this process has used.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		log.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// heap is what is in use after a collection.
func heap() int64 {
	var s runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

func thousands(n float64) string {
	s := fmt.Sprintf("%.0f", n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
