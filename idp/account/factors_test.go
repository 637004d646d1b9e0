package account_test

import (
	"net/url"
	"slices"
	"testing"
	"time"

	"portvakt/idp/credential"
	"portvakt/internal/directory"
)

// scanned reads the key from the account's own page.
func (b *browser) scanned() (app, url.Values) {
	b.h.t.Helper()
	a, fields := b.app(), b.fields()
	if m := sealedKey.FindStringSubmatch(b.body); m != nil {
		fields.Set("key", m[1])
	}
	return a, fields
}

func TestFactorsOfTheAccount(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.kari()
		b := h.browser()
		b.get("/account").signIn("kari@nordlys.example", password).want("account", 200)
		if !contains(b.body, `href="/account/factors"`) {
			t.Error("the account does not lead to the factors")
		}
		b.get("/account/factors").want("factors", 200)
		b.get("/account/factors/totp")
		a, fields := b.scanned()
		fields.Set("code", "000000")
		b.post("/account/factors/totp", fields).want("enrol-factor", 403)
		if again, _ := b.scanned(); string(again.key) != string(a.key) {
			t.Fatal("a wrong code changes the key")
		}
		fields.Set("code", a.code(0))
		codes := b.post("/account/factors/totp", fields).codes()
		if h.count("select count(*) from sessions where ended_at is null and acr = $1", credential.ACRMFA) != 1 || h.count("select count(*) from sessions where ended_at is null") != 1 {
			t.Error("the session was not stepped up by the code")
		}
		b.get("/account/factors").want("factors", 200)
		if !contains(b.body, "Unused codes: 10") || !contains(b.body, `id="remove-totp"`) {
			t.Errorf("the list:\n%s", b.body)
		}
		b.submit("action", "new-recovery-codes")
		fresh := b.codes()
		h.half().submit("code", codes[0]).want("second-factor", 403)
		h.half().submit("code", fresh[0]).want("callback", 303)

		b.get("/account/factors/totp") // a new phone
		second, fields := b.scanned()
		h.clock.Advance(time.Minute)
		fields.Set("code", second.code(0))
		b.post("/account/factors/totp", fields).want("factors", 200)
		h.clock.Advance(time.Minute)
		h.half().submit("code", a.code(0)).want("second-factor", 403)
		h.half().submit("code", second.code(0)).want("callback", 303)

		b.get("/account/factors").submit("action", "remove-totp").want("factors", 200)
		if !contains(b.body, "has been removed") || contains(b.body, `id="remove-totp"`) {
			t.Errorf("after the removal:\n%s", b.body)
		}
		if h.count("select count(*) from recovery_codes") != 0 {
			t.Error("recovery codes outlive the last factor")
		}
		h.browser().get("/start").signIn("kari@nordlys.example", password).want("callback", 303)
		var subjects []string
		for _, m := range h.mails() {
			subjects = append(subjects, m.Subject)
		}
		slices.Sort(subjects)
		want := []string{"A recovery code was used for your account", "A second step was removed from your account",
			"A second step was set up for your account", "A second step was set up for your account", "New recovery codes for your account"}
		if !slices.Equal(subjects, want) {
			t.Errorf("mails: %q", subjects)
		}
	})
}

func TestTheLastFactorStays(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.member("nordlys", "kari@nordlys.example", administrator)
		h.setPassword(m.User)
		b := h.browser()
		b.get("/account").signIn("kari@nordlys.example", password)
		b.enrol()
		b.get("/account/factors").want("factors", 200).submit("action", "remove-totp").want("factors", 409)
		if !contains(b.body, "cannot remove your last second step") || h.count("select count(*) from totp_secrets") != 1 {
			t.Errorf("%s", b.body)
		}
	})
}

// TestWall094_ChangesAskAgain: an old session, a weaker one, another session's form.
func TestWall094_ChangesAskAgain(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.kari()
		weak := h.browser()
		weak.get("/account").signIn("kari@nordlys.example", password).want("account", 200)
		h.setTOTP(m.User)
		strong := h.browser()
		strong.get("/account").signIn("kari@nordlys.example", password).submit("code", h.code(0)).want("account", 200)

		changes := []string{"remove-totp", "new-recovery-codes", "end-device"}
		for _, action := range changes {
			weak.get("/account/factors").want("factors", 200).submit("action", action).want("second-factor", 200) // weaker, but fresh
			if !contains(weak.body, "protects your account") {
				t.Errorf("it does not say why:\n%s", weak.body)
			}
		}
		weak.get("/account/factors/totp").want("second-factor", 200)
		if fields := strong.get("/account/factors").fields(); weak.post("/account/factors", with(fields, "action", "remove-totp")).status != 403 {
			t.Error("another session's form")
		}
		h.clock.Advance(11 * time.Minute)
		for _, action := range changes {
			strong.get("/account/factors").want("factors", 200).submit("action", action).want("password", 200) // strong, but old
		}
		strong.get("/account/factors/totp").want("password", 200)
		weak.get("/account/factors").submit("action", "remove-totp").want("password", 200)
		if h.count("select count(*) from totp_secrets") != 1 || h.count("select count(*) from recovery_codes") != 0 {
			t.Fatal("something was changed")
		}
		// Who shows it is led back, and may go on.
		weak.submit("password", password).want("second-factor", 200).submit("code", h.code(0)).want("factors", 200)
		weak.submit("action", "remove-totp").want("factors", 200)
		if h.count("select count(*) from totp_secrets") != 0 {
			t.Error("it is not removed")
		}
	})
}

func with(form url.Values, pairs ...string) url.Values {
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return form
}

// TestRecoveryCodeIsGoodForChanges: whoever has lost the phone can take it away.
func TestRecoveryCodeIsGoodForChanges(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		codes := h.withCodes()
		b := h.browser()
		b.get("/account").signIn("kari@nordlys.example", password).submit("code", codes[0]).want("account", 200)
		b.get("/account/factors").submit("action", "remove-totp").want("factors", 200)
		if h.count("select count(*) from totp_secrets") != 0 {
			t.Error("it is not removed")
		}
	})
}

// trusting signs kari in and has the browser trusted.
func (h *house) trusting() (*browser, directory.Member) {
	h.t.Helper()
	m := h.kari()
	h.setTOTP(m.User)
	h.demand(m.Organization, 7)
	b := h.half()
	if !contains(b.body, `id="trust_device"`) || !contains(b.body, "7 days") {
		h.t.Fatalf("no checkbox:\n%s", b.body)
	}
	b.submit("code", h.code(0), "trust_device", "yes").want("callback", 303)
	return b, m
}

// signedOut is the same browser without its session.
func (b *browser) signedOut() *browser {
	b.h.t.Helper()
	b.get("/account").want("account", 200).submit("action", "sign-out").want("signed-out", 200)
	return b
}

func TestTrustedBrowser(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, m := h.trusting()
		name := h.sessions.Cookies().Device
		if h.count("select count(*) from trusted_devices where hash = $1", []byte(b.cookie(name))) != 0 || len(b.cookie(name)) != 43 {
			t.Error("the cookie's value stands in the store, or is none of ours")
		}
		b.signedOut().get("/start").signIn("kari@nordlys.example", password).want("callback", 303)
		if b.outer.Get("acr") != credential.ACRPassword || b.outer.Get("amr") != "pwd" {
			t.Errorf("outcome %v", b.outer)
		}
		h.half() // another browser is asked
		h.needs.ACRValues = []string{"mfa"}
		b.signedOut().get("/start").signIn("kari@nordlys.example", password).want("second-factor", 200) // so is this one for more than a password
		h.needs = needing("")
		b.get("/start").signIn("kari@nordlys.example", password).want("callback", 303)
		h.needs.ACRValues = []string{"mfa"}
		b.get("/start").want("second-factor", 200) // it steps nothing up
		h.needs = needing("")
		b.get("/account/factors").want("factors", 200)
		if !contains(b.body, `name="device"`) {
			t.Errorf("it is not listed:\n%s", b.body)
		}
		fields := b.fields()
		b.post("/account/factors", with(fields, "action", "remove-totp")).want("second-factor", 200) // nor opens changes
		if contains(b.body, `id="trust_device"`) {
			t.Error("a step up offers to trust")
		}
		h.clock.Advance(8 * 24 * time.Hour)
		h.half()
		b.get("/start").signIn("kari@nordlys.example", password).want("second-factor", 200) // after its days
		h.clock.Advance(time.Minute)
		b.submit("code", h.code(0), "trust_device", "yes").want("callback", 303)
		if _, err := h.dir.Users.EndSessions(ctx, m.User, "everywhere"); err != nil {
			t.Fatal(err)
		}
		b.get("/start").signIn("kari@nordlys.example", password).want("second-factor", 200) // the epoch
	})
}

func TestTrustedBrowserEnds(t *testing.T) {
	for name, end := range map[string]func(h *house, b *browser, m directory.Member){
		"revoked": func(h *house, b *browser, _ directory.Member) {
			b.get("/account/factors")
			id := deviceField.FindStringSubmatch(b.body)
			if id == nil {
				h.t.Fatalf("not listed:\n%s", b.body)
			}
			b.submit("action", "end-device", "device", id[1]).want("factors", 200)
		},
		"made administrator": func(h *house, _ *browser, m directory.Member) {
			h.member("tallsmia", "kari@nordlys.example", administrator)
		},
		"another organization allows none": func(h *house, _ *browser, m directory.Member) { h.member("tallsmia", "kari@nordlys.example") },
		"fewer days": func(h *house, _ *browser, m directory.Member) {
			h.clock.Advance(2 * 24 * time.Hour)
			h.demand(m.Organization, 1)
		},
		"none any more": func(h *house, _ *browser, m directory.Member) { h.demand(m.Organization, 0) },
		"password reset": func(h *house, _ *browser, m directory.Member) {
			must(h.dir.Users.EndSessions(ctx, m.User, "password_set"))(h.t)
		},
		"cookie of another browser": func(h *house, b *browser, _ directory.Member) {
			b.setCookie(h.sessions.Cookies().Device, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
		},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, h *house) {
				b, m := h.trusting()
				end(h, b, m)
				if b.get("/account"); b.page == "account" {
					b.signedOut()
				}
				b.get("/start").signIn("kari@nordlys.example", password).want("second-factor", 200)
			})
		})
	}
	t.Run("somebody else's password", func(t *testing.T) {
		each(t, func(t *testing.T, h *house) {
			b, _ := h.trusting()
			ola := h.member("nordlys", "ola@nordlys.example")
			h.setPassword(ola.User)
			h.setTOTP(ola.User)
			b.signedOut().get("/start").signIn("ola@nordlys.example", password).want("second-factor", 200)
		})
	})
	t.Run("nobody is asked to trust where it is not allowed", func(t *testing.T) {
		each(t, func(t *testing.T, h *house) {
			m := h.kari()
			h.setTOTP(m.User)
			b := h.half()
			if contains(b.body, "trust_device") {
				t.Errorf("a checkbox:\n%s", b.body)
			}
			b.submit("code", h.code(0), "trust_device", "yes").want("callback", 303)
			if h.count("select count(*) from trusted_devices") != 0 || b.cookie(h.sessions.Cookies().Device) != "" {
				t.Error("trusted all the same")
			}
		})
	})
}
