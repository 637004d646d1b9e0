package jwk

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"slices"
	"strings"

	"portvakt/internal/fault"
)

// The algorithms of client assertions (RFC 7518 §3.1, RFC 8037 §3.1).
const (
	ES256 = "ES256"
	PS256 = "PS256"
	EdDSA = "EdDSA"
	RS256 = "RS256"
)

// Algorithms are those that a client may sign with, the advised ones first.
func Algorithms() []string { return []string{ES256, PS256, EdDSA, RS256} }

// Limits of what is registered.
const (
	MaxKeys    = 10
	maxKeyID   = 200
	maxSet     = 32 << 10
	minModulus = 2048
	maxModulus = 4096
)

// Key is one public key.
type Key struct {
	ID        string // kid; "" where the set has this key alone
	Algorithm string // the one algorithm that it is for; "" where any that fits will do
	Public    crypto.PublicKey
}

// private are the members of a JWK that only its owner may know, and what makes a key symmetric.
var private = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"}

// errPrivate is the cause where somebody shows a private key.
var errPrivate = errors.New("jwk: a private key")

func bad(format string, args ...any) *fault.Fault {
	return fault.Newf(fault.Invalid, "bad_keys", format, args...).On("jwks")
}

// ParseSet reads a key set: one to ten public keys, each with a kid of its own where there are several.
func ParseSet(text []byte) ([]Key, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if len(text) > maxSet {
		return nil, bad("The key set is larger than %d bytes", maxSet)
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, bad("The key set is no JSON object with the member keys")
	}
	if len(set.Keys) == 0 || len(set.Keys) > MaxKeys {
		return nil, bad("A key set holds 1 to %d keys", MaxKeys)
	}
	keys := make([]Key, 0, len(set.Keys))
	for i, raw := range set.Keys {
		k, err := Parse(raw)
		if err != nil {
			return nil, bad("Key %d: %s", i+1, fault.Of(err).Text)
		}
		if k.ID == "" && len(set.Keys) > 1 {
			return nil, bad("Key %d has no kid; where there are several keys each needs one", i+1)
		}
		if slices.ContainsFunc(keys, func(other Key) bool { return other.ID == k.ID }) {
			return nil, bad("The kid of key %d stands there twice", i+1)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// fields are the members of a JWK that are read. Their values are texts; anything else there is no key.
type fields struct {
	Type      string `json:"kty"`
	ID        string `json:"kid,omitempty"`
	Use       string `json:"use,omitempty"`
	Algorithm string `json:"alg,omitempty"`
	Curve     string `json:"crv,omitempty"`
	X         string `json:"x,omitempty"`
	Y         string `json:"y,omitempty"`
	N         string `json:"n,omitempty"`
	E         string `json:"e,omitempty"`
}

// Parse reads one public key.
func Parse(text []byte) (Key, error) {
	var members map[string]json.RawMessage
	var f fields
	if json.Unmarshal(text, &members) != nil || json.Unmarshal(text, &f) != nil {
		return Key{}, bad("It is no JSON Web Key")
	}
	for _, name := range private {
		for member := range members {
			if strings.EqualFold(member, name) { // encoding/json takes members in any case
				return Key{}, bad("It holds the private member %q; register the public half only", name).Because(errPrivate)
			}
		}
	}
	if f.Use != "" && f.Use != "sig" {
		return Key{}, bad("It is not for signatures")
	}
	if len(f.ID) > maxKeyID || strings.ContainsFunc(f.ID, func(r rune) bool { return r < ' ' || r > '~' }) {
		return Key{}, bad("Its kid is longer than %d characters, or not printable ASCII", maxKeyID)
	}
	public, err := f.public()
	if err != nil {
		return Key{}, err
	}
	k := Key{ID: f.ID, Public: public}
	if f.Algorithm != "" && !k.Fits(f.Algorithm) {
		return Key{}, bad("Its alg does not fit the key, or is not one of %s", strings.Join(Algorithms(), ", "))
	}
	k.Algorithm = f.Algorithm
	return k, nil
}

func (f fields) public() (crypto.PublicKey, error) {
	switch {
	case f.Type == "EC" && f.Curve == "P-256":
		x, y := decode(f.X), decode(f.Y)
		if len(x) != 32 || len(y) != 32 {
			return nil, bad("Its coordinates are not 32 bytes in base64url")
		}
		k, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, x, y))
		if err != nil {
			return nil, bad("It is no point of the curve")
		}
		return k, nil
	case f.Type == "OKP" && f.Curve == "Ed25519":
		x := decode(f.X)
		if len(x) != ed25519.PublicKeySize {
			return nil, bad("Its x is not 32 bytes in base64url")
		}
		return ed25519.PublicKey(x), nil
	case f.Type == "RSA":
		return f.rsa()
	}
	return nil, bad("It is neither EC with P-256, nor RSA, nor OKP with Ed25519")
}

func (f fields) rsa() (crypto.PublicKey, error) {
	n, e := new(big.Int).SetBytes(decode(f.N)), new(big.Int).SetBytes(decode(f.E))
	if n.BitLen() < minModulus || n.BitLen() > maxModulus || n.Bit(0) == 0 {
		return nil, bad("Its modulus has not %d to %d bits", minModulus, maxModulus)
	}
	if e.BitLen() < 17 || e.BitLen() > 31 || e.Bit(0) == 0 {
		return nil, bad("Its exponent is none that is used, such as 65537")
	}
	return &rsa.PublicKey{N: n, E: int(e.Int64())}, nil
}

// decode is base64url without padding and without anything else; nil where it is not.
func decode(s string) []byte {
	if s == "" || strings.ContainsAny(s, "\r\n") { // which Go's decoder skips
		return nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil {
		return nil
	}
	return b
}

// JSON is the key in one form, with nothing that was not read.
func (k Key) JSON() string {
	encode := base64.RawURLEncoding.EncodeToString
	f := fields{ID: k.ID, Algorithm: k.Algorithm}
	switch p := k.Public.(type) {
	case *ecdsa.PublicKey:
		point, err := p.Bytes()
		if err != nil || len(point) != 65 {
			return ""
		}
		f.Type, f.Curve, f.X, f.Y = "EC", "P-256", encode(point[1:33]), encode(point[33:])
	case ed25519.PublicKey:
		f.Type, f.Curve, f.X = "OKP", "Ed25519", encode(p)
	case *rsa.PublicKey:
		f.Type, f.N, f.E = "RSA", encode(p.N.Bytes()), encode(big.NewInt(int64(p.E)).Bytes())
	}
	b, err := json.Marshal(f)
	if err != nil {
		return ""
	}
	return string(b)
}

// Fits reports whether the key can have made a signature of the algorithm.
func (k Key) Fits(algorithm string) bool {
	if k.Algorithm != "" && k.Algorithm != algorithm {
		return false
	}
	switch k.Public.(type) {
	case *ecdsa.PublicKey:
		return algorithm == ES256
	case ed25519.PublicKey:
		return algorithm == EdDSA
	case *rsa.PublicKey:
		return algorithm == PS256 || algorithm == RS256
	}
	return false
}
