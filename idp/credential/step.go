package credential

import (
	"slices"
	"time"

	"portvakt/internal/directory"
)

// Held is what a session says of the sign-in that it began with.
type Held struct {
	User  directory.UserID
	Epoch int64
	At    time.Time
	ACR   string
	AMR   []string
}

// StepWindow is how long a sign-in counts as given just now: sensitive changes ask for nothing within it, and a step up asks
// for the missing factor alone.
const StepWindow = 10 * time.Minute

// Password is the evidence of a password that was shown a moment ago; no evidence at all where it was not. Nothing else of
// a session is ever carried on: a factor is shown in the sign-in that it counts for.
func (h Held) Password(now time.Time) Evidence {
	if !slices.Contains(h.AMR, "pwd") || now.Sub(h.At) > StepWindow || now.Before(h.At) {
		return Evidence{}
	}
	return Evidence{User: h.User, Epoch: h.Epoch, At: h.At, Password: true}
}

// Strongest is the class that the person can reach with what is enrolled.
func (e Enrolled) Strongest() string {
	switch {
	case e.Keys > 0:
		return ACRPhishingResistant
	case e.Code:
		return ACRMFA
	}
	return ACRPassword
}

// Recovered reports whether a recovery code was shown. It stands in for the strongest factor of its person: it is for the
// day on which that is lost, and must then be good for taking the lost one away.
func (h Held) Recovered() bool { return slices.Contains(h.AMR, "rc") }
