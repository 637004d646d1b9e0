package signing

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"portvakt/internal/audit"
)

// SignHead signs the end of a chain of the audit history. The public key comes along: heads are verified for as long as
// they are kept, which is longer than the ring knows its keys.
func (r *Ring) SignHead(ctx context.Context, claims []byte) (audit.Signed, error) {
	s, err := r.snapshot(ctx)
	if err != nil {
		return audit.Signed{}, err
	}
	k := s.current[ES256]
	if k == nil {
		return audit.Signed{}, errors.New("signing: no current key for " + ES256)
	}
	jws, err := k.token(TypeHead, claims)
	return audit.Signed{JWS: jws, KID: k.kid, JWK: k.jwk}, err
}

// CheckHead gives the claims of a head that the key signed whose JWK jwk answers for the identifier in its header.
func CheckHead(signature string, jwk func(kid string) (string, bool)) ([]byte, error) {
	header, rest, _ := strings.Cut(signature, ".")
	body, proof, ok := strings.Cut(rest, ".")
	raw, err := base64url.DecodeString(header)
	var named struct {
		KID string `json:"kid"`
	}
	if !ok || err != nil || len(signature) > maxToken || json.Unmarshal(raw, &named) != nil {
		return nil, ErrBadToken
	}
	text, known := jwk(named.KID)
	if !known {
		return nil, ErrBadToken
	}
	k := &key{kid: named.KID, algorithm: ES256}
	if k.public, err = parsePublic(text); err != nil {
		return nil, err
	}
	if err := k.prepare(); err != nil {
		return nil, err
	}
	made, err := base64url.DecodeString(proof)
	// The header is compared as a whole with the one that SignHead writes: nothing else in it is read.
	if err != nil || header+"." != k.headers[TypeHead] || len(made) != k.size || !k.verify(header+"."+body, made) {
		return nil, ErrBadToken
	}
	return base64url.DecodeString(body)
}
