package account_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"portvakt/idp/credential"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// TestWall94_ThePasswordAddsNoKey: a half sign-in of somebody with a second factor cannot enrol another one.
func TestWall94_ThePasswordAddsNoKey(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		kari := h.kari()
		h.setTOTP(kari.User)
		h.registered(kari.User, false)
		b := h.browser().get("/start?state=1").signIn("kari@nordlys.example", password).want("second-factor", 200)
		form, where, _ := b.ceremony()
		if status, _ := b.ask(where, asked(form, "register")); status != 403 {
			t.Errorf("a challenge for a new key: %d", status)
		}
		for _, path := range []string{"/account/keys", "/account/webauthn/options"} {
			if status, _ := b.ask(path, asked(form, "passkey")); status != 403 && status != 200 { // 200: the page that asks for the sign-in
				t.Errorf("%s: %d", path, status)
			}
		}
		if n := h.count("select count(*) from webauthn_keys"); n != 1 {
			t.Errorf("%d keys", n)
		}
	})
}

// TestWall94_KeysNeedAFreshSignIn: a stale session, or a weaker one, changes no key.
func TestWall94_KeysNeedAFreshSignIn(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		kari := h.kari()
		b := h.browser().get("/sign-in").signIn("kari@nordlys.example", password).want("account", 200)
		first := h.browser().get("/sign-in").signIn("kari@nordlys.example", password).want("account", 200)
		d := h.device()
		form, where, _ := b.get("/account/keys").want("keys", 200).ceremony()
		csrf := form.Get("csrf")
		first.get("/account/keys").add(d, "passkey", "Phone").codes()
		if first.get("/account/keys?done=key-added"); !strings.Contains(first.body, "Phone") || !strings.Contains(first.body, "has been added") {
			t.Fatalf("%s\n%s", first.at, first.body)
		}
		if h.count("select count(*) from sessions where ended_at is null and acr = $1", credential.ACRPhishingResistant) != 1 {
			t.Error("the session was not stepped up by the key")
		}
		kept := func(what string) {
			t.Helper()
			if n := h.count("select count(*) from webauthn_keys where name = 'Phone'"); n != 1 {
				t.Fatalf("%s has changed the key", what)
			}
		}
		id := must(h.credentials.Keys(ctx, kari.User))(t)[0].ID.String()
		change := func(who *browser, action string) *browser {
			return who.post("/account/keys", url.Values{"csrf": {csrf}, "action": {action}, "key": {id}, "name": {"Mine"}})
		}
		// The session was begun before the key was: the password alone is not enough any more.
		change(b, "remove-key").want("second-factor", 200)
		kept("a weaker session")
		status, out := b.ask(where, asked(form, "passkey"))
		var location string
		if err := json.Unmarshal(out["location"], &location); err != nil || status != 403 || string(out["code"]) != `"confirm_first"` {
			t.Errorf("%d %s", status, out)
		}
		b.get(location).want("second-factor", 200).use(d).want("keys", 200)
		csrf = b.fields().Get("csrf")
		h.clock.Advance(10*time.Minute + time.Second)
		change(b, "rename-key").want("password", 200)
		change(b, "remove-key").want("password", 200)
		kept("a stale session")
		b.use(d).want("keys", 200)
		csrf = b.fields().Get("csrf")
		good := csrf
		csrf = "x"
		change(b, "remove-key").want("keys", 403)
		kept("a foreign form")
		csrf = good
		change(b, "rename-key").want("keys", 200)
		if n := h.count("select count(*) from webauthn_keys where name = 'Mine'"); n != 1 {
			t.Error("not renamed")
		}

		ola := h.browser()
		h.setPassword(h.member("tallsmia", "ola@tallsmia.example").User)
		ola.get("/sign-in").signIn("ola@tallsmia.example", password).want("account", 200)
		form, _, _ = ola.get("/account/keys").ceremony()
		csrf = form.Get("csrf")
		change(ola, "remove-key").want("keys", 200)
		ola.add(h.device(), "security_key", "Ola's").codes()
		if n := h.count("select count(*) from webauthn_keys where name = 'Mine'"); n != 1 {
			t.Fatal("Ola removed Kari's key")
		}
		csrf = good
		change(b, "remove-key").want("keys", 200)
		if n := h.count("select count(*) from webauthn_keys"); n != 1 {
			t.Errorf("%d keys are left, want Ola's", n)
		}
		h.browser().get("/sign-in").use(d).want("sign-in", 403)
	})
}

// TestKeysAreTold: the person hears of every change, in their language, and the history has it.
func TestKeysAreTold(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		kari := h.kari()
		if err := h.dir.Users.SetPreferences(ctx, kari.User, directory.Preferences{Language: "nb"}); err != nil {
			t.Fatal(err)
		}
		d := h.registered(kari.User, true)
		h.browser().get("/sign-in").use(d).want("account", 200)
		d.key.Counter = 0
		h.browser().get("/sign-in").use(d).want("sign-in", 403)
		d.key.Counter = 0
		h.browser().get("/sign-in").use(d).want("sign-in", 403)
		id := must(h.credentials.Keys(ctx, kari.User))(t)[0].ID
		h.update(func(tx *sqldb.Tx) error { return h.credentials.RemoveKey(ctx, tx, kari.User, id) })
		got := map[string]int{}
		for _, m := range h.mails() {
			got[m.Subject]++
		}
		for _, subject := range []string{"En passnøkkel eller sikkerhetsnøkkel er lagt til på kontoen din", "En sikkerhetsnøkkel du har, kan være kopiert", "En passnøkkel eller sikkerhetsnøkkel er fjernet fra kontoen din"} {
			if got[subject] != 1 {
				t.Errorf("%q: %d mails of %v", subject, got[subject], got)
			}
		}
		for action, want := range map[string]int64{"credential.key_added": 1, "credential.key_suspicious": 2, "credential.key_removed": 1} {
			if n := h.count("select count(*) from audit_entries where action = $1", action); n != want {
				t.Errorf("%s: %d entries", action, n)
			}
		}
	})
}

// TestAKeyIsEnrolledInASignIn: where a second factor is demanded a passkey will do, and comes with recovery codes.
func TestAKeyIsEnrolledInASignIn(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.demand(h.kari().Organization, 0)
		late, b := h.browser(), h.browser()
		late.get("/start").signIn("kari@nordlys.example", password).want("enrol-factor", 200)
		b.get("/start").signIn("kari@nordlys.example", password).want("enrol-factor", 200)
		enrol := func(who *browser, d *device) *browser {
			form, options := who.challenge("")
			at := who.at
			form.Set("credential", d.make(options))
			return who.post(at, form)
		}
		lateForm, lateOptions := late.challenge("")
		d := h.device()
		codes := enrol(b, d).codes()
		if h.count("select count(*) from sessions") != 0 {
			t.Fatal("a session before the recovery codes are acknowledged")
		}
		b.submit().want("callback", 303)
		if b.outer.Get("acr") != credential.ACRPhishingResistant || b.outer.Get("amr") != "pwd hwk user mfa" {
			t.Errorf("outcome %v", b.outer)
		}
		lateForm.Set("credential", h.device().make(lateOptions))
		late.post(late.at, lateForm).want("second-factor", 200) // it is there now, and is to be shown
		if n := h.count("select count(*) from webauthn_keys"); n != 1 {
			t.Errorf("%d keys", n)
		}
		late.submit("code", codes[0]).want("callback", 303)
		h.browser().get("/start").use(d).want("callback", 303)
	})
}

// TestNoKeyWhereNoneCounts: where attested keys are demanded and nothing tells them from others, no page offers to add one.
func TestNoKeyWhereNoneCounts(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.kari()
		h.member("nordlys", "lars@nordlys.example", hired)
		b := h.signedIn("kari@nordlys.example")
		h.demand(m.Organization, 0)
		offered := func(want bool) {
			t.Helper()
			setup, enrol := h.browser().get(h.link("lars@nordlys.example")).want("new-password", 200), h.browser()
			enrol.get("/start").signIn("kari@nordlys.example", password).want("enrol-factor", 200)
			for _, page := range []*browser{setup, enrol, b.get("/account/keys").want("keys", 200)} {
				if contains(page.body, `id="passkey-form"`) != want || contains(page.body, "attested-only") {
					t.Errorf("%s, with the form %v:\n%s", page.page, !want, page.body)
				}
			}
		}
		offered(true)
		h.update(func(tx *sqldb.Tx) error {
			_, err := tx.Exec(ctx, `update organizations set key_policy = 'attested' where id = $1`, m.Organization)
			return err
		})
		offered(false)
	})
}

// TestTheLastKeyStays: of whoever is bound to have a second factor; of others recovery codes go with it.
func TestTheLastKeyStays(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.member("nordlys", "kari@nordlys.example", administrator)
		h.setPassword(m.User)
		d := h.registered(m.User, true)
		b := h.browser().get("/sign-in").use(d).want("account", 200)
		b.get("/account/keys").submit("action", "remove-key").want("keys", 409)
		if !contains(b.body, "cannot remove your last second step") || h.count("select count(*) from webauthn_keys") != 1 {
			t.Errorf("%s", b.body)
		}
		h.setTOTP(m.User)
		browsers := make([]*browser, 10)
		for i := range browsers {
			browsers[i] = h.browser().get("/sign-in").use(d).want("account", 200)
			browsers[i].get([]string{"/account/keys", "/account/factors"}[i%2])
		}
		var all sync.WaitGroup
		for i, b := range browsers {
			all.Go(func() { b.submit("action", []string{"remove-key", "remove-totp"}[i%2]) })
		}
		all.Wait()
		if n := h.count("select (select count(*) from webauthn_keys) + (select count(*) from totp_secrets)"); n != 1 {
			t.Errorf("%d factors are left", n)
		}

		ola := h.member("nordlys", "ola@nordlys.example")
		h.setPassword(ola.User)
		b = h.browser().get("/sign-in").signIn("ola@nordlys.example", password).want("account", 200)
		b.get("/account/keys").add(h.device(), "passkey", "Phone").codes()
		b.get("/account/keys").submit("action", "remove-key").want("keys", 200)
		if h.count("select count(*) from recovery_codes where user_id = $1", ola.User) != 0 {
			t.Error("recovery codes outlive the last factor")
		}
		h.browser().get("/start").signIn("ola@nordlys.example", password).want("callback", 303)
	})
}
