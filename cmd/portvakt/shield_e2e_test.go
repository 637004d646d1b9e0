//go:build e2e

package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestAFloodOfSignIns: 500 people send a password at the same moment. The process stays under 300 MB, other endpoints keep
// answering, and whoever finds no place in line is told when to come back.
func TestAFloodOfSignIns(t *testing.T) {
	program := filepath.Join(t.TempDir(), "portvakt")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	eachEngine(t, func(t *testing.T, database string) {
		p := startProcess(t, program, t.TempDir(), database)
		const people = 500
		crowd := make([]*person, people)
		lines := &http.Transport{MaxIdleConns: 2 * people, MaxIdleConnsPerHost: 2 * people}
		defer lines.CloseIdleConnections()
		for i := range crowd {
			crowd[i] = newPerson(t)
			crowd[i].client.Transport, crowd[i].client.Timeout = lines, time.Minute
		}
		inParallel(16, people, func(i int) {
			crowd[i].open(p.issuer+"/sign-in").press("continue", "email", fmt.Sprintf("person%d@nordlys.example", i)).on("password")
		})
		stop, watched := make(chan struct{}), make(chan time.Duration, 1)
		go func() { watched <- p.watch(stop) }()
		var wrong, sentAway, other, untold atomic.Int64
		inParallel(people, people, func(i int) {
			crowd[i].press("continue", "password", "certainly not this one")
			switch crowd[i].status {
			case http.StatusForbidden: // the e-mail and the password do not fit together
				wrong.Add(1)
			case http.StatusTooManyRequests:
				sentAway.Add(1)
				if crowd[i].header.Get("Retry-After") == "" {
					untold.Add(1)
				}
			default:
				other.Add(1)
			}
		})
		close(stop)
		slowest := <-watched
		peak := p.peak()
		t.Logf("%d answered, %d sent away, at most %d MB, the slowest answer of another endpoint took %s", wrong.Load(), sentAway.Load(), peak, slowest)
		if other.Load() != 0 || untold.Load() != 0 || wrong.Load() == 0 || sentAway.Load() == 0 {
			t.Errorf("%d answered, %d sent away, %d of them without Retry-After, %d something else", wrong.Load(), sentAway.Load(), untold.Load(), other.Load())
		}
		if peak >= 300 {
			t.Errorf("the process took %d MB", peak)
		}
		crowd[0].press("continue", "password", "certainly not this one")
		if crowd[0].status == http.StatusTooManyRequests {
			t.Errorf("after the flood: %d", crowd[0].status)
		}
	})
}

// watch asks other endpoints until it is stopped and answers how long the slowest took.
func (p *process) watch(stop chan struct{}) (slowest time.Duration) {
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for {
		for _, path := range []string{"/healthz", "/.well-known/openid-configuration"} {
			began := time.Now()
			res, err := client.Get(p.issuer + path)
			if err != nil {
				p.t.Errorf("%s during the flood: %v", path, err)
				return time.Since(began)
			}
			_ = res.Body.Close()
			if res.StatusCode != http.StatusOK {
				p.t.Errorf("%s during the flood: %d", path, res.StatusCode)
			}
			slowest = max(slowest, time.Since(began))
		}
		select {
		case <-stop:
			return slowest
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// peak is the most memory that the process ever had, in MB.
func (p *process) peak() int {
	p.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(b)
	if found == nil {
		p.t.Fatalf("no VmHWM:\n%s", b)
	}
	kib, _ := strconv.Atoi(string(found[1]))
	return kib / 1000
}

func inParallel(workers, n int, do func(i int)) {
	jobs := make(chan int, n)
	for i := range n {
		jobs <- i
	}
	close(jobs)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for i := range jobs {
				do(i)
			}
		})
	}
	all.Wait()
}

// WALL 85: whoever guesses elsewhere keeps nobody out of the browser that they use, and a hundred requests are a few mails.
func TestWall085_NobodyIsLockedOut(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		anna := w.person()
		anna.open(w.issuer+"/account").signIn("anna@nordlys.example", annaPassword).on("account")
		anna.press("sign-out").on("signed-out")
		refused := 0
		for range 30 {
			b := w.person()
			b.open(w.issuer+"/account").signIn("anna@nordlys.example", "certainly not this one")
			if b.status == http.StatusTooManyRequests {
				refused++
			}
		}
		if refused < 20 {
			t.Errorf("only %d of 30 guesses were refused", refused)
		}
		stranger := w.person()
		stranger.open(w.issuer+"/account").signIn("anna@nordlys.example", annaPassword)
		if stranger.status != http.StatusTooManyRequests {
			t.Errorf("another browser within the pause: %d", stranger.status)
		}
		anna.open(w.issuer+"/account").signIn("anna@nordlys.example", annaPassword).on("account")

		requests := func(email string) {
			for i := range 100 {
				b := w.person()
				b.open(w.issuer+"/account").press("continue", "email", email).on("password").press("forgot-password")
				if b.status != http.StatusOK {
					t.Fatalf("request %d for %s: %d", i, email, b.status)
				}
			}
		}
		requests("bob@nordlys.example")
		requests("nobodyatall@nordlys.example")
		w.advance(time.Second)
		w.setupMails("bob@nordlys.example", 1)
		time.Sleep(2 * time.Second) // what would still come
		if mails := w.setupMails("bob@nordlys.example", 1); len(mails) > 5 {
			t.Errorf("a hundred requests were %d mails", len(mails))
		}
		if n := len(w.mails("nobodyatall@nordlys.example", 0)); n != 0 {
			t.Errorf("nobody got %d mails", n)
		}
	})
}

// A password of another system signs its person in, and one that is breached cannot be chosen.
func TestPasswordsFromElsewhere(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		folder := t.TempDir()
		list, filter, seed := filepath.Join(folder, "list"), filepath.Join(folder, "filter"), filepath.Join(folder, "seed.yaml")
		if err := os.WriteFile(list, []byte("a fox that everybody knows of\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(seed, []byte(movedSeed), 0o600); err != nil {
			t.Fatal(err)
		}
		var said syncBuffer
		if code := run(world{ctx: t.Context(), stdout: &said, stderr: &said}, []string{"passwords", "filter", "-o", filter, list}); code != exitOK || !strings.HasPrefix(said.String(), "1 passwords in ") {
			t.Fatalf("%d: %s", code, said.String())
		}
		config := filepath.Join(folder, "portvakt.yaml")
		if err := os.WriteFile(config, []byte("passwords: {breached_file: "+filter+"}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		s := serve(t, database, "--config", config, "--seed", seed)
		newPerson(t).open(s.issuer+"/account").signIn("moved@nordlys.example", "a quiet horse in the rain").on("account")
		newPerson(t).open(s.issuer+"/account").signIn("moved@nordlys.example", "a quiet horse in the rain").on("account")
		s.hire("lars@nordlys.example", "Lars", "Lie", nil)
		b := newPerson(t).open(s.setupMails("lars@nordlys.example", 1)[0].setupLink(t)).on("new-password")
		b.press("continue", "new_password", "a fox that everybody knows of", "new_password_again", "a fox that everybody knows of").on("new-password")
		if b.status != http.StatusUnprocessableEntity || !strings.Contains(b.text, "data breaches") {
			t.Errorf("a breached password: %d\n%s", b.status, b.text)
		}
		b.press("continue", "new_password", "a fox that nobody knows of", "new_password_again", "a fox that nobody knows of")
		b.on("account")
	})
}

const movedSeed = `organizations:
  - slug: nordlys
    name: Nordlys AS
    domains: [nordlys.example]
    provisioning_clients: [{name: HR, token: scim-dev-nordlys}]
    members:
      - {email: moved@nordlys.example, password_hash: "$2y$04$abcdefghijklmnopqrstuuLIdYiTB6k5shb5AFZrHUDZaBIZTgyn2"}
`
