package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"portvakt/cmd/portvakt/importer"
	"portvakt/idp/credential"
	"portvakt/internal/directory"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
)

type importCommand struct {
	target
	File         string `arg:"" help:"The file: .csv with the columns' names in its first line, or .jsonl. People who are members already follow what it says." type:"path"`
	Organization string `required:"" help:"The organization's slug." placeholder:"SLUG"`
	DryRun       bool   `help:"Do everything and take it back; only tell which lines would be refused."`
	Invite       bool   `help:"Write to those who are to accept their membership. Without it, nobody is written to."`
	Dev          bool   `help:"The database is one of serve --dev."`
	Report       string `help:"Write the refused lines to this file (CSV) instead of the output." placeholder:"FILE" type:"path"`
}

// Run imports the file, through the process that serves the database if there is one.
func (c importCommand) Run(w world) error {
	cfg, err := c.configuration(w)
	if err != nil {
		return err
	}
	request := importRequest{Organization: c.Organization, Name: filepath.Base(c.File), DryRun: c.DryRun, Invite: c.Invite}
	open := func() (io.ReadCloser, error) { return os.Open(c.File) }
	show := newBar(w.stderr)
	result, err := c.here(w, cfg, request.job(open), show.progress)
	if errors.Is(err, errServed) {
		result, err = importOverSocket(w.ctx, socketPath(cfg.Database.URL), request, open, show.progress)
	}
	show.end()
	if err != nil {
		if _, missing := errors.AsType[*os.PathError](err); missing {
			return mistake{err}
		}
		return mistakenFile(c.File, err)
	}
	return c.tell(w, result)
}

// mistakenFile turns what is wrong with the file into words with its name.
func mistakenFile(name string, err error) error {
	if m, ok := errors.AsType[*importer.Mistake](err); ok {
		return mistakef("%s: %w", filepath.Base(name), m)
	}
	return err
}

// here imports in this process.
func (c importCommand) here(w world, cfg Config, j importer.Job, progress func(importer.Progress)) (importer.Result, error) {
	if c.Dev && cfg.Keys.Master == "" {
		cfg.Keys.Master = devMaster
	}
	vault := cfg.vault()
	db, err := openDatabase(w, sqldb.Config{URL: cfg.Database.URL, Vault: vault})
	if err != nil {
		return importer.Result{}, err
	}
	defer db.Close()
	if vault == nil { // the history of a member that the file changes is sealed; said before a line is kept
		return importer.Result{}, errNoKey
	}
	if err := prepareTables(w.ctx, db.DB, runOf(c.DryRun)); err != nil {
		return importer.Result{}, err
	}
	return importer.Run(w.ctx, importer.Deps{DB: db.DB, Directory: directory.New(db.DB), Progress: progress,
		SetHash: bringPassword(credential.New(db.DB, secret.NewPasswords(secret.DefaultParams), nil, nil, credential.Config{}))}, j)
}

// tell prints the outcome. Refused lines are a failure, so that a script sees them.
func (c importCommand) tell(w world, r importer.Result) error {
	if c.Report != "" {
		if err := writeRefusals(c.Report, r.Refusals); err != nil {
			return err
		}
	} else {
		for _, x := range r.Refusals {
			field := ""
			if x.Field != "" {
				field = x.Field + ": "
			}
			fmt.Fprintf(w.stdout, "line %d refused: %s%s (%s)\n", x.Line, field, x.Text, x.Code)
		}
	}
	tried := ""
	if c.DryRun {
		tried = " (a dry run: nothing was kept)"
	}
	fmt.Fprintf(w.stdout, "%s: %d made members, %d were members already and follow the file, %d refused%s\n",
		many(r.Done, "line", "lines"), r.Created, r.Linked, r.Refused, tried)
	if r.Refused > 0 {
		return errors.New(many(r.Refused, "line was refused", "lines were refused"))
	}
	return nil
}

// writeRefusals writes the report. It holds none of the file's values, so a spreadsheet finds nothing in it to calculate.
func writeRefusals(path string, refusals []importer.Refusal) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return mistakef("the report cannot be written: %w", err)
	}
	out := csv.NewWriter(f)
	_ = out.Write([]string{"line", "field", "code", "text"})
	for _, x := range refusals {
		_ = out.Write([]string{strconv.Itoa(x.Line), x.Field, x.Code, x.Text})
	}
	out.Flush()
	return errors.Join(out.Error(), f.Close())
}

// bar shows how far an import has come: on a terminal in one line that changes, else in a line now and then.
type bar struct {
	to       io.Writer
	terminal bool
	began    time.Time
	told     time.Time
	first    int
	drawn    bool
	certain  bool // nothing can be refused
}

func newBar(to io.Writer) *bar {
	b := &bar{to: to, first: -1, began: time.Now(), told: time.Now()}
	if f, ok := to.(*os.File); ok {
		info, err := f.Stat()
		b.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return b
}

const (
	barWidth  = 30
	barPause  = 100 * time.Millisecond
	linePause = 5 * time.Second
)

func (b *bar) progress(p importer.Progress) {
	now := time.Now()
	if b.first < 0 {
		if b.first = p.Done; p.From > 0 {
			fmt.Fprintf(b.to, "going on behind line %d\n", p.From)
		}
	}
	pause := linePause
	if b.terminal {
		pause = barPause
	}
	if now.Sub(b.told) < pause && p.Done < p.Total {
		return
	}
	b.told = now
	text := fmt.Sprintf("%d of %d", p.Done, p.Total)
	if !b.certain {
		text += fmt.Sprintf(", %d refused", p.Refused)
	}
	if past := now.Sub(b.began); past >= time.Second { // before, a pace says nothing
		text += fmt.Sprintf(", %.0f a second", float64(p.Done-b.first)/past.Seconds())
	}
	if !b.terminal {
		fmt.Fprintln(b.to, text)
		return
	}
	full := barWidth * p.Done / max(p.Total, 1)
	fmt.Fprintf(b.to, "\r[%s%s] %s\x1b[K", strings.Repeat("#", full), strings.Repeat(" ", barWidth-full), text)
	b.drawn = true
}

func (b *bar) end() {
	if b.drawn {
		fmt.Fprintln(b.to)
	}
	b.drawn = false
}

// importRequest is an import as the local socket takes it; the file follows.
type importRequest struct {
	Organization string `json:"organization"`
	Name         string `json:"name"`
	DryRun       bool   `json:"dry_run"`
	Invite       bool   `json:"invite"`
}

func (r importRequest) job(open func() (io.ReadCloser, error)) importer.Job {
	return importer.Job{Organization: r.Organization, Name: r.Name, Open: open, Mode: directory.ImportMode(r.Invite), Run: importer.Kind(r.DryRun)}
}

// importHere serves the local socket.
func (h *house) importHere(ctx context.Context, j importer.Job, progress func(importer.Progress)) (importer.Result, error) {
	return importer.Run(ctx, importer.Deps{DB: h.db, Directory: h.dir, Progress: progress, SetHash: bringPassword(h.credentials)}, j)
}
