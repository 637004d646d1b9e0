package directory

import (
	"context"
	"errors"

	"portvakt/internal/brand"
	"portvakt/internal/sqldb"
)

// BrandOf is how the organization shows itself. A suspended one shows nothing: it is not told apart from one that there
// is not.
func (s Organizations) BrandOf(ctx context.Context, slug string) (b Brand, err error) {
	if !slugForm.MatchString(slug) {
		return b, ErrOrganizationNotFound
	}
	err = s.q().QueryRow(ctx, `select o.id, o.slug, o.name, o.accent, l.hash
		from organizations o left join organization_logos l on l.organization_id = o.id where o.slug = $1 and o.state = 'active'`, slug).
		Scan(&b.Organization, &b.Slug, &b.Name, &b.Accent, &b.LogoHash)
	if errors.Is(err, sqldb.ErrNoRows) {
		err = ErrOrganizationNotFound
	}
	return b, err
}

// Logo is the picture of an organization that BrandOf has told of, with its media type.
func (s Organizations) Logo(ctx context.Context, id OrganizationID) (media string, data []byte, err error) {
	err = s.q().QueryRow(ctx, `select media, data from organization_logos where organization_id = $1`, id).Scan(&media, &data)
	if errors.Is(err, sqldb.ErrNoRows) {
		err = ErrOrganizationNotFound
	}
	return media, data, err
}

// LogoHash is the hash of the organization's logo, nil where there is none.
func (s Organizations) LogoHash(ctx context.Context, id OrganizationID) (hash []byte, err error) {
	err = s.q().QueryRow(ctx, `select hash from organization_logos where organization_id = $1`, id).Scan(&hash)
	if errors.Is(err, sqldb.ErrNoRows) {
		err = nil
	}
	return hash, err
}

func putLogo(tx *sqldb.Tx, id OrganizationID, l brand.Logo) {
	tx.Later(`insert into organization_logos (organization_id, media, hash, data, changed_at) values ($1, $2, $3, $4, $5)
		on conflict (organization_id) do update set media = excluded.media, hash = excluded.hash, data = excluded.data, changed_at = excluded.changed_at`,
		id, string(l.Media()), l.Hash(), l.Data(), sqldb.Micros(tx.Now()))
}

func dropLogo(tx *sqldb.Tx, id OrganizationID) {
	tx.Later(`delete from organization_logos where organization_id = $1`, id)
}
