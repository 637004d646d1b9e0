// Package audit is the append-only history of what was changed, by whom, from where. An entry is written in the
// transaction of its change, so neither exists without the other.
//
// Invariant: an entry holds no secret and no personal value: identifiers and names of fields, never what they say.
package audit

import "portvakt/internal/sqldb"

type entryPrefix struct{}

func (entryPrefix) Prefix() string { return "aud" }

// EntryID identifies an entry.
type EntryID = sqldb.ID[entryPrefix]

// Entry is one change.
type Entry struct {
	Action string         // noun.verb: "membership.suspended"
	Object string         // the outside id of what was changed
	Detail map[string]any // more about it; no secrets, no personal values
}
