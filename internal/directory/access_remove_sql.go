package directory

import (
	"context"
	"errors"

	"portvakt/internal/sqldb"
)

func profileNamed(ctx context.Context, q sqldb.Queryer, org OrganizationID, id ProfileID) (key, name string, err error) {
	err = q.QueryRow(ctx, `select key, name from profiles where organization_id = $1 and id = $2`, org, id).Scan(&key, &name)
	if errors.Is(err, sqldb.ErrNoRows) {
		err = ErrProfileNotFound
	}
	return key, name, err
}

func deleteProfile(tx *sqldb.Tx, org OrganizationID, id ProfileID) {
	tx.Later(`delete from profiles where organization_id = $1 and id = $2`, org, id)
}

func deleteSharingRule(tx *sqldb.Tx, org OrganizationID, id SharingRuleID) {
	tx.Later(`delete from sharing_rules where organization_id = $1 and id = $2`, org, id)
}

func deleteSharing(tx *sqldb.Tx, org OrganizationID, module string) {
	tx.Later(`delete from sharing_defaults where organization_id = $1 and module_key = $2`, org, module)
}

// countSegmentOnly counts the members who have not ended and see this segment alone.
func countSegmentOnly(ctx context.Context, q sqldb.Queryer, org OrganizationID, key string) (n int64, err error) {
	err = q.QueryRow(ctx, `select count(*) from member_segments s join memberships m on m.id = s.membership_id
		where s.organization_id = $1 and s.segment_key = $2 and m.all_segments = false and m.ended_at is null and m.deleted_at is null
			and (m.end_at is null or m.end_at > $3)
			and not exists (select 1 from member_segments o where o.membership_id = s.membership_id and o.segment_key <> s.segment_key)`,
		org, key, sqldb.Micros(q.Now())).Scan(&n)
	return n, err
}

// deleteSegment takes the segment from everybody and away. A member made at the same moment with the segment holds it by the
// foreign key: the transaction is tried again then and sees the member.
func deleteSegment(ctx context.Context, tx *sqldb.Tx, org OrganizationID, key string) (people int64, err error) {
	people, err = tx.Exec(ctx, `update memberships set version = version + 1, changed_at = $3
		where organization_id = $1 and id in (select membership_id from member_segments where organization_id = $1 and segment_key = $2)`,
		org, key, sqldb.Micros(tx.Now()))
	if err != nil {
		return people, err
	}
	tx.Later(`delete from member_segments where organization_id = $1 and segment_key = $2`, org, key)
	tx.Later(`delete from segments where organization_id = $1 and key = $2`, org, key)
	return people, nil
}
