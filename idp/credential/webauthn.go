package credential

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/ratelimit"
	"portvakt/internal/sqldb"
)

type (
	keyPrefix      struct{}
	ceremonyPrefix struct{}
)

func (keyPrefix) Prefix() string      { return "key" }
func (ceremonyPrefix) Prefix() string { return "wac" }

type (
	// KeyID identifies a passkey or security key.
	KeyID = sqldb.ID[keyPrefix]
	// CeremonyID identifies a challenge that waits for its answer.
	CeremonyID = sqldb.ID[ceremonyPrefix]
)

// ParseKeyID reads a key's outside identifier.
func ParseKeyID(s string) (KeyID, error) { return sqldb.ParseID[keyPrefix](s) }

// purpose is what a ceremony is for; an answer counts for its own purpose only.
type purpose string

const (
	toRegister     purpose = "register"
	asSecondFactor purpose = "second_factor"
	asPasskey      purpose = "passkey"
)

const (
	ceremonyLife = 5 * time.Minute
	maxAnswer    = 32 * 1024 // bytes of JSON; an attestation with a chain of certificates is a few thousand
	maxKeys      = 20        // of one person
	maxKeyName   = 60        // characters
)

// Faults of passkeys and security keys.
var (
	ErrNoCeremonies  = fault.New(fault.Forbidden, "keys_unavailable", "Passkeys and security keys do not work under this address")
	ErrCeremonyOver  = fault.New(fault.Expired, "ceremony_over", "The challenge has been used, is too old, or was made for something else")
	ErrKeyRefused    = fault.New(fault.Unauthenticated, "key_refused", "The passkey or security key was not accepted")
	ErrKeyUnknown    = fault.New(fault.Unauthenticated, "key_unknown", "The passkey is not registered here")
	ErrKeySuspicious = fault.New(fault.Unauthenticated, "key_suspicious", "The key's counter has gone back: a copy of it may be in use")
	ErrKeyTaken      = fault.New(fault.Conflict, "key_registered", "The passkey or security key is registered already")
	ErrKeyNotFound   = fault.New(fault.NotFound, "key_not_found", "There is no such passkey or security key")
	ErrTooManyKeys   = fault.New(fault.Forbidden, "too_many_keys", "A person can have 20 passkeys and security keys")
	ErrKeyName       = fault.New(fault.Invalid, "key_name", "A name has 60 characters at most").On("name")
	ErrKeyAttested   = fault.New(fault.Forbidden, "key_not_attested", "The organization accepts only keys that their maker vouches for")
)

// The rules of ceremonies. Passkeys are not subject to the password's counter: whoever locks an account by wrong
// passwords keeps nobody out who has one.
var (
	ceremonyRule   = ratelimit.Rule{Scope: "ceremony.network", Max: 3000, Window: 15 * time.Minute} // each is a row of the store
	suspiciousRule = ratelimit.Rule{Scope: "key.suspicious", Max: 1, Window: 24 * time.Hour}        // mails about one key
)

// algorithms are those that a new key may have, the most wanted first.
var algorithms = []protocol.CredentialParameter{
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgES256},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgEdDSA},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgRS256},
}

// party is the relying party: the issuer's host, and the exact origins whose pages may use its keys.
type party struct {
	lib     *webauthn.WebAuthn
	origins []string
}

// newParty is nil where the issuer can have no keys: a relying party is a domain, never an IP address.
func newParty(cfg Config) *party {
	u, err := url.Parse(cfg.Issuer)
	if err != nil || u.Hostname() == "" {
		return nil
	}
	if _, err := netip.ParseAddr(u.Hostname()); err == nil {
		return nil
	}
	host := strings.ToLower(u.Host)
	if port := u.Port(); u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80" {
		host = strings.TrimSuffix(host, ":"+port) // browsers leave it out (RFC 6454 §6.2)
	}
	origins := append([]string{u.Scheme + "://" + host}, cfg.RelatedOrigins...)
	lib, err := webauthn.New(&webauthn.Config{
		RPID: strings.ToLower(u.Hostname()), RPDisplayName: "Portvakt", RPOrigins: origins,
		AttestationPreference: protocol.PreferNoAttestation,
		// Safari answers extensions that nobody asked for; refusing them would refuse the person.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
	if err != nil {
		return nil
	}
	return &party{lib, origins}
}

// at reports whether the ceremony took place on a page of ours: the origin byte by byte, and not inside a page of others.
//
// Invariant: no suffix, no other scheme or port, no frame of somebody else's (TestWall97_OriginsAreExact).
func (p *party) at(data protocol.CollectedClientData) bool {
	return slices.Contains(p.origins, data.Origin) && !data.CrossOrigin && data.TopOrigin == ""
}

// KeysWork reports whether passkeys and security keys can be used under the issuer's address.
func (c *Credentials) KeysWork() bool { return c.party != nil }

// RelyingParty is the domain that the keys belong to; empty where they do not work.
func (c *Credentials) RelyingParty() string {
	if c.party == nil {
		return ""
	}
	return c.party.lib.Config.RPID
}

// Origins are those whose pages may use the keys, the issuer's first.
func (c *Credentials) Origins() []string {
	if c.party == nil {
		return nil
	}
	return slices.Clone(c.party.origins)
}

// Challenge is what a browser needs for a ceremony, as JSON for the page's script.
type Challenge struct {
	Ceremony CeremonyID      `json:"ceremony"`
	Options  json.RawMessage `json:"publicKey"`
}

// Answer is what came back from the browser.
type Answer struct {
	Ceremony   string // the Challenge's
	Credential string // JSON of the browser's PublicKeyCredential
	Bound      string // what the challenge was bound to
}

// Key is a passkey or security key of a person.
type Key struct {
	ID        KeyID
	Name      string // given by the person; may be empty
	Passkey   bool   // good without a password; else beside one
	Synced    bool   // there are copies of it in the person's other devices
	CreatedAt time.Time
	UsedAt    time.Time // zero: never
}

// ceremony is a stored challenge, single use.
type ceremony struct {
	user    directory.UserID
	Session webauthn.SessionData `json:"session"`
	Passkey bool                 `json:"passkey,omitempty"` // toRegister: a passkey is to be made
}

// keyOwner is a person as the library sees them.
type keyOwner struct {
	handle        []byte
	account, name string
	credentials   []webauthn.Credential
}

// WebAuthnID is what authenticators know the person by: random, and no identifier of ours.
func (o *keyOwner) WebAuthnID() []byte { return o.handle }

// WebAuthnName is the address that authenticators show.
func (o *keyOwner) WebAuthnName() string { return o.account }

// WebAuthnDisplayName is the name that authenticators show.
func (o *keyOwner) WebAuthnDisplayName() string { return o.name }

// WebAuthnCredentials are the person's keys, or the one in question.
func (o *keyOwner) WebAuthnCredentials() []webauthn.Credential { return o.credentials }

// begin stores the challenge and gives the browser its options.
func (c *Credentials) begin(ctx context.Context, p purpose, bound string, cer ceremony, options any) (Challenge, error) {
	raw, err := json.Marshal(options)
	if err != nil {
		return Challenge{}, err
	}
	out := Challenge{Ceremony: sqldb.NewID[ceremonyPrefix](c.db.Now()), Options: raw}
	data, err := json.Marshal(cer)
	if err != nil {
		return Challenge{}, err
	}
	return out, c.insertCeremony(ctx, out.Ceremony, p, bound, sealedCeremony{cer.user, c.keys.Seal("webauthn "+out.Ceremony.String(), data)})
}

// claim takes the challenge that is answered; whatever comes of the answer, the challenge is gone.
//
// Invariant: a challenge is good once, in the browser and for the purpose it was made for, for five minutes
// (TestWall98_AChallengeIsGoodOnce).
func (c *Credentials) claim(ctx context.Context, p purpose, a Answer) (cer ceremony, err error) {
	if c.party == nil {
		return cer, ErrNoCeremonies
	}
	id, err := sqldb.ParseID[ceremonyPrefix](a.Ceremony)
	if err != nil {
		return cer, ErrCeremonyOver
	}
	sealed, err := c.takeCeremony(ctx, id, p, a.Bound)
	if err != nil {
		return cer, err
	}
	data, err := c.keys.Open("webauthn "+id.String(), sealed.data)
	if err != nil {
		return cer, err
	}
	if len(a.Credential) > maxAnswer {
		return cer, ErrKeyRefused
	}
	cer.user = sealed.user
	return cer, json.Unmarshal(data, &cer)
}

// keyName is a name as it is stored.
func keyName(s string) (string, error) {
	s = strings.Join(strings.Fields(s), " ")
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > maxKeyName || strings.ContainsFunc(s, unicode.IsControl) {
		return "", ErrKeyName
	}
	return s, nil
}

// encoded is a binary value as scripts read it.
func encoded(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
