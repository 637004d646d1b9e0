package mail_test

import (
	"strings"
	"testing"
	"time"

	"portvakt/internal/mail"
)

// TestLettersCarryTheBrand: an organization's letter has its name and its colours, readable in both schemes; without one, or
// with a colour that cannot be read, the installation's.
func TestLettersCarryTheBrand(t *testing.T) {
	t.Parallel()
	texts := newTexts(t).Named("Nordlys ID")
	for _, c := range []struct {
		organization, accent, from string
		has                        []string
	}{
		{"Björkvik AB", "#b3261e", "Björkvik AB", []string{"background:#b3261e;color:#ffffff", "color:#b3261e;word-break"}},
		{"Björkvik AB", "#888888", "Björkvik AB", []string{"background:#888888;color:#000000"}},
		{"Björkvik AB", "", "Björkvik AB", []string{"background:#1d5948;color:#ffffff"}},
		{"Björkvik AB", "#ffff00;}*{x", "Björkvik AB", []string{"background:#1d5948;color:#ffffff"}},
		{"", "#b3261e", "Nordlys ID", []string{"background:#1d5948;color:#ffffff"}},
	} {
		m := texts.Reset(mail.Reset{Recipient: mail.Recipient{To: "a@b.example", Language: "sv", Organization: c.organization, Accent: c.accent}, Link: "https://id.example/x"})
		if !strings.Contains(m.Text, "\n-- \n"+c.from+"\n") || !strings.Contains(m.HTML, ">"+c.from+"</p>") || strings.Contains(m.HTML, "ZgotmplZ") {
			t.Errorf("%+v: the name is not there:\n%s%s", c, m.Text, m.HTML)
		}
		for _, has := range c.has {
			if !strings.Contains(m.HTML, has) {
				t.Errorf("%+v: lacks %s:\n%s", c, has, m.HTML)
			}
		}
	}
	m := newTexts(t).Reset(mail.Reset{Recipient: mail.Recipient{Organization: `<img src=x>https://evil.example`}})
	if strings.Contains(m.HTML, "<img") || strings.Contains(m.HTML, "://evil") || strings.Contains(m.Text, "evil.example") {
		t.Errorf("a hostile name: %s", m.HTML)
	}
}

// TestMomentsAndNumbersInEachLanguage: as people of the language write them, one of something as one.
func TestMomentsAndNumbersInEachLanguage(t *testing.T) {
	t.Parallel()
	texts := newTexts(t)
	at := time.Date(2026, 3, 2, 9, 5, 0, 0, time.FixedZone("CET", 3600))
	for language, want := range map[string]struct{ moment, minute, minutes, hours, days, seat, seats string }{
		"en": {"2 March 2026, 09:05", "1 minute ", "30 minutes ", "24 hours ", "3 days ", "The only seat at Nordlys AS is", "All 2 seats"},
		"nb": {"2. mars 2026 kl. 09.05", "1 minutt", "30 minutter", "24 timer", "3 dager", "Den eneste plassen hos Nordlys AS er", "Alle de 2 plassene"},
		"sv": {"2 mars 2026 kl. 09.05", "1 minut", "30 minuter", "24 timmar", "3 dagar", "Den enda platsen hos Nordlys AS används", "Alla 2 platser"},
		"de": {"2. März 2026 um 09:05 Uhr", "1 Minute ", "30 Minuten ", "24 Stunden ", "3 Tage ", "der einzige Platz bei Nordlys AS ist", "alle 2 Plätze"},
	} {
		to := mail.Recipient{Language: language}
		if m := texts.PasswordChanged(mail.PasswordChanged{Recipient: to, At: at}); !strings.Contains(m.Text, want.moment) {
			t.Errorf("%s: want %q in:\n%s", language, want.moment, m.Text)
		}
		for d, text := range map[time.Duration]string{time.Minute: want.minute, 30 * time.Minute: want.minutes, 24 * time.Hour: want.hours, 72 * time.Hour: want.days} {
			if m := texts.Reset(mail.Reset{Recipient: to, ValidFor: d}); !strings.Contains(m.Text, text) {
				t.Errorf("%s: want %q in:\n%s", language, text, m.Text)
			}
		}
		for n, text := range map[int64]string{1: want.seat, 2: want.seats} {
			m := texts.Notice(mail.Notice{Recipient: to, Kind: mail.NoticeSeatsFull, OrganizationName: "Nordlys AS", Seats: n})
			if !strings.Contains(m.Text, text) {
				t.Errorf("%s, %d seats: want %q in:\n%s", language, n, text, m.Text)
			}
		}
	}
}
