package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	keysAge    = 15 * time.Minute // after it the keys are read again
	keysMaxAge = time.Hour        // after it they count no longer, if they could not be read again
)

// keyring holds the issuer's public keys.
type keyring struct {
	c       *Client
	flights *flights[*keySet]

	mu    sync.Mutex
	known *keySet
	tried time.Time // the last attempt, whatever came of it
}

type keySet struct {
	byID   map[string]jose.JSONWebKey
	readAt time.Time
}

func newKeyring(c *Client) *keyring { return &keyring{c: c, flights: newFlights[*keySet](c)} }

// key finds a key. An unknown id makes the keys be read again, but no more often than Config.KeyRefresh: whoever invents
// ids cannot make us hammer the issuer (TestUnknownKeysDoNotHammer).
func (k *keyring) key(ctx context.Context, id string) (jose.JSONWebKey, error) {
	set, err := k.current(ctx)
	if err != nil {
		return jose.JSONWebKey{}, err
	}
	if key, has := set.byID[id]; has {
		return key, nil
	}
	if k.mayTry() {
		if set, err = k.flights.do(ctx, "", k.read); err != nil {
			return jose.JSONWebKey{}, err
		}
		if key, has := set.byID[id]; has {
			return key, nil
		}
	}
	return jose.JSONWebKey{}, fmt.Errorf("%w: signed by an unknown key", ErrToken)
}

func (k *keyring) mayTry() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.c.cfg.Now().Sub(k.tried) >= k.c.cfg.KeyRefresh
}

// current are the keys, read again when they are old.
func (k *keyring) current(ctx context.Context) (*keySet, error) {
	k.mu.Lock()
	known := k.known
	k.mu.Unlock()
	if known == nil {
		return k.flights.do(ctx, "", k.read)
	}
	age := k.c.cfg.Now().Sub(known.readAt)
	if age < keysAge || age < keysMaxAge && !k.mayTry() {
		return known, nil
	}
	read, err := k.flights.do(ctx, "", k.read)
	if err != nil && age < keysMaxAge && ctx.Err() == nil && !k.c.running.over() {
		return known, nil
	}
	return read, err
}

func (k *keyring) read(ctx context.Context) (*keySet, error) {
	now := k.c.cfg.Now()
	k.mu.Lock()
	k.tried = now
	k.mu.Unlock()
	at, err := k.c.metadata.get(ctx)
	if err != nil {
		return nil, err
	}
	var document jose.JSONWebKeySet
	if err := k.c.send(ctx, ask{method: http.MethodGet, url: at.keys}, &document); err != nil {
		return nil, fmt.Errorf("reading %s: %w", at.keys, err)
	}
	set := &keySet{byID: map[string]jose.JSONWebKey{}, readAt: now}
	for _, key := range document.Keys {
		if key.KeyID == "" || !key.Valid() || !key.IsPublic() || key.Use != "" && key.Use != "sig" {
			continue
		}
		set.byID[key.KeyID] = key
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.known = set
	return set, nil
}

// algorithms are those that may be asked for: signatures by a public key, nothing else. A shared secret would let whoever
// knows the public key sign.
func algorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.ES256, jose.EdDSA, jose.PS256, jose.RS256}
}

func checkAlgorithms(names []string) error {
	for _, name := range names {
		if !slices.Contains(algorithms(), jose.SignatureAlgorithm(name)) {
			return errors.New("the algorithm " + name + " is not among ES256, EdDSA, PS256, RS256")
		}
	}
	return nil
}
