package directory

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"portvakt/internal/sqldb"
)

const recalculationColumns = `r.id, r.organization_id, o.slug, r.asked_at, r.started_at, r.finished_at, r.done, r.total, r.version, r.drifts, r.drift
	from recalculations r join organizations o on o.id = r.organization_id`

func scanRecalculation(row sqldb.Row) (r Recalculation, err error) {
	var drift string
	err = row.Scan(&r.ID, &r.Organization, &r.Slug, sqldb.Time(&r.AskedAt), sqldb.Time(&r.StartedAt), sqldb.Time(&r.FinishedAt), &r.Done, &r.Total,
		&r.Version, &r.Drifts, &drift)
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal([]byte(drift), &r.Drift)
}

func recalculationByID(ctx context.Context, q sqldb.Queryer, id RecalculationID) (Recalculation, error) {
	r, err := scanRecalculation(q.QueryRow(ctx, `select `+recalculationColumns+` where r.id = $1`, id))
	if errors.Is(err, sqldb.ErrNoRows) {
		err = ErrRecalculationNotFound
	}
	return r, err
}

func nextRecalculation(ctx context.Context, q sqldb.Queryer) (Recalculation, bool, error) {
	r, err := scanRecalculation(q.QueryRow(ctx, `select `+recalculationColumns+` where r.finished_at is null order by r.id limit 1`))
	if errors.Is(err, sqldb.ErrNoRows) {
		return r, false, nil
	}
	return r, err == nil, err
}

// askRecalculation makes one, or finds the one that waits; those that are long done go. The organization is locked.
func askRecalculation(ctx context.Context, tx *sqldb.Tx, org OrganizationID) (id RecalculationID, made bool, err error) {
	now := tx.Now()
	err = tx.QueryRow(ctx, `update recalculations set asked_at = $1 where organization_id = $2 and started_at is null returning id`,
		sqldb.Micros(now), org).Scan(&id)
	if !errors.Is(err, sqldb.ErrNoRows) {
		return id, false, err
	}
	id = sqldb.NewID[recalculationPrefix](now)
	tx.Later(`delete from recalculations where organization_id = $1 and finished_at < $2`, org, sqldb.Micros(now.Add(-recalculationsKept)))
	_, err = tx.Exec(ctx, `insert into recalculations (id, organization_id, asked_at, done, total, version, drifts, drift) values ($1, $2, $3, 0, 0, 0, 0, '[]')`,
		id, org, sqldb.Micros(now))
	return id, true, err
}

const (
	beginRecalculationText = `update recalculations set started_at = coalesce(started_at, $1), done = 0, total = $2 where id = $3`
	noteRecalculationText  = `update recalculations set done = $1 where id = $2 and finished_at is null`
)

func finishRecalculation(tx *sqldb.Tx, r Recalculation) error {
	if r.Drift == nil {
		r.Drift = []AccessDrift{}
	}
	drift, err := json.Marshal(r.Drift[:min(len(r.Drift), maxDrift)])
	if err != nil {
		return err
	}
	now := sqldb.Micros(tx.Now())
	tx.Later(`update recalculations set started_at = coalesce(started_at, $1), finished_at = $2, done = $3, total = $4, version = $5, drifts = $6, drift = $7
		where id = $8 and finished_at is null`, now, now, r.Total, r.Total, r.Version, r.Drifts, string(drift), r.ID)
	return nil
}

func recalculationsSince(ctx context.Context, q sqldb.Queryer, since time.Time) (p RecalculationProgress, err error) {
	err = q.QueryRow(ctx, `select count(*), count(finished_at), cast(coalesce(sum(drifts), 0) as bigint) from recalculations where asked_at >= $1 or finished_at is null`,
		sqldb.Micros(since)).Scan(&p.Asked, &p.Finished, &p.Drifts)
	return p, err
}

func allOrganizations(ctx context.Context, q sqldb.Queryer) ([]OrganizationID, error) {
	return sqldb.All(ctx, q, scanOrganizationID, `select id from organizations order by id`)
}

func drifted(ctx context.Context, q sqldb.Queryer) ([]string, error) {
	return sqldb.All(ctx, q, func(r sqldb.Row) (slug string, err error) {
		err = r.Scan(&slug)
		return slug, err
	}, `select o.slug from recalculations r join organizations o on o.id = r.organization_id where r.drifts > 0 and r.finished_at is not null
		and not exists (select 1 from recalculations l where l.organization_id = r.organization_id and l.finished_at > r.finished_at) order by o.slug`)
}
