// Package secret makes, hides, seals and hashes what must stay secret: random tokens, keys derived from the master key,
// and passwords. Nothing here logs, and a Text prints as "[redacted]" wherever it is formatted or marshalled.
package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// Text is a secret in clear that refuses to be printed. Two things it cannot refuse: being a JSON object's key, and being
// printed from an unexported field of a struct.
type Text string

const redacted = "[redacted]"

// Reveal gives the clear text; call it only where the secret is used.
func (t Text) Reveal() string { return string(t) }

// String hides the text.
func (Text) String() string { return redacted }

// GoString hides the text from %#v.
func (Text) GoString() string { return redacted }

// Format hides the text from every verb, also from those that no text has (%d would show it in its complaint).
func (Text) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// LogValue hides the text from slog.
func (Text) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText hides the text from JSON and YAML.
func (Text) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// NewToken is 256 random bits in base64url, 43 characters.
func NewToken() string { return base64.RawURLEncoding.EncodeToString(Random(32)) }

// Random is n random bytes.
func Random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // crypto/rand never fails since Go 1.24
	return b
}

// HashToken is what the store keeps of a random token: its SHA-256. A password hash would be wasted on 256 random bits.
func HashToken(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// MasterSize is the length of a master key in bytes.
const MasterSize = 32

// Keys seals with, and derives from, the installation's master key.
type Keys struct{ master []byte }

// NewKeys checks the master key: exactly 32 bytes, and not a constant pattern that somebody typed.
func NewKeys(master []byte) (*Keys, error) {
	if len(master) != MasterSize {
		return nil, fmt.Errorf("the master key has %d bytes, it must have %d", len(master), MasterSize)
	}
	distinct := map[byte]bool{}
	for _, b := range master {
		distinct[b] = true
	}
	if len(distinct) < 8 {
		return nil, errors.New("the master key is not random")
	}
	return &Keys{append([]byte(nil), master...)}, nil
}

// Derive gives the 32-byte key for a purpose (HKDF-SHA256, RFC 5869). Different labels give unrelated keys.
func (k *Keys) Derive(label string) []byte {
	key, err := hkdf.Key(sha256.New, k.master, nil, "portvakt "+label, 32)
	if err != nil { // only for absurd lengths
		panic(err)
	}
	return key
}

// Seal encrypts plain for a purpose (AES-256-GCM, random nonce in front); Open needs the same purpose.
func (k *Keys) Seal(purpose string, plain []byte) []byte {
	aead := k.aead(purpose)
	nonce := Random(aead.NonceSize())
	return aead.Seal(nonce, nonce, plain, []byte(purpose))
}

// ErrSealed says that sealed bytes are not what this master key sealed for this purpose.
var ErrSealed = errors.New("secret: cannot be opened with this master key")

// Open decrypts what Seal made.
func (k *Keys) Open(purpose string, sealed []byte) ([]byte, error) {
	aead := k.aead(purpose)
	if len(sealed) < aead.NonceSize() {
		return nil, ErrSealed
	}
	plain, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], []byte(purpose))
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}

func (k *Keys) aead(purpose string) cipher.AEAD {
	block, err := aes.NewCipher(k.Derive("seal " + purpose))
	if err != nil {
		panic(err) // the key has 32 bytes
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return aead
}
