package main

import (
	"encoding/json"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gorilla/mux"

	"portvakt/idp/signing"
	idpweb "portvakt/idp/web"
	"portvakt/internal/fault"
	"portvakt/internal/mail"
)

// devClock is a clock that POST /dev/clock moves. Only --dev uses one.
type devClock struct {
	machine func() time.Time
	offset  atomic.Int64
}

func (c *devClock) now() time.Time { return c.machine().Add(time.Duration(c.offset.Load())) }

// devTools are the endpoints of --dev: captured mail, the clock, key rotation. They exist on loopback only; a start
// without --dev does not have them.
type devTools struct {
	clock   *devClock
	mails   *mail.Captured
	ring    *signing.Ring
	pages   *idpweb.Pages
	refresh func() // what goes by the clock looks again
}

// How many captured mails are shown, and how many a program gets.
const (
	shownMails  = 200
	listedMails = 5000
)

// routes adds them. guard stands before what changes something, so that no other site's page can do it through the
// developer's browser.
func (d *devTools) routes(r *mux.Router, guard *http.CrossOriginProtection) {
	if d.mails != nil { // not where a mail server is configured for --dev
		r.HandleFunc("/dev/mail", d.listMail).Methods(http.MethodGet)
		r.HandleFunc("/dev/mail.json", d.listMailJSON).Methods(http.MethodGet)
		r.HandleFunc("/dev/mail/{id}", d.showMail).Methods(http.MethodGet)
	}
	r.Handle("/dev/clock", guard.Handler(http.HandlerFunc(d.moveClock))).Methods(http.MethodPost)
	r.Handle("/dev/keys/rotate", guard.Handler(http.HandlerFunc(d.rotateKeys))).Methods(http.MethodPost)
}

func (d *devTools) listMailJSON(w http.ResponseWriter, r *http.Request) {
	mails, err := d.mails.List(r.Context(), listedMails)
	if err != nil {
		http.Error(w, "the mails cannot be read", http.StatusInternalServerError)
		return
	}
	if mails == nil {
		mails = []mail.CapturedMessage{}
	}
	writeJSON(w, http.StatusOK, mails)
}

func (d *devTools) listMail(w http.ResponseWriter, r *http.Request) {
	mails, err := d.mails.List(r.Context(), shownMails)
	if err != nil {
		d.pages.Fault(w, r, err)
		return
	}
	view := idpweb.DevMailView{Base: "/dev/mail"}
	for _, m := range mails {
		view.Messages = append(view.Messages, devMessage(m))
	}
	d.pages.DevMail(w, r, view)
}

func (d *devTools) showMail(w http.ResponseWriter, r *http.Request) {
	mails, err := d.mails.List(r.Context(), listedMails)
	if err != nil {
		d.pages.Fault(w, r, err)
		return
	}
	for _, m := range mails {
		if m.ID == mux.Vars(r)["id"] {
			d.pages.DevMessage(w, r, idpweb.DevMessageView{Base: "/dev/mail", Message: devMessage(m)})
			return
		}
	}
	d.pages.Fault(w, r, fault.New(fault.NotFound, "mail_not_found", "There is no such mail"))
}

func devMessage(m mail.CapturedMessage) idpweb.DevMessage {
	return idpweb.DevMessage{ID: m.ID, To: m.To, Subject: m.Subject, At: m.At, Text: m.Text, Links: m.Links}
}

// moveClock takes {"advance": "36h"} and answers the new time. Time only goes forward.
func (d *devTools) moveClock(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Advance string `json:"advance"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, `send {"advance": "36h"}`, http.StatusBadRequest)
		return
	}
	by, err := time.ParseDuration(body.Advance)
	if err != nil || by < 0 || by > 100*365*24*time.Hour {
		http.Error(w, `advance is a length of time that is not negative, such as "36h" or "90s"`, http.StatusBadRequest)
		return
	}
	d.clock.offset.Add(int64(by))
	d.refresh()
	writeJSON(w, http.StatusOK, map[string]any{"now": d.clock.now().UTC().Format(time.RFC3339Nano)})
}

func (d *devTools) rotateKeys(w http.ResponseWriter, r *http.Request) {
	if err := d.ring.Rotate(r.Context()); err != nil {
		d.pages.Fault(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
