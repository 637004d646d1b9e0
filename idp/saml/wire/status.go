package wire

import (
	"github.com/beevik/etree"
	"github.com/crewjam/saml"
)

// Status is how a request was answered (core §3.2.2): the code, a second code that says more, and words for people.
type Status struct {
	Code    string
	Second  string
	Message string
}

// The answers that we give. Requester: the fault lies with the request; Responder: with us, or with the person.
var (
	StatusSuccess             = Status{Code: saml.StatusSuccess}
	StatusRequester           = Status{Code: saml.StatusRequester}
	StatusResponder           = Status{Code: saml.StatusResponder}
	StatusVersionMismatch     = Status{Code: saml.StatusVersionMismatch}
	StatusNoPassive           = Status{Code: saml.StatusResponder, Second: saml.StatusNoPassive}
	StatusAuthnFailed         = Status{Code: saml.StatusResponder, Second: saml.StatusAuthnFailed}
	StatusRequestDenied       = Status{Code: saml.StatusResponder, Second: saml.StatusRequestDenied}
	StatusNoAuthnContext      = Status{Code: saml.StatusResponder, Second: saml.StatusNoAuthnContext}
	StatusInvalidNameIDPolicy = Status{Code: saml.StatusRequester, Second: saml.StatusInvalidNameIDPolicy}
	StatusUnknownPrincipal    = Status{Code: saml.StatusResponder, Second: saml.StatusUnknownPrincipal}
	StatusUnsupportedBinding  = Status{Code: saml.StatusRequester, Second: saml.StatusUnsupportedBinding}
	StatusRequestUnsupported  = Status{Code: saml.StatusRequester, Second: saml.StatusRequestUnsupported}
	StatusNoSupportedIDP      = Status{Code: saml.StatusResponder, Second: saml.StatusNoSupportedIDP}
	StatusResourceUnknown     = Status{Code: saml.StatusRequester, Second: saml.StatusResourceNotRecognized}
	StatusPartialLogout       = Status{Code: saml.StatusSuccess, Second: saml.StatusPartialLogout} // the first speaks of us alone (core §3.7.3.2)
)

// Saying is the status with words for people.
func (s Status) Saying(message string) Status { s.Message = message; return s }

// Succeeded reports whether a request was granted whole.
func (s Status) Succeeded() bool { return s.Code == saml.StatusSuccess && s.Second == "" }

// Partial reports whether a sign-out reached some and not all.
func (s Status) Partial() bool { return s.Second == saml.StatusPartialLogout }

// readStatus reads the Status of a response, which must be there.
func readStatus(root *etree.Element) (Status, error) {
	el, err := only(root, nsProtocol, "Status")
	if err != nil {
		return Status{}, err
	}
	if el == nil {
		return Status{}, refuse(codeMessage, "The response has no status")
	}
	code, err := only(el, nsProtocol, "StatusCode")
	if err != nil {
		return Status{}, err
	}
	if code == nil || attr(code, "Value") == "" {
		return Status{}, refuse(codeMessage, "The response has no status code")
	}
	s := Status{Code: attr(code, "Value")}
	if second, err := only(code, nsProtocol, "StatusCode"); err != nil {
		return s, err
	} else if second != nil {
		s.Second = attr(second, "Value")
	}
	if message, err := only(el, nsProtocol, "StatusMessage"); err != nil {
		return s, err
	} else if message != nil {
		s.Message, err = text(message)
		return s, err
	}
	return s, nil
}

// status writes a Status.
func (w *writer) status(s Status) {
	w.start("samlp:Status")
	w.start("samlp:StatusCode", "Value", s.Code)
	if s.Second != "" {
		w.leaf("samlp:StatusCode", "", "Value", s.Second)
	}
	w.end("samlp:StatusCode")
	if s.Message != "" {
		w.leaf("samlp:StatusMessage", s.Message)
	}
	w.end("samlp:Status")
}
