package mail

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"portvakt/internal/brand"
)

// Texts writes the installation's mails.
type Texts struct {
	name  string // of the installation
	words map[string]*words
	page  *template.Template
}

// NewTexts reads the texts of all languages.
func NewTexts() (*Texts, error) {
	page, err := template.ParseFS(files, "letter.html")
	if err != nil {
		return nil, err
	}
	t := &Texts{words: map[string]*words{}, page: page}
	for _, l := range languages {
		if t.words[l], err = loadWords(l); err != nil {
			return nil, err
		}
	}
	return t.Named(""), nil
}

// Recipient is whom a mail is for.
type Recipient struct {
	To       string // the bare address
	Name     string // "" is greeted without a name
	Language string // a BCP 47 tag; English where it is none of ours

	Organization string // name of the one that the letter comes from; "": the installation
	Accent       string // the organization's colour, #rrggbb; "": the installation's
}

// Setup tells somebody that an account was made for them.
type Setup struct {
	Recipient
	OrganizationName string
	Link             string        // where to choose a password
	ValidFor         time.Duration // of the link
	SignInURL        string        // where to ask for another one
}

// Invitation asks somebody whether they join an organization.
type Invitation struct {
	Recipient
	OrganizationName string
	Inviter          string // a person's name; "" where there is none to tell
	Kind             string // employee, external, limited, contact, reseller
	Packages         []string
	End              time.Time     // exclusive; the zero time is open
	AnswerBy         time.Time     // the zero time: as long as it lasts
	Link             string        // where to accept or decline, or to choose a first password, which accepts
	ValidFor         time.Duration // of a link that chooses a password; 0: the person has an account
	SignInURL        string        // where to ask for another such link
	Reminder         bool          // the person was asked before
}

// Reset lets somebody choose a new password.
type Reset struct {
	Recipient
	Link     string
	ValidFor time.Duration
}

// PasswordChanged tells that the password was changed.
type PasswordChanged struct {
	Recipient
	At       time.Time
	ResetURL string // where to choose another one if it was somebody else
}

// EmailChanged tells that the sign-in e-mail was changed; it goes to the old and to the new address.
type EmailChanged struct {
	Recipient
	At       time.Time
	Old, New string
}

// letter is a mail before it is rendered as text and as HTML.
type letter struct {
	Language, Subject, Heading, Greeting string
	Parts                                []part
	Footer                               string
	From                                 string // whose letter it is
	Colours                              brand.Palette
}

// part is a paragraph, what to press, or a code to type; Fallback introduces the address behind a button where it does not work.
type part struct {
	Text, Link, Fallback string
	Small, Code          bool
}

func (t *Texts) wordsFor(language string) *words {
	base, _, _ := strings.Cut(strings.ReplaceAll(strings.ToLower(language), "_", "-"), "-")
	if base == "no" || base == "nn" {
		base = "nb"
	}
	if w, ok := t.words[base]; ok {
		return w
	}
	return t.words[languages[0]]
}

// begin starts the letter of the kind with subject, heading and greeting.
func (t *Texts) begin(kind string, to Recipient, organization string) (*words, *letter) {
	w := t.wordsFor(to.Language)
	l := &letter{
		Language: w.language,
		Subject:  w.fill(kind+".subject", "organization", inSubject(organization)),
		Heading:  w.fill(kind+".heading", "organization", inText(organization)),
		Greeting: w.fill("greeting"),
		Footer:   w.fill("footer"),
	}
	if name := inText(to.Name); name != "" {
		l.Greeting = w.fill("greeting.name", "name", name)
	}
	t.frame(l, to)
	return w, l
}

func (l *letter) say(text string) { l.Parts = append(l.Parts, part{Text: text}) }

func (l *letter) note(text string) { l.Parts = append(l.Parts, part{Text: text, Small: true}) }

func (l *letter) button(w *words, label, link string) {
	l.Parts = append(l.Parts, part{Text: label, Link: link, Fallback: w.fill("button.fallback")})
}

// Setup writes the mail.
func (t *Texts) Setup(m Setup) Message {
	w, l := t.begin("setup", m.Recipient, m.OrganizationName)
	l.say(w.fill("setup.text", "organization", inText(m.OrganizationName)))
	l.button(w, w.fill("setup.button"), m.Link)
	l.say(w.fill("link.valid", "valid", w.duration(m.ValidFor)))
	l.Parts = append(l.Parts, part{Text: w.fill("setup.later"), Link: m.SignInURL, Small: true})
	l.note(w.fill("setup.unexpected"))
	return t.render(m.To, l)
}

// Invitation writes the mail.
func (t *Texts) Invitation(m Invitation) Message {
	kind := "invitation"
	if m.Reminder {
		kind = "invitation_reminder"
	}
	w, l := t.begin(kind, m.Recipient, m.OrganizationName)
	organization := inText(m.OrganizationName)
	if _, known := w.Texts["kind."+m.Kind]; known {
		l.say(w.fill("invitation.text.as", "organization", organization, "kind", w.fill("kind."+m.Kind)))
	} else {
		l.say(w.fill("invitation.text", "organization", organization))
	}
	if name := inText(m.Inviter); name != "" {
		l.say(w.fill("invitation.by", "person", name))
	}
	if len(m.Packages) > 0 {
		l.say(w.fill("invitation.packages", "packages", inText(strings.Join(m.Packages, ", "))))
	}
	if !m.End.IsZero() {
		l.say(w.fill("invitation.end", "end", w.end(m.End)))
	}
	if !m.AnswerBy.IsZero() {
		l.say(w.fill("invitation.answer_by", "end", w.fill("time.until", "moment", w.moment(m.AnswerBy))))
	}
	if m.ValidFor > 0 {
		l.button(w, w.fill("invitation.setup_button"), m.Link)
		l.say(w.fill("link.valid", "valid", w.duration(m.ValidFor)))
		l.Parts = append(l.Parts, part{Text: w.fill("setup.later"), Link: m.SignInURL, Small: true})
	} else {
		l.button(w, w.fill("invitation.button"), m.Link)
		l.say(w.fill("invitation.sign_in"))
	}
	l.note(w.fill("invitation.unexpected", "organization", organization))
	return t.render(m.To, l)
}

// Reset writes the mail.
func (t *Texts) Reset(m Reset) Message {
	w, l := t.begin("reset", m.Recipient, "")
	l.say(w.fill("reset.text"))
	l.button(w, w.fill("reset.button"), m.Link)
	l.say(w.fill("link.valid", "valid", w.duration(m.ValidFor)))
	l.note(w.fill("reset.unexpected"))
	return t.render(m.To, l)
}

// PasswordChanged writes the mail.
func (t *Texts) PasswordChanged(m PasswordChanged) Message {
	w, l := t.begin("password_changed", m.Recipient, "")
	l.say(w.fill("password_changed.text", "moment", w.moment(m.At)))
	l.say(w.fill("password_changed.unexpected"))
	l.button(w, w.fill("password_changed.button"), m.ResetURL)
	return t.render(m.To, l)
}

// EmailChanged writes the mail.
func (t *Texts) EmailChanged(m EmailChanged) Message {
	w, l := t.begin("email_changed", m.Recipient, "")
	l.say(w.fill("email_changed.text", "moment", w.moment(m.At)))
	l.say(w.fill("email_changed.old", "address", shownAddress(m.Old)))
	l.say(w.fill("email_changed.new", "address", shownAddress(m.New)))
	l.say(w.fill("email_changed.unexpected"))
	return t.render(m.To, l)
}

func (t *Texts) render(to string, l *letter) Message {
	m := Message{To: to, Subject: l.Subject, Text: l.text()}
	var b strings.Builder
	if err := t.page.Execute(&b, l); err != nil {
		panic(fmt.Sprintf("mail: %v", err)) // the template takes every letter: TestGolden
	}
	m.HTML = b.String()
	return m
}

// text is the letter as plain text; an address stands on a line of its own.
func (l *letter) text() string {
	var b strings.Builder
	b.WriteString(l.Greeting + "\n\n")
	for _, p := range l.Parts {
		switch {
		case p.Fallback != "":
			b.WriteString(p.Text + ":\n" + p.Link + "\n\n")
		case p.Link != "":
			b.WriteString(p.Text + "\n" + p.Link + "\n\n")
		default:
			b.WriteString(p.Text + "\n\n")
		}
	}
	b.WriteString("-- \n" + l.From + "\n" + l.Footer + "\n")
	return b.String()
}
