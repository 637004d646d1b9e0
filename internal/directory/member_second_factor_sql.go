package directory

import "portvakt/internal/sqldb"

// saveSecondFactor keeps what the organization demands of this one member (R01); Standing reads it with the
// organization's own demand, so that the gate asks for whichever is stricter.
func saveSecondFactor(tx *sqldb.Tx, m *Member) {
	tx.Later(`update memberships set second_factor = $3 where organization_id = $1 and id = $2`, m.Organization, m.ID, sqldb.Text(string(m.SecondFactor)))
}
