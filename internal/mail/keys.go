package mail

import "time"

// KeyChange is what happened to a passkey or security key.
type KeyChange string

// The changes; their texts are <change>.subject and so on.
const (
	KeyAdded      KeyChange = "key_added"
	KeyInstead    KeyChange = "key_instead" // added, and the password is void
	KeyRemoved    KeyChange = "key_removed"
	KeySuspicious KeyChange = "key_suspicious" // refused: there may be a copy of it
)

// KeyChanged tells the person what happened to a passkey or security key of theirs, in case it was somebody else.
type KeyChanged struct {
	Recipient
	Change     KeyChange
	At         time.Time
	KeyName    string // given by the person; "" says nothing
	AccountURL string // where keys are removed
}

// KeyChanged writes the mail.
func (t *Texts) KeyChanged(m KeyChanged) Message {
	kind := string(m.Change)
	w, l := t.begin(kind, m.Recipient, "")
	l.say(w.fill(kind+".text", "moment", w.moment(m.At)))
	if m.KeyName != "" {
		l.say(w.fill("key_changed.name", "name", inText(m.KeyName)))
	}
	l.say(w.fill("key_changed.unexpected"))
	l.button(w, w.fill("key_changed.button"), m.AccountURL)
	return t.render(m.To, l)
}
