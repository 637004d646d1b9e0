package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"portvakt/idp/signing"
	"portvakt/internal/audit"
	"portvakt/internal/directory"
	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
	"portvakt/migrations"
)

type doctorCommand struct {
	reading
	Heads string `help:"Signed heads that were kept outside, one a line: the signature, or the event's data." placeholder:"FILE" type:"path"`
}

// diagnosis gathers what doctor says.
type diagnosis struct {
	w       world
	db      *sqldb.DB
	out     io.Writer
	trouble int
}

func (d *diagnosis) say(verdict, what, format string, args ...any) {
	if verdict == broken {
		d.trouble++
	}
	fmt.Fprintf(d.out, "%-8s %-15s %s\n", verdict, what, fmt.Sprintf(format, args...))
}

const (
	fine    = "ok"
	warning = "warning"
	broken  = "BROKEN"
)

// Run looks at everything; exit code 1 where something is broken.
func (c doctorCommand) Run(w world) error {
	cfg, err := c.configuration(w)
	if err != nil {
		return err
	}
	db, err := c.open(w)
	if err != nil {
		return err
	}
	defer db.Close()
	d := &diagnosis{w: w, db: db, out: w.stdout}
	pending, err := db.Pending(w.ctx, migrations.Files)
	if err != nil {
		return mistake{err}
	}
	if len(pending) > 0 {
		d.say(broken, "tables", "%d step(s) behind this program; bring them up to date with: portvakt migrate", len(pending))
		return errUnwell
	}
	d.say(fine, "tables", "up to date")
	for _, look := range []func() error{d.signing, func() error { return d.history(c.Heads) }, d.waiting, d.events, d.directory, d.provisioning, d.providers, func() error { return d.makers(&cfg) }} {
		if err := look(); err != nil {
			return err
		}
	}
	if d.trouble > 0 {
		return errUnwell
	}
	return nil
}

var errUnwell = errors.New("the installation is not well")

func (d *diagnosis) signing() error {
	problems, err := signing.Problems(d.w.ctx, d.db)
	if err != nil {
		return err
	}
	for _, p := range problems {
		d.say(broken, "signing keys", "%s", p)
	}
	if len(problems) == 0 {
		d.say(fine, "signing keys", "each algorithm has a current and a next one, and the master key opens them")
	}
	return nil
}

// history verifies every chain, and what was kept of them outside.
func (d *diagnosis) history(heads string) error {
	v, err := audit.NewVerifier(d.w.ctx, d.db, signing.CheckHead)
	if err != nil {
		return err
	}
	chains, err := audit.Chains(d.w.ctx, d.db)
	if err != nil {
		return err
	}
	for _, chain := range slices.Sorted(maps.Keys(chains)) {
		if err := v.Chain(d.w.ctx, chain, chains[chain]); err != nil {
			return err
		}
	}
	if heads != "" {
		if err := outsideHeads(d.w, v, heads); err != nil {
			return err
		}
	}
	found := v.Found()
	for _, f := range found.Findings {
		d.say(broken, "history", "%s: %s", f.Chain, f.Text)
	}
	if len(found.Findings) == 0 {
		d.say(fine, "history", "%d entries in %d chains, %d signed heads", found.Entries, found.Chains, found.Heads)
	}
	return nil
}

func outsideHeads(w world, v *audit.Verifier, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return mistake{err}
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		signature := strings.TrimSpace(lines.Text())
		if signature == "" {
			continue
		}
		if signature[0] == '{' {
			var h audit.Head
			if err := json.Unmarshal([]byte(signature), &h); err != nil {
				return mistakef("%s:%d: %w", path, n, err)
			}
			signature = h.Signature
		}
		if err := v.Outside(w.ctx, signature); err != nil {
			return mistakef("%s:%d: %w", path, n, err)
		}
	}
	return lines.Err()
}

// waitsTooLong is how long an entry may be without its place in the chain while the service runs.
const waitsTooLong = time.Minute

func (d *diagnosis) waiting() error {
	n, since, err := audit.Waiting(d.w.ctx, d.db)
	if err != nil {
		return err
	}
	if n > 0 && d.db.Now().Sub(since) > waitsTooLong {
		d.say(warning, "history", "%d entries wait for their place in the chain, the oldest since %s; it is given while the service runs",
			n, since.Format(time.DateTime))
	}
	return nil
}

func (d *diagnosis) events() error {
	b, err := outbox.New(d.db, slog.New(slog.DiscardHandler)).Backlog(d.w.ctx)
	if err != nil {
		return err
	}
	verdict := fine
	if b.Oldest > 5*time.Minute || b.GivenUp > 0 {
		verdict = warning
	}
	waiting := "none waits"
	if b.Waiting > 0 {
		waiting = fmt.Sprintf("%d wait, the oldest for %s", b.Waiting, b.Oldest.Round(time.Second))
	}
	d.say(verdict, "events", "%s; %s", waiting, many(int(b.GivenUp), "delivery was given up", "deliveries were given up"))
	return nil
}

const namesShown = 10

func (d *diagnosis) directory() error {
	dir := directory.New(d.db)
	orphans, err := dir.Organizations.WithoutAdministrator(d.w.ctx)
	if err != nil {
		return err
	}
	if len(orphans) > 0 {
		slugs := make([]string, len(orphans))
		for i, o := range orphans {
			slugs[i] = o.Slug
		}
		d.say(warning, "organizations", "%d without an administrator who can act: %s; see portvakt operator appoint --help", len(slugs), shortened(slugs))
	}
	vacant, err := dir.Organizations.Vacancies(d.w.ctx)
	if err != nil {
		return err
	}
	if len(vacant) > 0 {
		d.say(warning, "organizations", "%s without a holder: %s", many(len(vacant), "function", "functions"), shortened(vacant))
	}
	if len(orphans)+len(vacant) == 0 {
		d.say(fine, "organizations", "each has an administrator, and no function has lost its holder")
	}
	drifted, err := dir.Access.Drifted(d.w.ctx)
	if err != nil {
		return err
	}
	if len(drifted) > 0 {
		d.say(warning, "access", "the last recalculation found something else running than the rows say, and mended it, in %s", shortened(drifted))
	}
	left, err := dir.Users.BadlyErased(d.w.ctx)
	if err != nil {
		return err
	}
	if left > 0 {
		d.say(broken, "erasure", "%d memberships of people who were erased still say something", left)
	}
	return nil
}

func shortened(names []string) string {
	if len(names) > namesShown {
		return strings.Join(names[:namesShown], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}
