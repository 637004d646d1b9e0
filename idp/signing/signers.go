package signing

import (
	"context"
	"crypto"
	"errors"
	"time"
)

// Signer is a key of the ring for who signs other things than tokens: XML of SAML, and the certificates of the keys.
type Signer struct {
	KID   string
	Since time.Time // when the key was made
	crypto.Signer
}

// Signers are the current and the next key of an algorithm, in this order. It waits for keys that are still being made.
func (r *Ring) Signers(ctx context.Context, algorithm string) (present, upcoming Signer, err error) {
	s, err := r.complete(ctx)
	if err != nil {
		return present, upcoming, err
	}
	for _, k := range s.all {
		switch {
		case k.algorithm != algorithm || k.private == nil:
		case k.state == current:
			present = Signer{KID: k.kid, Since: k.made, Signer: k.private}
		case k.state == next:
			upcoming = Signer{KID: k.kid, Since: k.made, Signer: k.private}
		}
	}
	if present.Signer == nil || upcoming.Signer == nil {
		return present, upcoming, errors.New("signing: the ring has no keys of " + algorithm)
	}
	return present, upcoming, nil
}
