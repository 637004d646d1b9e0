package mail

import (
	"context"
	"regexp"
	"strings"
	"time"

	"portvakt/internal/sqldb"
)

type capturedPrefix struct{}

func (capturedPrefix) Prefix() string { return "eml" }

// Captured keeps mails in the database instead of sending them, for --dev.
type Captured struct{ db *sqldb.DB }

// NewCaptured makes a sender that sends nothing.
func NewCaptured(db *sqldb.DB) *Captured { return &Captured{db} }

// CapturedMessage is a mail that would have gone out.
type CapturedMessage struct {
	ID      string    `json:"id"`
	To      string    `json:"to"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	HTML    string    `json:"html"`
	At      time.Time `json:"at"`
	Links   []string  `json:"links"` // of the text, in its order
}

// Send stores the message, checked as every sender checks it.
func (c *Captured) Send(ctx context.Context, m Message) error {
	if err := check(m); err != nil {
		return err
	}
	now := c.db.Now()
	_, err := c.db.Exec(ctx, "insert into captured_mail (id, recipient, subject, text_body, html_body, at) values ($1, $2, $3, $4, $5, $6)",
		sqldb.NewID[capturedPrefix](now), m.To, m.Subject, m.Text, m.HTML, sqldb.Micros(now))
	return err
}

// List gives the newest mails first.
func (c *Captured) List(ctx context.Context, limit int) ([]CapturedMessage, error) {
	return sqldb.All(ctx, c.db, func(r sqldb.Row) (CapturedMessage, error) {
		var m CapturedMessage
		var id sqldb.ID[capturedPrefix]
		err := r.Scan(&id, &m.To, &m.Subject, &m.Text, &m.HTML, sqldb.Time(&m.At))
		m.ID, m.Links = id.String(), links(m.Text)
		return m, err
	}, "select id, recipient, subject, text_body, html_body, at from captured_mail order by at desc, id desc limit $1", limit)
}

var linkPattern = regexp.MustCompile(`https?://[^\s<>"]+`)

func links(text string) []string {
	found := linkPattern.FindAllString(text, -1)
	out := make([]string, 0, len(found))
	for _, l := range found {
		out = append(out, strings.TrimRight(l, ".,;:!?)"))
	}
	return out
}
