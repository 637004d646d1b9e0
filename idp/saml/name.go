package saml

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"strings"

	"portvakt/idp/saml/wire"
	"portvakt/internal/directory"
	"portvakt/internal/secret"
)

// namer calls people by names that mean something to one service provider alone.
//
// Invariant: two service providers have no persistent name in common, and no name is ever another person's: it follows from
// an identifier that is never used again (TestNames).
type namer struct {
	key   []byte
	scope string // behind the @ of subject-id and pairwise-id
}

var lower32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// persistent is the person's name for one service provider of one owner, 160 bits of a keyed hash. It outlives a new
// registration of the same entity, and the memberships of the person.
func (n namer) persistent(p *Provider, user directory.UserID) string {
	owner := p.Owner()
	mac := hmac.New(sha256.New, n.key)
	mac.Write(owner[:])
	mac.Write(user[:])
	mac.Write([]byte(p.EntityID)) // of any length, so last
	return lower32.EncodeToString(mac.Sum(nil)[:20])
}

// pairwise is pairwise-id of the SAML V2.0 Subject Identifier Attributes Profile §3.4.
func (n namer) pairwise(p *Provider, user directory.UserID) string {
	return n.persistent(p, user) + "@" + n.scope
}

// subject is subject-id (§3.3 there), in whose alphabet an identifier of ours has a hyphen.
func (n namer) subject(user directory.UserID) string {
	return strings.ReplaceAll(user.String(), "_", "-") + "@" + n.scope
}

// isOf reports whether the persistent name that the request asks for is the person's.
func (n namer) isOf(t *target, user directory.UserID) bool {
	return t.Subject.Format != wire.FormatTransient && t.Subject.Value == n.persistent(t.provider, user)
}

// expected reports whether whoever signed in is whom the request names.
func (n namer) expected(t *target, st directory.Standing) bool {
	if t.Subject == nil || n.isOf(t, st.User) {
		return true
	}
	wanted, err := directory.ParseEmail(t.Subject.Value)
	if err != nil || t.Subject.Format == wire.FormatPersistent || t.Subject.Format == wire.FormatTransient {
		return false
	}
	has, err := directory.ParseEmail(st.Email)
	return err == nil && has.Key == wanted.Key
}

// of is the person's name in the format that was settled with the request, as far as the registration still allows it.
//
// Invariant: what a registration stops to tell while somebody signs in is not told any more (TestTheNameIsSettledAgain).
func (n namer) of(t *target, st directory.Standing) (wire.NameID, error) {
	name := wire.NameID{Format: t.Format}
	if t.Hidden && t.provider.Encryption == nil {
		return name, errPolicy
	}
	switch t.Format {
	case wire.FormatEmail:
		if !t.provider.mayHaveEmail() {
			return name, errPolicy
		}
		if !st.EmailVerified { // a service provider may take it for who somebody is
			return name, errUnverified
		}
		name.Value = st.Email
		return name, nil
	case wire.FormatTransient:
		name.Value = "_" + lower32.EncodeToString(secret.Random(20))
	default:
		name.Value = n.persistent(t.provider, st.User)
	}
	name.NameQualifier, name.SPNameQualifier = t.entity.id(), t.provider.EntityID
	return name, nil
}

// formats are the names of formats on the wire.
var formats = map[directory.SAMLNameID]string{
	directory.NameIDPersistent: wire.FormatPersistent, directory.NameIDTransient: wire.FormatTransient, directory.NameIDEmail: wire.FormatEmail,
}

// policy settles the format of the name. Persistent and transient names tell nothing of the person and are given to
// everybody; an address only where the registration says so, or leaves it to the metadata.
func (t *target) policy(wanted wire.NameIDPolicy) error {
	if wanted.SPNameQualifier != "" && wanted.SPNameQualifier != t.provider.EntityID { // a group of others
		return errPolicy
	}
	t.Format = wanted.Format
	if t.Format == wire.FormatEncrypted {
		if t.provider.Encryption == nil {
			return errPolicy
		}
		t.Hidden, t.Format = true, ""
	}
	switch t.Format {
	case "", wire.FormatUnspecified:
		t.Format = t.provider.usualFormat()
	case wire.FormatPersistent, wire.FormatTransient:
	case wire.FormatEmail:
		if !t.provider.mayHaveEmail() {
			return errPolicy
		}
	default:
		return errPolicy
	}
	return nil
}

// usualFormat is the format where the request leaves it open.
func (p *Provider) usualFormat() string {
	if format, ok := formats[NameIDOf(&p.Settings)]; ok {
		return format
	}
	for _, format := range p.Wire.NameIDFormats {
		switch format {
		case wire.FormatPersistent, wire.FormatTransient, wire.FormatEmail:
			return format
		}
	}
	return wire.FormatPersistent
}

func (p *Provider) mayHaveEmail() bool {
	switch NameIDOf(&p.Settings) {
	case directory.NameIDEmail:
		return true
	case directory.NameIDUnspecified:
	default:
		return false
	}
	for _, format := range p.Wire.NameIDFormats {
		if format == wire.FormatEmail {
			return true
		}
	}
	return len(p.Wire.NameIDFormats) == 0
}

// nobody is a user that does not exist.
func nobody() (id directory.UserID) {
	copy(id[:], secret.Random(len(id)))
	return id
}
