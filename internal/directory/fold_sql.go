package directory

import (
	"context"
	"unicode/utf8"

	"portvakt/internal/sqldb"
)

// foldedAtOnce are the members of one transaction, so that nobody who writes waits for long.
const foldedAtOnce = 500

// FoldNames makes the keys by which the parts of names, and the addresses, are found, of members who were there before these had keys.
// It is done after the schema is brought up to date; without such members it is one statement. Several nodes may do it at once.
func (s Memberships) FoldNames(ctx context.Context) error {
	for {
		done := 0
		err := s.update(ctx, func(tx *sqldb.Tx) error {
			members, err := sqldb.All(ctx, tx, scanToFold, `select id, organization_id, version, details from memberships
				where id in (select membership_id from memberships_to_fold order by membership_id limit $1)`, foldedAtOnce)
			if done = len(members); err != nil {
				return err
			}
			for i := range members {
				if err := fold(ctx, tx, &members[i]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || done == 0 {
			return err
		}
	}
}

// fold writes a member's keys. Whoever was changed since it was read is left for the next time.
func fold(ctx context.Context, tx *sqldb.Tx, m *Member) error {
	n, err := tx.Exec(ctx, `update memberships set middle_name_key = $3, name_prefix_key = $4, name_suffix_key = $5 where id = $1 and version = $2`,
		m.ID, m.Version, beginning(m.Details.MiddleName), beginning(m.Details.NamePrefix), beginning(m.Details.NameSuffix))
	if err != nil || n == 0 {
		return err
	}
	tx.Later(deleteAddressesText, m.ID)
	for _, row := range addressRows(m) {
		tx.Later(insertAddressText, row...)
	}
	tx.Later(`delete from memberships_to_fold where membership_id = $1`, m.ID)
	return nil
}

func scanToFold(r sqldb.Row) (m Member, err error) {
	var details string
	if err = r.Scan(&m.ID, &m.Organization, &m.Version, &details); err == nil {
		err = readDetails(details, &m.Details)
	}
	return m, err
}

// beginning is as much of a folded text as an index takes. Such texts could be longer before they were searched, and still can.
func beginning(text string) string {
	key := Fold(text)
	if len(key) <= maxIndexed {
		return key
	}
	end := maxIndexed
	for !utf8.RuneStart(key[end]) {
		end--
	}
	return key[:end]
}
