package wire

import "time"

const methodBearer = "urn:oasis:names:tc:SAML:2.0:cm:bearer"

// assertion writes the assertion of a response: signed where the response wants it so, encrypted where it wants that.
// It declares the namespace itself, so that its octets are canonical wherever they stand.
func (i Issuer) assertion(out *writer, r Response, m *Message) error {
	id, err := i.newID()
	if err != nil {
		return err
	}
	m.AssertionID = id
	w := &writer{b: make([]byte, 0, 6<<10)}
	w.start("saml:Assertion", "xmlns:saml", nsAssertion, "ID", id, "IssueInstant", instant(r.Now), "Version", "2.0")
	w.leaf("saml:Issuer", i.EntityID)
	at := len(w.b)
	end := r.end()
	if !end.After(r.Now) {
		return errAlreadyEnded
	}
	if err := i.subject(w, r, end); err != nil {
		return err
	}
	w.start("saml:Conditions", "NotBefore", instant(r.Now.Add(-clockGrace)), "NotOnOrAfter", instant(end))
	w.start("saml:AudienceRestriction")
	w.leaf("saml:Audience", r.Audience)
	w.end("saml:AudienceRestriction")
	w.end("saml:Conditions")
	w.authnStatement(r)
	w.attributeStatement(r.Attributes)
	w.end("saml:Assertion")

	var signature []byte
	if r.Sign != SignResponse {
		if i.Key == nil {
			return errNoKey
		}
		if signature, err = i.Key.enveloped(i.random(), id, w.b[:at], w.b[at:]); err != nil {
			return err
		}
	}
	if r.Encrypt == nil {
		out.b = append(append(append(out.b, w.b[:at]...), signature...), w.b[at:]...)
		return nil
	}
	plain := make([]byte, 0, len(w.b)+len(signature))
	plain = append(append(append(plain, w.b[:at]...), signature...), w.b[at:]...)
	out.start("saml:EncryptedAssertion", "xmlns:saml", nsAssertion)
	if err := r.Encrypt.write(out, i, plain); err != nil {
		return err
	}
	out.end("saml:EncryptedAssertion")
	return nil
}

// end is when the assertion may no longer be presented.
func (r Response) end() time.Time {
	lifetime := r.Lifetime
	if lifetime <= 0 || lifetime > maxLifetime {
		lifetime = maxLifetime
	}
	return sooner(r.Now.Add(lifetime), r.Until)
}

// sooner is the earlier of two times, of which a zero one does not count.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// subject writes who it is and who may present it: the bearer, there, in answer to that, until then. No address: behind
// proxies it would be wrong, and no NotBefore (profiles §4.1.4.2).
func (i Issuer) subject(w *writer, r Response, end time.Time) error {
	w.start("saml:Subject")
	if err := i.nameID(w, r.Subject, r.EncryptName); err != nil {
		return err
	}
	w.start("saml:SubjectConfirmation", "Method", methodBearer)
	w.leaf("saml:SubjectConfirmationData", "", "InResponseTo", r.InResponseTo, "NotOnOrAfter", instant(end), "Recipient", r.Destination)
	w.end("saml:SubjectConfirmation")
	w.end("saml:Subject")
	return nil
}

// nameID writes a name inside of something that declares saml, in clear or encrypted.
func (i Issuer) nameID(w *writer, n NameID, e *Encryption) error {
	if e == nil {
		w.nameID(n, "")
		return nil
	}
	var plain writer
	plain.nameID(n, nsAssertion)
	w.start("saml:EncryptedID")
	if err := e.write(w, i, plain.b); err != nil {
		return err
	}
	w.end("saml:EncryptedID")
	return nil
}

func (w *writer) nameID(n NameID, declared string) {
	w.leaf("saml:NameID", n.Value, "xmlns:saml", declared, "Format", n.Format, "NameQualifier", n.NameQualifier,
		"SPNameQualifier", n.SPNameQualifier, "SPProvidedID", n.SPProvidedID)
}

func (w *writer) authnStatement(r Response) {
	until := ""
	if end := sooner(r.SessionNotOnOrAfter, r.Until); !end.IsZero() {
		until = instant(end)
	}
	w.start("saml:AuthnStatement", "AuthnInstant", instant(r.AuthnInstant), "SessionIndex", r.SessionIndex, "SessionNotOnOrAfter", until)
	w.start("saml:AuthnContext")
	w.leaf("saml:AuthnContextClassRef", r.Class)
	w.end("saml:AuthnContext")
	w.end("saml:AuthnStatement")
}

// attributeStatement writes attributes that have a value; a statement without any would break the schema. Values carry no
// xsi:type: it is optional, and its prefix would be lost in exclusive canonical form.
func (w *writer) attributeStatement(attributes []Attribute) {
	open := false
	for _, a := range attributes {
		if len(a.Values) == 0 {
			continue
		}
		if !open {
			w.start("saml:AttributeStatement")
			open = true
		}
		w.start("saml:Attribute", "FriendlyName", a.FriendlyName, "Name", a.Name, "NameFormat", a.NameFormat)
		for _, v := range a.Values {
			w.leaf("saml:AttributeValue", v)
		}
		w.end("saml:Attribute")
	}
	if open {
		w.end("saml:AttributeStatement")
	}
}
