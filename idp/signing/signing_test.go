package signing_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"portvakt/idp/signing"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

func masterKeys(t testing.TB, first byte) *secret.Keys {
	t.Helper()
	master := make([]byte, secret.MasterSize)
	for i := range master {
		master[i] = first + byte(i)
	}
	keys, err := secret.NewKeys(master)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func open(t testing.TB, db *sqldb.DB) *signing.Ring {
	t.Helper()
	ring, err := signing.Open(context.Background(), db, masterKeys(t, 1), signing.Config{RetireAfter: 2 * time.Hour}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ring.Ready(context.Background()) }) // the database outlives the background
	return ring
}

func sign(t testing.TB, ring *signing.Ring, algorithm string) string {
	t.Helper()
	token, err := ring.Sign(context.Background(), algorithm, signing.TypeAccess, []byte(`{"sub":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func keySet(t testing.TB, ring *signing.Ring) jose.JSONWebKeySet {
	t.Helper()
	body, etag, err := ring.JWKS(context.Background())
	if err != nil || !strings.HasPrefix(etag, `"`) {
		t.Fatal(etag, err)
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(body, &set); err != nil {
		t.Fatal(err)
	}
	return set
}

func TestSignedTokensVerifyByThePublishedKeys(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		ring := open(t, db)
		set := keySet(t, ring)
		if len(set.Keys) != 2*len(signing.Algorithms()) {
			t.Fatalf("%d keys published", len(set.Keys))
		}
		for _, k := range set.Keys {
			if !k.IsPublic() || !k.Valid() || k.Use != "sig" || k.KeyID == "" {
				t.Errorf("published key %+v", k)
			}
		}
		for _, algorithm := range signing.Algorithms() {
			token := sign(t, ring, algorithm)
			parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256, jose.RS256, jose.EdDSA})
			if err != nil {
				t.Fatal(err)
			}
			header := parsed.Signatures[0].Header
			if header.Algorithm != algorithm || header.ExtraHeaders["typ"] != signing.TypeAccess {
				t.Errorf("header %+v", header)
			}
			claims, err := parsed.Verify(&set)
			if err != nil || string(claims) != `{"sub":"x"}` {
				t.Errorf("%s by go-jose: %s, %v", algorithm, claims, err)
			}
			claims, err = ring.Verify(context.Background(), token, signing.TypeID, signing.TypeAccess)
			if err != nil || string(claims) != `{"sub":"x"}` {
				t.Errorf("%s by the ring: %s, %v", algorithm, claims, err)
			}
		}
		body, _, _ := ring.JWKS(context.Background())
		for _, private := range []string{`"d"`, `"p"`, `"q"`, `"dp"`, `"dq"`, `"qi"`, `"k"`} {
			if strings.Contains(string(body), private+":") {
				t.Errorf("the key set holds the private member %s", private)
			}
		}
	})
}

func TestRestartKeepsTheKeysAndAnotherMasterKeyIsRefused(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		first := open(t, db)
		token := sign(t, first, signing.RS256)
		before, _, err := first.JWKS(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		second := open(t, db)
		after, _, err := second.JWKS(context.Background())
		if err != nil || string(before) != string(after) {
			t.Fatalf("key sets differ after a restart: %v", err)
		}
		if _, err := second.Verify(context.Background(), token, signing.TypeAccess); err != nil {
			t.Error(err)
		}
		_, err = signing.Open(context.Background(), db, masterKeys(t, 2), signing.Config{}, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), "master key") {
			t.Errorf("opened with a wrong master key: %v", err)
		}
	})
}

func TestTwoProcessesStartingTogetherShareOneRing(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		rings := make(chan *signing.Ring, 4)
		for range cap(rings) {
			go func() {
				ring, err := signing.Open(context.Background(), db, masterKeys(t, 1), signing.Config{}, slog.New(slog.DiscardHandler))
				if err == nil {
					err = ring.Ready(context.Background())
				}
				if err != nil {
					t.Error(err)
				}
				rings <- ring
			}()
		}
		var want string
		for range cap(rings) {
			body, _, err := (<-rings).JWKS(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if want == "" {
				want = string(body)
			}
			if string(body) != want {
				t.Error("two rings over one database publish different keys")
			}
		}
	})
}

func TestRotation(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		ctx := context.Background()
		ring, other := open(t, db), open(t, db)
		old := sign(t, ring, signing.ES256)
		published := keySet(t, other)
		if err := ring.Rotate(ctx); err != nil {
			t.Fatal(err)
		}
		fresh := sign(t, other, signing.ES256)
		parsed, err := jose.ParseSignedCompact(fresh, []jose.SignatureAlgorithm{jose.ES256})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parsed.Verify(&published); err != nil {
			t.Errorf("the new current key had not been published before: %v", err)
		}
		if fresh[:strings.IndexByte(fresh, '.')] == old[:strings.IndexByte(old, '.')] {
			t.Error("the other ring still signs with the retired key")
		}
		if n := len(keySet(t, other).Keys); n != 3*len(signing.Algorithms()) {
			t.Errorf("%d keys published after a rotation", n)
		}
		if _, err := other.Verify(ctx, old, signing.TypeAccess); err != nil {
			t.Errorf("a retired key must verify: %v", err)
		}
		var private []byte
		if err := db.QueryRow(ctx, "select private_key from signing_keys where state = 'retired' and algorithm = 'ES256'").Scan(&private); err != nil || len(private) != 0 {
			t.Errorf("the private half of a retired key is still there (%d bytes), %v", len(private), err)
		}
		clock.Advance(2 * time.Hour)
		if _, err := other.Verify(ctx, old, signing.TypeAccess); err == nil {
			t.Error("a key verifies after it left")
		}
		if n := len(keySet(t, other).Keys); n != 2*len(signing.Algorithms()) {
			t.Errorf("%d keys published after the retired ones left", n)
		}
		if err := ring.Tick(ctx, "test"); err != nil {
			t.Fatal(err)
		}
		var rows int64
		if err := db.QueryRow(ctx, "select count(*) from signing_keys where state = 'retired'").Scan(&rows); err != nil || rows != 0 {
			t.Errorf("%d retired rows left, %v", rows, err)
		}
	})
}

func TestScheduledRotationHappensOnce(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		ctx := context.Background()
		ring := open(t, db)
		if err := ring.Tick(ctx, "a"); err != nil {
			t.Fatal(err)
		}
		before := keySet(t, ring)
		clock.Advance(90 * 24 * time.Hour)
		for range 2 {
			if err := ring.Tick(ctx, "a"); err != nil {
				t.Fatal(err)
			}
		}
		if err := ring.Tick(ctx, "b"); err != nil { // does not hold the lease
			t.Fatal(err)
		}
		if a, b := len(keySet(t, ring).Keys), len(before.Keys); a != b+len(signing.Algorithms()) {
			t.Errorf("%d keys before, %d after", b, a)
		}
	})
}

// On PostgreSQL another node has a database handle of its own, and hears of the rotation within a second.
func TestAnotherNodeSeesTheRotation(t *testing.T) {
	t.Parallel()
	address := testenv.PostgreSQL(t)
	here := testenv.Open(t, sqldb.Config{URL: address, MaxConnections: 4})
	there := testenv.Open(t, sqldb.Config{URL: address, MaxConnections: 4})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go there.Watermarks().Run(ctx)
	ring, other := open(t, here), open(t, there)
	_, before, err := other.JWKS(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := ring.Rotate(ctx); err != nil {
		t.Fatal(err)
	}
	testenv.Within(t, time.Second, "the rotation is seen", func() bool {
		_, etag, err := other.JWKS(ctx)
		return err == nil && etag != before
	})
}

func TestVerifyIsStrict(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		ctx := context.Background()
		ring := open(t, db)
		for _, algorithm := range signing.Algorithms() {
			token := sign(t, ring, algorithm)
			parts := strings.Split(token, ".")
			if _, err := ring.Verify(ctx, token, signing.TypeID, signing.TypeLogout); err == nil {
				t.Error("a token of another type was accepted")
			}
			raw, _ := base64.RawURLEncoding.DecodeString(parts[0])
			kid := string(raw[strings.Index(string(raw), `"kid"`) : len(raw)-1])
			headers := []string{
				`{"alg":"none","typ":"at+jwt",` + kid + `}`, `{"alg":"HS256","typ":"at+jwt",` + kid + `}`,
				`{"alg":"` + algorithm + `","typ":"at+jwt","kid":"other"}`, `{"alg":"` + algorithm + `","typ":"at+jwt"}`,
				`{"alg":"` + algorithm + `","typ":"at+jwt","crit":["x"],"x":1,` + kid + `}`,
				`{"alg":"` + algorithm + `","typ":"at+jwt","b64":false,"crit":["b64"],` + kid + `}`,
				`{"alg":"` + algorithm + `",` + kid + `}`, `{"alg":"` + algorithm + `","typ":"AT+JWT",` + kid + `}`,
				`{"alg":"` + algorithm + `","typ":"at+jwt","jwk":{},` + kid + `}`, `{}`, ``,
			}
			bad := []string{"", ".", "..", "...", parts[0] + "." + parts[1], parts[0] + "." + parts[1] + ".", token + ".", "." + token,
				parts[0] + ".." + parts[2], token + "=", token + "\n", " " + token, token + "\x00", parts[0] + "." + parts[1] + "\n." + parts[2],
				strings.Repeat("a", 20<<10), token + strings.Repeat("A", 20<<10), parts[0] + "=." + parts[1] + "." + parts[2]}
			for _, h := range headers {
				bad = append(bad, base64.RawURLEncoding.EncodeToString([]byte(h))+"."+parts[1]+"."+parts[2])
			}
			for _, b := range bad {
				if _, err := ring.Verify(ctx, b, signing.TypeAccess); err == nil {
					t.Errorf("%s: accepted %.120q", algorithm, b)
				}
			}
		}
	})
}

func TestNoTokenHasTwoSpellings(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		ctx := context.Background()
		ring := open(t, db)
		const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
		for _, algorithm := range []string{signing.ES256, signing.EdDSA} {
			token := sign(t, ring, algorithm)
			for i := range len(token) {
				for _, c := range []byte{alphabet[(strings.IndexByte(alphabet, token[i])+1)%64], token[i] ^ 0x20, '.', '='} {
					if mutant := token[:i] + string(c) + token[i+1:]; mutant != token {
						if _, err := ring.Verify(ctx, mutant, signing.TypeAccess); err == nil {
							t.Fatalf("%s: position %d changed and accepted", algorithm, i)
						}
					}
				}
				if _, err := ring.Verify(ctx, token[:i], signing.TypeAccess); err == nil {
					t.Fatalf("%s: cut at %d and accepted", algorithm, i)
				}
			}
		}
		// (r, n-s) is a signature of the same content; it must not make a second token.
		token := sign(t, ring, signing.ES256)
		dot := strings.LastIndexByte(token, '.')
		signature, _ := base64.RawURLEncoding.DecodeString(token[dot+1:])
		n, _ := new(big.Int).SetString("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", 16)
		n.Sub(n, new(big.Int).SetBytes(signature[32:])).FillBytes(signature[32:])
		if _, err := ring.Verify(ctx, token[:dot+1]+base64.RawURLEncoding.EncodeToString(signature), signing.TypeAccess); err == nil {
			t.Error("the other s was accepted")
		}
	})
}

func BenchmarkSign(b *testing.B) {
	db := testenv.Open(b, sqldb.Config{URL: b.TempDir() + "/bench.db", Relaxed: true})
	ring := open(b, db)
	claims := []byte(`{"iss":"https://id.example","sub":"usr_x","aud":"api","exp":1760000000,"iat":1759999400,"jti":"x","client_id":"demo","scope":"openid"}`)
	for _, algorithm := range signing.Algorithms() {
		b.Run(algorithm, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ring.Sign(context.Background(), algorithm, signing.TypeAccess, claims); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("JWKS", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := ring.JWKS(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
