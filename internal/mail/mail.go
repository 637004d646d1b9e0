// Package mail writes and sends the mails of the installation: texts in four languages as plain text and HTML, one
// sender over SMTP, one that keeps mails in the database under --dev. Who is written to, and when, others decide; they
// send from the outbox, never inside a transaction.
//
// Invariants:
//   - No value reaches a header with a control character in it (TestHeadersRefuseControls).
//   - What people typed about themselves never becomes a link or markup (TestHostileNames).
//   - An error holds no address and no text of a mail, and repeats nothing that the mail server said but its codes.
package mail

import (
	"context"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"portvakt/internal/fault"
)

// Message is a mail to one person.
type Message struct {
	To      string // the bare address
	Subject string
	Text    string
	HTML    string
}

// Sender takes a message for delivery; the error is a fault whose code may be kept.
type Sender interface {
	Send(ctx context.Context, m Message) error
}

// What is wrong with a message that no sender takes.
var (
	ErrRecipient = fault.New(fault.Invalid, "mail_recipient", "The recipient is not an e-mail address")
	ErrContent   = fault.New(fault.Invalid, "mail_content", "The mail has control characters where they must not be")
)

// check is the same for every sender, so that --dev refuses what production would.
func check(m Message) error {
	if !validAddress(m.To) {
		return ErrRecipient
	}
	if m.Subject == "" || !oneLine(m.Subject) {
		return ErrContent
	}
	for _, body := range []string{m.Text, m.HTML} {
		if !utf8.ValidString(body) || strings.ContainsRune(body, 0) {
			return ErrContent
		}
	}
	return nil
}

// validAddress takes a bare address without quoting, comments, routes or names: fewer forms than RFC 5322 knows, because
// the rest is used to smuggle a second recipient in.
func validAddress(s string) bool {
	if len(s) > 254 || !oneLine(s) || strings.ContainsAny(s, " \t\"()<>[],;:\\") {
		return false
	}
	local, domain, ok := strings.Cut(s, "@")
	if !ok || len(local) > 64 || strings.Contains(domain, "@") {
		return false
	}
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s && a.Name == ""
}

// oneLine reports whether a value may stand in a header: no control characters, no line separators of Unicode.
func oneLine(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || r == '\u2028' || r == '\u2029'
	})
}
