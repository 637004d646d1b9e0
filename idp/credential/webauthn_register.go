package credential

import (
	"context"
	"crypto/rand"
	"encoding/json"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// NewKey asks for a ceremony in which a person's authenticator makes a key.
type NewKey struct {
	User    directory.UserID
	Passkey bool   // kept in the authenticator and good without a password: it must verify the person
	Account string // the address that the authenticator shows
	Name    string // the person's name that it shows
	Bound   string // to what the ceremony is bound: a secret of this browser, and what it is about
}

// BeginRegistration makes the challenge. Whether the person may add a key now is the caller's question.
func (c *Credentials) BeginRegistration(ctx context.Context, n NewKey) (Challenge, error) {
	if c.party == nil {
		return Challenge{}, ErrNoCeremonies
	}
	if err := c.mayRegister(ctx, n.User); err != nil {
		return Challenge{}, err
	}
	keys, err := c.keysOf(ctx, c.db, n.User)
	if err != nil {
		return Challenge{}, err
	}
	if len(keys) >= maxKeys {
		return Challenge{}, ErrTooManyKeys
	}
	owner := &keyOwner{account: n.Account, name: n.Name}
	if owner.name == "" {
		owner.name = n.Account
	}
	if owner.handle, err = c.handle(ctx, n.User, rand.Text()+rand.Text()); err != nil {
		return Challenge{}, err
	}
	var had []protocol.CredentialDescriptor
	for i := range keys {
		had = append(had, keys[i].credential.Descriptor())
	}
	preference := protocol.PreferNoAttestation
	if demanded, err := c.attestationDemanded(ctx, n.User); err != nil {
		return Challenge{}, err
	} else if demanded {
		preference = protocol.PreferDirectAttestation
	}
	creation, session, err := c.party.lib.BeginRegistration(owner, webauthn.WithCredentialParameters(algorithms),
		webauthn.WithConveyancePreference(preference), webauthn.WithExclusions(had), webauthn.WithAuthenticatorSelection(selection(n.Passkey)),
		webauthn.WithExtensions(webauthn.WithExtensionCredProps()))
	if err != nil {
		return Challenge{}, err
	}
	return c.begin(ctx, toRegister, n.Bound, ceremony{user: n.User, Session: *session, Passkey: n.Passkey}, creation.Response)
}

// selection is what the authenticator must be able to do. Beside a password it is possession that counts, and asking for
// the PIN as well would only be in the way.
func selection(passkey bool) protocol.AuthenticatorSelection {
	if passkey {
		return protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(),
			UserVerification: protocol.VerificationRequired,
		}
	}
	return protocol.AuthenticatorSelection{
		ResidentKey: protocol.ResidentKeyRequirementDiscouraged, RequireResidentKey: protocol.ResidentKeyNotRequired(),
		UserVerification: protocol.VerificationDiscouraged,
	}
}

// ProvenKey is a key that its authenticator has just made, and shown.
type ProvenKey struct {
	key      storedKey
	verified bool
	attested bool
}

// ProveKey takes the answer of a registration, and answers what EnrolKey stores under the name.
func (c *Credentials) ProveKey(ctx context.Context, user directory.UserID, a Answer, name string) (ProvenKey, error) {
	name, err := keyName(name)
	if err != nil {
		return ProvenKey{}, err
	}
	cer, err := c.claim(ctx, toRegister, a)
	if err != nil {
		return ProvenKey{}, err
	}
	if cer.user != user {
		return ProvenKey{}, ErrCeremonyOver
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes([]byte(a.Credential))
	if err != nil {
		return ProvenKey{}, ErrKeyRefused.Because(err)
	}
	if !c.party.at(parsed.Response.CollectedClientData) {
		return ProvenKey{}, ErrKeyRefused
	}
	made, err := c.party.lib.CreateCredential(&keyOwner{handle: cer.Session.UserID}, cer.Session, parsed)
	if err != nil {
		return ProvenKey{}, ErrKeyRefused.Because(err)
	}
	if !sound(made.PublicKey) {
		return ProvenKey{}, ErrKeyRefused
	}
	attested := c.vouched(made)
	demanded, err := c.attestationDemanded(ctx, user) // the policy may have come meanwhile
	if err != nil {
		return ProvenKey{}, err
	}
	if demanded && !attested {
		return ProvenKey{}, ErrKeyAttested
	}
	k := storedKey{Key: Key{
		ID: sqldb.NewID[keyPrefix](c.db.Now()), Name: name, Passkey: cer.Passkey && !keptOutside(made), Synced: made.Flags.BackupState,
	}, user: user, credential: *made}
	k.text, err = textOf(made)
	return ProvenKey{k, parsed.Response.AttestationObject.AuthData.Flags.HasUserVerified(), attested}, err
}

// SignsIn reports whether the key is good without a password.
func (p ProvenKey) SignsIn() bool { return p.key.Passkey && p.verified }

// EnrolKey stores the key. The ceremony is evidence as well: the person has just used it.
func (c *Credentials) EnrolKey(ctx context.Context, tx *sqldb.Tx, p ProvenKey) (Evidence, error) {
	if err := LockUser(ctx, tx, p.key.user); err != nil {
		return Evidence{}, err
	}
	return p.store(ctx, tx)
}

// EnrolKeyInstead stores a passkey with which the person signs in from now on, and voids the password that they had.
//
// Invariant: no password from before opens anything after (TestAResetByPasskeyVoidsThePassword).
func (c *Credentials) EnrolKeyInstead(ctx context.Context, tx *sqldb.Tx, p ProvenKey) (e Evidence, err error) {
	if !p.SignsIn() {
		return e, ErrKeyRefused
	}
	if err := LockUser(ctx, tx, p.key.user); err != nil {
		return e, err
	}
	if p.key.instead, err = removePassword(ctx, tx, p.key.user); err != nil {
		return e, err
	}
	return p.store(ctx, tx)
}

func (p ProvenKey) store(ctx context.Context, tx *sqldb.Tx) (Evidence, error) {
	k := p.key
	if err := storeKey(ctx, tx, &k); err != nil {
		return Evidence{}, err
	}
	return Evidence{User: k.user, Epoch: k.epoch, At: k.CreatedAt, Key: true, Verified: p.verified, Attested: p.attested}, nil
}

// keptOutside reports whether the browser says that the authenticator has not kept the key, whatever we asked for.
func keptOutside(made *webauthn.Credential) bool {
	return made.Extensions.RK != nil && !*made.Extensions.RK
}

const minRSA = 2048 / 8 // bytes of the modulus

// sound reports what the library does not ask of a key without attestation: that it can be read, on the curve that belongs
// to its algorithm (WebAuthn §5.8.5), and that an RSA key is long enough.
//
// Invariant: ES256 is P-256 and nothing else (TestWall100_OnlyOfferedAlgorithms).
func sound(publicKey []byte) bool {
	parsed, err := webauthncose.ParsePublicKey(publicKey)
	if err != nil {
		return false
	}
	key, isRSA := parsed.(webauthncose.RSAPublicKeyData)
	return !isRSA || len(key.Modulus) >= minRSA
}

func textOf(made *webauthn.Credential) (string, error) {
	text, err := json.Marshal(made)
	return string(text), err
}

// Addable says which keys somebody can add.
type Addable int

// What somebody can add.
const (
	NoKeys       Addable = iota
	AnyKeys              // whichever the browser makes
	AttestedKeys         // those alone that their maker vouches for
)

// Addable says which keys the person can add, by the policies of the person's organizations.
func (c *Credentials) Addable(ctx context.Context, user directory.UserID) (Addable, error) {
	if !c.KeysWork() {
		return NoKeys, nil
	}
	demanded, err := c.attestationDemanded(ctx, user)
	switch {
	case err != nil || demanded && c.makers == nil:
		return NoKeys, err
	case demanded:
		return AttestedKeys, nil
	}
	return AnyKeys, nil
}

// mayRegister asks the policies of the person's organizations.
//
// Invariant: where attested keys are demanded nothing else is stored; without the makers' metadata that is nothing at all
// (TestAttestedKeysAreRefused).
func (c *Credentials) mayRegister(ctx context.Context, user directory.UserID) error {
	if c.makers != nil {
		return nil
	}
	demanded, err := c.attestationDemanded(ctx, user)
	if err == nil && demanded {
		err = ErrKeyAttested
	}
	return err
}
