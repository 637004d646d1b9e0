package signing

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
)

// Watermark is bumped by every change of the ring, so that all nodes know.
const Watermark = "signing_keys"

// Config says how long keys live.
type Config struct {
	RotateEvery time.Duration // how often signing keys change by themselves
	RetireAfter time.Duration // how long a retired key still verifies; no token may live longer
	Algorithms  []string      // nil: all; tests that need no RSA key save its making
}

// DefaultConfig has the lifetimes that fit almost everybody.
func DefaultConfig() Config {
	return Config{RotateEvery: 90 * 24 * time.Hour, RetireAfter: 48 * time.Hour}
}

// Ring is the installation's signing keys. It is safe for concurrent use.
type Ring struct {
	db   *sqldb.DB
	keys *secret.Keys
	cfg  Config
	log  *slog.Logger

	now    atomic.Pointer[snapshot]
	load   sync.Mutex
	made   chan struct{} // closed when the keys that were missing at start exist, or failed to
	failed error         // read after made
}

// snapshot is the whole ring as of one version; it never changes.
type snapshot struct {
	version int64
	all     []*key
	current map[string]*key
	headers map[string]knownHeader
	jwks    []byte
	etag    string
	until   time.Time // when the next retired key leaves; zero: none will
}

type knownHeader struct {
	key *key
	typ string
}

// Open reads the ring and makes what is missing. RSA keys take up to a second to make, so that goes on in the
// background; JWKS and whoever signs with RS256 wait for it, so nobody ever sees half a ring.
func Open(ctx context.Context, db *sqldb.DB, keys *secret.Keys, cfg Config, log *slog.Logger) (*Ring, error) {
	def := DefaultConfig()
	if cfg.RotateEvery == 0 {
		cfg.RotateEvery = def.RotateEvery
	}
	if cfg.RetireAfter == 0 {
		cfg.RetireAfter = def.RetireAfter
	}
	if cfg.Algorithms == nil {
		cfg.Algorithms = algorithms
	}
	r := &Ring{db: db, keys: keys, cfg: cfg, log: log, made: make(chan struct{})}
	s, err := r.reload(ctx)
	if err != nil {
		return nil, err
	}
	slow := []missingKey{}
	for _, m := range s.missing(r.cfg.Algorithms) {
		if m.algorithm == RS256 {
			slow = append(slow, m)
		} else if err := r.fill(ctx, m); err != nil {
			return nil, err
		}
	}
	if len(slow) == 0 {
		close(r.made)
	} else {
		go r.fillSlowly(context.WithoutCancel(ctx), slow)
	}
	if _, err := r.reload(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *Ring) fillSlowly(ctx context.Context, missing []missingKey) {
	defer close(r.made)
	for _, m := range missing {
		if err := r.fill(ctx, m); err != nil {
			r.failed = err
			r.log.ErrorContext(ctx, "signing: making a key failed", "algorithm", m.algorithm, "error", err)
			return
		}
	}
	_, r.failed = r.reload(ctx)
}

// Ready waits until every key exists; false after ctx or where making one failed.
func (r *Ring) Ready(ctx context.Context) error {
	_, err := r.complete(ctx)
	return err
}

// complete waits for the keys that Open left to the background.
func (r *Ring) complete(ctx context.Context) (*snapshot, error) {
	select {
	case <-r.made:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s, err := r.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	if r.failed != nil && len(s.missing(r.cfg.Algorithms)) > 0 {
		return nil, r.failed
	}
	return s, nil
}

// Version changes whenever the ring does; caches of verified tokens compare it.
func (r *Ring) Version(ctx context.Context) (int64, error) {
	s, err := r.snapshot(ctx)
	if err != nil {
		return 0, err
	}
	return s.version, nil
}

// JWKS is the published key set (RFC 7517 §5) and its strong entity tag. The bytes are shared: do not change them.
func (r *Ring) JWKS(ctx context.Context) (body []byte, etag string, err error) {
	select {
	case <-r.made:
	default:
		if _, err := r.complete(ctx); err != nil {
			return nil, "", err
		}
	}
	s, err := r.snapshot(ctx)
	if err != nil {
		return nil, "", err
	}
	return s.jwks, s.etag, nil
}

// Algorithms are those that the ring signs with, the default first.
func Algorithms() []string { return append([]string(nil), algorithms...) }

// snapshot is the ring as it is now: no lock and no statement unless somebody changed it.
func (r *Ring) snapshot(ctx context.Context) (*snapshot, error) {
	s := r.now.Load()
	version, err := r.db.Watermarks().Version(ctx, Watermark)
	if err != nil {
		return s, nil // without its database the node can do nothing else, but the keys it has are still the keys
	}
	if version == s.version && (s.until.IsZero() || r.db.Now().Before(s.until)) {
		return s, nil
	}
	return r.reload(ctx)
}

func (r *Ring) reload(ctx context.Context) (*snapshot, error) {
	r.load.Lock()
	defer r.load.Unlock()
	// The version is read first: a change after it makes the snapshot older than it claims, never newer.
	version, err := r.db.Watermarks().Version(ctx, Watermark)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	now := r.db.Now()
	if s := r.now.Load(); s != nil && s.version == version && (s.until.IsZero() || now.Before(s.until)) {
		return s, nil // somebody else was here while we waited
	}
	stored, err := readKeys(ctx, r.db)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	s := &snapshot{version: version, current: map[string]*key{}, headers: map[string]knownHeader{}}
	for _, row := range stored {
		k, err := r.unseal(row)
		if err != nil {
			return nil, err
		}
		if k.alive(now) {
			s.add(k)
		}
	}
	s.publish()
	r.now.Store(s)
	return s, nil
}

func (r *Ring) unseal(row storedKey) (*key, error) {
	k := &key{kid: row.kid, algorithm: row.algorithm, state: row.state, jwk: row.jwk, made: row.createdAt}
	var err error
	if k.public, err = parsePublic(row.jwk); err != nil {
		return nil, fmt.Errorf("signing: key %s cannot be read: %w", row.kid, err)
	}
	if row.state == retired {
		k.leaves = row.retiredAt.Add(r.cfg.RetireAfter)
		return k, k.prepare()
	}
	if old := r.known(row.kid); old != nil { // RSA keys cost milliseconds to check again
		k.private = old.private
		return k, k.prepare()
	}
	pkcs8, err := r.keys.Open(purpose(row.kid), row.sealed)
	if errors.Is(err, secret.ErrSealed) {
		return nil, fmt.Errorf("the master key does not open signing key %s: it is not the one this database was made with", row.kid)
	}
	if err != nil {
		return nil, err
	}
	if k.private, err = parsePrivate(pkcs8); err != nil {
		return nil, fmt.Errorf("signing: key %s cannot be read: %w", row.kid, err)
	}
	return k, k.prepare()
}

func (r *Ring) known(kid string) *key {
	if s := r.now.Load(); s != nil {
		for _, k := range s.all {
			if k.kid == kid && k.private != nil {
				return k
			}
		}
	}
	return nil
}

func purpose(kid string) string { return "signing key " + kid }

func (s *snapshot) add(k *key) {
	s.all = append(s.all, k)
	if k.state == current {
		s.current[k.algorithm] = k
	}
	if !k.leaves.IsZero() && (s.until.IsZero() || k.leaves.Before(s.until)) {
		s.until = k.leaves
	}
	for typ, header := range k.headers {
		s.headers[header] = knownHeader{k, typ}
	}
}

func (s *snapshot) publish() {
	texts := make([]string, len(s.all))
	for i, k := range s.all {
		texts[i] = k.jwk
	}
	s.jwks = []byte(`{"keys":[` + strings.Join(texts, ",") + `]}`)
	sum := sha256.Sum256(s.jwks)
	s.etag = `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
}

type missingKey struct {
	algorithm string
	state     state
}

func (s *snapshot) missing(algorithms []string) []missingKey {
	have := map[missingKey]bool{}
	for _, k := range s.all {
		have[missingKey{k.algorithm, k.state}] = true
	}
	var out []missingKey
	for _, a := range algorithms {
		for _, st := range []state{current, next} {
			if m := (missingKey{a, st}); !have[m] {
				out = append(out, m)
			}
		}
	}
	return out
}
