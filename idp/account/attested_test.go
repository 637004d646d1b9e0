package account_test

import (
	"testing"
	"time"

	"portvakt/idp/interaction"
	"portvakt/internal/directory"
)

// TestAKeyThatCountsForNothingIsNoDeadEnd: where the organization takes attested keys alone and demands no factor itself, but
// the application or the request does, whoever has another key is led to show or set up a code.
func TestAKeyThatCountsForNothingIsNoDeadEnd(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m, d := h.kari(), h.device()
		h.signedIn("kari@nordlys.example").get("/account/keys").add(d, "passkey", "")
		if _, err := h.db.Exec(ctx, "update organizations set key_policy = 'attested' where id = $1", m.Organization); err != nil {
			t.Fatal(err)
		}
		b := h.browser()
		b.get("/start").use(d).want("callback", 303)
		h.appDemands(directory.SecondFactorRequired)
		b.get("/start").want("password", 200).use(d).want("enrol-factor", 200)
		a := b.app()
		if b.submit("code", a.code(0)).want("callback", 303); b.outer.Get("amr") != "otp hwk user mfa" {
			t.Errorf("outcome %v", b.outer)
		}
		h.appDemands(directory.SecondFactorOptional)
		h.needs.ACREssential = []string{"mfa"}
		h.clock.Advance(time.Minute)
		other := h.browser()
		other.get("/start").use(d).want("second-factor", 200).submit("code", a.code(0)).want("callback", 303)
		h.needs = interaction.Needs{ACREssential: []string{"phr"}}
		if b = h.browser().get("/start").use(d).want("callback", 303); b.outer.Get("error") != interaction.ErrUnmet.Code {
			t.Errorf("nothing that can be set up would do: %v", b.outer)
		}
	})
}

// TestNoBrowserIsTrustedByAKeyThatCountsForNothing: neither where it was shown before the policy came nor after.
func TestNoBrowserIsTrustedByAKeyThatCountsForNothing(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m, d := h.kari(), h.device()
		h.signedIn("kari@nordlys.example").get("/account/keys").add(d, "security_key", "")
		h.demand(m.Organization, 30)
		trusting := func() *browser {
			b := h.browser()
			b.get("/start").signIn("kari@nordlys.example", password).want("second-factor", 200)
			form, options := b.challenge("")
			form.Set("credential", d.sign(options))
			form.Set("trust_device", "yes")
			return b.post(b.at, form)
		}
		before := trusting().want("callback", 303)
		before.signedOut().get("/start").signIn("kari@nordlys.example", password).want("callback", 303)
		if _, err := h.db.Exec(ctx, "update organizations set key_policy = 'attested' where id = $1", m.Organization); err != nil {
			t.Fatal(err)
		}
		before.get("/start").want("second-factor", 200) // the session that it stood in for
		before.signedOut().get("/start").signIn("kari@nordlys.example", password).want("second-factor", 200)
		after := trusting().want("enrol-factor", 200)
		after.get("/start").signIn("kari@nordlys.example", password).want("second-factor", 200)
	})
}
