package account_test

import (
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"portvakt/idp/credential"
	"portvakt/internal/directory"
)

// answered is the form with which the script of a link's page sends a new key.
func (b *browser) answered(d *device, pairs ...string) url.Values {
	b.h.t.Helper()
	form, options := b.want("new-password", b.status).challenge("")
	form.Set("credential", d.make(options))
	return with(form, pairs...)
}

// setUpKey chooses a passkey instead of a password.
func (b *browser) setUpKey(d *device, pairs ...string) *browser {
	b.h.t.Helper()
	return b.post(b.at, b.answered(d, pairs...))
}

// resetting asks for a link to the address and opens it in a browser of its own.
func (h *house) resetting(email string) *browser {
	h.t.Helper()
	h.clock.Advance(time.Second) // newer than the one before
	h.browser().forgot(email)
	return h.browser().get(h.link(email)).want("new-password", 200)
}

func (h *house) wrote(to, subject string) bool {
	h.t.Helper()
	for _, m := range h.mails() {
		if m.To == to && m.Subject == subject {
			return true
		}
	}
	return false
}

func (h *house) untouched(what string) {
	h.t.Helper()
	if n := h.count("select count(*) from account_links where used_at is not null"); n != 0 {
		h.t.Fatalf("%s: the link was consumed", what)
	}
	if n := h.count("select count(*) from webauthn_keys"); n != 0 {
		h.t.Fatalf("%s: %d keys", what, n)
	}
}

// TestPasskeyAtSetUp: instead of a first password a passkey does all that the password does.
func TestPasskeyAtSetUp(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		const email = "lars@x.example"
		m := h.member("tallsmia", email, hired)
		b := h.browser().get("/start?state=s").want("sign-in", 200).submit("email", email).want("password", 200)
		b.get(h.link(email)).want("new-password", 200)
		d := h.device()
		b.setUpKey(d).codes()
		if h.count("select count(*) from sessions") != 0 {
			t.Fatal("a session before the recovery codes are acknowledged")
		}
		b.submit().want("callback", 303)
		if b.outer.Get("acr") != credential.ACRPhishingResistant || b.outer.Get("amr") != "hwk user mfa" || !contains(b.outer.Get("request"), `"s"`) {
			t.Errorf("outcome %v", b.outer)
		}
		for what, query := range map[string]string{
			"accepted": "select count(*) from memberships where id = $1 and accepted_at is not null",
			"verified": "select count(*) from users u join memberships m on m.user_id = u.id where m.id = $1 and u.email_verified_at is not null",
			"consumed": "select count(*) from account_links l join memberships m on m.user_id = l.user_id where m.id = $1 and l.used_at is not null",
		} {
			if h.count(query, m.ID) != 1 {
				t.Errorf("not %s", what)
			}
		}
		if h.count("select count(*) from passwords") != 0 || !h.wrote(email, "A passkey or security key was added to your account") {
			t.Error("a password, or no mail")
		}
		if b.get("/account/security?ui_locales=en").want("account-security", 200); !contains(b.body, "You sign in with a passkey") {
			t.Errorf("a password is to be changed that is not there:\n%s", b.body)
		}
		h.browser().get("/start").use(d).want("callback", 303)
		h.browser().get("/start").signIn(email, newPassword).want("password", 403)
		sven := h.member("tallsmia", "sven@x.example", hired)
		if err := h.dir.Users.SetPreferences(ctx, sven.User, directory.Preferences{Language: "sv"}); err != nil {
			t.Fatal(err)
		}
		swede := h.browser().get(h.link("sven@x.example"))
		if swede.setUpKey(h.device()).codes(); !contains(swede.body, `<html lang="sv"`) {
			t.Errorf("the codes are in another language than the page before:\n%s", swede.body)
		}
		again := h.resetting(email) // a reset, which is over sooner, asks for a factor, and welcomes nobody
		if contains(again.body, "Welcome") || !contains(again.body, `name="code"`) || h.count("select count(*) from account_links where purpose = 'reset'") != 1 {
			t.Errorf("a person with a passkey is taken for somebody new:\n%s", again.body)
		}
	})
}

// TestAResetByPasskeyVoidsThePassword: whoever knew it has nothing any more; a reset by password leaves the passkey.
func TestAResetByPasskeyVoidsThePassword(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.kari()
		old := h.browser().get("/account").signIn("kari@nordlys.example", password).want("account", 200)
		b, d := h.resetting("kari@nordlys.example"), h.device()
		codes := b.setUpKey(d).codes()
		b.submit().want("account", 200)
		old.get("/account").want("sign-in", 200)
		old.signIn("kari@nordlys.example", password).want("password", 403)
		h.browser().get("/start").use(d).want("callback", 303)
		if !h.wrote("kari@nordlys.example", "A passkey took the place of your password") || h.wrote("kari@nordlys.example", "Your password was changed") {
			t.Error("the person is not told, or twice")
		}
		if h.count("select count(*) from audit_entries where action = 'credential.password_removed'") != 1 {
			t.Error("the history does not say it")
		}
		b = h.resetting("kari@nordlys.example")
		b.submit("new_password", newPassword, "new_password_again", newPassword, "code", codes[0]).want("account", 200)
		h.browser().get("/start").signIn("kari@nordlys.example", newPassword).want("second-factor", 200).use(d).want("callback", 303)
	})
}

// TestResetByPasskeyAsksForTheSecondFactor: with a factor enrolled the link alone adds no key, and a ceremony that fails
// uses up no recovery code.
func TestResetByPasskeyAsksForTheSecondFactor(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		codes := h.withCodes()
		b, d := h.resetting("kari@nordlys.example"), h.device()
		evil := h.device()
		evil.rp.Origin = "https://id.portvakt.example.evil.example"
		b.setUpKey(d).want("new-password", 422)
		b.setUpKey(d, "code", "000000").want("new-password", 403)
		b.setUpKey(d, "code", "aaaa-bbbb-cccc-dddd").want("new-password", 403)
		b.setUpKey(evil, "code", codes[0]).want("new-password", 403)
		h.untouched("without the factor")
		if h.count("select count(*) from recovery_codes where used_at is null") != 10 {
			t.Fatal("a failed ceremony has used up a recovery code")
		}
		b.setUpKey(d, "code", codes[0]).want("account", 200)
		if h.count("select count(*) from recovery_codes") != 10 {
			t.Error("new recovery codes beside good ones")
		}
		h.browser().get("/start").use(d).want("callback", 303)
		b = h.resetting("kari@nordlys.example")
		b.setUpKey(h.device(), "code", codes[0]).want("new-password", 403)
	})
}

// TestAFailedCeremonyLeavesTheLink: whatever is wrong with the answer, nothing is stored and the link is as good as before.
func TestAFailedCeremonyLeavesTheLink(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.kari()
		h.setPassword(h.member("tallsmia", "ola@x.example").User)
		b, other := h.resetting("kari@nordlys.example"), h.resetting("ola@x.example")
		refused := func(what string, form url.Values) {
			t.Helper()
			if b.post(b.at, form); b.page != "new-password" || b.status < 400 || b.status >= 500 {
				t.Errorf("%s: %s %d", what, b.page, b.status)
			}
			h.untouched(what)
		}
		bent := func(bend func(d *device)) url.Values {
			d := h.device()
			bend(d)
			return b.answered(d)
		}
		refused("another origin", bent(func(d *device) { d.rp.Origin = "https://evil.example" }))
		refused("another port", bent(func(d *device) { d.rp.Origin += ":8443" }))
		refused("another party", bent(func(d *device) { d.rp.ID = "evil.example" }))
		refused("not verified", bent(func(d *device) { d.own.Options.UserNotVerified = true }))
		refused("not present", bent(func(d *device) { d.own.Options.UserNotPresent = true }))
		kept := b.answered(h.device())
		kept.Set("credential", strings.Replace(kept.Get("credential"), "{", `{"clientExtensionResults":{"credProps":{"rk":false}},`, 1))
		refused("kept nowhere, so no passkey", kept)
		refused("nothing", with(b.answered(h.device()), "credential", ""))
		refused("no challenge", with(b.answered(h.device()), "ceremony", ""))
		refused("another link's challenge", with(other.answered(h.device()), "token", b.fields().Get("token"), "csrf", b.fields().Get("csrf")))
		thief := h.browser().get(b.at).want("new-password", 200)
		refused("another browser's challenge", with(thief.answered(h.device()), "csrf", b.fields().Get("csrf")))
		refused("a foreign form", with(b.answered(h.device()), "csrf", thief.fields().Get("csrf")))
		late := b.answered(h.device())
		h.clock.Advance(6 * time.Minute)
		refused("too late", late)

		good := b.answered(h.device())
		b.post(b.at, good).codes()
		for _, again := range []*browser{b, thief} {
			if again.post("/account/setup", good); again.page != "link-expired" || again.status != 410 {
				t.Errorf("once more: %s %d", again.page, again.status)
			}
		}
		if h.count("select count(*) from webauthn_keys") != 1 {
			t.Error("the replay has added a key")
		}
		other.post(other.at, with(good, "token", other.fields().Get("token"), "csrf", other.fields().Get("csrf"))).want("new-password", 410)
	})
}

// TestChallengesOfALinkNeedTheLink: without it, its page and this browser there is nothing to answer.
func TestChallengesOfALinkNeedTheLink(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.kari()
		b := h.resetting("kari@nordlys.example")
		form, where, purpose := b.ceremony()
		good := func(pairs ...string) map[string]string {
			q := asked(form, purpose)
			for i := 0; i < len(pairs); i += 2 {
				q[pairs[i]] = pairs[i+1]
			}
			return q
		}
		refused := func(what string, who *browser, body map[string]string, want int, code string) {
			t.Helper()
			if status, out := who.ask(where, body); status != want || string(out["code"]) != `"`+code+`"` {
				t.Errorf("%s: %d %s", what, status, out["code"])
			}
		}
		refused("no link", b, good("token", ""), 410, "link_expired")
		refused("an unknown link", b, good("token", strings.Repeat("A", 43)), 410, "link_expired")
		refused("no page", b, good("csrf", ""), 403, "form_expired")
		refused("another browser", h.browser().get("/sign-in"), good(), 403, "form_expired")
		refused("another purpose", b, good("purpose", "passkey"), 422, "bad_json")
		if b.ask(where, good(), "Content-Type", "text/plain"); h.count("select count(*) from webauthn_ceremonies") != 0 {
			t.Error("a challenge was made")
		}
		if status, out := b.ask(where, good()); status != 200 || strings.Contains(string(out["publicKey"]), form.Get("token")) {
			t.Errorf("the page's own: %d %s", status, out["publicKey"])
		}
		h.untouched("a challenge")
		if h.browser().get(where).status != 405 {
			t.Error("GET is answered")
		}
		fields := with(b.fields(), "new_password", newPassword, "new_password_again", newPassword)
		b.post(b.at, fields).want("account", 200)
		refused("a used link", b, good(), 410, "link_expired")
	})
}

// TestOneOfManyKeysTakesTheLink: of any number of ceremonies that succeed at once one is stored.
func TestOneOfManyKeysTakesTheLink(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.kari()
		h.browser().forgot("kari@nordlys.example")
		link := h.link("kari@nordlys.example")
		browsers, forms := make([]*browser, 30), make([]url.Values, 30)
		for i := range browsers {
			browsers[i] = h.browser().get(link)
			forms[i] = browsers[i].answered(h.device())
			if i%3 == 0 {
				forms[i] = with(browsers[i].fields(), "new_password", newPassword, "new_password_again", newPassword)
			}
		}
		var all sync.WaitGroup
		for i, b := range browsers {
			all.Go(func() { b.post(b.at, forms[i]) })
		}
		all.Wait()
		went := 0
		for _, b := range browsers {
			if b.page == "account" || b.page == "recovery-codes" {
				went++
			}
		}
		keys, changed := h.count("select count(*) from webauthn_keys"), h.count("select count(*) from audit_entries where action = 'credential.password_set'")-1
		if went != 1 || keys+changed != 1 {
			t.Errorf("%d went on, %d keys, %d passwords", went, keys, changed)
		}
	})
}

// TestBrowserTrustedByKey: what holds for codes holds for keys.
func TestBrowserTrustedByKey(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.kari()
		h.demand(m.Organization, 7)
		d := h.registered(m.User, false)
		b := h.browser().get("/start").signIn("kari@nordlys.example", password).want("second-factor", 200)
		if form := ceremonyForm.FindString(b.body); strings.Count(b.body, `id="trust_device"`) != 1 || !contains(form, `type="checkbox" id="trust_device"`) {
			t.Fatalf("the key's form does not offer it:\n%s", b.body)
		}
		use := func(b *browser) *browser {
			at := b.at
			form, options := b.challenge("")
			form.Set("credential", d.sign(options))
			return b.post(at, with(form, "trust_device", "yes"))
		}
		use(b).want("callback", 303)
		b.signedOut().get("/start").signIn("kari@nordlys.example", password).want("callback", 303)
		h.half()

		h.setTOTP(m.User) // beside a code there is one checkbox, which the script takes along
		with := h.half()
		if form := ceremonyForm.FindString(with.body); strings.Count(with.body, `id="trust_device"`) != 1 || !contains(form, `data-beside="trust_device"`) || !contains(form, `name="trust_device" value=""`) {
			t.Errorf("with a code too:\n%s", with.body)
		}
		h.demand(m.Organization, 0)
		c := h.half()
		if contains(c.body, "trust_device") {
			t.Error("offered where the organization forbids it")
		}
		before := h.count("select count(*) from trusted_devices")
		use(c).want("callback", 303)
		if h.count("select count(*) from trusted_devices") != before {
			t.Error("trusted where the organization forbids it")
		}
	})
}
