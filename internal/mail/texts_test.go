package mail_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"portvakt/internal/mail"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func newTexts(t *testing.T) *mail.Texts {
	t.Helper()
	texts, err := mail.NewTexts()
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

var accountKinds = []mail.AccountKind{mail.AccountEmailConfirm, mail.AccountEmailUnusable, mail.AccountEmailUndo, mail.AccountEverywhere, mail.AccountFactorsReset, mail.AccountExported,
	mail.AccountErasure, mail.AccountErasureWithdrawn, mail.AccountErasureOperator}

// every makes one mail of each kind.
func every(texts *mail.Texts, to mail.Recipient, organization string) map[string]mail.Message {
	at := time.Date(2026, 3, 2, 9, 5, 0, 0, time.UTC)
	all := map[string]mail.Message{
		"setup": texts.Setup(mail.Setup{Recipient: to, OrganizationName: organization, ValidFor: 24 * time.Hour,
			Link: "https://id.example/account/setup?token=abc&x=1", SignInURL: "https://id.example/sign-in"}),
		"invitation": texts.Invitation(mail.Invitation{Recipient: to, OrganizationName: organization, Kind: "external",
			End: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), Link: "https://id.example/account"}),
		"invitation_first": texts.Invitation(mail.Invitation{Recipient: to, OrganizationName: organization, Inviter: "Ola " + organization, Kind: "employee",
			Packages: []string{organization, "CRM"}, AnswerBy: at, ValidFor: 24 * time.Hour, Link: "https://id.example/account/setup?token=abc&x=1",
			SignInURL: "https://id.example/sign-in"}),
		"invitation_reminder": texts.Invitation(mail.Invitation{Recipient: to, OrganizationName: organization, Kind: "limited", Reminder: true,
			AnswerBy: at, Link: "https://id.example/account"}),
		"reset": texts.Reset(mail.Reset{Recipient: to, Link: "https://id.example/account/reset?token=abc", ValidFor: 30 * time.Minute}),
		"password_changed": texts.PasswordChanged(mail.PasswordChanged{Recipient: to, At: at,
			ResetURL: "https://id.example/account/forgot"}),
		"email_changed": texts.EmailChanged(mail.EmailChanged{Recipient: to, At: at, Old: "kari@nordlys.example", New: "kari.hansen@nordlys.example"}),
	}
	for _, kind := range []mail.SecurityKind{mail.SecurityFactorAdded, mail.SecurityFactorRemoved, mail.SecurityRecoveryCodesMade, mail.SecurityRecoveryCodeUsed, mail.SecurityCodesGuessed} {
		used := kind == mail.SecurityRecoveryCodeUsed
		all["security_"+string(kind)] = texts.Security(mail.Security{Recipient: to, Kind: kind, At: at, Left: 2, Few: used, AccountURL: "https://id.example/account"})
	}
	for _, kind := range accountKinds {
		all["account_"+string(kind)] = texts.Account(mail.AccountMail{Recipient: to, Kind: kind, At: at, Old: "kari@nordlys.example", New: "kari.hansen@nordlys.example",
			Link: "https://id.example/account/email/undo?token=abc", ValidFor: 7 * 24 * time.Hour, Subject: "usr_06bq"})
	}
	for _, change := range []mail.KeyChange{mail.KeyAdded, mail.KeyInstead, mail.KeyRemoved, mail.KeySuspicious} {
		all[string(change)] = texts.KeyChanged(mail.KeyChanged{Recipient: to, Change: change, At: at, KeyName: organization, AccountURL: "https://id.example/account/keys"})
	}
	all["code"] = texts.Code(mail.Code{Recipient: to, Code: "01234567", At: at, ValidFor: 10 * time.Minute})
	addNotices(texts, all, to, organization)
	return all
}

func TestGolden(t *testing.T) {
	t.Parallel()
	texts := newTexts(t)
	for _, language := range []string{"en", "nb", "sv", "de"} {
		to := mail.Recipient{To: "kari@nordlys.example", Name: "Kari Nordmann", Language: language}
		for kind, m := range every(texts, to, "Nordlys AS") {
			got := fmt.Sprintf("To: %s\nSubject: %s\n\n%s\n%s", m.To, m.Subject, m.Text, m.HTML)
			golden(t, kind+"."+language+".golden", got)
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s differs; go test ./internal/mail -update rewrites it. Got:\n%s", name, got)
	}
}

// Every mail has every word of its language, and no remote content.
func TestEveryTextExists(t *testing.T) {
	t.Parallel()
	texts := newTexts(t)
	missing := regexp.MustCompile(`\[[a-z_.]+\]|\{[a-z]+\}`)
	for _, language := range []string{"en", "nb", "sv", "de"} {
		for kind, m := range every(texts, mail.Recipient{To: "a@b.example", Language: language}, "Nordlys AS") {
			if found := missing.FindString(m.Subject + m.Text + m.HTML); found != "" {
				t.Errorf("%s in %s has %s", kind, language, found)
			}
			if strings.Contains(m.HTML, "src=") || strings.Contains(m.HTML, "url(") || strings.Contains(m.HTML, "<link") || strings.Contains(m.HTML, "ZgotmplZ") {
				t.Errorf("%s in %s has remote or refused content:\n%s", kind, language, m.HTML)
			}
		}
		for _, kind := range []string{"employee", "external", "limited", "contact", "reseller", "unheard-of"} {
			m := texts.Invitation(mail.Invitation{Recipient: mail.Recipient{Language: language}, OrganizationName: "X", Kind: kind})
			if found := missing.FindString(m.Text); found != "" || strings.Contains(m.Text, "unheard") {
				t.Errorf("invitation as %s in %s:\n%s", kind, language, m.Text)
			}
		}
	}
}

func TestLanguages(t *testing.T) {
	t.Parallel()
	texts := newTexts(t)
	for language, want := range map[string]string{"nb": "Velg", "no": "Velg", "nn-NO": "Velg", "NB_no": "Velg", "sv-SE": "Välj",
		"de-AT": "Neues", "en-GB": "Choose", "fr": "Choose", "": "Choose"} {
		if m := texts.Reset(mail.Reset{Recipient: mail.Recipient{Language: language}}); !strings.HasPrefix(m.Subject, want) {
			t.Errorf("%q: subject %q, want %s…", language, m.Subject, want)
		}
	}
}

func TestEndIsTheLastDay(t *testing.T) {
	t.Parallel()
	texts := newTexts(t)
	oslo := time.FixedZone("CET", 3600)
	for want, end := range map[string]time.Time{
		"up to and including 31 December 2026": time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
		"until 1 January 2027, 12:30 UTC":      time.Date(2027, 1, 1, 12, 30, 0, 0, time.UTC),
		"until 2 January 2027, 12:30.":         time.Date(2027, 1, 2, 12, 30, 0, 0, oslo),
	} {
		m := texts.Invitation(mail.Invitation{OrganizationName: "X", End: end})
		if !strings.Contains(m.Text, want) {
			t.Errorf("want %q in:\n%s", want, m.Text)
		}
	}
	if m := texts.Invitation(mail.Invitation{OrganizationName: "X"}); strings.Contains(m.Text, "last") {
		t.Errorf("an open invitation tells of an end:\n%s", m.Text)
	}
}

func TestValidFor(t *testing.T) {
	t.Parallel()
	texts := newTexts(t)
	for d, want := range map[time.Duration]string{24 * time.Hour: "24 hours", 30 * time.Minute: "30 minutes", 72 * time.Hour: "3 days",
		time.Minute: "1 minute", 90 * time.Minute: "90 minutes", time.Hour: "60 minutes", time.Second: "1 minute"} {
		if m := texts.Reset(mail.Reset{ValidFor: d}); !strings.Contains(m.Text, "valid for "+want+" ") {
			t.Errorf("%v: want %q in:\n%s", d, want, m.Text)
		}
	}
}

// Invariant: a name that somebody chose adds no header, no link, no markup and no line.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	texts := newTexts(t)
	for _, name := range []string{
		"Evil\r\nBcc: all@nordlys.example\r\n\r\n<h1>x",
		"https://evil.example/login",
		"www.evil.example/login",
		"Click evil.example now",
		`<a href="https://evil.example">x</a><script>alert(1)</script>`,
		`"><img src=https://evil.example/p.png>`,
		"{name}{link}{{.Subject}}",
		"a\u2028b\u2029c\u0085d\x00e",
		"\u202egnp.exe\u202c \u2066x\u2069",
		strings.Repeat("Ä", 5000),
		"\xff\xfe",
		"javascript:alert(1)",
	} {
		plain := every(texts, mail.Recipient{To: "kari@nordlys.example", Name: "X", Language: "en"}, "X")
		for kind, m := range every(texts, mail.Recipient{To: "kari@nordlys.example", Name: name, Language: "en"}, name) {
			if strings.ContainsFunc(m.Subject, func(r rune) bool { return r < ' ' || r == 0x2028 || r == 0x2029 || r == 0x85 || r == 0x202e }) {
				t.Errorf("%s: subject %q", kind, m.Subject)
			}
			if n := len([]rune(m.Subject)); n > 60+30 && (n > 120 || !strings.HasPrefix(kind, "notice_")) { // notices speak of two names
				t.Errorf("%s: subject of %d characters", kind, n)
			}
			for _, bad := range []string{"evil.example", "://evil", "<script", "<img", "<h1>x", "\u202e", "\u2028"} {
				if strings.Contains(m.HTML, bad) || bad[0] != '<' && strings.Contains(m.Text, bad) {
					t.Errorf("%s for %q holds %q", kind, name, bad)
				}
			}
			for _, count := range []string{"<a ", `href="`, "<p", "<tr"} {
				if got, want := strings.Count(m.HTML, count), strings.Count(plain[kind].HTML, count); got != want {
					t.Errorf("%s for %q has %d of %s, want %d", kind, name, got, count, want)
				}
			}
			if got, want := strings.Count(m.Text, "\n"), strings.Count(plain[kind].Text, "\n"); got != want {
				t.Errorf("%s for %q has %d lines, want %d", kind, name, got, want)
			}
		}
	}
}

func TestAnOrdinaryNameStaysWhole(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Björkvik AB", "A/S Håndværk & Søn", "O'Brien \"Ltd\"", "株式会社"} {
		m := newTexts(t).Setup(mail.Setup{OrganizationName: name})
		if !strings.Contains(m.Subject, name) {
			t.Errorf("subject %q lacks %q", m.Subject, name)
		}
		visible := strings.ReplaceAll(m.Text, "\u2060", "")
		if !strings.Contains(visible, name) {
			t.Errorf("text lacks %q:\n%s", name, m.Text)
		}
	}
}

func TestSubjectIsCapped(t *testing.T) {
	t.Parallel()
	m := newTexts(t).Setup(mail.Setup{OrganizationName: strings.Repeat("å", 61)})
	if want := "Your account at " + strings.Repeat("å", 59) + "…"; m.Subject != want {
		t.Errorf("subject = %q", m.Subject)
	}
}
