package signing

import (
	"context"
	"crypto/x509"
	"time"

	"portvakt/internal/audit"
	"portvakt/internal/directory"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
)

// fill makes a key that is missing. Two processes may do so at once; the store keeps one of the two.
func (r *Ring) fill(ctx context.Context, m missingKey) error {
	row, err := r.make(m.algorithm, m.state)
	if err != nil {
		return err
	}
	return r.db.Update(ctx, func(tx *sqldb.Tx) error {
		inserted, err := insertKey(ctx, tx, row)
		if err != nil || !inserted {
			return err
		}
		tx.Bump(Watermark)
		return audited(ctx, tx, "signing_key.created", row)
	})
}

func (r *Ring) make(algorithm string, st state) (storedKey, error) {
	private, err := generate(algorithm)
	if err != nil {
		return storedKey{}, err
	}
	kid, text, err := publicJWK(algorithm, private.Public())
	if err != nil {
		return storedKey{}, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return storedKey{}, err
	}
	return storedKey{kid: kid, algorithm: algorithm, state: st, sealed: r.keys.Seal(purpose(kid), pkcs8), jwk: text}, nil
}

// Rotate retires each algorithm's current key, makes the next one current, which all nodes and applications have seen
// by now, and publishes a new next one. Of several rotations at once, one happens.
func (r *Ring) Rotate(ctx context.Context) error {
	s, err := r.complete(ctx)
	if err != nil {
		return err
	}
	fresh := map[string]storedKey{}
	for _, algorithm := range r.cfg.Algorithms {
		if fresh[algorithm], err = r.make(algorithm, next); err != nil {
			return err
		}
	}
	err = r.db.Update(ctx, func(tx *sqldb.Tx) error {
		for _, algorithm := range r.cfg.Algorithms {
			old := s.current[algorithm]
			if old == nil {
				continue
			}
			moved, err := advance(ctx, tx, old.kid, algorithm)
			if err != nil {
				return err
			}
			if !moved { // another node was quicker
				continue
			}
			if _, err := insertKey(ctx, tx, fresh[algorithm]); err != nil {
				return err
			}
			if err := audited(ctx, tx, "signing_key.rotated", fresh[algorithm]); err != nil {
				return err
			}
		}
		tx.Bump(Watermark)
		return nil
	})
	if err != nil {
		return err
	}
	_, err = r.reload(ctx)
	return err
}

func audited(ctx context.Context, tx *sqldb.Tx, action string, k storedKey) error {
	return audit.Append(ctx, tx, directory.OrganizationID{}, audit.Entry{Action: action, Object: k.kid, Detail: map[string]any{"algorithm": k.algorithm}})
}

const tickEvery = time.Minute

// Run rotates by schedule and removes keys that nothing needs any more, one node at a time, until ctx ends.
func (r *Ring) Run(ctx context.Context) {
	holder := secret.NewToken()
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		if err := r.Tick(ctx, holder); err != nil && ctx.Err() == nil {
			r.log.WarnContext(ctx, "signing: scheduled work failed", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Tick does once what Run does each minute.
func (r *Ring) Tick(ctx context.Context, holder string) error {
	held, err := r.db.Lease(ctx, "signing.rotation", holder, 3*tickEvery)
	if err != nil || !held {
		return err
	}
	if err := r.prune(ctx); err != nil {
		return err
	}
	oldest, err := oldestCurrent(ctx, r.db)
	if err != nil || oldest.IsZero() || r.db.Now().Before(oldest.Add(r.cfg.RotateEvery)) {
		return err
	}
	return r.Rotate(ctx)
}

// prune removes retired keys whose tokens have all expired.
func (r *Ring) prune(ctx context.Context) error {
	return r.db.Update(ctx, func(tx *sqldb.Tx) error {
		n, err := deleteRetired(ctx, tx, tx.Now().Add(-r.cfg.RetireAfter))
		if err != nil || n == 0 {
			return err
		}
		tx.Bump(Watermark)
		return nil
	})
}
