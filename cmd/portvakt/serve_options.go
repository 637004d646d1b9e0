package main

import (
	"net"
	"os"
	"path/filepath"

	"portvakt/configs"
	"portvakt/internal/config"
	"portvakt/internal/secret"
)

// serveCommand are the flags of serve. Without --dev everything comes from the configuration file and the environment;
// the flags are for development and tests.
type serveCommand struct {
	Config     string `help:"Configuration file (YAML)." placeholder:"FILE" type:"path"`
	Dev        bool   `help:"Development: embedded database, demo data, captured mail, on this machine only."`
	Addr       string `help:"Address to listen on; port 0 takes a free one." placeholder:"HOST:PORT"`
	DemoAddr   string `help:"Address of the demo application (--dev)." placeholder:"HOST:PORT"`
	Data       string `help:"Folder of the embedded database (--dev)." placeholder:"DIR" type:"path"`
	Database   string `help:"postgres://… or the path of a SQLite file." placeholder:"URL"`
	Seed       string `help:"Seed file instead of the demo data (--dev)." placeholder:"FILE" type:"path"`
	Issuer     string `help:"Address under which the service is reached." placeholder:"URL"`
	ReadyFile  string `help:"File that gets host:port when the service is ready." placeholder:"FILE" type:"path"`
	TLS        bool   `help:"Serve https with a certificate of an own CA in the data folder (--dev)." name:"tls"`
	OutgoingCA string `help:"Further certificates (PEM file) trusted in outgoing requests." placeholder:"FILE" name:"outgoing-ca" type:"path"`
}

// options is a checked configuration with what only a start knows.
type options struct {
	Config
	dev      bool
	tls      bool
	data     string // folder of the embedded database
	demoAddr string // "" for no demo application
	seedName string
	seed     []byte // nil for none
	ready    string
	hashing  secret.Params // zero: secret.DefaultParams
}

// devMaster is the constant master key of --dev: a database of a development instance protects nothing.
const devMaster = "cG9ydHZha3QgZGV2ZWxvcG1lbnQgbWFzdGVyIGtleSE="

// demoSeed is how the demo data that are built in are called in messages.
const demoSeed = "configs/demo.yaml (built in)"

func (c *serveCommand) options(environ []string) (options, error) {
	cfg, problems := load(c.Config, environ)
	o := options{Config: cfg, dev: c.Dev, tls: c.TLS, ready: c.ReadyFile, data: "data"}
	if c.Data != "" {
		o.data = c.Data
	}
	override(&o.Server.Addr, c.Addr)
	override(&o.Issuer, c.Issuer)
	override(&o.Outgoing.CAFile, c.OutgoingCA)
	if c.Dev {
		problems = append(problems, c.develop(&o)...)
	} else {
		for flag, set := range map[string]bool{"--demo-addr": c.DemoAddr != "", "--seed": c.Seed != "", "--tls": c.TLS, "--data": c.Data != ""} {
			if set {
				problems = append(problems, config.Position{Source: flag}.Problem("works with --dev only"))
			}
		}
	}
	override(&o.Database.URL, c.Database)
	if c.Dev {
		problems = append(problems, o.Config.checkValues(source(c.Config))...)
		if o.Mail.Host != "" {
			problems = append(problems, o.Config.checkMail(source(c.Config))...)
		}
	} else {
		problems = append(problems, o.Config.check(source(c.Config))...)
	}
	if len(problems) > 0 {
		return o, problems
	}
	return o, nil
}

func source(file string) string {
	if file == "" {
		return "configuration"
	}
	return file
}

func override(option *string, flag string) {
	if flag != "" {
		*option = flag
	}
}

// develop fills in what --dev brings. Database, master key and metrics of a file or the environment do not count: a
// configuration of production must not meet demo data.
func (c *serveCommand) develop(o *options) config.Problems {
	var problems config.Problems
	if o.Server.Addr == defaults().Server.Addr {
		o.Server.Addr = "127.0.0.1:8080"
	}
	o.demoAddr = "127.0.0.1:9000"
	override(&o.demoAddr, c.DemoAddr)
	for flag, addr := range map[string]string{"--addr": o.Server.Addr, "--demo-addr": o.demoAddr} {
		if !loopbackAddr(addr) {
			problems = append(problems, config.Position{Source: flag}.Problem(
				"%s is not an address of this machine only, like 127.0.0.1:8080; --dev must not be reachable from outside", addr))
		}
	}
	if o.Issuer != "" {
		if err := checkIssuer(o.Issuer); err != nil {
			problems = append(problems, config.Position{Source: "--issuer"}.Problem("%v", err))
		}
	}
	o.Keys.Master = devMaster
	o.Outgoing.AllowLoopback = true
	o.Metrics.Addr = ""
	o.Database.URL = filepath.Join(o.data, "portvakt.db")
	o.seedName, o.seed = demoSeed, configs.Demo
	if c.Seed != "" {
		data, err := os.ReadFile(c.Seed)
		if err != nil {
			return append(problems, config.Position{Source: c.Seed}.Problem("cannot be read: %v", err))
		}
		o.seedName, o.seed = c.Seed, data
	}
	return problems
}

// localURL is the address of a listener of --dev as a browser on this machine types it. WebAuthn wants the name.
func localURL(addr net.Addr, https bool) string {
	scheme := "http"
	if https {
		scheme = "https"
	}
	_, port, _ := net.SplitHostPort(addr.String())
	return scheme + "://localhost:" + port
}
