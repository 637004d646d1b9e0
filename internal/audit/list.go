package audit

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"time"

	"portvakt/internal/fault"
	"portvakt/internal/secret"
)

// Filter says which entries are asked for; what is empty does not matter.
type Filter struct {
	Person  string // whom it is about
	Object  string
	Action  string
	ActorID string
	From    time.Time // inclusive
	To      time.Time // exclusive
}

// Page is a part of the history, newest first.
type Page struct {
	Records []Record
	Next    string // cursor of the following page; "": there is none
}

// MaxPage is how many entries a page holds at most.
const MaxPage = 500

var errCursor = fault.New(fault.Invalid, "bad_cursor", "The cursor is not one of this list").On("cursor")

// place is where a page ends.
type place struct {
	at int64
	id EntryID
}

func (p place) cursor() string {
	return base64.RawURLEncoding.EncodeToString(append(binary.BigEndian.AppendUint64(nil, uint64(p.at)), p.id[:]...))
}

func parseCursor(s string) (p place, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(raw) != 24 {
		return p, errCursor
	}
	p.at = int64(binary.BigEndian.Uint64(raw))
	copy(p.id[:], raw[8:])
	return p, nil
}

// record shows an entry; keys are the living ones of the people on the page.
func (e *stored) record(keys map[string]*secret.Keys) Record {
	r := Record{
		ID: e.id.String(), Organization: e.organization.String(), At: time.UnixMicro(e.at).UTC(), ActorKind: e.actorKind, ActorID: e.actorID,
		Behalf: e.behalf, Action: e.action, Object: e.object, Detail: json.RawMessage(e.detail), RequestID: e.requestID,
		Address: e.address, UserAgent: e.userAgent, Person: e.person, Position: e.position,
	}
	if e.sealed == nil {
		return r
	}
	key := keys[e.person]
	if key == nil {
		r.Erased = true
		return r
	}
	changes, err := unseal(key, e.id, e.sealed)
	r.Changes, r.Damaged = changes, err != nil
	return r
}

// peopleOf are those whose keys the entries need.
func peopleOf(entries []stored) []string {
	seen := map[string]bool{}
	var people []string
	for i := range entries {
		if p := entries[i].person; entries[i].sealed != nil && !seen[p] {
			seen[p], people = true, append(people, p)
		}
	}
	return people
}
