package notice

import (
	"context"
	"slices"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/mail"
)

// letter is what one person is told.
type letter struct {
	kind mail.NoticeKind
	to   directory.Standing
	of   *directory.Member // whom it is about; nil: nobody
	end  time.Time         // what ends then; zero: nothing
}

// question is an event, with what is needed to find out who is to be told.
type question struct {
	*Notices
	org   directory.OrganizationID
	about directory.NoticeEvent
}

// plans say for each event who is told what. A plan looks at the present state: what is not true any more is not told.
var plans = map[string]func(context.Context, *question) ([]letter, error){
	directory.EventMembershipEnding:       ending,
	directory.EventMembershipEnded:        ended,
	directory.EventAgencyLeft:             agencyLeft,
	directory.EventFunctionVacant:         vacant,
	directory.EventSeatsFull:              seatsFull,
	directory.EventFeatureActivated:       featureActivated,
	directory.EventAdministratorAppointed: appointed,
	directory.EventInvitationUnanswered:   unanswered,
	directory.EventInvitationExpired:      unanswered,
	directory.EventEndingPending:          pending,
	directory.EventDomainVerified:         domainVerified,
	directory.EventErasureAsked:           erasureAsked,
}

// member is whom the event is about, as the organization has them; ended and deleted ones too.
func (q *question) member(ctx context.Context) (*directory.Member, error) {
	id, err := directory.ParseMembershipID(q.about.Membership)
	if err != nil {
		return nil, err
	}
	m, err := q.dir.Memberships.Former(ctx, q.org, id)
	return &m, err
}

// hosts are who looks after the member: whoever invited them, while active in the organization, else its information
// recipients, else its administrators. The member is not among them.
func (q *question) hosts(ctx context.Context, m *directory.Member) ([]directory.Standing, error) {
	inviter, there, err := q.dir.Organizations.ActiveMember(ctx, q.org, m.InvitedBy)
	if err != nil {
		return nil, err
	}
	if there && m.InvitedBy != m.User {
		return []directory.Standing{inviter}, nil
	}
	return q.informed(ctx, m)
}

// informed are the organization's information recipients, else its administrators, but for the member.
func (q *question) informed(ctx context.Context, m *directory.Member) ([]directory.Standing, error) {
	all, err := q.dir.Organizations.Recipients(ctx, q.org, directory.InformationRecipient)
	return slices.DeleteFunc(all, func(s directory.Standing) bool { return s.User == m.User }), err
}

// tell makes one letter for each of the people.
func tell(people []directory.Standing, kind mail.NoticeKind, of *directory.Member, end time.Time) []letter {
	out := make([]letter, 0, len(people))
	for _, p := range people {
		out = append(out, letter{kind, p, of, end})
	}
	return out
}

func ending(ctx context.Context, q *question) ([]letter, error) {
	m, err := q.member(ctx)
	if err != nil {
		return nil, err
	}
	now := q.db.Now()
	if state := m.StateAt(now); state != directory.StateActive && state != directory.StateScheduled || m.End.UnixMicro() != q.about.End {
		return nil, nil // ended, suspended or given another end meanwhile
	}
	person, err := q.dir.Memberships.Standing(ctx, m.ID)
	if err != nil {
		return nil, err
	}
	if person.UserState != directory.UserActive || person.OrgSuspended {
		return nil, nil
	}
	hosts, err := q.hosts(ctx, m)
	return append(tell([]directory.Standing{person}, mail.NoticeEnding, nil, m.End), tell(hosts, mail.NoticeEndingOf, m, m.End)...), err
}

// ended tells of ends that came by themselves: who ended somebody by hand knows.
func ended(ctx context.Context, q *question) ([]letter, error) {
	m, err := q.member(ctx)
	if err != nil {
		return nil, err
	}
	byItself := m.EndedAt.IsZero() && !m.End.IsZero() && !q.db.Now().Before(m.End)
	if !byItself || m.AcceptedAt.IsZero() || m.Kind == directory.ContactOnly {
		return nil, nil
	}
	people, err := q.informed(ctx, m)
	return tell(people, mail.NoticeEnded, m, m.End), err
}

func agencyLeft(ctx context.Context, q *question) ([]letter, error) {
	m, err := q.member(ctx)
	if err != nil || m.EndedAt.IsZero() {
		return nil, err
	}
	people, err := q.informed(ctx, m)
	return tell(people, mail.NoticeAgencyLeft, m, time.Time{}), err
}

func vacant(ctx context.Context, q *question) ([]letter, error) {
	m, err := q.member(ctx)
	if err != nil {
		return nil, err
	}
	holders, err := q.dir.Organizations.ActiveHolders(ctx, q.org, q.about.Function)
	if err != nil || len(holders) > 0 { // filled meanwhile
		return nil, err
	}
	people, err := q.dir.Organizations.Administrators(ctx, q.org)
	return tell(people, mail.NoticeVacant, m, time.Time{}), err
}

func seatsFull(ctx context.Context, q *question) ([]letter, error) {
	people, err := q.dir.Organizations.Recipients(ctx, q.org, directory.InvoiceRecipient)
	return tell(people, mail.NoticeSeatsFull, nil, time.Time{}), err
}

func featureActivated(ctx context.Context, q *question) ([]letter, error) {
	people, err := q.dir.Organizations.Recipients(ctx, q.org, directory.InvoiceRecipient)
	return tell(people, mail.NoticeFeature, nil, time.Time{}), err
}

func appointed(ctx context.Context, q *question) ([]letter, error) {
	m, err := q.member(ctx)
	if err != nil {
		return nil, err
	}
	people, err := q.dir.Organizations.Administrators(ctx, q.org)
	return tell(people, mail.NoticeAdministrator, m, time.Time{}), err
}

// unanswered tells of invitations that wait or have expired; who declined, or was withdrawn, is somebody's act.
func unanswered(ctx context.Context, q *question) ([]letter, error) {
	m, err := q.member(ctx)
	if err != nil || !m.AcceptedAt.IsZero() || !m.EndedAt.IsZero() {
		return nil, err
	}
	kind := mail.NoticeExpired
	switch m.StateAt(q.db.Now()) {
	case directory.StateInvited:
		kind = mail.NoticeUnanswered
	case directory.StateEnded:
	default:
		return nil, nil
	}
	people, err := q.hosts(ctx, m)
	return tell(people, kind, m, m.AcceptBy), err
}

func pending(ctx context.Context, q *question) ([]letter, error) {
	m, err := q.member(ctx)
	if err != nil {
		return nil, err
	}
	people, err := q.dir.Organizations.Administrators(ctx, q.org)
	return tell(people, mail.NoticePending, m, time.Time{}), err
}

func domainVerified(ctx context.Context, q *question) ([]letter, error) {
	people, err := q.dir.Organizations.Administrators(ctx, q.org)
	return tell(people, mail.NoticeDomain, nil, time.Time{}), err
}
