package application_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"portvakt/idp/application"
	"portvakt/internal/directory"
	"portvakt/internal/outgoing"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// publisher is a client's own server, which publishes its keys.
type publisher struct {
	uri    string
	asked  atomic.Int64
	answer atomic.Pointer[func(http.ResponseWriter)]
	key    *ecdsa.PrivateKey
}

func (p *publisher) publish(body []byte) {
	f := func(w http.ResponseWriter) { _, _ = w.Write(body) }
	p.answer.Store(&f)
}

// published is an application and a service account whose keys are read at an address.
func published(t *testing.T, s signers) *publisher {
	t.Helper()
	p := &publisher{key: must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.asked.Add(1)
		(*p.answer.Load())(w)
	}))
	t.Cleanup(server.Close)
	p.uri = server.URL + "/keys"
	p.publish(keySet(t, jose.JSONWebKey{Key: p.key.Public(), KeyID: "one"}))
	save(t, s.dir, directory.Application{ClientID: "remote", Metadata: directory.ClientMetadata{TokenEndpointAuthMethod: "private_key_jwt", JWKSURI: p.uri}})
	must(s.dir.ServiceAccounts.Save(ctx, "nordlys", directory.ServiceAccount{Organization: s.org.ID, Key: "remote", Name: "Remote", Method: directory.ByKey, KeysURI: p.uri}))(t)
	return p
}

func remoteClients(t *testing.T, db *sqldb.DB, s signers, cfg outgoing.Config) *application.Clients {
	t.Helper()
	clients := application.NewClients(db, s.dir)
	clients.ReadKeysBy(must(outgoing.New(cfg))(t), slog.New(slog.DiscardHandler))
	return clients
}

var loopback = outgoing.Config{AllowLoopback: true, MaxBody: 64 << 10}

// TestRemoteKeys: an application and a service account are let in by the keys at their address, and follow what it says.
func TestRemoteKeys(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		s := newSigners(t, db, clock)
		p := published(t, s)
		clients := remoteClients(t, db, s, loopback)
		in := func(client, kid string, key *ecdsa.PrivateKey) bool {
			t.Helper()
			a, err := clients.Authenticate(ctx, s.sign(t, key, jose.ES256, kid, s.claims(client, nil)))
			if err != nil && !errors.Is(err, application.ErrInvalidClient) {
				t.Error(err)
			}
			return err == nil && a.Client().ClientID == client
		}
		if !in("remote", "one", p.key) || !in("nordlys.remote", "one", p.key) || !in("remote", "", p.key) {
			t.Error("a published key opens nothing")
		}
		if n := p.asked.Load(); n != 1 {
			t.Errorf("asked %d times for one address", n)
		}
		next := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
		if in("remote", "one", next) {
			t.Error("another key passes under the name of the first")
		}
		p.publish(keySet(t, jose.JSONWebKey{Key: next.Public(), KeyID: "two"}, jose.JSONWebKey{Key: s.rsa.Public(), KeyID: "enc", Use: "enc"}))
		clock.Advance(30 * time.Second)
		if !in("remote", "two", next) || in("remote", "one", p.key) {
			t.Error("a new key is read when it is named, and the former one is gone then")
		}
		p.publish(keySet(t, jose.JSONWebKey{Key: p.key.Public(), KeyID: "one"}))
		clock.Advance(10*time.Minute - time.Second)
		if !in("remote", "two", next) {
			t.Error("keys count for ten minutes")
		}
		clock.Advance(time.Second)
		if in("remote", "two", next) || !in("remote", "one", p.key) {
			t.Error("after ten minutes the address is asked again")
		}
	})
}

// TestRemoteKeysFailClosed: whatever goes wrong there, nobody is let in; and with what was read before, for ten minutes only.
func TestRemoteKeysFailClosed(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		s := newSigners(t, db, clock)
		p := published(t, s)
		good := keySet(t, jose.JSONWebKey{Key: p.key.Public(), KeyID: "one"})
		tries := func(clients *application.Clients) error {
			_, err := clients.Authenticate(ctx, s.sign(t, p.key, jose.ES256, "one", s.claims("remote", nil)))
			return err
		}
		for name, answer := range map[string]func(http.ResponseWriter){
			"error":    func(w http.ResponseWriter) { w.WriteHeader(500); _, _ = w.Write(good) },
			"redirect": func(w http.ResponseWriter) { w.Header().Set("Location", p.uri); w.WriteHeader(302) },
			"no JSON":  func(w http.ResponseWriter) { _, _ = w.Write([]byte("<html>")) },
			"too large": func(w http.ResponseWriter) {
				_, _ = w.Write(append(append([]byte{}, good[:len(good)-1]...), []byte(strings.Repeat(" ", 64<<10)+"}")...))
			},
			"private half": func(w http.ResponseWriter) {
				_, _ = w.Write(keySet(t, jose.JSONWebKey{Key: p.key.Public(), KeyID: "one"}, jose.JSONWebKey{Key: p.key, KeyID: "mine"}))
			},
			"two by that name": func(w http.ResponseWriter) {
				_, _ = w.Write(keySet(t, jose.JSONWebKey{Key: p.key.Public(), KeyID: "one"}, jose.JSONWebKey{Key: s.ec.Public(), KeyID: "one"}))
			},
		} {
			p.answer.Store(&answer)
			if err := tries(remoteClients(t, db, s, loopback)); !errors.Is(err, application.ErrInvalidClient) {
				t.Errorf("%s: %v", name, err)
			}
		}
		p.publish(good)
		for name, clients := range map[string]*application.Clients{
			"a network that is not allowed": remoteClients(t, db, s, outgoing.Config{}),
			"no way out":                    application.NewClients(db, s.dir),
		} {
			if err := tries(clients); !errors.Is(err, application.ErrInvalidClient) {
				t.Errorf("%s: %v", name, err)
			}
		}
		clients := remoteClients(t, db, s, loopback)
		if err := tries(clients); err != nil {
			t.Fatal(err)
		}
		broken := func(w http.ResponseWriter) { w.WriteHeader(500) }
		p.answer.Store(&broken)
		clock.Advance(10*time.Minute - time.Second)
		if err := tries(clients); err != nil {
			t.Errorf("within the ten minutes: %v", err)
		}
		clock.Advance(time.Second)
		if err := tries(clients); !errors.Is(err, application.ErrInvalidClient) {
			t.Errorf("after them: %v", err)
		}
		p.publish(good)
		if err := tries(clients); !errors.Is(err, application.ErrInvalidClient) {
			t.Errorf("asked again too soon: %v", err)
		}
		clock.Advance(30 * time.Second)
		if err := tries(clients); err != nil {
			t.Errorf("asked again in time: %v", err)
		}
	})
}

// TestRemoteKeysUnderAFlood: assertions that anybody can write ask the address once, those that say nothing of the kind not
// at all, and whoever goes away leaves the others their answer.
func TestRemoteKeysUnderAFlood(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		s := newSigners(t, db, clock)
		p := published(t, s)
		clients := remoteClients(t, db, s, loopback)
		stranger := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
		for _, changes := range []map[string]any{{"aud": "https://other.example"}, {"exp": clock.Now().Add(-time.Minute).Unix()}, {"jti": nil}} {
			if _, err := clients.Authenticate(ctx, s.sign(t, stranger, jose.ES256, "one", s.claims("remote", changes))); err == nil {
				t.Error("let in")
			}
		}
		if n := p.asked.Load(); n != 0 {
			t.Errorf("asked %d times for what is refused anyway", n)
		}
		gone, leave := context.WithCancel(ctx)
		wait := make(chan struct{})
		slow := func(w http.ResponseWriter) {
			leave()
			<-wait
			_, _ = w.Write(keySet(t, jose.JSONWebKey{Key: p.key.Public(), KeyID: "one"}))
		}
		p.answer.Store(&slow)
		if _, err := clients.Authenticate(gone, s.sign(t, p.key, jose.ES256, "one", s.claims("remote", nil))); err == nil {
			t.Error("let in without a key")
		}
		var group sync.WaitGroup
		for i := range 30 {
			group.Go(func() {
				key, kid, ok := p.key, "one", true
				if i%2 == 0 {
					key, kid, ok = stranger, secret.NewToken(), false
				}
				if _, err := clients.Authenticate(ctx, s.sign(t, key, jose.ES256, kid, s.claims("remote", nil))); (err == nil) != ok {
					t.Errorf("kid %q: %v", kid, err)
				}
			})
		}
		close(wait)
		group.Wait()
		for range 30 {
			if _, err := clients.Authenticate(ctx, s.sign(t, stranger, jose.ES256, secret.NewToken(), s.claims("remote", nil))); err == nil {
				t.Error("let in")
			}
		}
		if n := p.asked.Load(); n != 1 {
			t.Errorf("a flood asked %d times", n)
		}
	})
}
