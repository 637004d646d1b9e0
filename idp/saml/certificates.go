package saml

import (
	"context"
	"fmt"
	"sync"
	"time"

	"portvakt/idp/saml/wire"
	"portvakt/idp/signing"
	"portvakt/internal/sqldb"
)

// certificateLife is how long our certificates say that they are valid: longer than any key is used. Service providers that
// look at it at all take an end for the end of sign-ins, so none comes before the key retires.
const certificateLife = 20 * 365 * 24 * time.Hour

// Certificates are the certificates that our signing keys are published in: for each of our entities its own, made once and
// stored, so that all nodes show the same.
//
// Invariant: of one key and one entity there is one certificate, whoever asks first and wherever
// (TestCertificatesAreTheSameOnAllNodes).
type Certificates struct {
	db   *sqldb.DB
	ring *signing.Ring

	mu      sync.Mutex
	version int64            // of the ring
	known   map[string]*Keys // by entity id; of organizations with service providers of their own there are not many at once
}

// NewCertificates makes certificates for the RSA keys of the ring.
func NewCertificates(db *sqldb.DB, ring *signing.Ring) *Certificates {
	return &Certificates{db: db, ring: ring, known: map[string]*Keys{}}
}

// Keys are our keys as one of our entities shows them.
type Keys struct {
	Version   int64            // of the ring: what was made of other keys has another
	KeyID     string           // of the key that signs
	Present   *wire.SigningKey // signs
	Published [][]byte         // certificates (DER) for the metadata: the present key's, then the next one's
}

// maxEntities are kept at once; all are forgotten at that number.
const maxEntities = 10_000

// Of are the keys of one of our entities. They change when the ring does. Ask for entities that exist alone: each is stored.
func (c *Certificates) Of(ctx context.Context, entityID string) (*Keys, error) {
	version, err := c.ring.Version(ctx)
	if err != nil {
		return nil, err
	}
	if k := c.kept(version, entityID); k != nil {
		return k, nil
	}
	present, next, err := c.ring.Signers(ctx, signing.RS256)
	if err != nil {
		return nil, err
	}
	k := &Keys{Version: version, KeyID: present.KID}
	for _, s := range []signing.Signer{present, next} {
		der, err := c.certificate(ctx, s, entityID)
		if err != nil {
			return nil, err
		}
		k.Published = append(k.Published, der)
	}
	if k.Present, err = wire.NewSigningKey(present.Signer, k.Published[0]); err != nil {
		return nil, fmt.Errorf("saml: certificate of %s: %w", present.KID, err)
	}
	c.keep(k, entityID)
	return k, nil
}

func (c *Certificates) kept(version int64, entityID string) *Keys {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.version != version {
		return nil
	}
	return c.known[entityID]
}

func (c *Certificates) keep(k *Keys, entityID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case k.Version < c.version:
		return
	case k.Version > c.version || len(c.known) >= maxEntities:
		clear(c.known)
	}
	c.version = k.Version
	c.known[entityID] = k
}

// certificate is the stored one; where there is none yet it is made, and the first that is stored counts.
func (c *Certificates) certificate(ctx context.Context, s signing.Signer, entityID string) ([]byte, error) {
	der, err := readCertificate(ctx, c.db, s.KID, entityID)
	if err != nil || der != nil {
		return der, err
	}
	made, err := wire.Issuer{EntityID: entityID}.SelfSigned(s.Signer, s.Since.Add(-time.Hour), s.Since.Add(certificateLife))
	if err != nil {
		return nil, err
	}
	if err := c.db.Update(ctx, func(tx *sqldb.Tx) error { return insertCertificate(ctx, tx, s.KID, entityID, made) }); err != nil {
		return nil, err
	}
	if der, err = readCertificate(ctx, c.db, s.KID, entityID); err == nil && der == nil {
		err = fmt.Errorf("saml: key %s has retired meanwhile", s.KID)
	}
	return der, err
}
