package main

import (
	"cmp"
	"context"
	"net/url"

	"portvakt/idp/account"
	"portvakt/idp/application"
	"portvakt/idp/credential"
	"portvakt/idp/gate"
	"portvakt/idp/interaction"
	"portvakt/idp/oidc"
	"portvakt/idp/session"
	"portvakt/idp/token"
	"portvakt/internal/mail"
	"portvakt/internal/notice"
	"portvakt/internal/outgoing"
	"portvakt/internal/secret"
)

// buildSignIn puts the sign-in conversation and the tokens together, from the ground up.
func (h *house) buildSignIn(o *options) (err error) {
	h.clients = application.NewClients(h.db, h.dir)
	h.clients.ReadKeysBy(h.outside, h.log)
	door := gate.New(h.dir)
	listed, err := o.Passwords.open() // for as long as the process runs
	if err != nil {
		return err
	}
	makers, err := o.Passkeys.makers(h.db.Now())
	if err != nil {
		return err
	}
	h.credentials = credential.New(h.db, secret.NewPasswords(cmp.Or(o.hashing, secret.DefaultParams)), h.keys, h.limits, credential.Config{
		Breached: known(listed, h.log), Issuer: o.Issuer, RelatedOrigins: o.Passkeys.RelatedOrigins, Makers: stale(makers, h.db.Now(), h.log),
	})
	h.sessions, err = session.New(h.db, session.Config{Issuer: o.Issuer, Idle: o.Sessions.Idle, Absolute: o.Sessions.Absolute}, h.log)
	if err != nil {
		return err
	}
	forms := session.NewForms(h.keys)
	lifetimes := token.DefaultConfig()
	lifetimes.Issuer, lifetimes.Access = o.Issuer, o.Tokens.Access
	lifetimes.RefreshIdle, lifetimes.RefreshTotal = o.Tokens.RefreshIdle, o.Tokens.RefreshAbsolute
	h.tokens = token.New(token.Parts{DB: h.db, Directory: h.dir, Gate: door, Ring: h.ring, Keys: h.keys,
		Claims: claims{h.engine}, SIDs: oidc.SIDs(h.sessions)}, lifetimes)
	devMail := ""
	if o.dev && o.Mail.Host == "" {
		devMail = o.Issuer + "/dev/mail"
	}
	h.talks = interaction.New(interaction.Deps{DB: h.db, Directory: h.dir, Clients: h.clients, Credentials: h.credentials,
		Sessions: h.sessions, Forms: forms, Gate: door, Pages: h.pages, Log: h.log}, interaction.Config{DevMail: devMail, Name: o.installationName()})
	if err := h.buildAccount(o, forms, devMail); err != nil {
		return err
	}
	if err := h.buildConsole(forms); err != nil {
		return err
	}
	h.oidc, err = oidc.New(oidc.Deps{DB: h.db, Clients: h.clients, Tokens: h.tokens, Ring: h.ring, Sessions: h.sessions, Forms: forms,
		Interactions: h.talks, Pages: h.pages, Poster: poster{h.outside}, Log: h.log, Issuer: o.Issuer})
	if err != nil {
		return err
	}
	h.sessions.Subscribe(h.events)
	h.accounts.Subscribe(h.events)
	h.oidc.Subscribe(h.events)
	h.subscribeErasure()
	h.notices.Subscribe(h.events)
	return nil
}

func (h *house) buildAccount(o *options, forms *session.Forms, devMail string) error {
	sender, err := h.sender(o)
	if err != nil {
		return err
	}
	texts, err := mail.NewTexts()
	if err != nil {
		return err
	}
	texts = texts.Named(o.Brand.Name)
	h.accounts = account.New(account.Deps{DB: h.db, Directory: h.dir, Credentials: h.credentials, Sessions: h.sessions, Forms: forms,
		Interactions: h.talks, Pages: h.pages, Limiter: h.limits, Texts: texts, Sender: sender, Log: h.log},
		account.Config{Issuer: o.Issuer, DevMail: devMail, Name: o.installationName()})
	h.notices = notice.New(notice.Deps{DB: h.db, Directory: h.dir, Texts: texts, Sender: sender})
	return nil
}

// installationName is what authenticator apps show beside the person's address: who has accounts at two installations must
// know which is which. Where the operator has chosen no name of its own, the host says it.
func (o *options) installationName() string {
	if o.Brand.Name != defaults().Brand.Name {
		return o.Brand.Name
	}
	if u, err := url.Parse(o.Issuer); err == nil && u.Hostname() != "localhost" {
		return u.Hostname()
	}
	return ""
}

// poster sends logout tokens through the guarded client.
type poster struct{ client *outgoing.Client }

// PostForm answers the status that the application gave.
func (p poster) PostForm(ctx context.Context, target string, values url.Values) (int, error) {
	res, err := p.client.PostForm(ctx, target, values)
	if err != nil {
		return 0, err
	}
	return res.Status, nil
}
