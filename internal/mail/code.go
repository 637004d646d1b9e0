package mail

import "time"

// Code brings somebody who has shown the password the code that the sign-in page waits for. It holds no link: whoever expects
// links in such mails follows those of others.
type Code struct {
	Recipient
	Code     string // digits
	At       time.Time
	ValidFor time.Duration
}

// Code writes the mail. The code is not in the subject, which shows on locked screens and in the logs of mail servers.
func (t *Texts) Code(m Code) Message {
	w, l := t.begin("code", m.Recipient, "")
	l.say(w.fill("code.text", "moment", w.moment(m.At)))
	l.Parts = append(l.Parts, part{Text: halves(m.Code), Code: true})
	l.say(w.fill("code.valid", "valid", w.duration(m.ValidFor)))
	l.say(w.fill("code.never"))
	l.note(w.fill("code.unexpected"))
	return t.render(m.To, l)
}

// halves puts a space into the middle, as people read digits.
func halves(code string) string { return code[:len(code)/2] + " " + code[len(code)/2:] }
