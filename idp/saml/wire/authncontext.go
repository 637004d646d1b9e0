package wire

import (
	"slices"

	"github.com/beevik/etree"
)

// Comparison is how a requested authentication context is meant (core §3.3.2.2.1).
type Comparison string

// The comparisons; a request without one means exact.
const (
	Exact   Comparison = "exact"
	Minimum Comparison = "minimum"
	Better  Comparison = "better"
	Maximum Comparison = "maximum"
)

// RequestedAuthnContext is how strongly the person shall have signed in.
type RequestedAuthnContext struct {
	Comparison Comparison
	Classes    []string
	// Declarations is true where context declarations are asked for, which nobody can satisfy here.
	Declarations bool
}

// The classes of Portvakt, from the least to the most. They are the acr values of OpenID Connect too.
const (
	acrPassword  = "urn:portvakt:acr:password"
	acrMail      = "urn:portvakt:acr:mail"
	acrMFA       = "urn:portvakt:acr:mfa"
	acrPhishing  = "urn:portvakt:acr:phr"
	classPPT     = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
	classRefeds  = "https://refeds.org/profile/mfa"
	classUnknown = "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified"
)

// ranks are the classes that can be asked for and how strong they are. A password over TLS is the floor: every sign-in here
// does at least as much as the old classes of passwords ask, so that a passkey is not turned away for being better.
var ranks = map[string]int{
	classUnknown: 0,
	"urn:oasis:names:tc:SAML:2.0:ac:classes:Password": 1, classPPT: 1, "https://refeds.org/profile/sfa": 1, acrPassword: 1,
	acrMail:     2,
	classRefeds: 3, "http://schemas.microsoft.com/claims/multipleauthn": 3, "http://schemas.openid.net/pape/policies/2007/06/multi-factor": 3, acrMFA: 3,
	"http://schemas.openid.net/pape/policies/2007/06/phishing-resistant": 4, acrPhishing: 4,
}

// levels are our classes by rank, and usual is what is said of each where nobody asked.
var (
	levels = []string{"", acrPassword, acrMail, acrMFA, acrPhishing}
	usual  = []string{"", classPPT, classPPT, classRefeds, classRefeds}
)

// Context decides whether a sign-in of our class reached satisfies what is requested, and which class reference may then
// be claimed. A nil request is satisfied by everything.
//
// Invariant: a class stronger than reached is never claimed (TestWall055_NoClassIsClaimedThatWasNotReached).
func Context(wanted *RequestedAuthnContext, reached string) (class string, ok bool) {
	rank := slices.Index(levels, reached)
	if rank < 1 {
		return "", false
	}
	if wanted == nil || len(wanted.Classes) == 0 && !wanted.Declarations {
		return usual[rank], true
	}
	least, most := wanted.bounds()
	switch wanted.Comparison {
	case Exact, "":
		for _, class := range wanted.Classes {
			r, known := ranks[class]
			if known && r <= rank && (class != acrMail || reached == acrMail) { // a code by mail is not part of anything stronger
				return claim(class, rank), true
			}
		}
	case Minimum:
		if least >= 0 && rank >= least {
			return strongEnough(rank, least), true
		}
	case Better:
		if most >= 0 && rank > most {
			return strongEnough(rank, most+1), true
		}
	case Maximum:
		if most == 0 {
			return classUnknown, true
		}
		if most > 0 {
			return usual[min(rank, most)], true
		}
	}
	return "", false
}

// claim is the class itself, but for "unspecified", which says nothing.
func claim(class string, rank int) string {
	if class == classUnknown {
		return usual[rank]
	}
	return class
}

// strongEnough is the usual class of a rank where that is as strong as needed, else our own name of it.
func strongEnough(rank, needed int) string {
	if ranks[usual[rank]] >= needed {
		return usual[rank]
	}
	return levels[rank]
}

// Needs is the least of our classes that satisfies what is requested, for a conversation that can still ask for more; false
// if none does, which is StatusNoAuthnContext at once.
func Needs(wanted *RequestedAuthnContext) (acr string, ok bool) {
	for _, acr := range levels[1:] {
		if _, ok := Context(wanted, acr); ok {
			return acr, true
		}
	}
	return "", false
}

// bounds are the weakest and the strongest of the classes that we know; -1 where we know none.
func (w *RequestedAuthnContext) bounds() (least, most int) {
	least, most = -1, -1
	for _, class := range w.Classes {
		r, known := ranks[class]
		if !known {
			continue
		}
		if least < 0 || r < least {
			least = r
		}
		most = max(most, r)
	}
	return least, most
}

// readContext reads the requested context of a request.
func readContext(root *etree.Element) (*RequestedAuthnContext, error) {
	el, err := only(root, nsProtocol, "RequestedAuthnContext")
	if err != nil || el == nil {
		return nil, err
	}
	wanted := &RequestedAuthnContext{Comparison: Comparison(attr(el, "Comparison"))}
	switch wanted.Comparison {
	case "":
		wanted.Comparison = Exact
	case Exact, Minimum, Better, Maximum:
	default:
		return nil, refuse(codeMessage, "The comparison of the requested context is unknown")
	}
	for _, ref := range all(el, nsAssertion, "AuthnContextClassRef") {
		class, err := text(ref)
		if err != nil {
			return nil, err
		}
		wanted.Classes = append(wanted.Classes, class)
	}
	wanted.Declarations = len(all(el, nsAssertion, "AuthnContextDeclRef")) > 0
	if len(wanted.Classes) == 0 && !wanted.Declarations {
		return nil, refuse(codeMessage, "The requested context names no class")
	}
	return wanted, nil
}
