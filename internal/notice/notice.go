// Package notice writes to the people of an organization about its own affairs: access that ends, functions without a
// holder, seats, features, administrators, invitations, endings without a choice, domains. It hears of them from the outbox.
//
// Each event becomes one letter for each recipient, delivered and tried again on its own, so that one bad address keeps
// nobody else from being told. Who is told, and whether it is still true, is asked again when the letter is written.
//
// Invariants:
//   - A letter holds nothing of another organization (TestNoticesStayInTheirOrganization).
//   - Only active members are written to, by the address they sign in with (TestR04_NoticesFollowFunctions).
//   - Quiet events send nothing (TestQuietEventsSendNothing).
package notice

import (
	"context"
	"encoding/json"
	"slices"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/mail"
	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
)

// EventDue is a letter that waits to be written.
const EventDue = "notice.due"

// Deps are what notices work with.
type Deps struct {
	DB        *sqldb.DB
	Directory *directory.Directory
	Texts     *mail.Texts
	Sender    mail.Sender
}

// Notices writes letters.
type Notices struct {
	db     *sqldb.DB
	dir    *directory.Directory
	texts  *mail.Texts
	sender mail.Sender
}

// New makes the writer.
func New(d Deps) *Notices { return &Notices{d.DB, d.Directory, d.Texts, d.Sender} }

// Subscribe has the letters written.
func (n *Notices) Subscribe(o *outbox.Outbox) {
	for kind := range plans {
		o.Subscribe(kind, "notice", n.address)
	}
	o.Subscribe(EventDue, "notice.letter", n.write)
}

// due is what the outbox keeps of a letter: which event it tells of, and to whom.
type due struct {
	Event string                `json:"event"`
	About directory.NoticeEvent `json:"about"`
	Mail  mail.NoticeKind       `json:"mail"`
	To    string                `json:"to"` // user id
}

// address turns an event into letters.
func (n *Notices) address(ctx context.Context, e outbox.Event) error {
	var about directory.NoticeEvent
	if err := json.Unmarshal(e.Data, &about); err != nil {
		return err
	}
	if about.Quiet {
		return nil
	}
	letters, err := n.letters(ctx, e.Kind, about)
	if err != nil || len(letters) == 0 {
		return err
	}
	return n.db.Update(ctx, func(tx *sqldb.Tx) error {
		for i := range letters {
			l := &letters[i]
			d := due{Event: e.Kind, About: about, Mail: l.kind, To: l.to.User.String()}
			if err := outbox.Append(tx, l.to.Organization, EventDue, d.To, d); err != nil {
				return err
			}
		}
		return nil
	})
}

// write sends one letter, if it is still due.
func (n *Notices) write(ctx context.Context, e outbox.Event) error {
	var d due
	if err := json.Unmarshal(e.Data, &d); err != nil {
		return err
	}
	letters, err := n.letters(ctx, d.Event, d.About)
	if err != nil {
		return err
	}
	for i := range letters {
		l := &letters[i]
		if l.kind != d.Mail || l.to.User.String() != d.To {
			continue
		}
		m, err := n.compose(ctx, l, d.About)
		if err != nil {
			return err
		}
		return n.sender.Send(ctx, n.texts.Notice(m))
	}
	return nil
}

// letters are what an event asks for at this moment.
func (n *Notices) letters(ctx context.Context, kind string, about directory.NoticeEvent) ([]letter, error) {
	plan, known := plans[kind]
	if !known {
		return nil, nil
	}
	org, err := directory.ParseOrganizationID(about.Organization)
	if err != nil {
		return nil, err
	}
	q := &question{Notices: n, org: org, about: about}
	letters, err := plan(ctx, q)
	if fault.Is(err, fault.NotFound) { // nobody is there any more to write about
		return nil, nil
	}
	return letters, err
}

// compose says what the letter tells, in the recipient's language and time zone.
func (n *Notices) compose(ctx context.Context, l *letter, about directory.NoticeEvent) (mail.Notice, error) {
	to := l.to
	m := mail.Notice{
		Recipient: mail.Recipient{To: to.Email, Name: to.Own.Name(), Language: to.ReadLanguage(), Organization: to.Name, Accent: to.Accent},
		Kind:      l.kind, OrganizationName: to.Name, Function: string(about.Function), PriceLabel: about.PriceLabel,
		Seats: about.Seats, Domain: about.Domain, Reason: about.Reason,
	}
	if m.Name == "" {
		m.Name = to.Details.Name()
	}
	if l.of != nil {
		m.Person, m.Reseller = called(l.of), l.of.Kind == directory.Reseller
	}
	if !l.end.IsZero() {
		m.End = l.end.In(to.Location())
	}
	if l.kind == mail.NoticePending {
		o, err := n.dir.Organizations.ByID(ctx, to.Organization)
		if err != nil {
			return m, err
		}
		m.Archive = slices.Contains(o.Features, directory.FeatureArchive)
	}
	if about.Feature != "" {
		names, err := n.dir.Organizations.FeatureNames(ctx, about.Feature)
		if err != nil {
			return m, err
		}
		m.Feature = about.Feature
		for _, language := range []string{"en", n.texts.Language(m.Language)} {
			if name := names[language]; name != "" {
				m.Feature = name
			}
		}
	}
	return m, nil
}

// called is the member as the organization calls them.
func called(m *directory.Member) string {
	for _, name := range []string{m.Details.Name(), directory.PseudonymOf(m.Email), m.Email, m.UserName} {
		if name != "" {
			return name
		}
	}
	return m.ID.String()
}
