package credential

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" // RFC 6238 as every authenticator app speaks it; HMAC does not need collision resistance
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

const (
	codeDigits = 6
	codeStep   = 30 // seconds
	codeSkew   = 1  // steps before and after
)

// ErrBadSecret says that a text is no TOTP secret.
var ErrBadSecret = fault.New(fault.Invalid, "bad_totp", "A TOTP secret is base32 and at least 80 bits long").On("totp")

// minSecret is 80 bits: what the QR codes of older services carry. New ones get more.
const minSecret = 10

// VerifyCode proves the person by a one-time code. After some wrong ones every further one has to wait, right or wrong;
// a correct password does not reset that count.
func (c *Credentials) VerifyCode(ctx context.Context, user directory.UserID, code string) (Evidence, error) {
	if err := c.guessCode(ctx, user); err != nil {
		return Evidence{}, err
	}
	e, err := c.acceptCode(ctx, user, code)
	if err != nil {
		return Evidence{}, err
	}
	return e, c.throttle.Reset(ctx, codeRule, user.String())
}

func (c *Credentials) acceptCode(ctx context.Context, user directory.UserID, code string) (Evidence, error) {
	typed, ok := readCode(code)
	if !ok {
		return Evidence{}, ErrWrongCode
	}
	sealed, epoch, err := c.totpSecret(ctx, user)
	if err != nil || sealed == nil {
		return Evidence{}, wrongUnless(err)
	}
	key, err := c.keys.Open(sealPurpose(user), sealed)
	if err != nil {
		return Evidence{}, err
	}
	now := c.db.Now()
	step, ok := matchingStep(key, typed, now)
	if !ok {
		return Evidence{}, ErrWrongCode
	}
	fresh, err := c.claimStep(ctx, user, step)
	if err != nil || !fresh {
		return Evidence{}, wrongUnless(err)
	}
	c.drift[step-now.Unix()/codeStep+codeSkew].Add(1)
	return Evidence{User: user, Epoch: epoch, At: c.db.Now(), Code: true}, nil
}

// Drift says how many codes were accepted since the start by how many steps their clocks differ from this machine's (RFC 6238 §6).
// Telephones keep time, so many codes beside the middle say that this machine does not.
func (c *Credentials) Drift() map[int]int64 {
	out := map[int]int64{}
	for i := range c.drift {
		out[i-codeSkew] = c.drift[i].Load()
	}
	return out
}

func wrongUnless(err error) error {
	if err != nil {
		return err
	}
	return ErrWrongCode
}

// readCode takes six ASCII digits, with spaces as apps show them; nothing else is a code.
func readCode(s string) (string, bool) {
	if len(s) > 4*codeDigits {
		return "", false
	}
	s = strings.ReplaceAll(s, " ", "")
	if len(s) != codeDigits {
		return "", false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return "", false
		}
	}
	return s, true
}

// matchingStep finds the time step whose code it is, compared in constant time over the whole window.
func matchingStep(key []byte, typed string, now time.Time) (int64, bool) {
	var found int64
	ok := 0
	current := now.Unix() / codeStep
	for step := current - codeSkew; step <= current+codeSkew; step++ {
		same := subtle.ConstantTimeCompare([]byte(codeAt(key, step)), []byte(typed))
		if same == 1 && ok == 0 {
			found = step
		}
		ok |= same
	}
	return found, ok == 1
}

// codeAt is HOTP of the step (RFC 4226 §5.3).
func codeAt(key []byte, step int64) string {
	var counter [8]byte
	binary.BigEndian.PutUint64(counter[:], uint64(step))
	mac := hmac.New(sha1.New, key)
	mac.Write(counter[:])
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 0x0f
	n := binary.BigEndian.Uint32(sum[offset:]) & 0x7fffffff
	return fmt.Sprintf("%0*d", codeDigits, n%1_000_000)
}

// ParseSecret reads a TOTP secret as apps show it: base32, spaces and letter case do not matter.
func ParseSecret(s string) ([]byte, error) {
	s = strings.TrimRight(strings.ToUpper(strings.Join(strings.Fields(s), "")), "=")
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(s)
	if err != nil || len(key) < minSecret {
		return nil, ErrBadSecret
	}
	return key, nil
}

// SetTOTP stores the person's authenticator secret, sealed; the person's earlier one stops working.
func (c *Credentials) SetTOTP(ctx context.Context, tx *sqldb.Tx, user directory.UserID, base32 string) error {
	key, err := ParseSecret(base32)
	if err != nil {
		return err
	}
	return storeTOTP(ctx, tx, user, c.keys.Seal(sealPurpose(user), key))
}

// sealPurpose binds a sealed secret to its person, so that a row copied to somebody else opens nothing.
func sealPurpose(user directory.UserID) string { return "totp " + user.String() }
