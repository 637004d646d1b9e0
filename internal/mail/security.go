package mail

import (
	"strconv"
	"time"
)

// SecurityKind is what happened to a person's means of signing in.
type SecurityKind string

// The kinds; the texts are security.<kind>.
const (
	SecurityFactorAdded       SecurityKind = "factor_added"
	SecurityFactorRemoved     SecurityKind = "factor_removed"
	SecurityRecoveryCodesMade SecurityKind = "recovery_codes_made"
	SecurityRecoveryCodeUsed  SecurityKind = "recovery_code_used"
	SecurityCodesGuessed      SecurityKind = "codes_guessed" // somebody enters wrong codes
)

// Security tells the person what changed in how they sign in, in case it was somebody else.
type Security struct {
	Recipient
	Kind       SecurityKind
	At         time.Time
	Left       int  // SecurityRecoveryCodeUsed: unused codes
	Few        bool // SecurityRecoveryCodeUsed: so few that new ones should be made
	AccountURL string
}

// Security writes the mail.
func (t *Texts) Security(m Security) Message {
	kind := "security." + string(m.Kind)
	w, l := t.begin(kind, m.Recipient, "")
	l.say(w.fill(kind+".text", "moment", w.moment(m.At), "left", strconv.Itoa(m.Left)))
	if m.Few {
		l.say(w.fill("security.few_left"))
	}
	l.say(w.fill("security.fine"))
	l.say(w.fill("security.unexpected"))
	l.button(w, w.fill("security.button"), m.AccountURL)
	return t.render(m.To, l)
}
