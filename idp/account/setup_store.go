package account

import (
	"context"
	"errors"
	"net/http"

	"portvakt/idp/credential"
	"portvakt/idp/interaction"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
)

// means is how somebody with a link signs in from now on: by a password, or by a passkey instead.
type means struct {
	hash   string                // of the password
	key    *credential.ProvenKey // nil: a password
	factor credential.Evidence   // the second factor, where one is enrolled
}

// settled is what came of a link.
type settled struct {
	refused  bool // the link turned out to be worth nothing
	evidence credential.Evidence
	codes    []string // recovery codes that are shown next
}

// finish stores what was chosen and goes on with the sign-in.
func (a *Account) finish(w http.ResponseWriter, r *http.Request, o *opened, m means) {
	done, err := a.store(r.Context(), o, m)
	_, ofKey := interaction.KeyNotice(err)
	switch {
	case ofKey:
		a.setupKeyRefused(w, r, o, err)
	case err != nil:
		a.pages.Fault(w, r, err)
	case done.refused:
		a.closed(w, r, o, errUnknownLink)
	default:
		a.log.InfoContext(r.Context(), "sign-in set up", "user", o.user.String(), "purpose", string(o.purpose), "passkey", m.key != nil)
		a.interactions.Continue(w, r, a.waiting(r, o), interaction.Proven{Email: o.person.Email.Address, Evidence: done.evidence, Codes: done.codes})
	}
}

// store takes the link and does all that hangs on it. A link that turns out to be worth nothing stays taken.
func (a *Account) store(ctx context.Context, o *opened, m means) (done settled, err error) {
	err = a.db.Update(ctx, func(tx *sqldb.Tx) error {
		done = settled{}
		l, err := consumeLink(ctx, tx, secret.HashToken(o.token))
		if errors.Is(err, errUnknownLink) {
			done.refused = true
			return nil
		}
		if err != nil {
			return err
		}
		if err := credential.LockUser(ctx, tx, l.user); err != nil { // or a factor could be enrolled in between
			return err
		}
		if done.refused, err = a.unworthy(ctx, tx, l, m.factor); err != nil || done.refused {
			return err
		}
		return a.settle(ctx, tx, l, m, &done)
	})
	return done, err
}

// unworthy asks inside the transaction what was asked before it: person, address, access, second factor.
func (a *Account) unworthy(ctx context.Context, tx *sqldb.Tx, l link, proof credential.Evidence) (bool, error) {
	u, err := a.dir.WithTx(tx).Users.ByID(ctx, l.user)
	if err != nil {
		return false, err
	}
	may, err := mayChoose(ctx, tx, l.user)
	if err != nil {
		return false, err
	}
	has, err := a.credentials.Of(ctx, tx, l.user)
	return !may || !l.belongs(u) || has.SecondFactor() && (!proof.Second() || proof.User != u.ID || proof.Epoch != u.Epoch), err
}

// settle stores the password or the key and whatever the mailbox's owner has shown with it, and ends every session.
func (a *Account) settle(ctx context.Context, tx *sqldb.Tx, l link, m means, done *settled) (err error) {
	dir := a.dir.WithTx(tx)
	has, err := a.credentials.Of(ctx, tx, l.user)
	if err != nil {
		return err
	}
	if done.evidence, err = a.keep(ctx, tx, l.user, m); err != nil {
		return err
	}
	if m.key != nil && has.Recovery == 0 {
		if done.codes, err = a.credentials.MakeRecoveryCodes(ctx, tx, l.user); err != nil {
			return err
		}
	}
	if err := dir.Users.VerifyEmail(ctx, l.user); err != nil {
		return err
	}
	if !l.membership.IsZero() {
		if _, err := dir.Memberships.Accept(ctx, l.user, l.membership); err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
	}
	voidLinks(tx, l.user)
	voidEmailChanges(tx, l.user)
	u, err := dir.Users.EndSessions(ctx, l.user, reasonOf(m, has))
	if err != nil {
		return err
	}
	e := &done.evidence
	e.User, e.Epoch, e.At = u.ID, u.Epoch, tx.Now()
	e.Code, e.Recovery = m.factor.Code, m.factor.Recovery
	if m.key == nil && has.Password {
		return announceChanged(tx, u.ID)
	}
	return nil
}

// keep stores the password or the key. Of a key the person is told by its own event.
func (a *Account) keep(ctx context.Context, tx *sqldb.Tx, user directory.UserID, m means) (credential.Evidence, error) {
	if m.key != nil {
		return a.credentials.EnrolKeyInstead(ctx, tx, *m.key)
	}
	return credential.Evidence{Password: true}, a.credentials.Set(ctx, tx, user, m.hash)
}

// reasonOf is why the sessions end.
func reasonOf(m means, had credential.Enrolled) string {
	switch {
	case had.Newcomer():
		return directory.ReasonSetUp
	case m.key != nil:
		return "passkey_set"
	}
	return "password_set"
}
