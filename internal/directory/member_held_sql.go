package directory

import (
	"encoding/json"

	"portvakt/internal/sqldb"
)

// writeHeld is Member.Held as it is stored: JSON in which nothing searches, null for none.
func writeHeld(held []string) any {
	if len(held) == 0 {
		return nil
	}
	text, _ := json.Marshal(held) // texts always can be
	return string(text)
}

func readHeld(stored string, m *Member) error {
	if stored == "" {
		return nil
	}
	return json.Unmarshal([]byte(stored), &m.Held)
}

func saveHeld(tx *sqldb.Tx, m *Member) {
	tx.Later(`update memberships set held = $3 where organization_id = $1 and id = $2`, m.Organization, m.ID, writeHeld(m.Held))
}
