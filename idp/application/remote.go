package application

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"portvakt/internal/jwk"
	"portvakt/internal/outgoing"
)

// How long the keys of an address count, and how soon it is asked again, whether because it failed or because somebody
// named a key that it did not have. An assertion costs nobody anything to write, so a flood of them must not become ours.
const (
	keysLifetime = 10 * time.Minute
	fetchPause   = 30 * time.Second
	fetchTimeout = 5 * time.Second
	maxRemote    = 10_000 // addresses; those of clients that are gone are forgotten at that number
)

// Outside fetches; it is an *outgoing.Client.
type Outside interface {
	Get(ctx context.Context, target string) (*outgoing.Response, error)
}

// ReadKeysBy lets clients register their public keys by address (jwks_uri, RFC 7591 §2). Without it such clients are not
// let in.
func (c *Clients) ReadKeysBy(outside Outside, log *slog.Logger) {
	c.remote = &remoteKeys{outside: outside, log: log, sets: map[string]*remoteSet{}}
}

// remoteKeys are the key sets that clients keep on their own servers.
//
// Invariant: keys count for keysLifetime after they were read, and failure lets nobody in (TestRemoteKeysFailClosed); an
// address is asked once at a time and once in fetchPause, however many assertions come (TestRemoteKeysUnderAFlood).
// Nothing is asked while a transaction is open: Authenticate begins its own afterwards.
type remoteKeys struct {
	outside Outside
	log     *slog.Logger
	mu      sync.Mutex
	sets    map[string]*remoteSet
}

// remoteSet is what is known of one address.
type remoteSet struct {
	mu      sync.Mutex
	keys    []jwk.Key
	read    time.Time     // when the keys were; zero: never
	asked   time.Time     // when it was last tried
	running chan struct{} // closed when the attempt is over; nil while there is none
}

func (r *remoteKeys) set(uri string) *remoteSet {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.sets[uri]
	if s == nil {
		if len(r.sets) >= maxRemote {
			clear(r.sets)
		}
		s = &remoteSet{}
		r.sets[uri] = s
	}
	return s
}

// of are the keys of an address that count at present; none where they cannot be had. A key that is named and not known
// makes it look again.
func (r *remoteKeys) of(ctx context.Context, uri, kid string, now time.Time) []jwk.Key {
	if r == nil || r.outside == nil {
		return nil
	}
	s := r.set(uri)
	for {
		s.mu.Lock()
		keys := s.counting(now)
		known := kid == "" && len(keys) > 0 || slices.ContainsFunc(keys, func(k jwk.Key) bool { return kid != "" && k.ID == kid })
		if known || s.running == nil && !s.asked.IsZero() && now.Sub(s.asked) < fetchPause {
			s.mu.Unlock()
			return keys
		}
		if s.running == nil {
			s.asked, s.running = now, make(chan struct{})
			go r.fetch(context.WithoutCancel(ctx), uri, s, now) // whoever asked may go away; others wait for the same
		}
		running := s.running
		s.mu.Unlock()
		select {
		case <-running:
		case <-ctx.Done():
			return nil
		}
	}
}

func (s *remoteSet) counting(now time.Time) []jwk.Key {
	if s.read.IsZero() || now.Sub(s.read) >= keysLifetime {
		return nil
	}
	return s.keys
}

func (r *remoteKeys) fetch(ctx context.Context, uri string, s *remoteSet, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	keys, err := r.get(ctx, uri)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.keys, s.read = keys, now
	} else {
		r.log.WarnContext(ctx, "application: public keys could not be read", "error", err)
	}
	close(s.running)
	s.running = nil
}

var errNoKeys = errors.New("the answer is no key set")

func (r *remoteKeys) get(ctx context.Context, uri string) ([]jwk.Key, error) {
	res, err := r.outside.Get(ctx, uri)
	if err != nil {
		return nil, err
	}
	if res.Status != 200 {
		return nil, errNoKeys
	}
	return jwk.ParseForeign(res.Body)
}

// withKeysOf is the client with the keys that its address has at present.
func (c *Clients) withKeysOf(ctx context.Context, client *Client, a *assertion, now time.Time) *Client {
	own := *client
	own.credentials = nil
	for _, k := range c.remote.of(ctx, client.keysURI, a.KeyID, now) {
		own.credentials = append(own.credentials, credential{key: k})
	}
	return &own
}
