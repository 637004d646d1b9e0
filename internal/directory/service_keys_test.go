package directory_test

import (
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestR34_KeysAtAnAddress: by address or by value, one ends the other; and nobody whose access ends names an address.
func TestR34_KeysAtAnAddress(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		a := h.webshop(t)
		saved := func(uri string) error {
			return second(h.ServiceAccounts.Save(ctx, "nordlys", directory.ServiceAccount{Organization: h.home.ID, Key: "webshop", Name: "Web shop", KeysURI: uri}))
		}
		stands := func(uri string, keys int) {
			t.Helper()
			got := must(h.ServiceAccounts.ByClientID(ctx, a.ClientID))(t)
			n := 0
			for _, c := range got.Credentials {
				if !c.IsSecret() && c.InForce(db.Now()) {
					n++
				}
			}
			if got.KeysURI != uri || n != keys {
				t.Errorf("keys at %q, %d by value; want %q, %d", got.KeysURI, n, uri, keys)
			}
		}
		check(t, h.ServiceAccounts.SetKeys(ctx, h.home.ID, a.ID, []byte(oneKey)))
		stands("", 1)
		check(t, saved("https://shop.example/keys"))
		stands("https://shop.example/keys", 0)
		told := h.events(t, directory.EventServiceKeysSet)
		check(t, saved("https://shop.example/keys"))
		check(t, saved(""))
		stands("https://shop.example/keys", 0)
		if n := h.events(t, directory.EventServiceKeysSet); n != told || told != 2 {
			t.Errorf("told %d times, then %d", told, n)
		}
		check(t, h.ServiceAccounts.SetKeys(ctx, h.home.ID, a.ID, []byte(oneKey)))
		stands("", 1)
		for _, bad := range []string{"http://shop.example/", "shop.example", "https://", "https://u:p@shop.example/", "https://shop.example/#x", "https://shop.example/ x", "ftp://shop.example/"} {
			wantCode(t, bad, saved(bad), "bad_jwks_uri")
		}
		m := h.guest(t, "guest@agency.example", directory.External, clock.Now().Add(24*time.Hour))
		for _, key := range []string{"webshop", "new"} {
			err := second(h.ServiceAccounts.Save(by(m), "nordlys", directory.ServiceAccount{Organization: h.home.ID, Key: key, Name: "x", KeysURI: "https://guest.example/keys"}))
			wantCode(t, "by an external", err, "bound_jwks_uri")
		}
		stands("", 1)
	})
}
