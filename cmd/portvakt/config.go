package main

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"portvakt/internal/config"
	"portvakt/internal/httpserver"
	"portvakt/internal/mail"
	"portvakt/internal/outgoing"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
)

// Config is every option of the service. configs/example.yaml is generated from it.
type Config struct {
	Issuer    string            `yaml:"issuer" doc:"The address under which people and applications reach the service. Every link and token carries it; it never changes." example:"https://id.example.com"`
	Brand     BrandConfig       `yaml:"brand" doc:"How the installation shows itself where no organization does."`
	Server    httpserver.Config `yaml:"server" doc:"The listener."`
	Database  DatabaseConfig    `yaml:"database" doc:"Where everything is kept."`
	Keys      KeysConfig        `yaml:"keys" doc:"The keys that protect the database's secrets and sign tokens."`
	Mail      MailConfig        `yaml:"mail" doc:"The mail server that setup links, invitations and notices go through."`
	Outgoing  OutgoingConfig    `yaml:"outgoing" doc:"Requests that the service itself makes, such as back-channel logout."`
	Sessions  SessionsConfig    `yaml:"sessions" doc:"How long people stay signed in."`
	Passkeys  PasskeysConfig    `yaml:"passkeys" doc:"Passkeys and security keys. They belong to the issuer's domain; under an IP address there are none."`
	Passwords PasswordsConfig   `yaml:"passwords" doc:"What passwords are checked by when they are chosen."`
	Tokens    TokensConfig      `yaml:"tokens" doc:"How long tokens work."`
	SAML      SAMLConfig        `yaml:"saml" doc:"What the metadata of the SAML 2.0 identity provider says."`
	Metrics   MetricsConfig     `yaml:"metrics" doc:"The listener for metrics."`
	Log       LogConfig         `yaml:"log" doc:"What is logged, to standard error."`
}

// BrandConfig says how the installation shows itself.
type BrandConfig struct {
	Name string `yaml:"name" doc:"Its name, in the titles of pages, above them, in mails and in authenticator apps." example:"Nordlys ID"`
}

// DatabaseConfig says where everything is kept.
type DatabaseConfig struct {
	URL            string `yaml:"url" doc:"postgres://… for PostgreSQL, or the path of a SQLite file." example:"postgres://portvakt@db.example.com/portvakt"`
	MaxConnections int    `yaml:"max_connections" doc:"Connections to PostgreSQL, or readers of the SQLite file."`
}

// KeysConfig holds the master key and how signing keys live.
type KeysConfig struct {
	Master      secret.Text   `yaml:"master" doc:"The master key: 32 random bytes in base64, as made by \"portvakt keys new-master\". Keep a copy: without it the database's secrets are lost." example:"\"\""`
	RotateEvery time.Duration `yaml:"rotate_every" doc:"How often new signing keys take over."`
}

// MailConfig says how mail leaves.
type MailConfig struct {
	Host     string      `yaml:"host" doc:"The mail server." example:"smtp.example.com"`
	Port     int         `yaml:"port" doc:"Its port; 0 takes the usual one of the mode."`
	TLS      string      `yaml:"tls" doc:"starttls, tls, or none (this machine only)."`
	User     string      `yaml:"user" doc:"User name at the mail server; empty for none." example:"portvakt"`
	Password secret.Text `yaml:"password" doc:"Password at the mail server." example:"\"\""`
	From     string      `yaml:"from" doc:"The sender's address." example:"no-reply@id.example.com"`
	FromName string      `yaml:"from_name" doc:"The sender's name; empty for brand.name."`
	CAFile   string      `yaml:"ca_file" doc:"Certificates (PEM file) that the mail server's must come from, instead of the system's." example:"/etc/portvakt/mail-ca.pem"`
}

// OutgoingConfig says where the service itself may go.
type OutgoingConfig struct {
	outgoing.Config `yaml:",inline"`
	CAFile          string `yaml:"ca_file" doc:"Further certificates (PEM file) that are trusted." example:"/etc/portvakt/ca.pem"`
}

// SessionsConfig says how long people stay signed in.
type SessionsConfig struct {
	Idle     time.Duration `yaml:"idle" doc:"A session ends after so long without use."`
	Absolute time.Duration `yaml:"absolute" doc:"A session ends after so long in any case."`
}

// PasskeysConfig says where passkeys work, and whose are told from others.
type PasskeysConfig struct {
	Metadata       string   `yaml:"metadata" doc:"The FIDO Alliance's signed metadata (MDS3 blob) as a file; with it organizations can ask for attested keys. Nothing is fetched." example:"/etc/portvakt/mds.blob"`
	MetadataRoot   string   `yaml:"metadata_root" doc:"The root certificate (PEM file) that signs it, instead of the FIDO Alliance's." example:"/etc/portvakt/mds-root.pem"`
	RelatedOrigins []string `yaml:"related_origins" doc:"Further origins of yours whose pages may use the issuer's passkeys; they are told at /.well-known/webauthn." example:"[https://id.example.org]"`
}

// TokensConfig says how long tokens work.
type TokensConfig struct {
	Access          time.Duration `yaml:"access" doc:"Access tokens and ID tokens."`
	RefreshIdle     time.Duration `yaml:"refresh_idle" doc:"A refresh token ends after so long without use."`
	RefreshAbsolute time.Duration `yaml:"refresh_absolute" doc:"A refresh token and what it was renewed into end after so long in any case."`
}

// MetricsConfig is the listener for metrics.
type MetricsConfig struct {
	Addr string `yaml:"addr" doc:"Address of the metrics listener (/metrics); empty for none. Keep it private."`
}

// LogConfig says what is logged.
type LogConfig struct {
	Level  string `yaml:"level" doc:"debug, info, warn or error."`
	Format string `yaml:"format" doc:"text or json."`
}

func defaults() Config {
	return Config{
		Server:   withAddr(httpserver.DefaultConfig(), ":8080"),
		Database: DatabaseConfig{URL: "data/portvakt.db", MaxConnections: 16},
		Keys:     KeysConfig{RotateEvery: 90 * 24 * time.Hour},
		Brand:    BrandConfig{Name: "Portvakt"},
		Mail:     MailConfig{TLS: "starttls"},
		Outgoing: OutgoingConfig{Config: outgoing.DefaultConfig()},
		Sessions: SessionsConfig{Idle: 8 * time.Hour, Absolute: 24 * time.Hour},
		Tokens:   TokensConfig{Access: 10 * time.Minute, RefreshIdle: 30 * 24 * time.Hour, RefreshAbsolute: 90 * 24 * time.Hour},
		Metrics:  MetricsConfig{Addr: "127.0.0.1:9090"},
		Log:      LogConfig{Level: "info", Format: "text"},
	}
}

func withAddr(c httpserver.Config, addr string) httpserver.Config {
	c.Addr = addr
	return c
}

// load reads the file (if any) and the environment over the defaults; every mistake of both is reported.
func load(path string, environ []string) (Config, config.Problems) {
	cfg := defaults()
	var problems config.Problems
	if path != "" {
		problems = config.DecodeFile(path, &cfg)
	}
	return cfg, append(problems, config.Env("PORTVAKT", environ, &cfg)...)
}

func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.IsLoopback()
}

func loopbackAddr(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	return err == nil && host != "" && isLoopback(host)
}

func (c *Config) masterKeys() (*secret.Keys, error) {
	raw, err := c.rawMaster()
	if err != nil {
		return nil, err
	}
	return secret.NewKeys(raw)
}

// vault is the master key for tools that can do without: what needs it then fails.
func (c *Config) vault() sqldb.Vault {
	keys, err := c.masterKeys()
	if err != nil {
		return nil
	}
	return keys
}

func (c *Config) rawMaster() ([]byte, error) {
	text := strings.TrimSpace(c.Keys.Master.Reveal())
	if text == "" {
		return nil, errors.New("it is missing; make one with: portvakt keys new-master")
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("it is not base64")
	}
	return raw, nil
}

func (c *Config) smtp(ca []byte) mail.SMTPConfig {
	return mail.SMTPConfig{
		Host: c.Mail.Host, Port: c.Mail.Port, User: c.Mail.User, Password: c.Mail.Password, From: c.Mail.From,
		FromName: cmp.Or(c.Mail.FromName, c.Brand.Name), TLS: mail.TLSMode(c.Mail.TLS), CA: ca,
	}
}

func readOptional(path, option string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, mistakef("%s: %w", option, err)
	}
	return b, nil
}

type configCommand struct {
	Check   configCheckCommand   `cmd:"" help:"Check a file and the environment; every mistake is reported."`
	Example configExampleCommand `cmd:"" help:"Print every option with its explanation and default."`
}

type configCheckCommand struct {
	File string `arg:"" optional:"" help:"The configuration file."`
}

// Run checks a configuration without starting anything.
func (c configCheckCommand) Run(w world) error {
	cfg, problems := load(c.File, w.environ)
	if problems = append(problems, cfg.check(c.File)...); len(problems) > 0 {
		return problems
	}
	fmt.Fprintln(w.stdout, "The configuration is fine.")
	return nil
}

type configExampleCommand struct{}

// Run prints the example file.
func (configExampleCommand) Run(w world) error {
	_, err := w.stdout.Write(config.Example(defaults()))
	return err
}
