package account_test

import (
	"testing"

	"portvakt/internal/directory"
)

func TestR37_PreferencesArePersonal(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.member("nordlys", "kari@nordlys.example", func(n *directory.NewMember) {
			n.Details = directory.Details{GivenName: "Kari", FamilyName: "Nordmann", Locale: "de"}
		})
		h.setPassword(m.User)
		h.browser().get("/account/preferences").want("sign-in", 200)
		b := h.browser().get("/sign-in").signIn("kari@nordlys.example", password).want("account", 200)
		if !contains(b.body, `id="preferences" href="/account/preferences"`) {
			t.Errorf("no link:\n%s", b.body)
		}
		b.get("/account/preferences").want("preferences", 200)
		if !contains(b.body, "Nordmann Kari") {
			t.Errorf("no example of the name:\n%s", b.body)
		}
		b.submit("language", "sv", "name_form", "family_given", "time_zone", "Europe/Atlantis").want("preferences", 422)
		if !contains(b.body, `id="time_zone-problem"`) || !contains(b.body, `value="Europe/Atlantis"`) {
			t.Errorf("no reason:\n%s", b.body)
		}
		b.submit("csrf", "wrong", "language", "sv").want("preferences", 403)
		b.get("/account/preferences?ui_locales=en").submit("language", "sv", "name_form", "family_given", "time_zone", "Europe/Stockholm").want("account", 200)
		if !contains(b.body, `<html lang="sv">`) || !contains(b.body, "Dina inställningar har sparats") {
			t.Errorf("not at once:\n%s", b.body)
		}
		b.get("/account/preferences").want("preferences", 200)
		for _, want := range []string{`value="sv" selected`, `value="family_given" selected`, `value="Europe/Stockholm"`} {
			if !contains(b.body, want) {
				t.Errorf("the page lacks %s:\n%s", want, b.body)
			}
		}
		h.browser().forgot("kari@nordlys.example")
		if subject, _, _ := h.mailTo("kari@nordlys.example"); subject != "Välj ett nytt lösenord" {
			t.Errorf("mailed in another language: %q", subject)
		}
	})
}
