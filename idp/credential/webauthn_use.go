package credential

import (
	"bytes"
	"context"
	"errors"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"portvakt/internal/directory"
	"portvakt/internal/ratelimit"
	"portvakt/internal/sqldb"
)

// BeginPasskey makes the challenge for a sign-in with a passkey alone. It names no key and knows no person, so it is the
// same for everybody (TestWall86_PasskeyOptionsNameNobody). from is the address that it is asked from.
func (c *Credentials) BeginPasskey(ctx context.Context, bound, from string) (Challenge, error) {
	if c.party == nil {
		return Challenge{}, ErrNoCeremonies
	}
	if network, ok := Network(from); ok {
		allowed, wait, err := c.throttle.Take(ctx, ceremonyRule, network)
		if err != nil {
			return Challenge{}, err
		}
		if !allowed {
			return Challenge{}, ratelimit.Refusal(wait)
		}
	}
	assertion, session, err := c.party.lib.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return Challenge{}, err
	}
	return c.begin(ctx, asPasskey, bound, ceremony{Session: *session}, assertion.Response)
}

// BeginSecondFactor makes the challenge for the person's own keys, beside the password that was shown.
func (c *Credentials) BeginSecondFactor(ctx context.Context, user directory.UserID, bound string) (Challenge, error) {
	if c.party == nil {
		return Challenge{}, ErrNoCeremonies
	}
	keys, err := c.keysOf(ctx, c.db, user)
	if err != nil {
		return Challenge{}, err
	}
	if len(keys) == 0 {
		return Challenge{}, ErrKeyNotFound
	}
	owner := &keyOwner{handle: keys[0].handle}
	for i := range keys {
		owner.credentials = append(owner.credentials, keys[i].credential)
	}
	assertion, session, err := c.party.lib.BeginLogin(owner, webauthn.WithUserVerification(protocol.VerificationDiscouraged))
	if err != nil {
		return Challenge{}, err
	}
	return c.begin(ctx, asSecondFactor, bound, ceremony{user: user, Session: *session}, assertion.Response)
}

// FinishPasskey proves who somebody is by a passkey alone: the authenticator has verified the person in this ceremony.
//
// Invariant: without user verification a passkey proves nobody (TestWall100_PresenceIsNoVerification).
func (c *Credentials) FinishPasskey(ctx context.Context, a Answer) (Evidence, error) {
	return c.finish(ctx, asPasskey, directory.UserID{}, a)
}

// FinishSecondFactor proves that the person has one of their keys.
func (c *Credentials) FinishSecondFactor(ctx context.Context, user directory.UserID, a Answer) (Evidence, error) {
	return c.finish(ctx, asSecondFactor, user, a)
}

func (c *Credentials) finish(ctx context.Context, p purpose, user directory.UserID, a Answer) (Evidence, error) {
	cer, err := c.claim(ctx, p, a)
	if err != nil {
		return Evidence{}, err
	}
	if cer.user != user {
		return Evidence{}, ErrCeremonyOver
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(a.Credential))
	if err != nil {
		return Evidence{}, ErrKeyRefused.Because(err)
	}
	if !c.party.at(parsed.Response.CollectedClientData) {
		return Evidence{}, ErrKeyRefused
	}
	k, err := c.keyByCredential(ctx, parsed.RawID)
	if err != nil {
		return Evidence{}, err
	}
	used, err := c.validate(p, &k, cer, parsed)
	if err != nil {
		return Evidence{}, ErrKeyRefused.Because(err)
	}
	if used.Authenticator.CloneWarning {
		return Evidence{}, c.suspect(ctx, &k)
	}
	if err := c.noteUse(ctx, &k, used, p); err != nil {
		return Evidence{}, err
	}
	// Whether the person was verified says this ceremony, not the key's record.
	verified := parsed.Response.AuthenticatorData.Flags.HasUserVerified()
	return Evidence{User: k.user, Epoch: k.epoch, At: c.db.Now(), Key: true, Verified: verified, Attested: c.vouched(used)}, nil
}

// validate has the library check challenge, relying party, flags and signature, with this one key as the person's only.
func (c *Credentials) validate(p purpose, k *storedKey, cer ceremony, parsed *protocol.ParsedCredentialAssertionData) (*webauthn.Credential, error) {
	owner := &keyOwner{handle: k.handle, credentials: []webauthn.Credential{k.credential}}
	if p == asPasskey {
		_, used, err := c.party.lib.ValidatePasskeyLogin(func(_, handle []byte) (webauthn.User, error) {
			if !bytes.Equal(handle, k.handle) {
				return nil, ErrKeyRefused
			}
			return owner, nil
		}, cer.Session, parsed)
		return used, err
	}
	if k.user != cer.user {
		return nil, ErrKeyRefused
	}
	// The options named all keys of the person; one of them may have been removed since, which the library would refuse.
	cer.Session.AllowedCredentialIDs = [][]byte{k.credential.ID}
	return c.party.lib.ValidateLogin(owner, cer.Session, parsed)
}

// suspect refuses a key whose counter does not go forward, and has the person told, once a day. The stored counter stays,
// so that a copy stays refused; who has the key itself removes it on the account page.
//
// Invariant: a counter that goes back signs nobody in (TestWall100_TheCounterGoesForward).
func (c *Credentials) suspect(ctx context.Context, k *storedKey) error {
	tell, _, err := c.throttle.Take(ctx, suspiciousRule, k.ID.String())
	if err != nil {
		return err
	}
	if err := c.noteSuspicion(ctx, k, tell); err != nil {
		return err
	}
	return ErrKeySuspicious
}

// noteUse stores the counter and the flags of this ceremony. Of two that show the same state of a key that counts only
// one is taken.
func (c *Credentials) noteUse(ctx context.Context, k *storedKey, used *webauthn.Credential, p purpose) error {
	text, err := textOf(used)
	if err != nil {
		return err
	}
	// A key that the authenticator keeps, whatever it was asked for, is a passkey.
	k.Passkey = k.Passkey || p == asPasskey
	err = c.updateKey(ctx, k, text)
	if errors.Is(err, sqldb.ErrNoRows) {
		return ErrKeyRefused
	}
	return err
}

// UnknownKey is the identifier of the key of an answer that was refused as unknown, for the browser's own list of passkeys
// (WebAuthn §5.1.10); empty where it says nothing.
func (c *Credentials) UnknownKey(a Answer, refusal error) string {
	if !errors.Is(refusal, ErrKeyUnknown) {
		return ""
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(a.Credential))
	if err != nil {
		return ""
	}
	return encoded(parsed.RawID)
}
