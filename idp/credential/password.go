package credential

import (
	"context"

	"portvakt/internal/directory"
)

// known is what a verification needs of a person.
type known struct {
	user   directory.UserID
	epoch  int64
	active bool
	hash   string // "" where no password counts
}

// Verify proves the person by password. from is the address of the network that the attempt comes from.
func (c *Credentials) Verify(ctx context.Context, email directory.Email, password, from string) (Evidence, error) {
	if err := c.take(ctx, from); err != nil {
		return Evidence{}, err
	}
	if err := c.guess(ctx, passwordRule, email.Key); err != nil {
		return Evidence{}, err
	}
	who, err := c.byEmail(ctx, email.Key)
	if err != nil {
		return Evidence{}, err
	}
	ok, err := c.matches(ctx, who, password)
	if err != nil {
		return Evidence{}, err
	}
	if !ok {
		return Evidence{}, ErrWrongPassword
	}
	if err := c.throttle.Reset(ctx, passwordRule, email.Key); err != nil {
		return Evidence{}, err
	}
	if err := c.rehash(ctx, who, password); err != nil {
		return Evidence{}, err
	}
	return Evidence{User: who.user, Epoch: who.epoch, At: c.db.Now(), Password: true}, nil
}

// matches does the same work whoever it is about.
func (c *Credentials) matches(ctx context.Context, who known, password string) (bool, error) {
	if !who.active || who.hash == "" {
		return false, c.passwords.Dummy(ctx, password)
	}
	return c.passwords.Verify(ctx, who.hash, password)
}

// rehash stores the password under today's parameters where the stored hash has others.
func (c *Credentials) rehash(ctx context.Context, who known, password string) error {
	today, err := c.cost()
	if err != nil || costOf(who.hash) == today {
		return err
	}
	hash, err := c.passwords.Hash(ctx, password)
	if err != nil {
		return err
	}
	return c.replaceHash(ctx, who, hash)
}

// Hash is the stored form of a password, for Set. It takes its time, so call it outside of any transaction.
func (c *Credentials) Hash(ctx context.Context, password string) (string, error) {
	return c.passwords.Hash(ctx, password)
}
