package account

import (
	"context"
	"encoding/json"
	"errors"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/mail"
	"portvakt/internal/outbox"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
)

// mailEmailChange writes to the address that a person wants to sign in with: with a link where it can be had, and without
// one where it is another person's or an organization's to give. The link's token exists in this function alone.
func (a *Account) mailEmailChange(ctx context.Context, e outbox.Event) error {
	var about emailEvent
	if err := json.Unmarshal(e.Data, &about); err != nil {
		return err
	}
	id, err := sqldb.ParseID[emailChangePrefix](about.Change)
	if err != nil {
		return err
	}
	u, st, at, err := a.told(ctx, e)
	if err != nil {
		return gone(err)
	}
	token := secret.NewToken()
	var c emailChange
	free := false
	err = a.db.Update(ctx, func(tx *sqldb.Tx) (err error) {
		if c, err = armConfirm(ctx, tx, id, secret.HashToken(token)); err != nil {
			return err
		}
		users := a.dir.WithTx(tx).Users
		ruler, err := users.MayMove(ctx, c.new)
		if err != nil {
			return err
		}
		_, err = users.ByEmail(ctx, c.new)
		if free = ruler.IsZero() && fault.Is(err, fault.NotFound); free {
			return nil
		}
		return gone(err) // the row stays as it is: the person's page must not tell either
	})
	if errors.Is(err, errUnknownLink) { // taken back, or asked for again, meanwhile
		return nil
	}
	if err != nil {
		return err
	}
	m := mail.AccountMail{Recipient: recipient(u, st), Kind: mail.AccountEmailConfirm, At: at, Old: u.Email.Address, Link: a.cfg.Issuer + pathEmailConfirm + "?token=" + token,
		ValidFor: confirmValid}
	if !free {
		m.Kind, m.Name, m.Organization, m.Old, m.Link = mail.AccountEmailUnusable, "", "", "", "" // whoever reads it may be somebody else
	}
	m.To = c.new.Address
	return a.sender.Send(ctx, a.texts.Account(m))
}

// tellEmailChanged tells both the old and the new address. Where the person changed it, the old one gets a way back.
func (a *Account) tellEmailChanged(ctx context.Context, e outbox.Event) error {
	u, st, at, err := a.told(ctx, e)
	if err != nil {
		return gone(err)
	}
	var about directory.UserEvent
	if err := json.Unmarshal(e.Data, &about); err != nil {
		return err
	}
	m := mail.EmailChanged{Recipient: recipient(u, st), At: at, Old: about.Old, New: about.New}
	undo := mail.AccountMail{Recipient: m.Recipient, Kind: mail.AccountEmailUndo, At: at, Old: about.Old, New: about.New, ValidFor: undoValid}
	undo.To = about.Old
	if undo.Link, err = a.wayBack(ctx, u.ID, about); err != nil {
		return err
	}
	for _, address := range []string{about.Old, about.New} {
		text := a.texts.Account(undo)
		if address != about.Old || undo.Link == "" {
			m.To = address
			text = a.texts.EmailChanged(m)
		}
		if err := a.sender.Send(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

// wayBack makes the link that undoes a change which the person made; "" where there is nothing to undo.
func (a *Account) wayBack(ctx context.Context, user directory.UserID, about directory.UserEvent) (string, error) {
	if about.Reason != directory.ReasonOwn {
		return "", nil
	}
	c, err := a.confirmedChange(ctx, user, about.Old, about.New)
	if errors.Is(err, errUnknownLink) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	token := secret.NewToken()
	err = a.db.Update(ctx, func(tx *sqldb.Tx) error { return armUndo(ctx, tx, c.id, secret.HashToken(token)) })
	if errors.Is(err, errUnknownLink) {
		return "", nil
	}
	return a.cfg.Issuer + pathEmailUndo + "?token=" + token, err
}

// tellOwn writes a mail about the own account to the person.
func (a *Account) tellOwn(ctx context.Context, e outbox.Event, kind mail.AccountKind) error {
	u, st, at, err := a.told(ctx, e)
	if err != nil {
		return gone(err)
	}
	return a.sender.Send(ctx, a.texts.Account(mail.AccountMail{Recipient: recipient(u, st), Kind: kind, At: at, Link: a.cfg.Issuer + pathAccount}))
}

func (a *Account) tellExported(ctx context.Context, e outbox.Event) error {
	return a.tellOwn(ctx, e, mail.AccountExported)
}

func (a *Account) tellErasure(ctx context.Context, e outbox.Event) error {
	return a.tellOwn(ctx, e, mail.AccountErasure)
}

func (a *Account) tellErasureWithdrawn(ctx context.Context, e outbox.Event) error {
	return a.tellOwn(ctx, e, mail.AccountErasureWithdrawn)
}

// tellEverywhere tells the person who ended all sessions by hand; every other reason has its own mail, or none.
func (a *Account) tellEverywhere(ctx context.Context, e outbox.Event) error {
	var about directory.UserEvent
	if err := json.Unmarshal(e.Data, &about); err != nil || about.Reason != ReasonEverywhere {
		return err
	}
	return a.tellOwn(ctx, e, mail.AccountEverywhere)
}

// tellOperators tells who runs the installation that somebody waits to be erased. They are told an identifier, no name. A
// delivery that fails halfway begins anew, so one of them may hear of it twice.
func (a *Account) tellOperators(ctx context.Context, e outbox.Event) error {
	all, err := a.dir.Users.Operators(ctx)
	if err != nil {
		return err
	}
	at, err := eventTime(ctx, a.db, e.ID)
	if err != nil {
		return err
	}
	for _, u := range all {
		if u.ID.String() == e.Subject {
			continue
		}
		m := mail.AccountMail{Recipient: recipient(u, nil), Kind: mail.AccountErasureOperator, At: at.UTC(), Subject: e.Subject}
		if err := a.sender.Send(ctx, a.texts.Account(m)); err != nil {
			return err
		}
	}
	return nil
}
