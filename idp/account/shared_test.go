package account_test

import (
	"strings"
	"testing"
	"time"

	"portvakt/internal/sqldb"
)

// The person is told calmly, in the language of the page, that the account was used in several places at the same time.
func TestR36_ThePersonIsShown(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		kari, ola := h.kari(), h.member("nordlys", "ola@nordlys.example")
		h.setPassword(ola.User)
		at := h.db.Now().Add(-time.Hour)
		h.update(func(tx *sqldb.Tx) error {
			tx.Later(`insert into shared_account_hints (user_id, day, first_at, last_at, times, devices) values ($1, $2, $3, $3, 1, 2)`,
				kari.User, at.Unix()/86400, sqldb.Micros(at))
			return nil
		})
		b := h.browser()
		b.get("/account").signIn("kari@nordlys.example", password).want("account", 200)
		for language, text := range map[string]string{
			"en": "Your account was used on several devices at the same time", "nb": "Kontoen din ble brukt på flere enheter samtidig",
			"sv": "Ditt konto användes på flera enheter samtidigt", "de": "Ihr Konto wurde auf mehreren Geräten gleichzeitig benutzt",
		} {
			if b.get("/account?ui_locales="+language).want("account", 200); !strings.Contains(b.body, text) || !strings.Contains(b.body, `id="shared-use"`) {
				t.Errorf("%s: nothing is said of it", language)
			}
		}
		other := h.browser()
		if other.get("/account").signIn("ola@nordlys.example", password).want("account", 200); strings.Contains(other.body, "shared-use") {
			t.Error("somebody else is told")
		}
		h.update(func(tx *sqldb.Tx) error {
			tx.Later(`update shared_account_hints set day = day - 31, last_at = $1`, sqldb.Micros(at.Add(-31*24*time.Hour)))
			return nil
		})
		if b.get("/account").want("account", 200); strings.Contains(b.body, "shared-use") {
			t.Error("still said after a month")
		}
	})
}
