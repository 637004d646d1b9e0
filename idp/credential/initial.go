package credential

import (
	"context"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
)

// InitialValid is how long an initial password opens anything (R35). After that the person asks for a link.
const InitialValid = 7 * 24 * time.Hour

// Faults of initial passwords.
var (
	ErrHasPassword  = fault.New(fault.Conflict, "has_password", "The person has a password already; nobody else chooses another one").On("initial_password")
	ErrReset        = fault.New(fault.Conflict, "sign_in_reset", "The person's sign-in was reset; they choose a password themselves, by a mailed link").On("initial_password")
	ErrNotHome      = fault.New(fault.Forbidden, "not_home", "Only the organization that the sign-in address belongs to can give an initial password").On("initial_password")
	ErrUsedBefore   = fault.New(fault.Invalid, "used_before", "This is the password that must be changed").On("new_password")
	ErrNotMustReset = fault.New(fault.Stale, "password_changed", "The password has been changed meanwhile")
)

// Initial gives a person who has none a password that opens nothing but the page on which another one is chosen.
type Initial struct {
	User directory.UserID
	Hash string
	// By is the home organization that insists; zero is the installation itself, by its seed.
	By directory.OrganizationID
}

// CheckAgain refuses the initial password as the new one.
func (c *Credentials) CheckAgain(ctx context.Context, user directory.UserID, password string) error {
	hash, err := c.initialHash(ctx, user)
	if err != nil || hash == "" {
		return err
	}
	same, err := c.passwords.Verify(ctx, hash, password)
	if err == nil && same {
		err = ErrUsedBefore
	}
	return busy(err)
}
