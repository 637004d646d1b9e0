package wire

import "time"

// The reasons of a sign-out that we write (core §3.7.3).
const (
	ReasonUser  = "urn:oasis:names:tc:SAML:2.0:logout:user"
	ReasonAdmin = "urn:oasis:names:tc:SAML:2.0:logout:admin"
)

// LogoutRequest asks that a session end; it arrives, and we send it (core §3.7.1).
type LogoutRequest struct {
	Header
	Subject        NameID
	SessionIndexes []string // none: all sessions of that person at that service provider
	Reason         string
	// NotOnOrAfter is until when the request holds; zero if it does not say.
	NotOnOrAfter time.Time
	// EncryptName encrypts the NameID of a request that we send.
	EncryptName *Encryption
}

// LogoutResponse answers a LogoutRequest.
type LogoutResponse struct {
	Header
	Status Status
}

// LogoutRequest verifies the message and reads it.
func (r *Received) LogoutRequest(e Expect) (*LogoutRequest, error) {
	root, header, err := r.proveKind(e, KindLogoutRequest)
	if err != nil {
		return nil, err
	}
	q := &LogoutRequest{Header: header, Reason: attr(root, "Reason")}
	if until, ok := lookupAttr(root, "NotOnOrAfter"); ok {
		if q.NotOnOrAfter, err = parseInstant(until); err != nil {
			return nil, err
		}
		skew := e.Skew
		if skew == 0 {
			skew = 3 * time.Minute
		}
		if !e.Now.Before(q.NotOnOrAfter.Add(skew)) {
			return nil, refuse(codeTime, "The request to sign out has expired")
		}
	}
	el, err := only(root, nsAssertion, "NameID")
	if err != nil {
		return nil, err
	}
	if el == nil { // we publish no key to encrypt to
		return nil, refuse(codeMessage, "The request to sign out has no NameID in clear")
	}
	name, err := readNameID(el)
	if err != nil {
		return nil, err
	}
	q.Subject = *name
	for _, el := range all(root, nsProtocol, "SessionIndex") {
		i, err := text(el)
		if err != nil {
			return nil, err
		}
		q.SessionIndexes = append(q.SessionIndexes, i)
	}
	return q, nil
}

// LogoutResponse verifies the message and reads it. Whether it answers anything of ours, the receiver looks up by InResponseTo.
func (r *Received) LogoutResponse(e Expect) (*LogoutResponse, error) {
	root, header, err := r.proveKind(e, KindLogoutResponse)
	if err != nil {
		return nil, err
	}
	if !validID(header.InResponseTo) {
		return nil, refuse(codeMessage, "The answer names no request")
	}
	status, err := readStatus(root)
	if err != nil {
		return nil, err
	}
	return &LogoutResponse{Header: header, Status: status}, nil
}

// LogoutRequest writes a request to end a session. Of the header only Destination and IssueInstant are read.
func (i Issuer) LogoutRequest(q LogoutRequest) (*Message, error) {
	m, w, err := i.open(opening{kind: KindLogoutRequest, destination: q.Destination, now: q.IssueInstant, notOnOrAfter: q.NotOnOrAfter, reason: q.Reason})
	if err != nil {
		return nil, err
	}
	if q.EncryptName == nil {
		w.nameID(q.Subject, nsAssertion)
	} else {
		var plain writer
		plain.nameID(q.Subject, nsAssertion)
		w.start("saml:EncryptedID", "xmlns:saml", nsAssertion)
		if err := q.EncryptName.write(w, i, plain.b); err != nil {
			return nil, err
		}
		w.end("saml:EncryptedID")
	}
	for _, index := range q.SessionIndexes {
		w.leaf("samlp:SessionIndex", index)
	}
	return m.close(w), nil
}

// LogoutResponse writes the answer to a request to end a session. Of the header InResponseTo, Destination and IssueInstant
// are read.
func (i Issuer) LogoutResponse(a LogoutResponse) (*Message, error) {
	m, w, err := i.open(opening{kind: KindLogoutResponse, inResponseTo: a.InResponseTo, destination: a.Destination, now: a.IssueInstant})
	if err != nil {
		return nil, err
	}
	w.status(a.Status)
	return m.close(w), nil
}
