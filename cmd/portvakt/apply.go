package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"portvakt/cmd/portvakt/seed"
	"portvakt/configs"
	"portvakt/idp/application"
	"portvakt/idp/credential"
	"portvakt/idp/saml"
	"portvakt/internal/directory"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
	"portvakt/migrations"
)

type applyCommand struct {
	target
	File    string `short:"f" required:"" help:"The file to apply (YAML)." type:"path"`
	DryRun  bool   `help:"Only tell what would change, and who would gain or lose access."`
	Details bool   `help:"With --dry-run: name everybody whose access would change."`
	Dev     bool   `help:"Allow secrets in clear, for a database of serve --dev."`
}

// Run applies the file, through the process that serves the database if there is one.
func (c applyCommand) Run(w world) error {
	cfg, err := c.configuration(w)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(c.File)
	if err != nil {
		return mistake{err}
	}
	if c.Dev && cfg.Keys.Master == "" {
		cfg.Keys.Master = devMaster
	}
	cfg.Outgoing.AllowLoopback = cfg.Outgoing.AllowLoopback || c.Dev // as serve --dev does
	request := applyRequest{Name: c.File, Data: data, DryRun: c.DryRun, Details: c.Details}
	text, err := c.here(w, cfg, request)
	if errors.Is(err, errServed) {
		text, err = overSocket(w.ctx, socketPath(cfg.Database.URL), "apply", request)
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(w.stdout, text)
	return nil
}

// here applies the file in this process.
func (c applyCommand) here(w world, cfg Config, request applyRequest) (string, error) {
	secrets := fileSecrets
	if c.Dev {
		secrets = plainSecrets
	}
	file, err := parseFile(request.Name, request.Data, secrets)
	if err != nil {
		return "", err
	}
	keys, err := cfg.masterKeys()
	if err != nil {
		return "", mistakef("keys.master: %w", err)
	}
	db, err := openDatabase(w, sqldb.Config{URL: cfg.Database.URL, Vault: keys})
	if err != nil {
		return "", err
	}
	defer db.Close()
	if err := prepareTables(w.ctx, db.DB, runOf(request.DryRun)); err != nil {
		return "", err
	}
	h := &house{db: db.DB, dir: directory.New(db.DB).In(cfg.allows()), keys: keys}
	h.credentials = credential.New(db.DB, secret.NewPasswords(secret.DefaultParams), keys, nil, credential.Config{})
	return h.applyOrPlan(w.ctx, file, request)
}

// prepareTables brings the tables up to date. A dry run does so in an empty database only: to a database that serves, new
// tables are a change, and the programs that serve it may be older.
func prepareTables(ctx context.Context, db *sqldb.DB, run kindOfRun) error {
	if run == dryRun {
		pending, err := db.Pending(ctx, migrations.Files)
		if err != nil {
			return mistake{err}
		}
		if len(pending) > 0 && pending[0].Number > 1 {
			return mistakef("the database's tables are older than this program, and a dry run changes nothing; bring them up to date with: portvakt migrate")
		}
	}
	if _, err := db.Migrate(ctx, migrations.Files); err != nil {
		return mistake{err}
	}
	return nil
}

// secretsAllowed says whether passwords and secrets may stand in the file itself.
type secretsAllowed bool

const (
	plainSecrets secretsAllowed = true
	fileSecrets  secretsAllowed = false
)

// kindOfRun says whether anything is written.
type kindOfRun bool

const (
	realRun kindOfRun = false
	dryRun  kindOfRun = true
)

func runOf(dry bool) kindOfRun { return kindOfRun(dry) }

func parseFile(name string, data []byte, secrets secretsAllowed) (*seed.File, error) {
	return parseFrom(name, data, seed.Options{AllowPlainSecrets: bool(secrets), Folder: filepath.Dir(name)})
}

func parseFrom(name string, data []byte, o seed.Options) (*seed.File, error) {
	o.CheckApplication, o.CheckHash = application.Check, checkHash
	o.ReadMetadata, o.AttributeTemplates = readMetadata, saml.Templates()
	o.CheckTOTP = func(text string) error { _, err := credential.ParseSecret(text); return err }
	file, problems := seed.Parse(name, data, o)
	if len(problems) > 0 {
		return nil, problems
	}
	return file, nil
}

// applyOrPlan does what a request asks for.
func (h *house) applyOrPlan(ctx context.Context, file *seed.File, r applyRequest) (string, error) {
	if r.DryRun {
		return h.plan(ctx, file, namesTold(r.Details))
	}
	return h.apply(ctx, file)
}

// apply writes the file's wishes into the database and answers the report.
func (h *house) apply(ctx context.Context, file *seed.File) (string, error) {
	problems, err := file.Resolve(ctx, h.dir)
	if err != nil {
		return "", err
	}
	if len(problems) > 0 {
		return "", problems
	}
	report, err := seed.Apply(ctx, h.seedDeps(), file)
	return report.String(), err
}

func (h *house) seedDeps() seed.Deps {
	return seed.Deps{DB: h.db, Directory: h.dir, Hash: h.credentials.Hash, SetPassword: h.credentials.Set, SetTOTP: h.credentials.SetTOTP,
		SetInitial: func(ctx context.Context, tx *sqldb.Tx, user directory.UserID, hash string) error {
			return h.credentials.SetInitial(ctx, tx, credential.Initial{User: user, Hash: hash})
		},
		SetImported: bringSeeded(h.credentials),
		Enrolled: func(ctx context.Context, q sqldb.Queryer, user directory.UserID) (bool, bool, error) {
			has, err := h.credentials.Of(ctx, q, user)
			return has.Password, has.Code, err
		}}
}

// applyRequest serves the local socket.
func (h *house) applyRequest(dev bool) func(context.Context, applyRequest) (string, error) {
	return func(ctx context.Context, r applyRequest) (string, error) {
		file, err := parseFile(r.Name, r.Data, secretsAllowed(dev))
		if err != nil {
			return "", err
		}
		return h.applyOrPlan(ctx, file, r)
	}
}

// parseSeed reads what --dev loads at its start, before anything is opened; the demo application is added.
func parseSeed(o options) (*seed.File, error) {
	if o.seed == nil {
		return nil, nil
	}
	if o.seedName == demoSeed {
		return parseFrom(o.seedName, o.seed, seed.Options{AllowPlainSecrets: true, ReadFile: configs.ReadFile})
	}
	return parseFile(o.seedName, o.seed, plainSecrets)
}
