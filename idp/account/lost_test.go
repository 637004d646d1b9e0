package account_test

import (
	"testing"

	"portvakt/idp/account"
	"portvakt/internal/sqldb"
)

// TestLostEverything: an operator takes away what was lost; the person begins with a mailed link and sets up a factor,
// also where nobody else demands one.
func TestLostEverything(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		const email = "kari@nordlys.example"
		m := h.kari()
		h.setTOTP(m.User)
		d := h.registered(m.User, true)
		h.update(func(tx *sqldb.Tx) error {
			_, err := h.credentials.MakeRecoveryCodes(ctx, tx, m.User)
			return err
		})
		signedIn := h.browser().get("/account").use(d).want("account", 200)
		stale := h.resetting(email)
		lost := func() {
			t.Helper()
			if err := account.ResetFactors(ctx, h.db, h.dir, account.Lost{Person: m.User, Reason: "telephone lost, passport seen"}); err != nil {
				t.Fatal(err)
			}
		}
		lost()
		signedIn.get("/account").want("sign-in", 200)
		signedIn.use(d).want("sign-in", 403)
		signedIn.get("/sign-in").signIn(email, password).want("password", 403)
		stale.choose(newPassword).want("link-expired", 410) // or it would open what the factor kept shut
		if !h.wrote(email, "Your sign-in has been reset") {
			t.Error("the person is not told")
		}
		if h.count("select count(*) from audit_entries where action = 'user.factors_reset' and object = $1 and detail like '%passport%'", m.User.String()) != 1 {
			t.Error("the history does not say why")
		}

		b := h.resetting(email)
		if contains(b.body, "Welcome") || contains(b.body, `name="code"`) {
			t.Errorf("%s", b.body)
		}
		b.choose(newPassword).want("enrol-factor", 200)
		if h.count("select count(*) from sessions where ended_at is null and user_epoch = (select epoch from users where id = $1)", m.User) != 0 {
			t.Error("a session before the factor")
		}
		h.browser().get("/start").signIn(email, newPassword).want("enrol-factor", 200) // nor is it forgotten
		b.enrol()
		b.want("account", 200)
		b.get("/account/factors").submit("action", "remove-totp").want("factors", 200)
		h.browser().get("/start").signIn(email, newPassword).want("callback", 303) // nobody demands one any more

		lost()
		b, d = h.resetting(email), h.device()
		b.setUpKey(d).codes()
		b.submit().want("account", 200)
		b.get("/account/keys").submit("action", "remove-key").want("keys", 200)
		b = h.resetting(email)
		b.choose(newPassword).want("account", 200)
	})
}
