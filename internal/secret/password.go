package secret

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// MaxPassword is the longest password in bytes after normalization; checked before hashing, never truncated.
const MaxPassword = 1024

// Params are the cost of argon2id: memory in KiB, passes, lanes.
type Params struct {
	Memory uint32
	Time   uint32
	Lanes  uint8
}

// DefaultParams is the least that is allowed: 19 MiB, 2 passes, 1 lane (OWASP Password Storage).
var DefaultParams = Params{Memory: 19 * 1024, Time: 2, Lanes: 1}

// Upper bounds on parameters read back from a stored hash, so that a row cannot make the process use gigabytes.
const (
	maxMemory = 256 * 1024
	maxTime   = 16
	maxLanes  = 8
	saltSize  = 16
	keySize   = 32
)

// Passwords hashes and verifies passwords with argon2id, as many at once as there are processors.
type Passwords struct {
	params Params
	slots  chan struct{}
	dummy  string
}

// NewPasswords prepares the hasher and a dummy hash for people without a password.
func NewPasswords(p Params) *Passwords {
	h := &Passwords{params: p, slots: make(chan struct{}, runtime.GOMAXPROCS(0))}
	h.dummy = h.encode(p, Random(saltSize), Random(keySize))
	return h
}

// Hash gives the PHC string of a password.
func (h *Passwords) Hash(ctx context.Context, password string) (string, error) {
	p, err := prepare(password)
	if err != nil {
		return "", err
	}
	salt := Random(saltSize)
	key, err := h.derive(ctx, p, salt, h.params)
	if err != nil {
		return "", err
	}
	return h.encode(h.params, salt, key), nil
}

// Verify reports whether the password is the hash's.
func (h *Passwords) Verify(ctx context.Context, phc, password string) (bool, error) {
	params, salt, want, err := decode(phc)
	if err != nil {
		return false, err
	}
	p, err := prepare(password)
	if err != nil {
		return false, h.Dummy(ctx, "") // the time of a verification all the same
	}
	got, err := h.derive(ctx, p, salt, params)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

// Dummy takes the time of a verification and always fails: what happens where a person has no password, so that nobody
// can tell from the time.
func (h *Passwords) Dummy(ctx context.Context, password string) error {
	params, salt, _, err := decode(h.dummy)
	if err != nil {
		return err
	}
	p, err := prepare(password)
	if err != nil {
		p = nil
	}
	_, err = h.derive(ctx, p, salt, params)
	return err
}

func (h *Passwords) derive(ctx context.Context, password, salt []byte, p Params) ([]byte, error) {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return argon2.IDKey(password, salt, p.Time, p.Memory, p.Lanes, keySize), nil
}

// ErrPasswordSize says that a password is empty or longer than MaxPassword.
var ErrPasswordSize = errors.New("secret: password is empty or too long")

// prepare normalizes to NFC (NIST SP 800-63B-4 §3.1.1.2) and checks the size; the whole password counts.
func prepare(password string) ([]byte, error) {
	if len(password) > 4*MaxPassword {
		return nil, ErrPasswordSize
	}
	p := norm.NFC.Bytes([]byte(password))
	if len(p) == 0 || len(p) > MaxPassword {
		return nil, ErrPasswordSize
	}
	return p, nil
}

func (h *Passwords) encode(p Params, salt, key []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.Memory, p.Time, p.Lanes,
		b64.EncodeToString(salt), b64.EncodeToString(key))
}

var errHash = errors.New("secret: a stored password hash cannot be read")

func decode(phc string) (p Params, salt, key []byte, err error) {
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, nil, nil, errHash
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.Memory, &p.Time, &p.Lanes); err != nil {
		return p, nil, nil, errHash
	}
	if p.Memory == 0 || p.Memory > maxMemory || p.Time == 0 || p.Time > maxTime || p.Lanes == 0 || p.Lanes > maxLanes {
		return p, nil, nil, errHash
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	key, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(salt) < 8 || len(key) != keySize {
		return p, nil, nil, errHash
	}
	return p, salt, key, nil
}
