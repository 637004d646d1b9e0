package gate

import (
	"slices"
	"time"

	"portvakt/internal/directory"
)

// aliases are what others call the classes: REFEDS, PAPE and, since they are common, two short words. Hardware-bound keys
// (phrh) are not among them: which authenticator a key lives in is not known of every key.
var aliases = map[string]string{
	"https://refeds.org/profile/sfa": "urn:portvakt:acr:password",

	"https://refeds.org/profile/mfa":                               MultiFactor,
	"http://schemas.openid.net/pape/policies/2007/06/multi-factor": MultiFactor,
	"http://schemas.microsoft.com/claims/multipleauthn":            MultiFactor,
	"mfa": MultiFactor,
	"http://schemas.openid.net/pape/policies/2007/06/phishing-resistant": "urn:portvakt:acr:phr",
	"phr": "urn:portvakt:acr:phr",
}

// Class is the authentication context class that a name stands for; "" where we know none.
func Class(name string) string {
	if slices.Contains(levels, name) {
		return name
	}
	return aliases[name]
}

// Classes are all names that can be asked for, the most demanding first.
func Classes() []string {
	names := []string{"urn:portvakt:acr:phr", MultiFactor, "urn:portvakt:acr:password"}
	other := make([]string, 0, len(aliases))
	for name := range aliases {
		other = append(other, name)
	}
	slices.Sort(other)
	return append(names, other...)
}

// Demands reports whether nothing is issued in the membership without a second factor: the organization or the membership
// says so, or the member is an administrator or the person an operator, who always need one.
//
// Invariant: no Pass for an administrator or operator without a second factor, whatever the organization says
// (TestGateDemandsOfAdministrators).
func Demands(s *directory.Standing) bool {
	return s.SecondFactor == directory.SecondFactorRequired || s.Administrator || s.Operator
}

// Trusts is for how many days the membership trusts a browser in which the second factor was shown; never an
// administrator's or operator's.
func Trusts(s *directory.Standing) int64 {
	if s.Administrator || s.Operator {
		return 0
	}
	return s.TrustedDays
}

// trusted reports whether the second factor was shown recently enough for this membership.
//
// Invariant: a trusted browser stands in for the second factor only where, and only as long as, this organization allows
// it; it changes no class (TestTrustedBrowserMatrix).
func trusted(s *directory.Standing, now, at time.Time) bool {
	return !at.IsZero() && !at.After(now) && now.Before(at.Add(time.Duration(Trusts(s))*24*time.Hour))
}
