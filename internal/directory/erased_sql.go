package directory

import (
	"context"
	"time"

	"portvakt/internal/sqldb"
)

// LastErasure is when somebody was last erased who had been a member of the organization; zero: nobody was.
func (s Organizations) LastErasure(ctx context.Context, org OrganizationID) (at time.Time, err error) {
	err = s.q().QueryRow(ctx, `select max(e.done_at) from memberships m join erasures e on e.user_id = m.user_id where m.organization_id = $1`, org).Scan(sqldb.Time(&at))
	return at, err
}
