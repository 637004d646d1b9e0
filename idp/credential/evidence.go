package credential

import (
	"slices"
	"time"

	"portvakt/internal/directory"
)

// Authentication context classes: what a sign-in amounted to, from the least to the most. The gate compares them
// (gate.Reaches).
const (
	ACRPassword          = "urn:portvakt:acr:password"
	ACRMailCode          = "urn:portvakt:acr:mail" // a second factor only where the organization permits it
	ACRMFA               = "urn:portvakt:acr:mfa"
	ACRPhishingResistant = "urn:portvakt:acr:phr"
)

// AMRAttested is the method of a key that its maker vouches for; the gate looks for it where an organization takes no other.
const AMRAttested = "attested_key"

// Evidence says who somebody has shown to be, and by what. Only this package's verify functions, and account after it
// stored a password that the person has just chosen, make it.
type Evidence struct {
	User     directory.UserID `json:"user"`
	Epoch    int64            `json:"epoch"`              // the person's epoch when it was shown; another one makes it worthless
	At       time.Time        `json:"at"`                 // when the last proof was given
	Password bool             `json:"password"`           // something known
	Code     bool             `json:"code"`               // something possessed: an authenticator's one-time code
	Key      bool             `json:"key,omitempty"`      // something possessed: a security key or passkey, used in this ceremony
	Verified bool             `json:"verified,omitempty"` // Key: the authenticator verified the person in this ceremony, by PIN or biometry
	Attested bool             `json:"attested,omitempty"` // Key: its maker vouches for it
	Recovery bool             `json:"recovery,omitempty"` // a recovery code in place of the second factor
	Mail     bool             `json:"mail,omitempty"`     // a code that was mailed: weak
	Device   bool             `json:"device,omitempty"`   // the second factor was shown in this browser some days ago; it steps nothing up
	FactorAt time.Time        `json:"factor_at,omitzero"` // Device: when
}

// TrustedSince is when the second factor was shown where a trusted browser speaks for it; zero where it was shown now.
func (e Evidence) TrustedSince() time.Time {
	if !e.Device || e.Second() {
		return time.Time{}
	}
	return e.FactorAt
}

// First reports whether the person was recognized at all: by password, or by a passkey that verified them.
func (e Evidence) First() bool { return e.Password || e.Key && e.Verified }

// Second reports whether a second factor was shown; a mailed code is none by itself.
func (e Evidence) Second() bool { return e.Code || e.Key || e.Recovery }

// Complete reports whether the evidence suffices for a session of somebody who has these credentials.
func (e Evidence) Complete(has Enrolled) bool {
	return e.Shown(has) && !(has.MustChange && e.Password)
}

// Shown reports whether all was shown that the person has; with an initial password that still starts nothing.
func (e Evidence) Shown(has Enrolled) bool {
	return e.First() && (e.Second() || e.Device || !has.SecondFactor())
}

// And joins two proofs of the same person under the same epoch; of different ones it is no evidence at all.
func (e Evidence) And(other Evidence) Evidence {
	if e.User != other.User || e.Epoch != other.Epoch {
		return Evidence{}
	}
	e.Password, e.Code, e.Recovery, e.Mail = e.Password || other.Password, e.Code || other.Code, e.Recovery || other.Recovery, e.Mail || other.Mail
	e.Attested = e.Attested || other.Attested
	e.Key, e.Verified, e.Device = e.Key || other.Key, e.Verified || other.Verified, e.Device || other.Device
	if other.FactorAt.After(e.FactorAt) {
		e.FactorAt = other.FactorAt
	}
	if other.At.After(e.At) {
		e.At = other.At
	}
	return e
}

// ACR is the authentication context class reference of the evidence.
//
// Invariant: a remembered device is never more than the password (TestADeviceStepsNothingUp).
func (e Evidence) ACR() string {
	switch {
	case e.Key && (e.Verified || e.Password):
		return ACRPhishingResistant
	case e.Password && (e.Code || e.Recovery):
		return ACRMFA
	case e.Password && e.Mail:
		return ACRMailCode
	}
	return ACRPassword
}

// AMR are the authentication methods references (RFC 8176 §2).
func (e Evidence) AMR() []string {
	var methods []string
	for _, m := range []struct {
		shown bool
		name  string
	}{{e.Password, "pwd"}, {e.Code, "otp"}, {e.Key, "hwk"}, {e.Key && e.Verified, "user"}, {e.Recovery, "rc"}, {e.Mail && !e.Key, "otp"}, {e.Key && e.Attested, AMRAttested}} {
		if m.shown && !slices.Contains(methods, m.name) {
			methods = append(methods, m.name)
		}
	}
	if acr := e.ACR(); acr == ACRMFA || acr == ACRPhishingResistant {
		methods = append(methods, "mfa")
	}
	return methods
}
