package jwk

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"math/big"
	"slices"
	"strings"
)

// maxToken bounds what is looked at, before anything is decoded.
const maxToken = 8 << 10

// ErrNotSigned says that a text is no token that could be checked. It never says why.
var ErrNotSigned = errors.New("jwk: not a signed token")

// Signed is a token whose signature nobody has checked yet.
type Signed struct {
	Algorithm string
	KeyID     string
	Claims    []byte

	input     string
	signature []byte
}

// dangerous are members of a header that would bring a key along, or change how the rest is read.
var dangerous = []string{"jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256", "crit", "b64", "zip", "enc"}

// types are what a client assertion may say that it is; a token of ours is none of them (RFC 8725 §3.11).
var types = []string{"", "jwt", "client-authentication+jwt"}

// Open takes a compact JWS apart (RFC 7515 §7.1). What it says is worth nothing before By.
func Open(token string) (Signed, error) {
	if len(token) > maxToken {
		return Signed{}, ErrNotSigned
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return Signed{}, ErrNotSigned
	}
	header, claims, signature := decode(parts[0]), decode(parts[1]), decode(parts[2])
	if header == nil || claims == nil || signature == nil {
		return Signed{}, ErrNotSigned
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(header, &members); err != nil {
		return Signed{}, ErrNotSigned
	}
	for _, name := range dangerous {
		if _, ok := members[name]; ok {
			return Signed{}, ErrNotSigned
		}
	}
	s := Signed{Claims: claims, input: token[:len(parts[0])+1+len(parts[1])], signature: signature}
	var typ string
	for name, to := range map[string]*string{"alg": &s.Algorithm, "kid": &s.KeyID, "typ": &typ} {
		raw, ok := members[name]
		if ok && (json.Unmarshal(raw, to) != nil || string(raw) == "null") {
			return Signed{}, ErrNotSigned
		}
	}
	if !slices.Contains(Algorithms(), s.Algorithm) || !slices.Contains(types, strings.ToLower(typ)) {
		return Signed{}, ErrNotSigned
	}
	return s, nil
}

// By reports whether the key made the signature, by the algorithm that the token names.
func (s Signed) By(k Key) bool {
	if !k.Fits(s.Algorithm) {
		return false
	}
	sum := sha256.Sum256([]byte(s.input))
	switch p := k.Public.(type) {
	case *ecdsa.PublicKey:
		if len(s.signature) != 64 {
			return false
		}
		return ecdsa.Verify(p, sum[:], new(big.Int).SetBytes(s.signature[:32]), new(big.Int).SetBytes(s.signature[32:]))
	case ed25519.PublicKey:
		return ed25519.Verify(p, []byte(s.input), s.signature)
	case *rsa.PublicKey:
		if s.Algorithm == RS256 {
			return rsa.VerifyPKCS1v15(p, crypto.SHA256, sum[:], s.signature) == nil
		}
		return rsa.VerifyPSS(p, crypto.SHA256, sum[:], s.signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
	}
	return false
}
