package directory

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"portvakt/internal/sqldb"
)

const invitationColumns = `i.id, i.batch_id, i.membership_id, i.language, i.created_at, i.sent_at, i.opened_at, i.bounced_at, i.bounce_reason,
	i.declined_at, i.withdrawn_at, m.kind, m.start_at, m.end_at, m.accepted_at, m.accept_by, m.suspended_at, m.ended_at, m.deleted_at,
	m.archived_at, m.created_at, m.invited_by, m.user_name, m.details, u.email, u.email_key, u.email_verified_at is not null`

func scanInvitation(r sqldb.Row) (i Invitation, err error) {
	var details, userName string
	f := &i.facts
	err = r.Scan(&i.ID, &i.Batch, &i.Membership, &i.Language, sqldb.Time(&i.CreatedAt), sqldb.Time(&i.SentAt), sqldb.Time(&i.OpenedAt),
		sqldb.Time(&i.BouncedAt), sqldb.NullText(&i.Reason), sqldb.Time(&i.declined), sqldb.Time(&i.withdrawn), &i.Kind, sqldb.Time(&i.Start),
		sqldb.Time(&i.End), sqldb.Time(&f.accepted), sqldb.Time(&f.acceptBy), sqldb.Time(&f.suspended), sqldb.Time(&f.ended),
		sqldb.Time(&f.deleted), sqldb.Time(&f.archived), sqldb.Time(&i.made), &i.InvitedBy, &userName, &details,
		&i.signInMail.Address, &i.signInMail.Key, &i.verified)
	if err != nil {
		return i, err
	}
	f.kind, f.start, f.end, i.AcceptBy = i.Kind, i.Start, i.End, f.acceptBy
	i.Email = shownAddress(&Member{UserName: userName, AcceptedAt: f.accepted}, i.signInMail)
	return i, readDetails(details, &i.Details)
}

// What StateAt says in SQL, state by state; {now} is the moment. TestR31_StatesAgreeInGoAndSQL compares them.
const (
	sqlAccepted  = `(m.accepted_at is not null and (m.accepted_at <> m.created_at or u.email_verified_at is not null))`
	sqlEnded     = `(i.withdrawn_at is not null or m.ended_at is not null or m.deleted_at is not null)`
	sqlExpired   = `(m.end_at is not null and m.end_at <= {now} or m.accepted_at is null and m.accept_by is not null and m.accept_by <= {now})`
	sqlWaiting   = `not ` + sqlAccepted + ` and i.declined_at is null and not ` + sqlEnded + ` and not ` + sqlExpired
	sqlUntouched = sqlWaiting + ` and i.bounced_at is null and i.opened_at is null`
)

var invitationStates = map[InvitationState]string{
	InvitationAccepted:  sqlAccepted,
	InvitationDeclined:  `not ` + sqlAccepted + ` and i.declined_at is not null`,
	InvitationWithdrawn: `not ` + sqlAccepted + ` and i.declined_at is null and ` + sqlEnded,
	InvitationExpired:   `not ` + sqlAccepted + ` and i.declined_at is null and not ` + sqlEnded + ` and ` + sqlExpired,
	InvitationBounced:   sqlWaiting + ` and i.bounced_at is not null`,
	InvitationOpened:    sqlWaiting + ` and i.bounced_at is null and i.opened_at is not null`,
	InvitationSent:      sqlUntouched + ` and i.sent_at is not null`,
	InvitationCreated:   sqlUntouched + ` and i.sent_at is null`,
}

func (s Invitations) list(ctx context.Context, org OrganizationID, q InvitationQuery) ([]Invitation, error) {
	text, args := listInvitationsText(org, q, sqldb.Micros(s.now()))
	return sqldb.All(ctx, s.q(), scanInvitation, text, args...)
}

func listInvitationsText(org OrganizationID, q InvitationQuery, now any) (string, []any) {
	args := []any{org}
	arg := func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	}
	var b strings.Builder
	b.WriteString(`select ` + invitationColumns + ` from invitations i join memberships m on m.id = i.membership_id join users u on u.id = m.user_id
		where i.organization_id = $1 and i.superseded_at is null`)
	if !q.Batch.IsZero() {
		b.WriteString(` and i.batch_id = ` + arg(q.Batch))
	}
	if q.After != nil {
		created, id := arg(sqldb.Micros(q.After.Created)), arg(q.After.ID)
		b.WriteString(` and (i.created_at < ` + created + ` or i.created_at = ` + created + ` and i.id < ` + id + `)`)
	}
	if len(q.States) > 0 {
		parts := make([]string, len(q.States))
		for n, state := range q.States {
			parts[n] = `(` + invitationStates[state] + `)`
		}
		states := strings.Join(parts, " or ")
		if strings.Contains(states, "{now}") {
			states = strings.ReplaceAll(states, "{now}", arg(now))
		}
		b.WriteString(` and (` + states + `)`)
	}
	b.WriteString(` order by i.created_at desc, i.id desc limit ` + arg(q.Limit))
	return b.String(), args
}

// invitedTo is the organization that has invited the person with the membership; ErrMemberNotFound where none has.
func invitedTo(ctx context.Context, tx *sqldb.Tx, user UserID, id MembershipID) (org OrganizationID, err error) {
	err = tx.QueryRow(ctx, `select organization_id from memberships where id = $1 and user_id = $2 and accepted_at is null`, id, user).Scan(&org)
	if errors.Is(err, sqldb.ErrNoRows) {
		return org, ErrMemberNotFound
	}
	return org, err
}
