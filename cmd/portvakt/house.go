package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"portvakt/authz"
	"portvakt/authz/authzen"
	"portvakt/idp/account"
	"portvakt/idp/application"
	"portvakt/idp/bearer"
	"portvakt/idp/credential"
	"portvakt/idp/interaction"
	"portvakt/idp/oidc"
	"portvakt/idp/saml"
	"portvakt/idp/session"
	"portvakt/idp/signing"
	"portvakt/idp/token"
	idpweb "portvakt/idp/web"
	"portvakt/internal/api"
	"portvakt/internal/audit"
	"portvakt/internal/console"
	"portvakt/internal/directory"
	"portvakt/internal/httpserver"
	"portvakt/internal/mail"
	"portvakt/internal/notice"
	"portvakt/internal/outbox"
	"portvakt/internal/outgoing"
	"portvakt/internal/ratelimit"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
	"portvakt/internal/web"
	"portvakt/scim"
)

// house is everything that serves, put together: the one place where the rooms meet.
type house struct {
	log         *slog.Logger
	db          *sqldb.DB
	clock       *devClock
	keys        *secret.Keys
	dir         *directory.Directory
	events      *outbox.Outbox
	sealer      *audit.Sealer
	limits      *ratelimit.Limiter
	ring        *signing.Ring
	clients     *application.Clients
	credentials *credential.Credentials
	sessions    *session.Sessions
	tokens      *token.Service
	talks       *interaction.Service
	accounts    *account.Account
	notices     *notice.Notices
	reminded    time.Time    // when remindEnding last did
	erased      atomic.Int64 // when somebody was last erased, or else the start: what db.Elapsed said
	engine      *authz.Engine
	oidc        *oidc.Handler
	saml        *saml.Handler
	scim        *scim.Handler
	api         *api.Handler
	access      *authzen.Handler
	console     *console.Console
	renderer    *web.Renderer
	pages       *idpweb.Pages
	mails       *mail.Captured // under --dev alone
	outside     *outgoing.Client
	refresher   *saml.Refresher
}

// build puts the house together over an open, migrated database. Nothing runs yet.
func build(ctx context.Context, o *options, db *sqldb.DB, clock *devClock, log *slog.Logger) (*house, error) {
	h := &house{log: log, db: db, clock: clock, dir: directory.New(db).In(o.allows()), events: outbox.New(db, log), limits: ratelimit.New(db)}
	h.engine = authz.New(h.dir.Access, authz.Config{DB: db})
	var err error
	if h.keys, err = o.masterKeys(); err != nil {
		return nil, mistakef("keys.master: %w", err)
	}
	if h.outside, err = o.outside(); err != nil {
		return nil, err
	}
	h.refresher = saml.NewRefresher(db, h.dir, h.outside, log)
	ring := signing.DefaultConfig()
	ring.RotateEvery = o.Keys.RotateEvery
	if h.ring, err = signing.Open(ctx, db, h.keys, ring, log); err != nil {
		return nil, mistake{err}
	}
	h.buildHistory(o)
	if err := h.buildPages(o); err != nil {
		return nil, err
	}
	if err := h.buildSignIn(o); err != nil {
		return nil, err
	}
	if err := h.buildSAML(o); err != nil {
		return nil, err
	}
	h.buildAPI(o)
	if err := h.buildAuthZEN(o); err != nil {
		return nil, err
	}
	if h.scim, err = scim.New(scim.Config{Directory: h.dir, DB: db, BaseURL: o.Issuer + "/scim/v2", Keys: h.keys,
		Tokens: scimTokens{bearer.New(db, h.tokens, h.clients)}, Log: log}); err != nil {
		return nil, err
	}
	return h, nil
}

// allows is what the installation lets organizations set for themselves.
func (c *Config) allows() directory.Installation {
	return directory.Installation{Idle: c.Sessions.Idle, Session: c.Sessions.Absolute, Attested: c.Passkeys.Metadata != "",
		Local: c.Outgoing.AllowLoopback}
}

func (h *house) buildPages(o *options) (err error) {
	h.renderer, err = web.New(web.Config{Name: o.Brand.Name, Issuer: o.Issuer, Locales: []fs.FS{idpweb.Locales(), console.Locales()}, Log: h.log,
		RequestID: func(r *http.Request) string { return httpserver.RequestID(r.Context()) }})
	if err != nil {
		return err
	}
	h.pages, err = idpweb.New(h.renderer)
	return err
}

func (c *Config) outside() (*outgoing.Client, error) {
	ca, err := readOptional(c.Outgoing.CAFile, "outgoing.ca_file")
	if err != nil {
		return nil, err
	}
	cfg := c.Outgoing.Config
	cfg.ExtraCA = ca
	client, err := outgoing.New(cfg)
	if err != nil {
		return nil, mistakef("outgoing: %w", err)
	}
	return client, nil
}

// sender is who takes mail out of the house: the mail server, or under --dev the database.
func (h *house) sender(o *options) (mail.Sender, error) {
	if o.dev && o.Mail.Host == "" {
		h.mails = mail.NewCaptured(h.db)
		return h.mails, nil
	}
	ca, err := readOptional(o.Mail.CAFile, "mail.ca_file")
	if err != nil {
		return nil, err
	}
	return mail.NewSMTP(o.smtp(ca))
}

// work is what runs beside the requests until ctx ends; it answers when all of it has stopped.
func (h *house) work(ctx context.Context) {
	var group sync.WaitGroup
	group.Go(func() { h.db.Watermarks().Run(ctx) })
	group.Go(func() { h.engine.Run(ctx) })
	group.Go(func() { h.engine.RunRecalculations(ctx, h.log) })
	group.Go(func() { h.ring.Run(ctx) })
	group.Go(func() { h.tokens.Run(ctx, h.log) })
	group.Go(func() { h.clients.Run(ctx, h.log) })
	group.Go(func() { h.scim.Run(ctx) })
	group.Go(func() { h.logged("outbox", h.events.Run(ctx)) })
	group.Go(func() { h.sealer.Run(ctx) })
	group.Go(func() { h.logged("sessions", h.sessions.Run(ctx)) })
	group.Go(func() { h.every(ctx, time.Second, "announce ended memberships", h.announceEnded) })
	group.Go(func() { h.every(ctx, time.Second, "remind of ends", h.remindEnding) })
	group.Go(func() { h.every(ctx, unansweredEvery, "announce unanswered invitations", h.announceUnanswered) })
	group.Go(func() { h.every(ctx, samlEvery, "read metadata of service providers", h.refreshSAML) })
	group.Go(func() { h.every(ctx, 10*time.Minute, "purge", h.purge) })
	group.Go(func() { h.every(ctx, scrubEvery, "take what was erased out of the files", h.scrub) })
	group.Wait()
}

func (h *house) logged(what string, err error) {
	if err != nil {
		h.log.Error("stopped", "what", what, "error", err)
	}
}

// every calls f now and then; a failure is logged and tried again, since nothing that must hold depends on it.
func (h *house) every(ctx context.Context, pause time.Duration, what string, f func(context.Context) error) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		if err := f(ctx); err != nil && ctx.Err() == nil {
			h.log.Error("failed", "what", what, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (h *house) announceEnded(ctx context.Context) error {
	_, err := h.dir.Memberships.AnnounceEnded(ctx)
	return err
}

// remindEnding does its work once a minute of the domain's clock. One node does it at a time, to spare the others the
// reading; each reminder is noted once even so.
func (h *house) remindEnding(ctx context.Context) error {
	now := h.db.Now()
	if now.Sub(h.reminded) < time.Minute {
		return nil
	}
	mine, err := h.db.Lease(ctx, "remind", secret.NewToken(), time.Second)
	if err != nil || !mine {
		return err
	}
	h.reminded = now
	if _, err = h.dir.Memberships.RemindEnding(ctx); err != nil {
		return err
	}
	_, err = h.dir.ProvisioningClients.TellEnding(ctx)
	return err
}

// unansweredEvery is how often invitations are looked for whose people are to be reminded.
const unansweredEvery = 5 * time.Second

// announceUnanswered is one node's work at a time; who claims an invitation claims it alone in any case.
func (h *house) announceUnanswered(ctx context.Context) error {
	mine, err := h.db.Lease(ctx, "unanswered invitations", secret.NewToken(), unansweredEvery-time.Second)
	if err != nil || !mine {
		return err
	}
	_, err = h.dir.Invitations.AnnounceUnanswered(ctx)
	return err
}

func (h *house) purge(ctx context.Context) error {
	mine, err := h.db.Lease(ctx, "purge", secret.NewToken(), time.Minute)
	if err != nil || !mine {
		return err
	}
	if err := errors.Join(h.limits.Purge(ctx), h.credentials.Purge(ctx), h.saml.Purge(ctx)); err != nil {
		return err
	}
	if _, err := h.talks.Purge(ctx); err != nil {
		return err
	}
	if _, err := h.accounts.Purge(ctx); err != nil {
		return err
	}
	if _, err := h.credentials.PurgeDevices(ctx); err != nil {
		return err
	}
	if _, err := h.clients.Purge(ctx); err != nil {
		return err
	}
	if _, err := h.credentials.PurgeChallenges(ctx); err != nil {
		return err
	}
	if err := h.dir.ProvisioningLog.Purge(ctx); err != nil {
		return err
	}
	_, err = h.sessions.Purge(ctx)
	return err
}

// close writes what the last requests have left to write, and closes the database.
func (h *house) close() {
	if h.scim != nil {
		ctx, cancel := context.WithTimeout(context.Background(), lastWords)
		defer cancel()
		if err := h.scim.FlushLog(ctx); err != nil {
			h.log.Warn("the last requests of provisioning clients were not recorded", "error", err)
		}
	}
	h.db.Close()
}

// lastWords is how long stopping waits for a database that does not answer.
const lastWords = 3 * time.Second
