package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"

	"portvakt/internal/config"
	"portvakt/internal/httpserver"
	"portvakt/internal/mail"
)

// check finds what may not be, whatever the types say, so that all of it is told before anything is opened. source is the
// file's name, for the messages.
func (c *Config) check(source string) config.Problems {
	var problems config.Problems
	add := adder(&problems, source)
	if c.Issuer == "" {
		add("issuer is missing: the https address of the service")
	} else if err := checkIssuer(c.Issuer); err != nil {
		add("issuer: %v", err)
	}
	if c.Keys.Master == "" {
		add("keys.master is missing; make one with: portvakt keys new-master")
	} else if _, err := c.masterKeys(); err != nil {
		add("keys.master: %v", err)
	} else if c.hasDevMaster() {
		add("keys.master is the one of --dev, which everybody knows")
	}
	problems = append(problems, c.checkMail(source)...)
	return append(problems, c.checkValues(source)...)
}

// adder adds a problem of a source that has no lines to tell.
func adder(problems *config.Problems, source string) func(format string, args ...any) {
	return func(format string, args ...any) {
		*problems = append(*problems, config.Position{Source: source}.Problem(format, args...))
	}
}

// hasDevMaster compares the bytes: base64 has several texts for them.
func (c *Config) hasDevMaster() bool {
	raw, err := c.rawMaster()
	dev, _ := base64.StdEncoding.DecodeString(devMaster)
	return err == nil && bytes.Equal(raw, dev)
}

func (c *Config) checkMail(source string) config.Problems {
	var problems config.Problems
	add := adder(&problems, source)
	ca, err := readOptional(c.Mail.CAFile, "mail.ca_file")
	if err != nil {
		add("%v", err)
	}
	if _, err := mail.NewSMTP(c.smtp(ca)); err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") { // each begins with "mail: "
			add("%s", line)
		}
	}
	return problems
}

// checkValues looks at what has a default; --dev needs it right as well.
func (c *Config) checkValues(source string) config.Problems {
	var problems config.Problems
	add := adder(&problems, source)
	if name := c.Brand.Name; strings.TrimSpace(name) != name || name == "" || len(name) > 60 || strings.ContainsFunc(name, unicode.IsControl) {
		add("brand.name is 1 to 60 bytes on one line, without spaces around them")
	}
	if err := checkDatabase(c.Database.URL); err != nil {
		add("database.url: %v", err)
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"keys.rotate_every", c.Keys.RotateEvery}, {"sessions.idle", c.Sessions.Idle}, {"sessions.absolute", c.Sessions.Absolute},
		{"tokens.access", c.Tokens.Access}, {"tokens.refresh_idle", c.Tokens.RefreshIdle}, {"tokens.refresh_absolute", c.Tokens.RefreshAbsolute},
	} {
		if d.value < time.Minute {
			add("%s is shorter than a minute", d.name)
		}
	}
	if _, err := c.Passkeys.makers(time.Now()); err != nil {
		add("%v", err)
	}
	for _, origin := range c.Passkeys.RelatedOrigins {
		if err := checkIssuer(origin); err != nil { // an origin has the same form
			add("passkeys.related_origins: %v", err)
		}
	}
	if c.Tokens.Access > 24*time.Hour {
		add("tokens.access is longer than a day; access tokens are meant to be short")
	}
	for _, n := range []struct {
		name  string
		value int64
	}{
		{"database.max_connections", int64(c.Database.MaxConnections)}, {"server.max_header", int64(c.Server.MaxHeader)},
		{"server.max_body", c.Server.MaxBody}, {"outgoing.max_body", c.Outgoing.MaxBody},
	} {
		if n.value < 1 {
			add("%s is less than 1", n.name)
		}
	}
	if _, err := httpserver.New(c.Server, http.NotFoundHandler(), slog.New(slog.DiscardHandler)); err != nil {
		add("server: %v", err)
	}
	if _, err := c.outside(); err != nil {
		add("%v", err)
	}
	return append(problems, c.checkWords(source)...)
}

func (c *Config) checkWords(source string) config.Problems {
	var problems config.Problems
	add := adder(&problems, source)
	for _, w := range []struct{ name, value, allowed string }{
		{"log.level", c.Log.Level, "debug info warn error"}, {"log.format", c.Log.Format, "text json"},
	} {
		if !strings.Contains(" "+w.allowed+" ", " "+w.value+" ") {
			add("%s is %q; it can be: %s", w.name, w.value, w.allowed)
		}
	}
	return problems
}

var scheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]+:`)

// checkDatabase keeps a misspelt URL from being taken for a file's path. It does not repeat it, since it may hold a
// password.
func checkDatabase(url string) error {
	switch {
	case url == "":
		return errors.New("it is empty")
	case isPostgres(url), strings.HasPrefix(url, "sqlite:"), !scheme.MatchString(url):
		return nil
	}
	return errors.New("it must be postgres://… or the path of a SQLite file")
}

// checkIssuer wants https, or http on this machine: RFC 8414 §2, and no query, fragment or trailing slash. Applications
// compare the issuer letter by letter, so it has one form only.
func checkIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	switch {
	case err != nil || u.Hostname() == "" || u.User != nil || strings.ContainsAny(issuer, "?#"):
		return fmt.Errorf("%q is not an address like https://id.example.com", issuer)
	case u.Path != "":
		return errors.New("the address has no path and no slash at its end")
	case issuer != strings.ToLower(issuer):
		return errors.New("the address is written in small letters")
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && isLoopback(u.Hostname()):
		return nil
	}
	return fmt.Errorf("%s must be https; plain http works on localhost only", issuer)
}
