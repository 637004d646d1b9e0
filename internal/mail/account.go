package mail

import "time"

// AccountKind is what a mail about a person's own account tells.
type AccountKind string

// The mails about a person's own account.
const (
	AccountEmailConfirm     AccountKind = "email_confirm"     // to an address that somebody wants to sign in with
	AccountEmailUnusable    AccountKind = "email_unusable"    // to an address that cannot be had
	AccountEmailUndo        AccountKind = "email_undo"        // to the address before, with a way back
	AccountEverywhere       AccountKind = "everywhere"        // signed out everywhere
	AccountFactorsReset     AccountKind = "factors_reset"     // by those who run the installation: everything was lost
	AccountExported         AccountKind = "exported"          // the person's data were downloaded
	AccountErasure          AccountKind = "erasure"           // erasure was asked for
	AccountErasureWithdrawn AccountKind = "erasure_withdrawn" // and is not wanted any more
	AccountErasureOperator  AccountKind = "erasure_operator"  // to the operators: somebody waits for them
)

// AccountMail is such a mail; what the kind does not speak of stays empty.
type AccountMail struct {
	Recipient
	Kind     AccountKind
	At       time.Time // in the recipient's time zone
	Old, New string    // addresses
	Link     string    // what to press
	ValidFor time.Duration
	Subject  string // identifier of the person whom the operators are told about
}

// accountParts are what each mail says, in order; "button" is the link, "valid" how long it works.
var accountParts = map[AccountKind][]string{
	AccountEmailConfirm:     {"text", "old", "button", "valid", "unexpected"},
	AccountEmailUnusable:    {"text", "how", "unexpected"},
	AccountEmailUndo:        {"text", "old", "new", "how", "button", "valid"},
	AccountEverywhere:       {"text", "unexpected", "button"},
	AccountFactorsReset:     {"text", "how", "unexpected", "button"},
	AccountExported:         {"text", "unexpected", "button"},
	AccountErasure:          {"text", "how", "button"},
	AccountErasureWithdrawn: {"text", "unexpected", "button"},
	AccountErasureOperator:  {"text", "how"},
}

// Account writes the mail.
func (t *Texts) Account(m AccountMail) Message {
	kind := "account." + string(m.Kind)
	w, l := t.begin(kind, m.Recipient, "")
	for _, key := range accountParts[m.Kind] {
		switch key {
		case "button":
			l.button(w, w.fill(kind+".button"), m.Link)
		case "valid":
			l.say(w.fill("link.valid", "valid", w.duration(m.ValidFor)))
		case "old":
			l.say(w.fill("email_changed.old", "address", shownAddress(m.Old)))
		case "new":
			l.say(w.fill("email_changed.new", "address", shownAddress(m.New)))
		default:
			l.say(w.fill(kind+"."+key, "moment", w.moment(m.At), "person", m.Subject))
		}
	}
	return t.render(m.To, l)
}
