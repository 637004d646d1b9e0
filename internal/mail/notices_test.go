package mail_test

import (
	"strings"
	"testing"
	"time"

	"portvakt/internal/mail"
)

// noticeKinds are all of them.
var noticeKinds = []mail.NoticeKind{mail.NoticeEnding, mail.NoticeEndingOf, mail.NoticeEnded, mail.NoticeAgencyLeft, mail.NoticeVacant,
	mail.NoticeSeatsFull, mail.NoticeFeature, mail.NoticeAdministrator, mail.NoticeUnanswered, mail.NoticeExpired, mail.NoticePending, mail.NoticeDomain,
	mail.NoticeErasure}

// addNotices makes one notice of each kind; whoever is spoken of has a name as hostile as the organization's.
func addNotices(texts *mail.Texts, all map[string]mail.Message, to mail.Recipient, organization string) {
	n := mail.Notice{Recipient: to, OrganizationName: organization, Person: organization, End: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
		Function: "invoice_recipient", Feature: organization, PriceLabel: organization, Seats: 12, Domain: "nordlys.example", Reason: organization}
	if organization == "Nordlys AS" { // the golden ones
		n.Person, n.Feature, n.PriceLabel, n.Reason = "Ola Hansen", "Arkiv", "NOK 490,– pr. md.", "Kari har sluttet"
	}
	for _, kind := range noticeKinds {
		n.Kind = kind
		all["notice_"+string(kind)] = texts.Notice(n)
	}
	n.Kind, n.Reseller = mail.NoticeEndingOf, true
	all["notice_ending_of_reseller"] = texts.Notice(n)
	n.Kind, n.Archive = mail.NoticePending, true
	all["notice_pending_archive"] = texts.Notice(n)
}

// What a notice has nothing to say of is left out.
func TestNoticesLeaveOut(t *testing.T) {
	t.Parallel()
	texts := newTexts(t)
	for _, kind := range noticeKinds {
		m := texts.Notice(mail.Notice{Kind: kind, OrganizationName: "Nordlys AS", Person: "Ola", Function: "main_recipient", Feature: "Arkiv",
			Domain: "x.example", End: time.Time{}})
		for _, empty := range []string{"Price", "Reason", " 0 ", "valid"} {
			if strings.Contains(m.Text, empty) {
				t.Errorf("%s says %q:\n%s", kind, empty, m.Text)
			}
		}
	}
}
