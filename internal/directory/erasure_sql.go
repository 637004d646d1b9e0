package directory

import (
	"context"
	"errors"

	"portvakt/internal/sqldb"
)

const erasureColumns = `id, user_id, pseudonym, requested_by, requested_at, done_at, withdrawn_at`

func scanErasure(r sqldb.Row) (e Erasure, err error) {
	err = r.Scan(&e.ID, &e.User, &e.Pseudonym, &e.RequestedBy, sqldb.Time(&e.RequestedAt), sqldb.Time(&e.DoneAt), sqldb.Time(&e.WithdrawnAt))
	if errors.Is(err, sqldb.ErrNoRows) {
		return e, ErrErasureNotFound
	}
	return e, err
}

func waitingErasure(ctx context.Context, q sqldb.Queryer, user UserID) (Erasure, error) {
	return scanErasure(q.QueryRow(ctx, `select `+erasureColumns+` from erasures where user_id = $1 and done_at is null and withdrawn_at is null`, user))
}

// WaitingErasure is the person's erasure that waits for its confirmation.
func (s Users) WaitingErasure(ctx context.Context, user UserID) (Erasure, error) {
	return waitingErasure(ctx, s.q(), user)
}

// insertErasure stores a request, over one that was withdrawn.
func insertErasure(ctx context.Context, tx *sqldb.Tx, e Erasure) error {
	n, err := tx.Exec(ctx, `insert into erasures (id, user_id, pseudonym, requested_by, requested_at) values ($1, $2, $3, $4, $5)
		on conflict (user_id) do update set id = excluded.id, pseudonym = excluded.pseudonym, requested_by = excluded.requested_by,
			requested_at = excluded.requested_at, withdrawn_at = null
		where erasures.done_at is null and erasures.withdrawn_at is not null`,
		e.ID, e.User, e.Pseudonym, e.RequestedBy, sqldb.Micros(e.RequestedAt))
	if err == nil && n == 0 {
		return ErrErased
	}
	return err
}

const (
	confirmErasureText  = `update erasures set done_at = $1 where id = $2 and done_at is null and withdrawn_at is null returning ` + erasureColumns
	withdrawErasureText = `update erasures set withdrawn_at = $1 where id = $2 and done_at is null and withdrawn_at is null returning ` + erasureColumns
)

func endErasure(ctx context.Context, tx *sqldb.Tx, id ErasureID, text string) (Erasure, error) {
	return scanErasure(tx.QueryRow(ctx, text, sqldb.Micros(tx.Now()), id))
}

// undeletedOf are a person's memberships everywhere that are not deleted, in the order in which they are locked.
func undeletedOf(ctx context.Context, q sqldb.Queryer, user UserID) ([]Member, error) {
	return sqldb.All(ctx, q, func(r sqldb.Row) (m Member, err error) { return m, r.Scan(&m.ID, &m.Organization) },
		`select id, organization_id from memberships where user_id = $1 and deleted_at is null order by organization_id, id`, user)
}

// pseudonymizeUser gives the person another address, which on PostgreSQL also makes it wait for every transaction that is
// about to refer to the row.
func pseudonymizeUser(ctx context.Context, tx *sqldb.Tx, e Erasure) error {
	return oneUser(tx.Exec(ctx, `update users set email = $2, email_key = $2, email_domain = $3, email_verified_at = null,
			home_organization_id = null, state = 'erased', operator = false, details = '{}', epoch = epoch + 1,
			credentials_epoch = credentials_epoch + 1, version = version + 1, changed_at = $4
		where id = $1`, e.User, e.Pseudonym+"@"+erasedDomain, erasedDomain, sqldb.Micros(tx.Now())))
}

// pseudonymizeMemberships takes the person out of all memberships, also those that were deleted before, and answers
// the memberships' outside ids.
func pseudonymizeMemberships(ctx context.Context, tx *sqldb.Tx, e Erasure, u User) ([]string, error) {
	all, err := sqldb.All(ctx, tx, func(r sqldb.Row) (m Member, err error) {
		return m, r.Scan(&m.ID, &m.Organization, &m.UserName, sqldb.NullText(&m.ExternalID))
	}, `select id, organization_id, user_name, external_id from memberships where user_id = $1`, e.User)
	if err != nil {
		return nil, err
	}
	var people []string
	for _, m := range all {
		people = append(people, m.ID.String())
		for _, word := range []string{m.UserName, m.ExternalID, u.Email.Address, u.Email.Key} { // colleagues whose manager it is by word
			tx.Later(`update memberships set manager_text = null where organization_id = $1 and manager_text = $2`, m.Organization, sqldb.Text(word))
		}
		tx.Later(`delete from member_contacts where membership_id = $1`, m.ID)
		tx.Later(deleteAddressesText, m.ID)
		tx.Later(`update invitations set bounce_reason = null where membership_id = $1`, m.ID)
	}
	tx.Later(`update memberships set user_name = $2, user_name_key = $2, external_id = null, manager_text = null, details = '{}',
			given_name_key = '', family_name_key = '', display_name_key = '', formatted_name_key = '', nick_name_key = '', title_key = '',
			user_type_key = '', locale_key = '', timezone_key = '', preferred_language_key = '', profile_url_key = '', employee_number_key = '',
			cost_center_key = '', company_key = '', division_key = '', department_key = '', middle_name_key = '', name_prefix_key = '',
			name_suffix_key = '', epoch = epoch + 1, version = version + 1,
			changed_at = $3
		where user_id = $1`, e.User, e.Pseudonym, sqldb.Micros(tx.Now()))
	return people, nil
}
