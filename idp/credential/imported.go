package credential

import (
	"errors"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/secret"
)

// maxCosts is how many different costs imported hashes may have at a time: the work of each is done at every sign-in.
const maxCosts = 3

// Faults of imported password hashes.
var (
	ErrBadHash     = fault.New(fault.Invalid, "bad_hash", "This is no password hash of a kind that can be imported").On("password_hash")
	ErrCostlyHash  = fault.New(fault.Invalid, "hash_too_costly", "Computing this password hash would take too much time or memory").On("password_hash")
	ErrManyCosts   = fault.Newf(fault.Conflict, "too_many_hash_costs", "The imported password hashes have %d different costs already; the others wait until people have signed in", maxCosts).On("password_hash")
	ErrHashNotHome = fault.New(fault.Forbidden, "not_home", "Only the organization that the sign-in address belongs to can bring a password along").On("password_hash")
	ErrHashNobodys = fault.New(fault.Invalid, "hash_without_person", "Somebody who cannot sign in has no password").On("password_hash")
)

// Imported brings along the password that a person has chosen in another system.
type Imported struct {
	User directory.UserID
	Hash string // as ReadHash gives it
	// By is the home organization whose people are imported; zero is the installation itself, by its seed.
	By directory.OrganizationID
}

// ReadHash reads a password hash of another system and writes it as it is stored.
func ReadHash(text string) (string, error) {
	hash, err := secret.ImportHash(text)
	switch {
	case errors.Is(err, secret.ErrHashTooCostly):
		return "", ErrCostlyHash
	case err != nil:
		return "", ErrBadHash
	}
	return hash, nil
}
