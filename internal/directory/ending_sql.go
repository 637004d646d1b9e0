package directory

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

// factsOf are the facts of a member that nobody has deleted, from which its state is computed.
func factsOf(ctx context.Context, q sqldb.Queryer, org OrganizationID, id MembershipID) (f facts, err error) {
	err = q.QueryRow(ctx, `select kind, start_at, end_at, accepted_at, accept_by, suspended_at, ended_at, deleted_at, archived_at
		from memberships where organization_id = $1 and id = $2 and deleted_at is null`, org, id).
		Scan(&f.kind, sqldb.Time(&f.start), sqldb.Time(&f.end), sqldb.Time(&f.accepted), sqldb.Time(&f.acceptBy), sqldb.Time(&f.suspended),
			sqldb.Time(&f.ended), sqldb.Time(&f.deleted), sqldb.Time(&f.archived))
	if errors.Is(err, sqldb.ErrNoRows) {
		err = ErrMemberNotFound
	}
	return f, err
}

// lockEnded locks organization and membership, as lockMember does, and reads the membership without its access; a deleted
// one is found as well, because its question may still be open.
func lockEnded(ctx context.Context, tx *sqldb.Tx, org OrganizationID, id MembershipID) (Member, error) {
	if err := lockOrganization(ctx, tx, org); err != nil {
		return Member{}, err
	}
	if _, err := tx.Exec(ctx, `update memberships set version = version where organization_id = $1 and id = $2`, org, id); err != nil {
		return Member{}, err
	}
	return scanMember(tx.QueryRow(ctx, `select `+memberColumns+memberFrom+` where m.organization_id = $1 and m.id = $2`, org, id))
}

// insertEnding is false where the membership has an ending already.
func insertEnding(ctx context.Context, tx *sqldb.Tx, m *Member, e Ending) (made bool, err error) {
	chosen := tx.Now()
	if e.Choice == EndPending {
		chosen = time.Time{}
	}
	n, err := tx.Exec(ctx, `insert into endings (membership_id, organization_id, choice, successor_id, created_at, chosen_at, version)
		values ($1, $2, $3, $4, $5, $6, 1) on conflict (membership_id) do nothing`,
		m.ID, m.Organization, string(e.Choice), e.Successor, sqldb.Micros(tx.Now()), sqldb.Micros(chosen))
	return n == 1, err
}

// answerEnding turns an open question into an answer, once, and shows it on the membership.
func answerEnding(ctx context.Context, tx *sqldb.Tx, m *Member, e Ending) (answered bool, err error) {
	n, err := tx.Exec(ctx, `update endings set choice = $3, successor_id = $4, chosen_at = $5, version = version + 1
		where organization_id = $1 and membership_id = $2 and choice = 'pending'`,
		m.Organization, m.ID, string(e.Choice), e.Successor, sqldb.Micros(tx.Now()))
	if err != nil || n == 0 {
		return false, err
	}
	archived := m.ArchivedAt
	if e.Choice == EndArchived {
		archived = tx.Now()
	}
	bumpAccess(tx, m.Organization)
	tx.Later(`update memberships set successor_id = $3, archived_at = $4, version = version + 1, changed_at = $5
		where organization_id = $1 and id = $2`, m.Organization, m.ID, e.Successor, sqldb.Micros(archived), sqldb.Micros(tx.Now()))
	return true, nil
}

// replaceSuccessor writes another successor over the one that was chosen.
func replaceSuccessor(tx *sqldb.Tx, m *Member, to MembershipID) {
	now := sqldb.Micros(tx.Now())
	tx.Later(`update endings set successor_id = $3, chosen_at = $4, version = version + 1
		where organization_id = $1 and membership_id = $2 and choice = 'successor'`, m.Organization, m.ID, to, now)
	bumpAccess(tx, m.Organization)
	tx.Later(`update memberships set successor_id = $3, version = version + 1, changed_at = $4
		where organization_id = $1 and id = $2`, m.Organization, m.ID, to, now)
}

func readEnding(ctx context.Context, q sqldb.Queryer, m *Member) (e Ending, there bool, err error) {
	err = q.QueryRow(ctx, `select choice, successor_id from endings where organization_id = $1 and membership_id = $2`, m.Organization, m.ID).
		Scan(&e.Choice, &e.Successor)
	if errors.Is(err, sqldb.ErrNoRows) {
		return e, false, nil
	}
	return e, err == nil, err
}

// ownerOf reports whether a member is over, deleted ones included, and how it ended.
func ownerOf(ctx context.Context, q sqldb.Queryer, org OrganizationID, id MembershipID) (over bool, e Ending, err error) {
	f := facts{}
	err = q.QueryRow(ctx, `select m.end_at, m.accepted_at, m.accept_by, m.ended_at, m.deleted_at, coalesce(e.choice, ''), e.successor_id
		from memberships m left join endings e on e.membership_id = m.id where m.organization_id = $1 and m.id = $2`, org, id).
		Scan(sqldb.Time(&f.end), sqldb.Time(&f.accepted), sqldb.Time(&f.acceptBy), sqldb.Time(&f.ended), sqldb.Time(&f.deleted), &e.Choice, &e.Successor)
	if errors.Is(err, sqldb.ErrNoRows) {
		err = ErrMemberNotFound
	}
	return f.over(q.Now()), e, err
}

func deleteEnding(tx *sqldb.Tx, m *Member) {
	tx.Later(`delete from endings where organization_id = $1 and membership_id = $2`, m.Organization, m.ID)
}

const openEndingsText = `select e.membership_id, m.user_id, m.details, m.user_name, e.created_at
	from endings e join memberships m on m.id = e.membership_id
	where e.organization_id = $1 and e.choice = 'pending' and (e.created_at, e.membership_id) > ($2, $3)
	order by e.created_at, e.membership_id limit $4`

func readOpenEndings(ctx context.Context, q sqldb.Queryer, org OrganizationID, at time.Time, after MembershipID) ([]OpenEnding, error) {
	return sqldb.All(ctx, q, func(r sqldb.Row) (o OpenEnding, err error) {
		var text, userName string
		if err = r.Scan(&o.Membership, &o.User, &text, &userName, sqldb.Time(&o.Since)); err != nil {
			return o, err
		}
		var d Details
		err = readDetails(text, &d)
		if o.Name = d.Name(); o.Name == "" {
			o.Name = userName
		}
		return o, err
	}, openEndingsText, org, sqldb.Micros(at), after, handoverPage)
}

var errBadCursor = fault.New(fault.Invalid, "bad_cursor", "This is not a cursor of an earlier answer").On("cursor")

func endingCursor(o OpenEnding) string {
	return strconv.FormatInt(o.Since.UnixMicro(), 10) + "." + o.Membership.String()
}

// parseEndingCursor is before everything for the empty cursor. The comparison needs an identifier that is not NULL.
func parseEndingCursor(cursor string) (time.Time, MembershipID, error) {
	if cursor == "" {
		return earliest, MembershipID{15: 1}, nil
	}
	micros, id, _ := strings.Cut(cursor, ".")
	n, err := strconv.ParseInt(micros, 10, 64)
	after, wrong := ParseMembershipID(id)
	if err != nil || wrong != nil || n < earliest.UnixMicro() {
		return time.Time{}, after, errBadCursor
	}
	return time.UnixMicro(n).UTC(), after, nil
}
