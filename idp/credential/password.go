package credential

import (
	"context"
	"errors"

	"portvakt/internal/directory"
	"portvakt/internal/ratelimit"
	"portvakt/internal/secret"
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
	return c.VerifyIn(ctx, email, password, Visitor{Address: from})
}

// VerifyIn is Verify for a browser that may be known. Before anything is counted or looked up there must be a place in the
// line, so that a flood counts against nobody.
func (c *Credentials) VerifyIn(ctx context.Context, email directory.Email, password string, from Visitor) (Evidence, error) {
	whom := []string{"account " + email.Key}
	if network, ok := Network(from.Address); ok {
		whom = append(whom, "network "+network)
	}
	place, err := c.passwords.Place(whom...)
	if err != nil {
		return Evidence{}, busy(err)
	}
	defer place.Leave()
	count, err := c.countOf(ctx, email, from)
	if err != nil {
		return Evidence{}, err
	}
	if err := c.guess(ctx, count.rule, count.key); err != nil {
		return Evidence{}, err
	}
	who, err := c.byEmail(ctx, email.Key)
	if err != nil {
		return Evidence{}, err
	}
	ok, err := c.matches(ctx, place, who, password)
	if errors.Is(err, secret.ErrBusy) { // nothing was looked at
		return Evidence{}, errors.Join(busy(err), c.throttle.GiveBack(ctx, count.rule, count.key))
	}
	if err != nil {
		return Evidence{}, err
	}
	place.Leave()
	if !ok {
		return Evidence{}, ErrWrongPassword
	}
	if err := c.throttle.Reset(ctx, count.rule, count.key); err != nil {
		return Evidence{}, err
	}
	if err := c.rehash(ctx, who, password); err != nil {
		return Evidence{}, err
	}
	return Evidence{User: who.user, Epoch: who.epoch, At: c.db.Now(), Password: true}, nil
}

// counter is by what an attempt is counted.
type counter struct {
	rule ratelimit.Rule
	key  string
}

// countOf counts an attempt from a network and says by what the guess is counted: in a browser that the person is known in
// by the browser, elsewhere by the address.
func (c *Credentials) countOf(ctx context.Context, email directory.Email, from Visitor) (counter, error) {
	if from.Browser != "" {
		browser := secret.HashToken(from.Browser)
		known, err := c.knows(ctx, browser, email.Key)
		if known || err != nil {
			return counter{browserRule, string(browser) + email.Key}, err
		}
	}
	return counter{passwordRule, email.Key}, c.take(ctx, from.Address)
}

// matches does the same work whoever it is about: one hash of today's cost and one of each cost that imported hashes have.
func (c *Credentials) matches(ctx context.Context, place *secret.Place, who known, password string) (bool, error) {
	costs, err := c.costs(ctx)
	if err != nil {
		return false, err
	}
	hash := who.hash
	if !who.active {
		hash = ""
	}
	return place.Verify(ctx, hash, password, costs)
}

// rehash stores the password as one of today where the stored hash is of other parameters, or of another system. Where the
// line is full, it stays until the next time.
func (c *Credentials) rehash(ctx context.Context, who known, password string) error {
	if c.passwords.Current(who.hash) {
		return nil
	}
	hash, err := c.passwords.Hash(ctx, password)
	if errors.Is(err, secret.ErrBusy) {
		return nil
	}
	if err != nil {
		return err
	}
	return c.replaceHash(ctx, who, hash)
}

// busy turns a full line into a refusal.
func busy(err error) error {
	if errors.Is(err, secret.ErrBusy) {
		return ErrBusy.After(secret.BusyFor)
	}
	return err
}

// Hash is the stored form of a password, for Set. It takes its time, so call it outside of any transaction.
func (c *Credentials) Hash(ctx context.Context, password string) (string, error) {
	hash, err := c.passwords.Hash(ctx, password)
	return hash, busy(err)
}
