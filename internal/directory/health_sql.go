package directory

import (
	"context"

	"portvakt/internal/sqldb"
)

// Vacancies are the functions whose holder's end came by itself, as "slug function".
func (s Organizations) Vacancies(ctx context.Context) ([]string, error) {
	return sqldb.All(ctx, s.q(), scanString, `select o.slug || ' ' || v.function from function_vacancies v
		join organizations o on o.id = v.organization_id order by o.slug, v.function`)
}

// BadlyErased counts memberships of erased people that still say something; there are none.
func (s Users) BadlyErased(ctx context.Context) (n int64, err error) {
	err = s.q().QueryRow(ctx, `select count(*) from erasures e join memberships m on m.user_id = e.user_id
		where e.done_at is not null and (m.deleted_at is null or m.details <> '{}')`).Scan(&n)
	return n, err
}
