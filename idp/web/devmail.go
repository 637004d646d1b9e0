package web

import (
	"net/http"
	"time"
)

// DevMessage is one captured mail of a development instance.
type DevMessage struct {
	ID      string
	To      string
	Subject string
	At      time.Time
	Text    string
	Links   []string
}

// DevMailView is the list of captured mails, newest first. Each links to Base + "/" + ID.
type DevMailView struct {
	Frame
	Base     string // "/dev/mail"
	Messages []DevMessage
}

// DevMail writes the page dev-mail with the list.
func (p *Pages) DevMail(w http.ResponseWriter, r *http.Request, v DevMailView) {
	p.write(w, r, shown{"dev-mail", v.Frame, v, ""})
}

// DevMessageView is one captured mail.
type DevMessageView struct {
	Frame
	Base    string
	Message DevMessage
}

// DevMessage writes the page dev-mail with one message.
func (p *Pages) DevMessage(w http.ResponseWriter, r *http.Request, v DevMessageView) {
	p.write(w, r, shown{"dev-message", v.Frame, v, ""})
}
