package main

import (
	"errors"
	"os"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// reading is the database of a command that only reads: it goes beside a process that serves the file.
type reading struct {
	target
	Dev bool `help:"The database is one of serve --dev."`
}

// errNoKey is told of commands that read or write what is sealed. They make no key: another than the service's is of no use.
var errNoKey = mistakef("keys.master is missing: this needs the service's own master key; name its configuration with --config, or say --dev where it runs as serve --dev")

func (r reading) open(w world) (*sqldb.DB, error) {
	cfg, err := r.configuration(w)
	if err != nil {
		return nil, err
	}
	if r.Dev && cfg.Keys.Master == "" {
		cfg.Keys.Master = devMaster
	}
	if cfg.Keys.Master == "" {
		return nil, errNoKey
	}
	keys, err := cfg.masterKeys()
	if err != nil {
		return nil, mistakef("keys.master: %w", err)
	}
	if !isPostgres(cfg.Database.URL) { // opening would make it
		if _, err := os.Stat(sqlitePath(cfg.Database.URL)); err != nil {
			return nil, mistakef("there is no database at %s; say which one with --config or --database", sqlitePath(cfg.Database.URL))
		}
	}
	db, err := sqldb.Open(w.ctx, sqldb.Config{URL: cfg.Database.URL, MaxConnections: 4, Vault: keys})
	if err != nil {
		return nil, mistake{err}
	}
	return db, nil
}

// organizationNamed is the organization of a slug; the zero id, which is the installation, for none.
func organizationNamed(w world, db *sqldb.DB, slug string) (directory.OrganizationID, error) {
	if slug == "" {
		return directory.OrganizationID{}, nil
	}
	o, err := directory.New(db).Organizations.BySlug(w.ctx, slug)
	if errors.Is(err, directory.ErrOrganizationNotFound) {
		return o.ID, mistakef("there is no organization %q", slug)
	}
	return o.ID, err
}

// parseWhen reads a date or a time.
func parseWhen(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, form := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(form, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, mistakef("--%s: %q is neither a date (2026-01-31) nor a time (2026-01-31T12:00:00Z)", flag, text)
}
