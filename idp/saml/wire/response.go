package wire

import "time"

// maxLifetime is how long an assertion may be presented.
const maxLifetime = 5 * time.Minute

// clockGrace is how far an assertion reaches back, for service providers whose clocks are behind.
const clockGrace = time.Minute

// Sign is what of a response is signed.
type Sign string

// What can be signed. The zero value is the assertion; a response by SOAP is held by an ArtifactResponse, signed itself.
const (
	SignAssertion Sign = ""
	SignResponse  Sign = "response"
	SignBoth      Sign = "both"
)

// Response says who signed in.
type Response struct {
	InResponseTo string // empty where nobody asked
	Destination  string // the assertion consumer service: registered, never taken from a request
	Audience     string // the service provider's entity ID
	Now          time.Time
	// Lifetime is how long the assertion may be presented: five minutes at most, and if zero.
	Lifetime time.Duration
	// Until caps everything, where the person's membership ends sooner; zero if it does not.
	Until               time.Time
	Subject             NameID
	AuthnInstant        time.Time
	SessionIndex        string
	SessionNotOnOrAfter time.Time // zero: left out, unless Until says something
	Class               string    // by Context
	Attributes          []Attribute
	Sign                Sign
	// Encrypt encrypts the assertion, EncryptName the NameID in it; nil: in clear.
	Encrypt     *Encryption
	EncryptName *Encryption
}

// Response writes the answer to somebody who signed in.
//
// Invariant: one audience, a recipient, an end within five minutes, a fresh ID, and the request it answers where there was
// one (TestWall052_WhatEveryAssertionHas).
func (i Issuer) Response(r Response) (*Message, error) {
	if r.Destination == "" || r.Audience == "" || r.Subject.Value == "" || r.Class == "" || r.AuthnInstant.IsZero() {
		return nil, errIncomplete
	}
	m, w, err := i.open(opening{kind: KindResponse, inResponseTo: r.InResponseTo, destination: r.Destination, now: r.Now})
	if err != nil {
		return nil, err
	}
	w.status(StatusSuccess)
	if err := i.assertion(w, r, m); err != nil {
		return nil, err
	}
	m.unsigned = r.Sign == SignAssertion
	return m.close(w), nil
}

// Refusal is an answer that is no success.
type Refusal struct {
	InResponseTo string
	Destination  string
	Now          time.Time
	Status       Status
}

// Refuse writes the answer to a request that is not granted, for a service provider whose address is proven. It is signed.
func (i Issuer) Refuse(r Refusal) (*Message, error) {
	m, w, err := i.open(opening{kind: KindResponse, inResponseTo: r.InResponseTo, destination: r.Destination, now: r.Now})
	if err != nil {
		return nil, err
	}
	w.status(r.Status)
	return m.close(w), nil
}
