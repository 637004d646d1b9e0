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
	names := []string{"urn:portvakt:acr:phr", MultiFactor, MailCode, "urn:portvakt:acr:password"}
	other := make([]string, 0, len(aliases))
	for name := range aliases {
		other = append(other, name)
	}
	slices.Sort(other)
	return append(names, other...)
}

// AttestedKey is the authentication method of a key that its maker vouches for; package credential gives it.
const AttestedKey = "attested_key"

// Counts is what a sign-in of the class, by the methods, is worth for the membership. Where the organization takes attested
// keys alone, any other key is as if it had not been used: what is left is a password or the like, and a one-time code. The
// class alone does not say that there was a key: it may be an alias that says less than was shown.
//
// Invariant: a key that nobody vouches for is no factor where attested ones are demanded (TestKeyPolicyMatrix).
func Counts(s *directory.Standing, class string, methods []string) string {
	if s.KeyPolicy != directory.KeysAttested || !Reaches(class, MultiFactor) || slices.Contains(methods, AttestedKey) {
		return class
	}
	has := func(method string) bool { return slices.Contains(methods, method) }
	switch {
	case !(has("pwd") || has("user")) || !(has("otp") || has("rc")):
		return levels[0]
	case Class(class) == MultiFactor:
		return class
	}
	return MultiFactor
}

// KeyIsNoFactor reports whether a second factor is missing only because the key that was used counts for nothing here.
func KeyIsNoFactor(s *directory.Standing, class string, methods []string) bool {
	return Demands(s) && Reaches(class, MultiFactor) && !Reaches(Counts(s, class, methods), MultiFactor)
}

// Demands reports whether nothing is issued in the membership without a second factor: the organization or the membership
// says so, or the member is an administrator or the person an operator, who always need one.
//
// Invariant: no Pass for an administrator or operator without a second factor, whatever the organization says
// (TestGateDemandsOfAdministrators).
func Demands(s *directory.Standing) bool {
	return s.SecondFactor == directory.SecondFactorRequired || s.Administrator || s.Operator
}

// Least is the class that is enough where the membership demands a second factor: a code by mail, where the organization
// permits it.
//
// Invariant: a mailed code is never enough for an administrator or operator (TestMailCodeMatrix).
func Least(s *directory.Standing) string {
	if s.MailCodes && !s.Administrator && !s.Operator {
		return MailCode
	}
	return MultiFactor
}

// Trusts is for how many days the membership trusts a browser in which the second factor was shown; never an
// administrator's or operator's. Where attested keys alone are taken no browser is trusted: it does not say which factor
// was shown in it, nor whether its maker still vouches for it.
func Trusts(s *directory.Standing) int64 {
	if s.Administrator || s.Operator || s.KeyPolicy == directory.KeysAttested {
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
