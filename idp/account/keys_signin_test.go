package account_test

import (
	"strings"
	"testing"
	"time"

	"portvakt/idp/credential"
	"portvakt/internal/sqldb"
)

func TestPasskeyIsAWholeSignIn(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		kari := h.kari()
		d := h.registered(kari.User, true)
		h.setTOTP(kari.User)

		b := h.browser().get("/start?state=1").want("sign-in", 200).use(d).want("callback", 303)
		if b.outer.Get("user") != kari.User.String() || b.outer.Get("acr") != credential.ACRPhishingResistant || b.outer.Get("amr") != "hwk user mfa" {
			t.Errorf("%v", b.outer)
		}
		// Whatever address was typed, the passkey says who it is.
		h.member("tallsmia", "ola@tallsmia.example")
		b = h.browser().get("/start?state=2").want("sign-in", 200).submit("email", "ola@tallsmia.example").want("password", 200).use(d).want("callback", 303)
		if b.outer.Get("user") != kari.User.String() {
			t.Errorf("%v", b.outer)
		}
		h.browser().get("/sign-in").want("sign-in", 200).use(d).want("account", 200)
	})
}

// TestPasskeyIsFresh: a demand for a new sign-in is met by a ceremony, and by nothing older.
func TestPasskeyIsFresh(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		d := h.registered(h.kari().User, true)
		b := h.browser().get("/start?state=1").use(d).want("callback", 303)
		first := b.outer.Get("session")
		age := 5 * time.Minute
		h.needs.MaxAge = &age
		b.get("/start?state=2").want("callback", 303)
		h.clock.Advance(6 * time.Minute)
		b.get("/start?state=3").want("password", 200).use(d).want("callback", 303)
		if b.outer.Get("session") == first {
			t.Error("the old session was taken")
		}
		h.needs.MaxAge, h.needs.ForceLogin = nil, true
		b.get("/start?state=4").want("password", 200)
		form, options := b.challenge("")
		form.Set("credential", d.sign(options))
		b.post(b.at, form).want("callback", 303)
		b.get("/start?state=5").want("password", 200)
		at := b.at
		fresh, _, _ := b.ceremony()
		fresh.Set("ceremony", form.Get("ceremony"))
		fresh.Set("credential", form.Get("credential"))
		b.post(at, fresh).want("password", 410) // the answer of the sign-in before
	})
}

// TestWall085_AnAttackerLocksNoPasskeyOut: the counters of passwords and of codes are not the passkey's.
func TestWall085_AnAttackerLocksNoPasskeyOut(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		kari := h.kari()
		d := h.registered(kari.User, true)
		mallory := h.browser().get("/start?state=1").submit("email", "kari@nordlys.example")
		for range 9 {
			mallory.submit("password", "a wrong password indeed")
		}
		mallory.want("password", 429)
		h.browser().get("/start?state=2").use(d).want("callback", 303)
	})
}

func TestSecurityKeyIsTheSecondFactor(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		kari, ola := h.kari(), h.member("tallsmia", "ola@tallsmia.example")
		h.setPassword(ola.User)
		key, olas := h.registered(kari.User, false), h.registered(ola.User, true)

		b := h.browser().get("/start?state=1").signIn("kari@nordlys.example", password).want("second-factor", 200)
		form, options := b.challenge("")
		if strings.Count(options, `"id":`) != 1 {
			t.Errorf("the options name other keys than Kari's: %s", options)
		}
		at := b.at
		form.Set("credential", olas.sign(options))
		if b.post(at, form).want("second-factor", 403); b.cookie(h.sessions.Cookies().Session) != "" {
			t.Error("Ola's key began a session of Kari's")
		}
		b.use(key).want("callback", 303)
		if b.outer.Get("user") != kari.User.String() || b.outer.Get("acr") != credential.ACRPhishingResistant || b.outer.Get("amr") != "pwd hwk mfa" {
			t.Errorf("%v", b.outer)
		}
		// Without verification the key is no sign-in by itself.
		c := h.browser().get("/start?state=2").want("sign-in", 200)
		c.use(key).want("sign-in", 403)
		if c.cookie(h.sessions.Cookies().Session) != "" {
			t.Error("a session was begun")
		}
	})
}

// TestChallengesAreForTheirPage: nobody gets a challenge for what is not his turn.
func TestChallengesAreForTheirPage(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		kari := h.kari()
		h.setTOTP(kari.User)
		h.registered(kari.User, false)
		b := h.browser().get("/start?state=1").want("sign-in", 200)
		before, where, _ := b.ceremony()
		for _, purpose := range []string{"second_factor", "register"} {
			if status, out := b.ask(where, asked(before, purpose)); status != 403 {
				t.Errorf("%s before the password: %d %s", purpose, status, out)
			}
		}
		good := asked(before, "passkey")
		for what, body := range map[string]any{
			"another purpose": asked(before, "everything"), "unknown member": `{"i":"` + good["i"] + `","csrf":"` + good["csrf"] + `","purpose":"passkey","x":1}`,
			"two values": `{"purpose":"passkey"}{}`, "no JSON": "purpose=passkey", "nothing": "", "a list": "[]", "null purpose": `{"purpose":null}`,
			"huge": `{"purpose":"` + strings.Repeat("x", 5000) + `"}`, "deep": strings.Repeat("[", 4000), "a number": `{"i":1}`,
		} {
			if status, _ := b.ask(where, body); status < 400 || status >= 500 || status == 409 {
				t.Errorf("%s: %d", what, status)
			}
		}
		if status, _ := b.ask(where, good, "Content-Type", "text/plain"); status != 422 {
			t.Errorf("as a form of another site could send it: %d", status)
		}
		other := h.browser().get("/start?state=1")
		if status, _ := other.ask(where, good); status != 400 && status != 403 && status != 422 {
			t.Errorf("another browser: %d", status)
		}
		others, _, _ := other.ceremony()
		if status, _ := b.ask(where, map[string]string{"i": good["i"], "csrf": others.Get("csrf"), "purpose": "passkey"}); status != 403 {
			t.Errorf("another browser's token: %d", status)
		}
		if status, out := b.ask(where, good); status != 200 || out["publicKey"] == nil {
			t.Errorf("the page's own: %d", status)
		}
		if b.get(where).status != 405 {
			t.Errorf("GET: %d", b.status)
		}
	})
}

// TestAPasskeyNeedsNoInitialPassword: what an administrator has set in between does not stand before the person's own key.
func TestAPasskeyNeedsNoInitialPassword(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		kari := h.kari()
		d := h.registered(kari.User, true)
		h.update(func(tx *sqldb.Tx) error {
			_, err := tx.Exec(ctx, "update passwords set must_change = true where user_id = $1", kari.User)
			return err
		})
		h.browser().get("/sign-in").use(d).want("account", 200)
		h.browser().get("/sign-in").signIn("kari@nordlys.example", password).want("second-factor", 200)
	})
}
