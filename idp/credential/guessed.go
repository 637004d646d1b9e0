package credential

import (
	"context"
	"errors"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/outbox"
	"portvakt/internal/ratelimit"
	"portvakt/internal/sqldb"
)

// EventCodesGuessed is the event of so many wrong codes that further ones must wait; Data is FactorEvent. Whoever enters
// them knows the password, or has the mailbox, so the person is told: once a day, that nobody can flood the mailbox.
const EventCodesGuessed = "account.codes_guessed"

var toldRule = ratelimit.Rule{Scope: "code.told", Max: 1, Window: 24 * time.Hour}

// guessCode counts a guess at a code of the person.
func (c *Credentials) guessCode(ctx context.Context, user directory.UserID) error {
	err := c.guess(ctx, codeRule, user.String())
	if !errors.Is(err, ratelimit.ErrExhausted) {
		return err
	}
	first, _, trouble := c.throttle.Take(ctx, toldRule, user.String())
	if trouble != nil {
		return trouble
	}
	if !first {
		return err
	}
	if trouble := c.db.Update(ctx, func(tx *sqldb.Tx) error {
		return outbox.Append(tx, directory.OrganizationID{}, EventCodesGuessed, user.String(), FactorEvent{User: user.String()})
	}); trouble != nil {
		return trouble
	}
	return err
}
