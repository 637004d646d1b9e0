package secret_test

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"portvakt/internal/secret"
)

// A flood is sent away at once; whoever is in line is served.
func TestAFloodIsSentAway(t *testing.T) {
	t.Parallel()
	h := secret.NewPasswords(secret.Params{Memory: 1024, Time: 1, Lanes: 1})
	phc := hash(t, h, clear)
	room := 32 * runtime.GOMAXPROCS(0)
	var places []*secret.Place
	for i := range room {
		p, err := h.Place(fmt.Sprint("person", i), fmt.Sprint("network", i))
		if err != nil {
			t.Fatalf("place %d of %d: %v", i, room, err)
		}
		places = append(places, p)
	}
	began := time.Now()
	for range 500 {
		if _, err := h.Place("another"); !errors.Is(err, secret.ErrBusy) {
			t.Fatalf("one more: %v", err)
		}
	}
	if _, err := h.Hash(ctx, clear); !errors.Is(err, secret.ErrBusy) {
		t.Errorf("Hash: %v", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("sending 500 away took %v", took)
	}
	var served atomic.Int64
	var all sync.WaitGroup
	for _, p := range places {
		all.Go(func() {
			defer p.Leave()
			if ok, err := p.Verify(ctx, phc, clear, nil); ok && err == nil {
				served.Add(1)
			}
		})
	}
	all.Wait()
	if int(served.Load()) != room {
		t.Errorf("%d of %d in line were served", served.Load(), room)
	}
	if ok, err := h.Verify(ctx, phc, clear); !ok || err != nil {
		t.Errorf("after the flood: %v, %v", ok, err)
	}
}

// One network, or one person, has a quarter of the line at most, and gets it back.
func TestNobodyFillsTheLine(t *testing.T) {
	t.Parallel()
	h := secret.NewPasswords(cheap)
	quarter := 8 * runtime.GOMAXPROCS(0)
	var places []*secret.Place
	for i := range quarter {
		p, err := h.Place(fmt.Sprint("person", i), "one network")
		if err != nil {
			t.Fatal(err)
		}
		places = append(places, p)
	}
	if _, err := h.Place("somebody", "one network"); !errors.Is(err, secret.ErrBusy) {
		t.Errorf("more than a quarter for one network: %v", err)
	}
	other, err := h.Place("somebody", "another network")
	if err != nil {
		t.Errorf("another network: %v", err)
	}
	other.Leave()
	places[0].Leave()
	places[0].Leave()
	if _, err := h.Place("somebody", "one network"); err != nil {
		t.Errorf("after one left: %v", err)
	}
	if _, err := h.Place("somebody", "one network"); !errors.Is(err, secret.ErrBusy) {
		t.Errorf("who leaves twice makes room twice: %v", err)
	}
}
