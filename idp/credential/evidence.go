package credential

import (
	"time"

	"portvakt/internal/directory"
)

// Authentication context classes: what a sign-in amounted to. The gate compares the second one (gate.MultiFactor).
const (
	ACRPassword = "urn:portvakt:acr:password"
	ACRMFA      = "urn:portvakt:acr:mfa"
)

// Evidence says who somebody has shown to be, and by what. Only this package's verify functions, and account after it
// stored a password that the person has just chosen, make it.
type Evidence struct {
	User     directory.UserID `json:"user"`
	Epoch    int64            `json:"epoch"`    // the person's epoch when it was shown; another one makes it worthless
	At       time.Time        `json:"at"`       // when the last proof was given
	Password bool             `json:"password"` // something known
	Code     bool             `json:"code"`     // something possessed
}

// Complete reports whether the evidence suffices for a session of somebody who has these credentials.
func (e Evidence) Complete(has Enrolled) bool { return e.Shown(has) && !has.MustChange }

// Shown reports whether all was shown that the person has; with an initial password that still starts nothing.
func (e Evidence) Shown(has Enrolled) bool { return e.Password && (e.Code || !has.Code) }

// And joins two proofs of the same person under the same epoch; of different ones it is no evidence at all.
func (e Evidence) And(other Evidence) Evidence {
	if e.User != other.User || e.Epoch != other.Epoch {
		return Evidence{}
	}
	e.Password, e.Code = e.Password || other.Password, e.Code || other.Code
	if other.At.After(e.At) {
		e.At = other.At
	}
	return e
}

// ACR is the authentication context class reference of the evidence.
func (e Evidence) ACR() string {
	if e.Password && e.Code {
		return ACRMFA
	}
	return ACRPassword
}

// AMR are the authentication methods references (RFC 8176 §2).
func (e Evidence) AMR() []string {
	var methods []string
	if e.Password {
		methods = append(methods, "pwd")
	}
	if e.Code {
		methods = append(methods, "otp")
	}
	if e.Password && e.Code {
		methods = append(methods, "mfa")
	}
	return methods
}
