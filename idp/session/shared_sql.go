package session

import (
	"context"
	"slices"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
)

// noteShared looks at the people whose sessions have just been seen, in the transaction that notes it: no request waits
// for it, and nothing is written where nothing looks shared.
func noteShared(ctx context.Context, tx *sqldb.Tx, seen []ID) error {
	done := map[directory.UserID]bool{}
	for _, id := range seen {
		uses, err := usesBeside(ctx, tx, id)
		if err != nil {
			return err
		}
		if len(uses) < 2 || done[uses[0].user] {
			continue
		}
		user := uses[0].user
		done[user] = true
		devices, of := sharedBy(uses)
		if devices < 2 {
			continue
		}
		if err := noteSharedUse(ctx, tx, user, devices, of); err != nil {
			return err
		}
	}
	return nil
}

// usesBeside are the sessions of the same person that were in use at the same time, the last first. Nobody has more than
// a handful; what is beyond does not matter to a hint.
func usesBeside(ctx context.Context, tx *sqldb.Tx, id ID) ([]use, error) {
	type row struct {
		id                 ID
		user               directory.UserID
		address, userAgent string
	}
	rows, err := sqldb.All(ctx, tx, func(r sqldb.Row) (v row, err error) {
		err = r.Scan(&v.id, &v.user, &v.address, &v.userAgent)
		return v, err
	}, `select s.id, s.user_id, s.address, s.user_agent from sessions me join sessions s on s.user_id = me.user_id
		where me.id = $1 and me.ended_at is null and s.ended_at is null and s.user_epoch = me.user_epoch and s.expires_at > $2 and s.seen_at > $3
		order by s.seen_at desc, s.id limit 20`, id, sqldb.Micros(tx.Now()), sqldb.Micros(tx.Now().Add(-sameTime)))
	if err != nil || len(rows) < 2 {
		return nil, err
	}
	var uses []use
	for _, v := range rows {
		where, ok := sightingOf(v.address, v.userAgent)
		if !ok {
			continue
		}
		u := use{user: v.user, sighting: where}
		u.organizations, err = sqldb.All(ctx, tx, func(r sqldb.Row) (o directory.OrganizationID, err error) {
			err = r.Scan(&o)
			return o, err
		}, `select distinct organization_id from session_organizations where session_id = $1 and ended_at is null`, v.id)
		if err != nil {
			return nil, err
		}
		uses = append(uses, u)
	}
	return uses, nil
}

// sameOccasion is how long a pause may be before the next hint of the day counts as another time.
const sameOccasion = 3 * sameTime

// noteSharedUse keeps the hint of the day for the person, and for each organization that it concerns; the first one of the
// day is announced, by whichever node is first.
func noteSharedUse(ctx context.Context, tx *sqldb.Tx, user directory.UserID, devices int, of map[directory.OrganizationID]int) error {
	now := tx.Now()
	fresh, err := tx.Exec(ctx, `insert into shared_account_hints (user_id, day, first_at, last_at, times, devices) values ($1, $2, $3, $3, 1, $4)
		on conflict (user_id, day) do nothing`, user, dayOf(now), sqldb.Micros(now), devices)
	if err != nil {
		return err
	}
	if fresh == 0 {
		tx.Later(`update shared_account_hints set last_at = $3, times = times + case when last_at < $4 then 1 else 0 end,
				devices = case when devices < $5 then $5 else devices end where user_id = $1 and day = $2 and last_at < $3`,
			user, dayOf(now), sqldb.Micros(now), sqldb.Micros(now.Add(-sameOccasion)), devices)
	}
	for organization, devices := range of {
		tx.Later(`insert into shared_account_hints_of_organizations (organization_id, day, user_id, first_at, last_at, times, devices)
			values ($1, $2, $3, $4, $4, 1, $6)
			on conflict (organization_id, day, user_id) do update set last_at = excluded.last_at,
				times = shared_account_hints_of_organizations.times + case when shared_account_hints_of_organizations.last_at < $5 then 1 else 0 end,
				devices = case when shared_account_hints_of_organizations.devices < excluded.devices then excluded.devices
					else shared_account_hints_of_organizations.devices end`,
			organization, dayOf(now), user, sqldb.Micros(now), sqldb.Micros(now.Add(-sameOccasion)), devices)
	}
	if fresh == 0 {
		return nil
	}
	return outbox.Append(tx, directory.OrganizationID{}, EventSharedUse, user.String(),
		SharedUseEvent{User: user.String(), Day: now.UTC().Format(time.DateOnly), Devices: devices})
}

// SharedOf are the days since a moment on which a person's account looked shared, the latest first.
func (s *Sessions) SharedOf(ctx context.Context, user directory.UserID, since time.Time) ([]SharedUse, error) {
	return sortedShared(sqldb.All(ctx, s.db, scanShared, `select user_id, first_at, last_at, times, devices from shared_account_hints
		where user_id = $1 and day >= $2 and last_at > $3`, user, dayOf(since), sqldb.Micros(since)))
}

// Hints are the accounts of an organization's members that looked shared since a moment, the latest first: those alone
// whose devices were used for this organization (TestR36_TheNeighbourSeesNothing).
func Hints(ctx context.Context, db *sqldb.DB, organization directory.OrganizationID, since time.Time) ([]SharedUse, error) {
	return sortedShared(sqldb.All(ctx, db, scanShared, `select h.user_id, h.first_at, h.last_at, h.times, h.devices from shared_account_hints_of_organizations h
		where h.organization_id = $1 and h.day >= $2 and h.last_at > $3 and exists (select 1 from memberships m
			where m.organization_id = h.organization_id and m.user_id = h.user_id and m.deleted_at is null)`,
		organization, dayOf(since), sqldb.Micros(since)))
}

func scanShared(r sqldb.Row) (v SharedUse, err error) {
	err = r.Scan(&v.User, sqldb.Time(&v.First), sqldb.Time(&v.Last), &v.Times, &v.Devices)
	return v, err
}

func sortedShared(all []SharedUse, err error) ([]SharedUse, error) {
	slices.SortFunc(all, latestFirst)
	return all, err
}

func purgeShared(tx *sqldb.Tx) {
	before := dayOf(tx.Now().Add(-keepShared))
	tx.Later(`delete from shared_account_hints where day < $1`, before)
	tx.Later(`delete from shared_account_hints_of_organizations where day < $1`, before)
}
