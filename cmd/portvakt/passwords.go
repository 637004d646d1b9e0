package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"portvakt/idp/credential"
	"portvakt/internal/breached"
	"portvakt/internal/config"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// PasswordsConfig is what passwords are checked by when they are chosen.
type PasswordsConfig struct {
	BreachedFile string `yaml:"breached_file" doc:"A file of passwords from data breaches, made by \"portvakt passwords filter\"; nobody can choose one of them. Empty for none." example:"/var/lib/portvakt/breached.filter"`
}

// open opens the file of breached passwords; nil where there is none.
func (c PasswordsConfig) open() (*breached.Filter, error) {
	if c.BreachedFile == "" {
		return nil, nil
	}
	f, err := breached.Open(c.BreachedFile)
	if err != nil {
		return nil, config.Problems{config.Position{Source: "passwords.breached_file"}.Problem("%s: %v", c.BreachedFile, err)}
	}
	return f, nil
}

// known asks the file. What cannot be read any more counts as not listed: nobody is kept from choosing a password.
func known(f *breached.Filter, log *slog.Logger) func(password string) bool {
	if f == nil {
		return nil
	}
	return func(password string) bool {
		has, err := f.Has(password)
		if err != nil {
			log.Error("the file of breached passwords cannot be read", "error", err)
		}
		return has
	}
}

type passwordsCommand struct {
	Filter filterCommand `cmd:"" help:"Make a file of breached passwords, for passwords.breached_file, of public lists."`
}

type filterCommand struct {
	Output string   `short:"o" required:"" help:"The file to make." type:"path" placeholder:"FILE"`
	Input  []string `arg:"" help:"Lists: lines of SHA-1 in hexadecimal, alone or with :COUNT behind, or passwords. - reads the standard input."`
}

// Run makes the file. It appears at once, so that a service can be started with it at any time.
func (c filterCommand) Run(w world) error {
	to, err := breached.Create(c.Output)
	if err != nil {
		return mistake{err}
	}
	for _, name := range c.Input {
		if err := readList(to, name); err != nil {
			return errors.Join(mistakef("%s: %w", name, err), to.Close())
		}
	}
	n, err := to.Finish()
	if err != nil {
		return err
	}
	info, err := os.Stat(c.Output)
	if err != nil {
		return err
	}
	fmt.Fprintf(w.stdout, "%d passwords in %s, %.1f MB\n", n, c.Output, float64(info.Size())/1e6)
	return nil
}

func readList(to *breached.Writer, name string) error {
	if name == "-" {
		return to.Read(os.Stdin)
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(to.Read(io.Reader(f)), f.Close())
}

// bringPassword stores a password that comes along with an import of the home organization's people.
func bringPassword(c *credential.Credentials) func(context.Context, *sqldb.Tx, directory.OrganizationID, directory.UserID, string) error {
	return func(ctx context.Context, tx *sqldb.Tx, org directory.OrganizationID, user directory.UserID, hash string) error {
		_, err := c.SetImported(ctx, tx, credential.Imported{User: user, Hash: hash, By: org})
		return err
	}
}

// bringSeeded stores a password that comes along with the installation's own file.
func bringSeeded(c *credential.Credentials) func(context.Context, *sqldb.Tx, directory.UserID, string) error {
	return func(ctx context.Context, tx *sqldb.Tx, user directory.UserID, text string) error {
		hash, err := credential.ReadHash(text)
		if err == nil {
			_, err = c.SetImported(ctx, tx, credential.Imported{User: user, Hash: hash})
		}
		return err
	}
}

// checkHash judges a password hash of a file.
func checkHash(text string) error {
	_, err := credential.ReadHash(text)
	return err
}
