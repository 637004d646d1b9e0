package client_test

import (
	"testing"
	"time"

	"portvakt/authz/client"
)

func TestRememberedAnswersEnd(t *testing.T) {
	t.Parallel()
	s := newIssuer(t)
	c := s.client(func(cfg *client.Config) { cfg.MaxAge = 10 * time.Second })
	asks := func(when string, want int) {
		t.Helper()
		before := s.count("/access/v1/evaluation")
		if _, err := c.Check(t.Context(), viewInvoices()); err != nil {
			t.Fatal(err)
		}
		if n := s.count("/access/v1/evaluation") - before; n != want {
			t.Errorf("%s: asked %d times, want %d", when, n, want)
		}
	}
	asks("first", 1)
	asks("again", 0)
	s.advance(9 * time.Second)
	asks("within MaxAge", 0)
	s.advance(time.Second)
	s.with(func() { s.until = s.now.Add(3 * time.Second).Format(time.RFC3339) })
	asks("after MaxAge", 1)
	s.advance(2 * time.Second)
	asks("before until", 0)
	s.advance(time.Second)
	asks("at until", 1)
	asks("until has passed already", 1)
	s.advance(-time.Minute)
	asks("the clock was set back", 1)
}

func TestNewerVersionDropsOlderAnswers(t *testing.T) {
	t.Parallel()
	s := newIssuer(t)
	c := s.client(func(cfg *client.Config) { cfg.MaxAge = 30 * time.Second })
	of := func(segment, organization string) (asked bool) {
		t.Helper()
		q := viewInvoices()
		q.Segment, q.Organization = segment, organization
		before := s.count("/access/v1/evaluation")
		if _, err := c.Check(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		return s.count("/access/v1/evaluation") > before
	}
	set := func(v int) { s.with(func() { s.version = v }) }
	of("a", "")
	of("b", "")
	of("a", "bjorkvik")
	if of("a", "") || of("b", "") {
		t.Error("not remembered")
	}
	set(8)
	of("c", "")
	if !of("a", "") || !of("b", "") {
		t.Error("answers of an older version count")
	}
	if of("a", "bjorkvik") {
		t.Error("another organization's answer is gone")
	}
	set(7) // a node that lags behind
	for range 2 {
		if !of("d", "") {
			t.Error("an answer of an older version is remembered")
		}
	}
	if of("c", "") {
		t.Error("it drops the newer ones")
	}
	s.advance(11 * time.Second) // the installation was restored from a backup
	of("d", "")
	if of("d", "") {
		t.Error("after a restore nothing is remembered any more")
	}
}

func TestRememberedAnswersAreBounded(t *testing.T) {
	t.Parallel()
	s := newIssuer(t)
	c := s.client(func(cfg *client.Config) { cfg.CacheSize = 3 })
	ask := func(segment string) bool {
		q := viewInvoices()
		q.Segment = segment
		before := s.count("/access/v1/evaluation")
		if _, err := c.Check(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		return s.count("/access/v1/evaluation") > before
	}
	for _, segment := range []string{"a", "b", "c", "a", "d"} {
		ask(segment)
	}
	if ask("a") || !ask("b") {
		t.Error("not the least recently used one went")
	}
}
