package application

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"math"
	"time"

	"portvakt/internal/jwk"
)

// assertionType is the only client_assertion_type that is taken (RFC 7523 §2.2).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// The times of a client assertion.
const (
	maxAssertion = 5 * time.Minute  // from now to its end
	endSkew      = 10 * time.Second // a client's clock may be that much ahead when it says five minutes
	clockSkew    = 60 * time.Second // that much ahead iat and nbf may be
	maxJTI       = 400
)

// assertion is a client assertion that nobody has believed yet.
type assertion struct {
	jwk.Signed
	claims
}

// claims are those of RFC 7523 §3. The audience is one text: a list could hold somebody else as well, who would then have
// what opens our door.
type claims struct {
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"`
	Audience  string   `json:"aud"`
	ID        string   `json:"jti"`
	Expires   *float64 `json:"exp"`
	NotBefore *float64 `json:"nbf"`
	IssuedAt  *float64 `json:"iat"`
}

func (cr Credentials) readAssertion() (proof, error) {
	if cr.AssertionType != assertionType {
		return proof{}, ErrInvalidClient
	}
	signed, err := jwk.Open(cr.Assertion)
	if err != nil {
		return proof{}, ErrInvalidClient
	}
	a := &assertion{Signed: signed}
	if json.Unmarshal(signed.Claims, &a.claims) != nil || a.Subject == "" || a.Issuer != a.Subject {
		return proof{}, ErrInvalidClient
	}
	if cr.FormID != "" && cr.FormID != a.Subject {
		return proof{}, ErrInvalidClient
	}
	return proof{id: a.Subject, method: AuthKey, signed: a}, nil
}

// signer is the client's key that made the signature; nil where none did. A kid names one key; without it there must be
// one alone that can have made it, so that every assertion costs one verification.
func (c *Client) signer(a *assertion, now time.Time) *credential {
	if c.assertion != "" && a.Algorithm != c.assertion {
		return nil
	}
	var by *credential
	for i := range c.credentials {
		x := &c.credentials[i]
		if x.key.Public == nil || !x.inForce(now) || !x.key.Fits(a.Algorithm) || a.KeyID != "" && x.key.ID != a.KeyID {
			continue
		}
		if by != nil {
			return nil
		}
		by = x
	}
	if by == nil || !a.By(by.key) {
		return nil
	}
	return by
}

// meant judges what an assertion says, whoever signed it.
//
// Invariant: the audience is the issuer as one text, byte by byte (TestAssertion).
func (c *Client) meant(a *assertion, issuer string, now time.Time) bool {
	expires, ok := moment(a.Expires)
	switch {
	case issuer == "" || a.Audience != issuer || a.Subject != c.ClientID:
		return false
	case !ok || a.Expires == nil || !expires.After(now) || expires.After(now.Add(maxAssertion+endSkew)):
		return false
	case a.ID == "" || len(a.ID) > maxJTI:
		return false
	}
	for _, n := range []*float64{a.NotBefore, a.IssuedAt} {
		if at, ok := moment(n); !ok || at.After(now.Add(clockSkew)) {
			return false
		}
	}
	return true
}

// redeem takes an assertion that is meant and signed: it counts once.
//
// Invariant: of any number of attempts with one assertion one succeeds, on all nodes together (TestAssertionCountsOnce).
func (c *Clients) redeem(ctx context.Context, client *Client, a *assertion) error {
	expires, _ := moment(a.Expires)
	taken, err := takeAssertion(ctx, c.db, assertionHash(client.ClientID, a.ID), expires)
	if err != nil {
		return err
	}
	if !taken {
		return ErrInvalidClient
	}
	return nil
}

// moment reads a NumericDate (RFC 7519 §2); absent is the zero time, and false what is none.
func moment(n *float64) (time.Time, bool) {
	if n == nil {
		return time.Time{}, true
	}
	if !(*n >= 0 && *n < 1<<33) { // beyond the year 2200
		return time.Time{}, false
	}
	seconds, fraction := math.Modf(*n)
	return time.Unix(int64(seconds), int64(fraction*float64(time.Second))), true
}

// assertionHash names an assertion; lengths keep client and jti apart.
func assertionHash(client, id string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(client)))
	sum := sha256.Sum256(append(append(b, client...), id...))
	return sum[:]
}
