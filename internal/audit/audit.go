// Package audit is the append-only history of what was changed, by whom, on whose behalf, from where. An entry is written
// in the transaction of its change, so neither exists without the other; within a second the Sealer links it into its
// organization's chain, in which nothing can be changed or left out unnoticed (Verify).
//
// What a change says of a person is sealed under that person's own key. Destroying the key, which is what erasure does,
// makes it unreadable in every copy of the database and leaves the chain whole.
//
// Invariant: an entry holds no secret, and no personal value outside Changes (TestChangesAreSealed).
// Invariant: without a vault nothing personal is stored at all (TestWithoutAVaultNothingPersonalIsStored).
package audit

import (
	"encoding/json"
	"time"

	"portvakt/internal/sqldb"
)

type (
	entryPrefix        struct{}
	organizationPrefix struct{}
)

func (entryPrefix) Prefix() string        { return "aud" }
func (organizationPrefix) Prefix() string { return "org" }

// EntryID identifies an entry.
type EntryID = sqldb.ID[entryPrefix]

type organizationID = sqldb.ID[organizationPrefix]

// Entry is one change.
type Entry struct {
	Action string         // noun.verb: "membership.suspended"
	Object string         // the outside id of what was changed
	Detail map[string]any // more about it; no secrets, no personal values

	// Person is whom it is about: the outside id of a user, or of a membership without one.
	Person string
	// Changes are personal values before and after, never secrets; they need a Person, whose key seals them.
	Changes []Change
}

// Change is what one field said before and says now.
type Change struct {
	Field  string `json:"field"`
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// Record is an entry as it is shown.
type Record struct {
	ID           string          `json:"id"`
	Organization string          `json:"organization,omitempty"` // "": the installation's
	At           time.Time       `json:"at"`
	ActorKind    string          `json:"actor_kind"`
	ActorID      string          `json:"actor_id,omitempty"`
	Behalf       string          `json:"behalf,omitempty"`
	Action       string          `json:"action"`
	Object       string          `json:"object"`
	Detail       json.RawMessage `json:"detail"`
	RequestID    string          `json:"request_id,omitempty"`
	Address      string          `json:"address,omitempty"`
	UserAgent    string          `json:"user_agent,omitempty"`
	Person       string          `json:"person,omitempty"`
	Changes      []Change        `json:"changes,omitempty"`
	Erased       bool            `json:"erased,omitempty"`   // there were changes; the person was erased since
	Damaged      bool            `json:"damaged,omitempty"`  // there are changes that its key does not open: somebody altered the row
	Position     int64           `json:"position,omitempty"` // in the chain; 0 during its first second
}
