package account_test

import (
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
)

func TestR46_EmailChange(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.nora()
		b := h.signedIn("nora@frei.example")
		b.get("/account/security").want("account-security", 200)
		if !contains(b.body, `id="change-email"`) || !contains(b.body, `id="nav-history"`) {
			t.Fatalf("page:\n%s", b.body)
		}
		b.get("/account/email").want("account-email", 200)
		for _, bad := range []string{"", "x", "nora@frei.example", "NORA@frei.example"} {
			b.submit("email", bad).want("account-email", 422)
		}
		b.submit("email", "Nora.Ny@Frei.example").want("account-email", 200)
		if !contains(b.body, "Nora.Ny@Frei.example") || h.email(m.User) != "nora@frei.example" {
			t.Fatalf("before the confirmation: %s\n%s", h.email(m.User), b.body)
		}
		link := h.linkTo("Nora.Ny@Frei.example", "/account/email/confirm")
		h.browser().get(link).want("account-email-link", 403) // nobody
		b.get(link).want("account-email-link", 200)           // looking
		b.get(link).want("account-email-link", 200)           // consumes nothing
		b.submit("csrf", "x").want("account-email-link", 403) // nor does a foreign form
		b.get(link).submit().want("account-security", 200)    // the change
		b.tab().get(link).want("account-email-link", 410)     // once
		if h.email(m.User) != "Nora.Ny@Frei.example" || !contains(b.body, "Nora.Ny@Frei.example") {
			t.Errorf("the address is %s", h.email(m.User))
		}
		b.get("/account").want("account", 200)
		if to := h.to("nora@frei.example"); len(to) != 1 || !contains(to[0].Text, "/account/email/undo") {
			t.Errorf("the old address is told: %+v", to)
		}
		if to := h.to("Nora.Ny@Frei.example"); len(to) != 2 || contains(to[0].Text, "undo") {
			t.Errorf("the new address is told: %+v", to)
		}
		h.browser().get("/account").signIn("nora.ny@frei.example", password).want("account", 200)
		h.browser().get("/account").signIn("nora@frei.example", password).want("password", 403)
	})
}

func TestR46_EmailUndoBeatsLaterChanges(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.nora()
		change := func(b *browser, to string) {
			b.get("/account/email").submit("email", to).want("account-email", 200)
			b.get(h.linkTo(to, "/account/email/confirm")).submit().want("account-security", 200)
		}
		thief := h.signedIn("nora@frei.example")
		change(thief, "thief1@evil.example")
		first := h.linkTo("nora@frei.example", "/account/email/undo")
		h.clock.Advance(time.Minute)
		change(thief, "thief2@evil.example")
		second := h.linkTo("thief1@evil.example", "/account/email/undo")
		nora := h.browser()
		nora.get(first).want("account-email-link", 200)
		if contains(nora.body, "thief") {
			t.Errorf("the page tells of the new address:\n%s", nora.body)
		}
		nora.submit("csrf", "x").want("account-email-link", 403)
		nora.get(first).submit().want("account-email-link", 200)
		if h.email(m.User) != "nora@frei.example" || !contains(nora.body, "as before") {
			t.Fatalf("the address is %s\n%s", h.email(m.User), nora.body)
		}
		thief.get("/account").want("sign-in", 200)
		h.browser().get(second).want("account-email-link", 410)
		h.browser().get(first).want("account-email-link", 410)
		if link := h.link("nora@frei.example"); link == "" {
			t.Error("no link for a new password")
		}
	})
}

func TestEmailUndoEnds(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.nora()
		b := h.signedIn("nora@frei.example")
		b.get("/account/email").submit("email", "nora.ny@frei.example")
		link := h.linkTo("nora.ny@frei.example", "/account/email/confirm")
		h.clock.Advance(23 * time.Hour)
		b = h.signedIn("nora@frei.example")
		b.get(link).submit().want("account-security", 200)
		undo := h.linkTo("nora@frei.example", "/account/email/undo")
		h.clock.Advance(7*24*time.Hour - time.Second)
		h.browser().get(undo).want("account-email-link", 200)
		h.clock.Advance(2 * time.Second)
		h.browser().get(undo).want("account-email-link", 410)
		b = h.browser().get("/account").signIn("nora.ny@frei.example", password).want("account", 200)
		b.get("/account/email").submit("email", "nora3@frei.example")
		link = h.linkTo("nora3@frei.example", "/account/email/confirm")
		h.clock.Advance(24*time.Hour + time.Second)
		h.browser().get("/account").signIn("nora.ny@frei.example", password).get(link).want("account-email-link", 410)
		if h.email(m.User) != "nora.ny@frei.example" {
			t.Errorf("the address is %s", h.email(m.User))
		}
	})
}

// TestR46_EmailChangeTellsNothing: whoever asks sees no difference between a free address, another person's and one that an
// organization gives; the mailbox's owner is told, and there is no link in it.
func TestR46_EmailChangeTellsNothing(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.nora()
		h.member("tallsmia", "taken@frei.example")
		var bodies []string
		for _, email := range []string{"free1@frei.example", "taken@frei.example", "nobody@nordlys.example"} {
			b := h.signedIn("nora@frei.example")
			b.get("/account/email?ui_locales=en").submit("email", email).want("account-email", 200)
			h.mails()
			b.get(b.at).want("account-email", 200)
			body := strings.ReplaceAll(b.body, email, "EMAIL")
			bodies = append(bodies, regexp.MustCompile(`name="csrf" value="[^"]*"`).ReplaceAllString(body, ""))
			linked := strings.Contains(h.to(email)[0].Text, "/account/email/confirm")
			if linked != (email == "free1@frei.example") {
				t.Errorf("%s: link %v", email, linked)
			}
			if contains(h.to(email)[0].Text, "nora") && !linked {
				t.Errorf("%s learns who asked:\n%s", email, h.to(email)[0].Text)
			}
		}
		if bodies[0] != bodies[1] || bodies[0] != bodies[2] {
			t.Errorf("pages differ:\n%s\n%s\n%s", bodies[0], bodies[1], bodies[2])
		}
		if h.email(m.User) != "nora@frei.example" {
			t.Errorf("the address is %s", h.email(m.User))
		}
	})
}

// TestR46_EmailChangeIsThePersonsOwn: another person's click on the link is worth nothing, and an address that became another
// person's meanwhile stays that person's.
func TestR46_EmailChangeIsThePersonsOwn(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.nora()
		eva := h.member("tallsmia", "eva@frei.example")
		h.setPassword(eva.User)
		b := h.signedIn("nora@frei.example")
		b.get("/account/email").submit("email", "new@frei.example")
		link := h.linkTo("new@frei.example", "/account/email/confirm")
		other := h.signedIn("eva@frei.example")
		form := other.fields()
		form.Set("token", link[strings.Index(link, "token=")+6:])
		other.post(link, form).want("account-email-link", 410)
		h.member("tallsmia", "new@frei.example")
		b.get(link).submit().want("account-email-link", 409)
		if h.email(m.User) != "nora@frei.example" || h.email(eva.User) != "eva@frei.example" {
			t.Errorf("%s %s", h.email(m.User), h.email(eva.User))
		}
	})
}

func TestEmailOfAnOrganizationStays(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.kari()
		b := h.signedIn("kari@nordlys.example")
		b.get("/account/security").want("account-security", 200)
		if !contains(b.body, `id="email-ruled"`) || contains(b.body, `id="change-email"`) {
			t.Errorf("page:\n%s", b.body)
		}
		b.get("/account/email").want("account-email", 200)
		if contains(b.body, `id="email"`) || !contains(b.body, "Nordlys AS") {
			t.Errorf("page:\n%s", b.body)
		}
		form := b.get("/account").fields()
		form.Set("email", "kari@frei.example")
		b.post("/account/email", form).want("account-email", 409)
		if n := h.count("select count(*) from email_changes where user_id = $1", m.User); n != 0 {
			t.Errorf("%d changes", n)
		}
		from, to := must(directory.ParseEmail("kari@nordlys.example"))(t), must(directory.ParseEmail("kari@frei.example"))(t)
		if _, err := h.dir.Users.Move(ctx, m.User, from, to); !fault.Is(err, fault.Conflict) {
			t.Errorf("out of the domain: %v", err)
		}
		n := h.nora()
		if _, err := h.dir.Users.Move(ctx, n.User, must(directory.ParseEmail("nora@frei.example"))(t), must(directory.ParseEmail("nora@nordlys.example"))(t)); !fault.Is(err, fault.Conflict) {
			t.Errorf("into the domain: %v", err)
		}
	})
}

// TestEmailConfirmedOnce: of thirty confirmations one changes the address, and of two people who want the same one gets it.
func TestEmailConfirmedOnce(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.nora()
		eva := h.member("tallsmia", "eva@frei.example")
		h.setPassword(eva.User)
		var forms []url.Values
		var links []string
		var people []*browser
		for _, email := range []string{"nora@frei.example", "eva@frei.example"} {
			b := h.signedIn(email)
			b.get("/account/email").submit("email", "same@frei.example").want("account-email", 200)
			links = append(links, h.linkTo("same@frei.example", "/account/email/confirm"))
			forms = append(forms, b.get(links[len(links)-1]).want("account-email-link", 200).fields())
			people = append(people, b)
			h.clock.Advance(time.Second)
		}
		var wg sync.WaitGroup
		pages := make([]string, 30)
		for i := range pages {
			wg.Go(func() { pages[i] = people[i%2].tab().post(links[i%2], forms[i%2]).page })
		}
		wg.Wait()
		won := 0
		for _, p := range pages {
			if p == "account-security" {
				won++
			}
		}
		if won != 1 || (h.email(m.User) == "same@frei.example") == (h.email(eva.User) == "same@frei.example") {
			t.Errorf("%d changes: %v", won, pages)
		}
		if n := h.count("select count(*) from audit_entries where action = 'user.email_changed'"); n != 1 {
			t.Errorf("%d entries", n)
		}
	})
}
