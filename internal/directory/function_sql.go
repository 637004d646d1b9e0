package directory

import (
	"context"

	"portvakt/internal/sqldb"
)

const holdersText = ` join member_functions f on f.membership_id = m.id where f.organization_id = $1 and f.function = $2
	and m.organization_id = $1 and m.deleted_at is null order by m.created_at, m.id`

// Holders are the members who have a function: at most one but for the information recipients. A suspended holder keeps
// it and is shown, with that state; whose membership is over has it no longer.
func (s Memberships) Holders(ctx context.Context, org OrganizationID, f Function) ([]Member, error) {
	all, err := sqldb.All(ctx, s.q(), scanMember, `select `+memberColumns+memberFrom+holdersText, org, string(f))
	if err != nil {
		return nil, err
	}
	now, still := s.now(), all[:0]
	for i := range all {
		if !all[i].isOver(now) {
			still = append(still, all[i])
		}
	}
	return still, loadAccess(ctx, s.q(), still)
}

// Vacancies are the functions whose holder is gone.
func (s Memberships) Vacancies(ctx context.Context, org OrganizationID) ([]Vacancy, error) {
	return sqldb.All(ctx, s.q(), func(r sqldb.Row) (v Vacancy, err error) {
		err = r.Scan(&v.Function, sqldb.Time(&v.Since), &v.Membership)
		return v, err
	}, `select function, since, membership_id from function_vacancies where organization_id = $1 order by since, function`, org)
}

func holderIDs(ctx context.Context, tx *sqldb.Tx, org OrganizationID, f Function) ([]MembershipID, error) {
	return sqldb.All(ctx, tx, func(r sqldb.Row) (id MembershipID, err error) {
		err = r.Scan(&id)
		return id, err
	}, `select membership_id from member_functions where organization_id = $1 and function = $2`, org, string(f))
}

// giveFunction moves a function from whoever has it, where only one may, or from the one named.
func giveFunction(tx *sqldb.Tx, org OrganizationID, f functionMove) {
	bumpAccess(tx, org)
	if f.function.isSingle() {
		tx.Later(`delete from member_functions where organization_id = $1 and function = $2`, org, string(f.function))
		fillVacancy(tx, org, f.function)
	} else if !f.from.IsZero() {
		tx.Later(`delete from member_functions where organization_id = $1 and function = $2 and membership_id = $3`, org, string(f.function), f.from)
	}
	tx.Later(`insert into member_functions (organization_id, function, membership_id) values ($1, $2, $3) on conflict (membership_id, function) do nothing`,
		org, string(f.function), f.to)
}

// touchMember raises the version of a member whose functions changed, so that an edit of before comes too late.
func touchMember(tx *sqldb.Tx, org OrganizationID, id MembershipID) {
	tx.Later(`update memberships set version = version + 1, changed_at = $3 where organization_id = $1 and id = $2`, org, id, sqldb.Micros(tx.Now()))
}

func fillVacancy(tx *sqldb.Tx, org OrganizationID, f Function) {
	tx.Later(`delete from function_vacancies where organization_id = $1 and function = $2`, org, string(f))
}

func insertVacancy(ctx context.Context, tx *sqldb.Tx, org OrganizationID, v Vacancy) error {
	_, err := tx.Exec(ctx, `insert into function_vacancies (organization_id, function, since, membership_id) values ($1, $2, $3, $4)
		on conflict (organization_id, function) do update set since = excluded.since, membership_id = excluded.membership_id`,
		org, string(v.Function), sqldb.Micros(tx.Now()), v.Membership)
	return err
}

type freed struct {
	Vacancy
	organization OrganizationID
}

// freeFunctions takes all functions of the members, and answers which it took.
func freeFunctions(ctx context.Context, tx *sqldb.Tx, members []Member) ([]freed, error) {
	ids := make([]any, len(members))
	for i := range members {
		ids[i] = members[i].ID
	}
	return sqldb.All(ctx, tx, func(r sqldb.Row) (f freed, err error) {
		err = r.Scan(&f.organization, &f.Function, &f.Membership)
		return f, err
	}, `delete from member_functions where membership_id in (`+placeholders(1, len(ids))+`) returning organization_id, function, membership_id`, ids...)
}
