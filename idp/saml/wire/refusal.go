package wire

import (
	"errors"

	"portvakt/internal/fault"
)

// The codes of refusals. The house maps none of them: they are for its log, its history and saml-debug.
const (
	codeSize        = "saml_size"
	codeEncoding    = "saml_encoding"
	codeXML         = "saml_xml"
	codeParameters  = "saml_parameters"
	codeMessage     = "saml_message"
	codeVersion     = "saml_version"
	codeTime        = "saml_time"
	codeDestination = "saml_destination"
	codeUnsigned    = "saml_unsigned"
	codeSignature   = "saml_signature"
	codeAlgorithm   = "saml_algorithm"
	codeKey         = "saml_key"
	codeMetadata    = "saml_metadata"
	codeExpired     = "saml_metadata_expired"
)

// refuse makes the fault of a message or document that we do not take.
func refuse(code, text string) *fault.Fault { return fault.New(fault.Invalid, code, text) }

// refusef is refuse with values in the sentence.
func refusef(code, format string, values ...any) *fault.Fault {
	return fault.Newf(fault.Invalid, code, format, values...)
}

// The ways in which we are used wrongly; these are our mistakes, not a stranger's.
var (
	errNoKey        = errors.New("wire: this message must be signed and the issuer has no key")
	errNoRedirect   = errors.New("wire: a response or assertion never travels by redirect (profiles §4.1.2)")
	errDestination  = errors.New("wire: a message by this binding needs a destination")
	errIncomplete   = errors.New("wire: the response lacks its destination, audience, subject, class or time of sign-in")
	errAlreadyEnded = errors.New("wire: the response would be over before it begins")
)
