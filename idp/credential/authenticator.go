package credential

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"net/url"
	"strings"

	"portvakt/internal/directory"
	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
)

// Authenticator is a TOTP key on its way into somebody's app. It counts for nothing until a first code has proven that it
// arrived there (Enrol).
type Authenticator struct{ key []byte }

const newSecret = 20 // bytes: 160 bits, as RFC 4226 §4 recommends

// NewAuthenticator makes a key.
func NewAuthenticator() Authenticator {
	key := make([]byte, newSecret)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	return Authenticator{key}
}

var base32Text = base32.StdEncoding.WithPadding(base32.NoPadding)

// Text is the key as a person types it into an app: base32 in groups of four.
func (a Authenticator) Text() string { return grouped(base32Text.EncodeToString(a.key), " ") }

// URI is what apps read from the QR code. issuer names this installation, account the person.
func (a Authenticator) URI(issuer, account string) string {
	q := url.Values{"secret": {base32Text.EncodeToString(a.key)}, "issuer": {issuer}} // the rest is what apps take for granted
	label := url.PathEscape(issuer) + ":" + url.PathEscape(account)
	return "otpauth://totp/" + label + "?" + strings.ReplaceAll(q.Encode(), "+", "%20") // apps do not read "+" as a space
}

func grouped(s, between string) string {
	var b strings.Builder
	for i := 0; i < len(s); i += 4 {
		if i > 0 {
			b.WriteString(between)
		}
		b.WriteString(s[i:min(i+4, len(s))])
	}
	return b.String()
}

// SealAuthenticator makes a text of a key that has not been proven yet; it opens for the same purpose alone.
func (c *Credentials) SealAuthenticator(a Authenticator, purpose string) string {
	return base64.RawURLEncoding.EncodeToString(c.keys.Seal("enrol "+purpose, a.key))
}

// OpenAuthenticator reads a sealed key; false where it is none of this purpose.
func (c *Credentials) OpenAuthenticator(sealed, purpose string) (Authenticator, bool) {
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil || len(sealed) > 200 {
		return Authenticator{}, false
	}
	key, err := c.keys.Open("enrol "+purpose, raw)
	return Authenticator{key}, err == nil && len(key) == newSecret
}

// Prove checks a first code of the app that holds the key, and answers what Enrol takes. Nobody can guess here: who is
// asked for the code has just been shown the key.
func (c *Credentials) Prove(user directory.UserID, a Authenticator, code string) (Proven, error) {
	typed, ok := readCode(code)
	if !ok || len(a.key) != newSecret {
		return Proven{}, ErrWrongCode
	}
	step, ok := matchingStep(a.key, typed, c.db.Now())
	if !ok {
		return Proven{}, ErrWrongCode
	}
	return Proven{user: user, step: step, sealed: c.keys.Seal(sealPurpose(user), a.key)}, nil
}

// Proven is an authenticator whose app has shown a right code.
type Proven struct {
	user   directory.UserID
	step   int64
	sealed []byte
}

// Enrol stores a proven authenticator as the person's; an earlier one stops working. Its first code counts as shown, and
// is spent.
//
// Invariant: what is stored has been proven by a code of the person's app, and that code opens nothing more
// (TestEnrolledByAFirstCode).
func (c *Credentials) Enrol(ctx context.Context, tx *sqldb.Tx, p Proven) (Evidence, error) {
	epoch, err := enrolTOTP(ctx, tx, p)
	if err != nil {
		return Evidence{}, err
	}
	if err := announceFactor(tx, EventFactorAdded, p.user, FactorCode); err != nil {
		return Evidence{}, err
	}
	return Evidence{User: p.user, Epoch: epoch, At: tx.Now(), Code: true}, nil
}

// The events of factors; Data is FactorEvent. Account has each told to the person.
const (
	EventFactorAdded       = "account.factor_added"
	EventFactorRemoved     = "account.factor_removed"
	EventRecoveryCodesMade = "account.recovery_codes_made"
	EventRecoveryCodeUsed  = "account.recovery_code_used"
)

// The kinds of factors in events.
const (
	FactorCode = "totp"
	FactorKey  = "webauthn"
)

// FactorEvent is what an event about a person's factors says.
type FactorEvent struct {
	User   string `json:"user"`
	Factor string `json:"factor,omitempty"` // FactorCode or FactorKey
	Left   int    `json:"left,omitempty"`   // recovery codes
}

func announceFactor(tx *sqldb.Tx, kind string, user directory.UserID, factor string) error {
	return outbox.Append(tx, directory.OrganizationID{}, kind, user.String(), FactorEvent{User: user.String(), Factor: factor})
}

// RemoveTOTP takes the person's authenticator away. Where no factor is left, recovery codes and trusted browsers go with it.
func (c *Credentials) RemoveTOTP(ctx context.Context, tx *sqldb.Tx, user directory.UserID) error {
	if err := LockUser(ctx, tx, user); err != nil {
		return err
	}
	removed, err := deleteTOTP(ctx, tx, user)
	if err != nil || !removed {
		return err
	}
	has, err := c.Of(ctx, tx, user)
	if err != nil {
		return err
	}
	if !has.SecondFactor() {
		voidRecovery(tx, user)
		endDevices(tx, user)
	}
	return announceFactor(tx, EventFactorRemoved, user, FactorCode)
}
