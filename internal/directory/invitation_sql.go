package directory

import (
	"context"
	"errors"
	"time"

	"portvakt/internal/sqldb"
)

// invitationRow is what an event of an invitation needs.
type invitationRow struct {
	id           InvitationID
	organization OrganizationID
	membership   MembershipID
	batch        BatchID
	language     string
	created      time.Time
}

func scanInvitationRow(r sqldb.Row) (i invitationRow, err error) {
	err = r.Scan(&i.id, &i.organization, &i.membership, &i.batch, &i.language, sqldb.Time(&i.created))
	return i, err
}

const invitationRowColumns = ` id, organization_id, membership_id, batch_id, language, created_at `

func insertInvitation(tx *sqldb.Tx, i invitationRow) {
	tx.Later(`insert into invitations (id, organization_id, membership_id, batch_id, language, created_at) values ($1, $2, $3, $4, $5, $6)`,
		i.id, i.organization, i.membership, i.batch, i.language, sqldb.Micros(tx.Now()))
}

// currentInvitation is the membership's newest invitation; the zero one where it was made without.
func currentInvitation(ctx context.Context, q sqldb.Queryer, org OrganizationID, id MembershipID) (invitationRow, error) {
	i, err := scanInvitationRow(q.QueryRow(ctx, `select`+invitationRowColumns+`from invitations
		where organization_id = $1 and membership_id = $2 and superseded_at is null`, org, id))
	if errors.Is(err, sqldb.ErrNoRows) {
		return invitationRow{}, nil
	}
	return i, err
}

func supersedeInvitation(tx *sqldb.Tx, org OrganizationID, id MembershipID) {
	tx.Later(`update invitations set superseded_at = $3 where organization_id = $1 and membership_id = $2 and superseded_at is null`,
		org, id, sqldb.Micros(tx.Now()))
}

// voidInvitationLinks makes the links that would accept the membership worthless in the transaction that replaces or
// withdraws the invitation, before any worker runs.
func voidInvitationLinks(tx *sqldb.Tx, id MembershipID) {
	tx.Later(`update account_links set voided_at = $2 where membership_id = $1 and used_at is null and voided_at is null`,
		id, sqldb.Micros(tx.Now()))
}

func withdrawInvitation(tx *sqldb.Tx, org OrganizationID, id MembershipID) {
	tx.Later(`update invitations set withdrawn_at = $3 where organization_id = $1 and membership_id = $2 and superseded_at is null
		and withdrawn_at is null`, org, id, sqldb.Micros(tx.Now()))
}

// declineInvitation notes the person's own no, which an end by the organization is not.
func declineInvitation(tx *sqldb.Tx, org OrganizationID, id MembershipID) {
	tx.Later(`update invitations set declined_at = $3 where organization_id = $1 and membership_id = $2 and superseded_at is null`,
		org, id, sqldb.Micros(tx.Now()))
}

// asked counts how often the person was asked since a moment.
func asked(ctx context.Context, tx *sqldb.Tx, id MembershipID, since time.Time) (n int64, err error) {
	err = tx.QueryRow(ctx, `select count(*) from invitations where membership_id = $1 and created_at > $2`, id, sqldb.Micros(since)).Scan(&n)
	return n, err
}

// prolong gives the person more time; who asks again answers for the invitation. The caller has locked the membership.
func prolong(tx *sqldb.Tx, m *Member) {
	bumpAccess(tx, m.Organization)
	tx.Later(`update memberships set accept_by = $3, invited_by = $4, version = version + 1, changed_at = $5
		where organization_id = $1 and id = $2`, m.Organization, m.ID, sqldb.Micros(m.AcceptBy), m.InvitedBy, sqldb.Micros(tx.Now()))
}

// answersFor notes who answers for the invitation from now on. The caller has locked the organization.
func answersFor(tx *sqldb.Tx, m *Member) {
	tx.Later(`update memberships set invited_by = $3 where organization_id = $1 and id = $2`, m.Organization, m.ID, m.InvitedBy)
}

const (
	stampSentText   = `update invitations set sent_at = $2 where id = $1 and sent_at is null and superseded_at is null`
	stampOpenedText = `update invitations set opened_at = $2 where id = $1 and opened_at is null and superseded_at is null and withdrawn_at is null`
)

func (s Invitations) stamp(ctx context.Context, text string, id InvitationID) error {
	return s.update(ctx, func(tx *sqldb.Tx) error {
		tx.Later(text, id, sqldb.Micros(tx.Now()))
		return nil
	})
}

const stampBouncedText = `update invitations set bounced_at = $2, bounce_reason = $3
		where superseded_at is null and bounced_at is null and withdrawn_at is null and declined_at is null and membership_id in (
			select m.id from users u join memberships m on m.user_id = u.id
			where u.email_key = $1 and m.deleted_at is null and m.ended_at is null and (m.accepted_at is null or u.email_verified_at is null))
		returning` + invitationRowColumns

func stampBounced(ctx context.Context, tx *sqldb.Tx, e Email, reason string) ([]invitationRow, error) {
	return sqldb.All(ctx, tx, scanInvitationRow, stampBouncedText, e.Key, sqldb.Micros(tx.Now()), sqldb.Text(reason))
}

const claimUnansweredText = `update invitations set reminded_at = $1 where reminded_at is null and id in (
		select i.id from memberships m join invitations i on i.membership_id = m.id
		where m.accept_by is not null and m.accepted_at is null and m.end_announced_at is null and m.accept_by > $1 and m.accept_by <= $2
			and m.ended_at is null and m.deleted_at is null and m.suspended_at is null and (m.end_at is null or m.end_at > $1)
			and i.superseded_at is null and i.reminded_at is null and i.withdrawn_at is null and i.created_at < m.accept_by - $3
		order by m.accept_by limit $4)
	returning` + invitationRowColumns

// claimUnanswered takes invitations that are soon over; a row goes to exactly one caller.
func claimUnanswered(ctx context.Context, tx *sqldb.Tx, limit int) ([]invitationRow, error) {
	return sqldb.All(ctx, tx, scanInvitationRow, claimUnansweredText, sqldb.Micros(tx.Now()), sqldb.Micros(tx.Now().Add(unansweredBefore)),
		unansweredBefore.Microseconds(), limit)
}

// expiredInvitation is the unanswered invitation of a membership that has ended by itself; the zero one where it was none.
func expiredInvitation(ctx context.Context, q sqldb.Queryer, org OrganizationID, id MembershipID) (invitationRow, error) {
	i, err := scanInvitationRow(q.QueryRow(ctx, `select i.id, i.organization_id, i.membership_id, i.batch_id, i.language, i.created_at
		from invitations i join memberships m on m.id = i.membership_id
		where i.organization_id = $1 and i.membership_id = $2 and i.superseded_at is null and m.accepted_at is null and m.ended_at is null`, org, id))
	if errors.Is(err, sqldb.ErrNoRows) {
		return invitationRow{}, nil
	}
	return i, err
}

var inviterMayText = `select x.invited_by is null or exists (select 1 from users u where u.id = x.invited_by and u.state = 'active' and (u.operator = true
		or exists (select 1 from memberships m where m.organization_id = x.organization_id and m.user_id = u.id
			and (m.administrator = true or m.kind = 'reseller' and m.user_administration = true and not exists (
				select 1 from organizations o join organizations a on a.id = o.managed_by where o.id = x.organization_id and a.state = 'suspended'))
			and` + alive("$3") + `)))
	from memberships x where x.organization_id = $1 and x.id = $2`

// inviterMay reports whether whoever invited the member may still do so; what no person made counts as made by somebody
// who may.
func inviterMay(ctx context.Context, q sqldb.Queryer, org OrganizationID, id MembershipID) (may bool, err error) {
	err = q.QueryRow(ctx, inviterMayText, org, id, sqldb.Micros(q.Now())).Scan(&may)
	return may, err
}
