// Package outbox carries what happened to whoever must hear of it: a use case appends an event in its own transaction;
// a worker hands it to every subscriber of its kind, at least once, however often the process dies in between.
//
// An event becomes one delivery for each subscriber. Deliveries are leased, retried with growing pauses, and given up
// visibly after the last try. Rows are selected by being undone, never by "id above the last seen": late commits would
// vanish. Leases and pauses go by the machine's clock, not by the domain's.
//
// Deliveries come in no order and sometimes twice: a handler reads the present state and does what that asks for.
// Invariant: no handler runs inside a transaction of the outbox (TestHandlersMayWrite).
package outbox

import (
	"encoding/json"

	"portvakt/internal/sqldb"
)

type eventPrefix struct{}

func (eventPrefix) Prefix() string { return "evt" }

// EventID identifies an event; subscribers use it to recognize one they have seen.
type EventID = sqldb.ID[eventPrefix]

// Topic is notified when an event was committed.
const Topic = "outbox"

// Event is something that happened.
type Event struct {
	ID           EventID
	Kind         string          // noun.past participle: "membership.suspended"
	Organization string          // the organization's id in outside form, "" if none
	Subject      string          // the outside id of what it happened to
	Data         json.RawMessage // what subscribers need to know; no secrets
}
