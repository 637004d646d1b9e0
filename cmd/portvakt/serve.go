package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"portvakt/cmd/portvakt/seed"
	"portvakt/internal/httpserver"
	"portvakt/internal/sqldb"
	"portvakt/migrations"
	"portvakt/scim"
)

// addresses are told to whoever started the service in this process.
type addresses struct {
	issuer string
	bound  string // host:port of the service
	demo   string // address of the demo application, "" without one
}

// server is a running house with its listeners.
type server struct {
	o       options
	tasks   *tasks
	house   *house
	lock    *fileLock
	socket  net.Listener // for apply, beside a SQLite file
	main    *httpserver.Server
	demo    *httpserver.Server
	metrics *httpserver.Server
	at      addresses
	seeds   *seed.File // nil without --dev

	stands  chan struct{} // closed when the house stands
	handler http.Handler  // set before
}

// gcPercent lets garbage grow larger than Go's default before it is collected: the live heap is a few megabytes, and
// collecting it for every few of them costs more of a token's price than everything that we do but the signature.
const gcPercent = 300

// Run serves until it is told to stop.
func (c serveCommand) Run(w world) error {
	o, err := c.options(w.environ)
	if err != nil {
		return err
	}
	o.hashing = w.hashing
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	s := &server{o: o, tasks: newTasks(w.ctx), stands: make(chan struct{})}
	defer s.close()
	if err := s.open(w); err != nil {
		if w.ctx.Err() != nil { // told to stop while it started: that is no failure
			return nil
		}
		return err
	}
	return s.serve(w)
}

// open does everything that can fail before anybody is served: configuration, ports and the database are checked before
// the first thing is written.
func (s *server) open(w world) (err error) {
	log := newLog(w, s.o.Log)
	clock := &devClock{machine: w.now}
	if clock.machine == nil {
		clock.machine = time.Now
	}
	now := time.Now
	if s.o.dev {
		now = clock.now
	}
	if s.seeds, err = parseSeed(s.o); err != nil {
		return err
	}
	if err := clearReady(s.o.ready); err != nil {
		return err
	}
	if err := s.listen(w); err != nil {
		return err
	}
	if err := s.claim(); err != nil {
		return err
	}
	s.tasks.start("service", s.main.Serve) // answers that it is starting, until the house stands
	keys, err := s.o.masterKeys()
	if err != nil {
		return mistakef("keys.master: %w", err)
	}
	db, err := sqldb.Open(w.ctx, sqldb.Config{URL: s.o.Database.URL, MaxConnections: s.o.Database.MaxConnections, Clock: now, Vault: keys})
	if err != nil {
		return mistake{err}
	}
	s.house = &house{db: db} // closed with the server, whatever fails from here on
	if _, err := db.Migrate(w.ctx, migrations.Files); err != nil {
		return mistake{err}
	}
	if s.house, err = build(w.ctx, &s.o, db, clock, log); err != nil {
		s.house = &house{db: db}
		return err
	}
	if s.seeds != nil {
		if _, err := s.house.apply(w.ctx, s.seeds); err != nil {
			return err
		}
		debug.FreeOSMemory() // each password of the seed took 19 MiB to hash; without this they would stay for minutes
	}
	if err := s.house.dir.Memberships.FoldNames(w.ctx); err != nil {
		return err
	}
	if err := s.house.dir.Access.MakeReady(w.ctx); err != nil {
		return err
	}
	if s.at.demo != "" && !declares(s.seeds, demoClientID) {
		if err := s.house.registerDemo(w.ctx, s.at.demo); err != nil {
			return err
		}
	}
	s.handler = s.house.handler(&s.o)
	close(s.stands)
	return nil
}

// claim makes this process the one that serves the SQLite file, and the one that apply finds.
func (s *server) claim() (err error) {
	if isPostgres(s.o.Database.URL) {
		return nil
	}
	if s.lock, err = lockFile(s.o.Database.URL); errors.Is(err, errServed) {
		return mistakef("another process serves %s; stop it, or choose another folder with --data", s.o.Database.URL)
	} else if err != nil {
		return err
	}
	s.socket, err = listenSocket(socketPath(s.o.Database.URL))
	return err
}

// listen takes all ports, so that a port in use is found before anything is written.
func (s *server) listen(w world) (err error) {
	log := newLog(w, s.o.Log)
	cfg := s.o.Server
	cfg.LargeBody = scim.LargeBody
	if s.o.tls {
		certificates, ca, err := httpserver.DevTLS(filepath.Join(s.o.data, "tls"), "localhost")
		if err != nil {
			return mistakef("the certificate of --tls: %w", err)
		}
		cfg.TLS = certificates
		fmt.Fprintln(w.stdout, "The certificate comes from the CA in", ca)
	}
	if s.main, err = httpserver.New(cfg, http.HandlerFunc(s.late), log); err != nil {
		return mistake{err}
	}
	bound, err := s.main.Listen()
	if err != nil {
		return mistake{err}
	}
	if s.o.Issuer == "" { // under --dev alone; otherwise it has been checked
		s.o.Issuer = localURL(bound, s.o.tls)
	}
	s.at = addresses{issuer: s.o.Issuer, bound: bound.String()}
	if s.o.demoAddr != "" {
		if err := s.listenDemo(w); err != nil {
			return err
		}
	}
	if s.o.Metrics.Addr != "" {
		return s.listenMetrics(w)
	}
	return nil
}

// patience is how long a request may wait for a service that is starting.
const patience = 2 * time.Second

// late is the handler from the first moment on. Starting takes part of a second, so a request waits for it; migrating a
// large database takes longer, and then whoever watches the process must see that it lives and is not ready.
func (s *server) late(w http.ResponseWriter, r *http.Request) {
	select {
	case <-s.stands:
		s.handler.ServeHTTP(w, r)
		return
	default:
	}
	if r.URL.Path != "/readyz" {
		wait := time.NewTimer(patience)
		defer wait.Stop()
		select {
		case <-s.stands:
			s.handler.ServeHTTP(w, r)
			return
		case <-s.tasks.ctx.Done():
		case <-r.Context().Done():
		case <-wait.C:
		}
	}
	if r.URL.Path == "/healthz" {
		alive(w, r)
		return
	}
	w.Header().Set("Retry-After", "1")
	writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "the service is starting"})
}

// serve answers until ctx ends, then lets running requests and deliveries finish.
func (s *server) serve(w world) error {
	s.tasks.start("work", func(ctx context.Context) error {
		s.house.work(ctx)
		return nil
	})
	if s.socket != nil {
		s.tasks.start("socket", func(ctx context.Context) error {
			return serveSocket(ctx, s.socket, s.house.socketHandlers(s.o.dev), s.house.importHere)
		})
	}
	for what, server := range map[string]*httpserver.Server{"demo application": s.demo, "metrics": s.metrics} {
		if server != nil {
			s.tasks.start(what, server.Serve)
		}
	}
	if err := writeReady(s.o.ready, s.at.bound); err != nil {
		return err
	}
	s.greet(w)
	if w.started != nil {
		w.started(s.at)
	}
	return s.tasks.wait()
}

// close lets all that runs come to its end before it takes away what that needs.
func (s *server) close() {
	s.tasks.end()
	for _, server := range []*httpserver.Server{s.main, s.demo, s.metrics} {
		if server != nil {
			_ = server.Close()
		}
	}
	if s.socket != nil {
		_ = s.socket.Close()
	}
	if s.house != nil {
		s.house.close()
	}
	s.lock.release()
}

// greet tells where to look.
func (s *server) greet(w world) {
	if !s.o.dev {
		fmt.Fprintln(w.stdout, "Portvakt is ready on", s.at.bound, "for", s.o.Issuer)
		return
	}
	lines := [][2]string{
		{"Demo application", s.at.demo},
		{"Your account", s.o.Issuer + "/account"},
		{"Captured mail", s.o.Issuer + "/dev/mail"},
		{"Discovery", s.o.Issuer + "/.well-known/openid-configuration"},
	}
	var b strings.Builder
	b.WriteString("\nPortvakt is ready. Look here:\n\n")
	for _, l := range lines {
		fmt.Fprintf(&b, "  %-18s %s\n", l[0], l[1])
	}
	b.WriteString(hints(s.seeds))
	b.WriteString("\nStop with Ctrl-C. Everything is in " + shownData(s.o) + "; delete it to begin anew.\n")
	fmt.Fprintln(w.stdout, b.String())
}

func shownData(o options) string {
	if isPostgres(o.Database.URL) {
		return "the database that you named"
	}
	path := filepath.Dir(sqlitePath(o.Database.URL))
	if here, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(here, path); err == nil && !strings.HasPrefix(rel, "..") {
			return "./" + rel
		}
	}
	return path
}
