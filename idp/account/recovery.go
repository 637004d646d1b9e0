package account

import (
	"context"

	"portvakt/idp/credential"
	"portvakt/internal/directory"
	"portvakt/internal/mail"
	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
)

// Lost is somebody who has lost every way to sign in, and why an operator believes that it is they who ask.
type Lost struct {
	Person directory.UserID
	Reason string
}

// ResetFactors takes away a person's password, passkeys, factors, recovery codes and trusted browsers. The next sign-in
// begins with a mailed link, and sets up a factor, whatever the organizations demand.
//
// Invariant: a link that was mailed before opens nothing after, or it would open what the factor kept shut
// (TestLostEverything).
func ResetFactors(ctx context.Context, db *sqldb.DB, dir *directory.Directory, l Lost) error {
	return db.Update(ctx, func(tx *sqldb.Tx) error {
		if err := dir.WithTx(tx).Users.ResetFactors(ctx, l.Person, l.Reason); err != nil {
			return err
		}
		voidLinks(tx, l.Person)
		voidEmailChanges(tx, l.Person)
		return credential.DemandFactor(ctx, tx, l.Person)
	})
}

// tellFactorsReset tells the person, in case it was somebody else who asked for it.
func (a *Account) tellFactorsReset(ctx context.Context, e outbox.Event) error {
	u, st, at, err := a.told(ctx, e)
	if err != nil {
		return gone(err)
	}
	return a.sender.Send(ctx, a.texts.Account(mail.AccountMail{
		Recipient: recipient(u, st), Kind: mail.AccountFactorsReset, At: at, Link: a.cfg.Issuer + pathSignIn,
	}))
}
