package directory

import (
	"slices"
	"strings"

	"portvakt/internal/sqldb"
)

// addressColumns are those of the rows by which members are found by their addresses; whoever has none has no rows.
var addressColumns = []string{"membership_id", "organization_id", "position", "formatted_key", "street_key", "locality_key", "region_key",
	"postal_code_key", "country_key", "type_key", "is_primary"}

// addressRows are the rows of a member. What an index holds is cut to what it takes.
func addressRows(m *Member) (rows [][]any) {
	for i, a := range m.Details.Addresses {
		rows = append(rows, []any{m.ID, m.Organization, int64(i), Fold(a.Formatted), Fold(a.Street), beginning(a.Locality), Fold(a.Region),
			beginning(a.PostalCode), Fold(a.Country), Fold(a.Type), a.Primary})
	}
	return rows
}

var (
	insertAddressText   = `insert into member_addresses (` + strings.Join(addressColumns, ", ") + `) values (` + placeholders(1, len(addressColumns)) + `)`
	deleteAddressesText = `delete from member_addresses where membership_id = $1`
)

// saveAddresses keeps the rows.
func saveAddresses(tx *sqldb.Tx, m, was *Member) {
	if slices.Equal(m.Details.Addresses, was.Details.Addresses) {
		return
	}
	if len(was.Details.Addresses) > 0 {
		tx.Later(deleteAddressesText, m.ID)
	}
	for _, row := range addressRows(m) {
		tx.Later(insertAddressText, row...)
	}
}
