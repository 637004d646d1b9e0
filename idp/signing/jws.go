package signing

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"math/big"
	"slices"
	"strings"
	"time"

	"portvakt/internal/fault"
)

// maxToken bounds what is looked at, before anything is decoded. The largest token that we make, of an application that chose
// the largest budget for its claims, stays below.
const maxToken = 64 << 10

// ErrBadToken says that a text is no token of ours of a wanted type. It never says why.
var ErrBadToken = fault.New(fault.Unauthenticated, "bad_token", "The token is not valid")

// Sign makes a compact JWS over claims with the algorithm's current key.
func (r *Ring) Sign(ctx context.Context, algorithm, typ string, claims []byte) (string, error) {
	s, err := r.snapshot(ctx)
	if err != nil {
		return "", err
	}
	k := s.current[algorithm]
	if k == nil { // an RSA key may still be in the making
		if s, err = r.complete(ctx); err != nil {
			return "", err
		}
		if k = s.current[algorithm]; k == nil {
			return "", errors.New("signing: no current key for " + algorithm)
		}
	}
	return k.token(typ, claims)
}

func (k *key) token(typ string, claims []byte) (string, error) {
	header, ok := k.headers[typ]
	if !ok {
		return "", errors.New("signing: unknown token type " + typ)
	}
	body := len(header) + base64url.EncodedLen(len(claims))
	out := make([]byte, 0, body+1+base64url.EncodedLen(k.size))
	out = append(out, header...)
	out = base64url.AppendEncode(out, claims)
	signature, err := k.sign(out)
	if err != nil {
		return "", err
	}
	out = append(out, '.')
	return string(base64url.AppendEncode(out, signature)), nil
}

// Verify gives the claims of a token of ours of one of the types. It does not judge them: expiry, audience and the rest
// are the caller's.
func (r *Ring) Verify(ctx context.Context, token string, typ ...string) ([]byte, error) {
	s, err := r.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	if len(token) > maxToken {
		return nil, ErrBadToken
	}
	// Go's decoder skips line breaks; nothing outside the alphabet may pass.
	for i := range len(token) {
		if c := token[i]; (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return nil, ErrBadToken
		}
	}
	dot := strings.IndexByte(token, '.')
	last := strings.LastIndexByte(token, '.')
	if dot <= 0 || last == dot || strings.Count(token, ".") != 2 {
		return nil, ErrBadToken
	}
	// The header is compared as a whole with those that Sign writes, so that no alg, crit, b64, jku or jwk is ever read.
	known, ok := s.headers[token[:dot+1]]
	if !ok || !slices.Contains(typ, known.typ) || !known.key.alive(r.db.Now()) {
		return nil, ErrBadToken
	}
	signature, err := base64url.DecodeString(token[last+1:])
	if err != nil || len(signature) != known.key.size || !known.key.verify(token[:last], signature) {
		return nil, ErrBadToken
	}
	claims, err := base64url.DecodeString(token[dot+1 : last])
	if err != nil {
		return nil, ErrBadToken
	}
	return claims, nil
}

func (k *key) alive(now time.Time) bool { return k.leaves.IsZero() || now.Before(k.leaves) }

func (k *key) sign(input []byte) ([]byte, error) {
	switch p := k.private.(type) {
	case *ecdsa.PrivateKey:
		sum := sha256.Sum256(input)
		r, s, err := ecdsa.Sign(rand.Reader, p, sum[:])
		if err != nil {
			return nil, err
		}
		return joseSignature(r, s), nil
	case *rsa.PrivateKey:
		sum := sha256.Sum256(input)
		return rsa.SignPKCS1v15(rand.Reader, p, crypto.SHA256, sum[:])
	case ed25519.PrivateKey:
		return ed25519.Sign(p, input), nil
	}
	return nil, errors.New("signing: the key has no private half")
}

func (k *key) verify(input string, signature []byte) bool {
	switch p := k.public.(type) {
	case *ecdsa.PublicKey:
		s := new(big.Int).SetBytes(signature[32:])
		if s.Cmp(halfOrder) > 0 {
			return false
		}
		sum := sha256.Sum256([]byte(input))
		return ecdsa.Verify(p, sum[:], new(big.Int).SetBytes(signature[:32]), s)
	case *rsa.PublicKey:
		sum := sha256.Sum256([]byte(input))
		return rsa.VerifyPKCS1v15(p, crypto.SHA256, sum[:], signature) == nil
	case ed25519.PublicKey:
		return ed25519.Verify(p, []byte(input), signature)
	}
	return false
}

// joseSignature is r ‖ s (RFC 7518 §3.4). With (r, s) also (r, n-s) verifies; we write and accept the smaller s alone.
func joseSignature(r, s *big.Int) []byte {
	if s.Cmp(halfOrder) > 0 {
		s.Sub(order, s)
	}
	out := make([]byte, 64)
	r.FillBytes(out[:32])
	s.FillBytes(out[32:])
	return out
}
