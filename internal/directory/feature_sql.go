package directory

import (
	"context"
	"errors"

	"portvakt/internal/sqldb"
)

func scanFeature(r sqldb.Row) (f Feature, err error) {
	var names string
	if err = r.Scan(&f.Key, &names, &f.PriceLabel); err != nil {
		return f, err
	}
	f.Names, err = readNames(names)
	return f, err
}

// Features are all features of the installation, in the order in which they were made.
func (s Organizations) Features(ctx context.Context) ([]Feature, error) {
	return sqldb.All(ctx, s.q(), scanFeature, `select key, names, price_label from features order by position, key`)
}

func featureByKey(ctx context.Context, q sqldb.Queryer, key string) (Feature, error) {
	f, err := scanFeature(q.QueryRow(ctx, `select key, names, price_label from features where key = $1`, key))
	if errors.Is(err, sqldb.ErrNoRows) {
		return f, unknown("feature", key, "features")
	}
	return f, err
}

func writeFeature(tx *sqldb.Tx, f Feature) error {
	names, err := namesText(f.Names)
	if err != nil {
		return err
	}
	tx.Later(`insert into features (key, names, price_label, position) select $1, $2, $3, coalesce(max(position), 0) + 1 from features where true
		on conflict (key) do update set names = excluded.names, price_label = excluded.price_label`, f.Key, names, f.PriceLabel)
	return nil
}

// FeatureStates are all features of the installation as the organization has them, on or off.
func (s Organizations) FeatureStates(ctx context.Context, org OrganizationID) ([]FeatureState, error) {
	if _, err := organizationRow(ctx, s.q(), org); err != nil {
		return nil, err
	}
	return sqldb.All(ctx, s.q(), func(r sqldb.Row) (f FeatureState, err error) {
		var names string
		var on bool
		if err = r.Scan(&f.Key, &names, &f.PriceLabel, &on, sqldb.Time(&f.ActivatedAt), &f.Price); err != nil {
			return f, err
		}
		f.Switch = FeatureSwitch(on)
		f.Names, err = readNames(names)
		return f, err
	}, `select f.key, f.names, f.price_label, o.feature is not null, a.activated_at, coalesce(a.price_label, '')
		from features f left join organization_features o on o.organization_id = $1 and o.feature = f.key
			left join feature_activations a on a.organization_id = $1 and a.feature = f.key and a.deactivated_at is null
		order by f.position, f.key`, org)
}

func featureOn(ctx context.Context, q sqldb.Queryer, org OrganizationID, key string) (FeatureSwitch, error) {
	var n int64
	err := q.QueryRow(ctx, `select count(*) from organization_features where organization_id = $1 and feature = $2`, org, key).Scan(&n)
	return FeatureSwitch(n > 0), err
}

func startActivation(tx *sqldb.Tx, org OrganizationID, a activation) {
	tx.Later(`insert into organization_features (organization_id, feature) values ($1, $2)`, org, a.feature.Key)
	tx.Later(`insert into feature_activations (id, organization_id, feature, price_label, actor_kind, actor_id, activated_at)
		values ($1, $2, $3, $4, $5, $6, $7)`, a.id, org, a.feature.Key, a.feature.PriceLabel, a.actorKind, a.actorID, sqldb.Micros(tx.Now()))
}

func endActivation(tx *sqldb.Tx, org OrganizationID, key string) {
	tx.Later(`delete from organization_features where organization_id = $1 and feature = $2`, org, key)
	tx.Later(`update feature_activations set deactivated_at = $3 where organization_id = $1 and feature = $2 and deactivated_at is null`,
		org, key, sqldb.Micros(tx.Now()))
}
