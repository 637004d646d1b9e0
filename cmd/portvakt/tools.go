package main

import (
	"encoding/base64"
	"fmt"
	"log/slog"
	"strings"

	"portvakt/idp/signing"
	"portvakt/internal/config"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
	"portvakt/migrations"
)

// target is the database that a command works on: the one of a configuration file, or named outright.
type target struct {
	Config   string `help:"Configuration file (YAML)." placeholder:"FILE" type:"path"`
	Database string `help:"postgres://… or the path of a SQLite file, instead of the configuration's." placeholder:"URL"`
}

// configuration reads file and environment; commands on a database need neither issuer nor mail server.
func (t target) configuration(w world) (Config, error) {
	cfg, problems := load(t.Config, w.environ)
	override(&cfg.Database.URL, t.Database)
	if err := checkDatabase(cfg.Database.URL); err != nil {
		problems = append(problems, config.Position{Source: "database.url"}.Problem("%v", err))
	}
	if len(problems) > 0 {
		return cfg, problems
	}
	return cfg, nil
}

// database is an open database that this process alone may use if it is a file.
type database struct {
	*sqldb.DB
	lock *fileLock
}

func (d *database) Close() {
	d.DB.Close()
	d.lock.release()
}

// openDatabase opens it, for a SQLite file under its lock; errServed where another process serves the file.
func openDatabase(w world, cfg sqldb.Config) (*database, error) {
	var lock *fileLock
	if !isPostgres(cfg.URL) {
		var err error
		if lock, err = lockFile(cfg.URL); err != nil {
			return nil, err
		}
	}
	db, err := sqldb.Open(w.ctx, cfg)
	if err != nil {
		lock.release()
		return nil, mistake{err}
	}
	return &database{db, lock}, nil
}

type migrateCommand struct {
	target
}

// Run applies the pending steps and says which.
func (c migrateCommand) Run(w world) error {
	db, _, err := c.open(w)
	if err != nil {
		return err
	}
	defer db.Close()
	applied, err := db.Migrate(w.ctx, migrations.Files)
	for _, step := range applied {
		fmt.Fprintln(w.stdout, "applied", step.Name)
	}
	if err != nil {
		return mistake{err}
	}
	if len(applied) == 0 {
		fmt.Fprintln(w.stdout, "The tables are up to date.")
	}
	return nil
}

type keysCommand struct {
	NewMaster newMasterCommand `cmd:"" help:"Make a master key and print it."`
	Rotate    rotateCommand    `cmd:"" help:"Let the next signing keys take over now."`
	List      listKeysCommand  `cmd:"" help:"List the signing keys and their states."`
}

type newMasterCommand struct{}

// Run prints 32 random bytes in base64.
func (newMasterCommand) Run(w world) error {
	fmt.Fprintln(w.stdout, base64.StdEncoding.EncodeToString(secret.Random(secret.MasterSize)))
	return nil
}

type rotateCommand struct{ target }

// Run rotates the keys; running processes on PostgreSQL follow within a second.
func (c rotateCommand) Run(w world) error {
	return c.withRing(w, func(ring *signing.Ring) error {
		if err := ring.Rotate(w.ctx); err != nil {
			return err
		}
		fmt.Fprintln(w.stdout, "The next keys sign from now on; the former ones verify until what they signed has expired.")
		return nil
	})
}

type listKeysCommand struct{ target }

// Run lists the keys, never their private parts.
func (c listKeysCommand) Run(w world) error {
	db, _, err := c.open(w)
	if err != nil {
		return err
	}
	defer db.Close()
	keys, err := signing.List(w.ctx, db.DB)
	if err != nil {
		return err
	}
	for _, k := range keys {
		fmt.Fprintf(w.stdout, "%-8s %-6s %-43s since %s\n", k.State, k.Algorithm, k.KID, k.Since.Format("2006-01-02 15:04"))
	}
	return nil
}

// open is the database that the command works on, with the configuration that names it.
func (t target) open(w world) (*database, Config, error) {
	cfg, err := t.configuration(w)
	if err != nil {
		return nil, cfg, err
	}
	db, err := openDatabase(w, sqldb.Config{URL: cfg.Database.URL, Vault: cfg.vault()})
	if err != nil {
		return nil, cfg, mistake{err}
	}
	return db, cfg, nil
}

func (t target) withRing(w world, fn func(*signing.Ring) error) error {
	db, cfg, err := t.open(w)
	if err != nil {
		return err
	}
	defer db.Close()
	keys, err := cfg.masterKeys()
	if err != nil {
		return mistakef("keys.master: %w", err)
	}
	ring, err := signing.Open(w.ctx, db.DB, keys, signing.DefaultConfig(), newLog(w, cfg.Log))
	if err != nil {
		return mistake{err}
	}
	return fn(ring)
}

// newLog writes to standard error.
func newLog(w world, cfg LogConfig) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(strings.ToUpper(cfg.Level))) // checked before; info otherwise
	opts := &slog.HandlerOptions{Level: level}
	if cfg.Format == "json" {
		return slog.New(slog.NewJSONHandler(w.stderr, opts))
	}
	return slog.New(slog.NewTextHandler(w.stderr, opts))
}
