package directory

import (
	"context"
	"slices"
	"time"

	"portvakt/internal/audit"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

type recalculationPrefix struct{}

func (recalculationPrefix) Prefix() string { return "rcl" }

// RecalculationID identifies a recalculation.
type RecalculationID = sqldb.ID[recalculationPrefix]

// ParseRecalculationID reads a recalculation's outside identifier.
func ParseRecalculationID(s string) (RecalculationID, error) {
	return sqldb.ParseID[recalculationPrefix](s)
}

// Recalculation is an organization's access built anew from its rows, because somebody asked for it (R17). A node carries it
// out and notes how far it is, so that any node can say.
type Recalculation struct {
	ID           RecalculationID
	Organization OrganizationID
	Slug         string // the organization's
	AskedAt      time.Time
	StartedAt    time.Time
	FinishedAt   time.Time
	Done, Total  int64 // members
	Version      int64 // the access version afterwards
	Drifts       int64 // how often what was running said otherwise than the rows
	Drift        []AccessDrift
}

// AccessDrift is what the running snapshot said otherwise of a member than the rows do. Without a module it is about what
// belongs to none: roles, groups, functions, segments.
type AccessDrift struct {
	Member  MembershipID  `json:"member"`
	Module  string        `json:"module,omitempty"`
	Running []string      `json:"running"` // what it allowed, or said of the member
	Rows    []string      `json:"rows"`    // what the rows do
	Fields  []FieldDrift  `json:"fields,omitempty"`
	Records []RecordDrift `json:"records,omitempty"`
}

// FieldDrift is a field that was open otherwise.
type FieldDrift struct {
	Field   string      `json:"field"`
	Running FieldAccess `json:"running"`
	Rows    FieldAccess `json:"rows"`
}

// RecordDrift counts the owners whose records were in reach by one of the two alone.
type RecordDrift struct {
	Action  string `json:"action"`
	Running int    `json:"running"`
	Rows    int    `json:"rows"`
}

// RecalculationTopic tells that a recalculation has been asked for.
const RecalculationTopic = "recalculations"

// recalculationsAtOnce is how many are asked for in one transaction.
const recalculationsAtOnce = 100

// maxDrift is how many drifts of a recalculation are kept word by word.
const maxDrift = 100

// recalculationsKept is how long those that are done are kept.
const recalculationsKept = 30 * 24 * time.Hour

// ErrRecalculationNotFound says that there is none of this id.
var ErrRecalculationNotFound = fault.New(fault.NotFound, "recalculation_not_found", "There is no such recalculation")

// Recalculate asks for an organization's access to be built anew. Where one waits already, that is the one.
func (s Access) Recalculate(ctx context.Context, org OrganizationID) (r Recalculation, err error) {
	err = s.update(ctx, func(tx *sqldb.Tx) error {
		if err := lockOrganization(ctx, tx, org); err != nil {
			return err
		}
		id, made, err := askRecalculation(ctx, tx, org)
		if err != nil {
			return err
		}
		if made {
			if err := audit.Append(ctx, tx, org, audit.Entry{Action: "access.recalculation_asked", Object: id.String()}); err != nil {
				return err
			}
		}
		tx.Notify(RecalculationTopic)
		r, err = recalculationByID(ctx, tx, id)
		return err
	})
	return r, err
}

// RecalculateAll asks for every organization, and answers when and how many: RecalculationsSince tells of them.
func (s Access) RecalculateAll(ctx context.Context) (since time.Time, n int, err error) {
	orgs, err := allOrganizations(ctx, s.q())
	if err != nil {
		return since, 0, err
	}
	since = s.now()
	for some := range slices.Chunk(orgs, recalculationsAtOnce) {
		err := s.update(ctx, func(tx *sqldb.Tx) error {
			for _, org := range some { // in the order of their ids, as everybody locks them
				if _, err := s.in(tx).Recalculate(ctx, org); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return since, n, err
		}
		n += len(some)
	}
	return since, n, nil
}

// Recalculation is one of them, with what was found.
func (s Access) Recalculation(ctx context.Context, id RecalculationID) (Recalculation, error) {
	return recalculationByID(ctx, s.q(), id)
}

// RecalculationProgress sums up several.
type RecalculationProgress struct {
	Asked, Finished int64
	Drifts          int64
}

// RecalculationsSince sums up those that were asked for at a moment or later, and those that are not done yet.
func (s Access) RecalculationsSince(ctx context.Context, since time.Time) (RecalculationProgress, error) {
	return recalculationsSince(ctx, s.q(), since)
}

// NextRecalculation is the oldest that is not done, whether or not somebody began it; false for none.
func (s Access) NextRecalculation(ctx context.Context) (Recalculation, bool, error) {
	return nextRecalculation(ctx, s.q())
}

// BeginRecalculation notes that it has begun, and of how many members.
func (s Access) BeginRecalculation(ctx context.Context, id RecalculationID, total int64) error {
	return s.update(ctx, func(tx *sqldb.Tx) error {
		tx.Later(beginRecalculationText, sqldb.Micros(tx.Now()), total, id)
		return nil
	})
}

// NoteRecalculation notes how far it is.
func (s Access) NoteRecalculation(ctx context.Context, id RecalculationID, done int64) error {
	return s.update(ctx, func(tx *sqldb.Tx) error {
		tx.Later(noteRecalculationText, done, id)
		return nil
	})
}

// FinishRecalculation notes what came of it, and raises the access version, so that every node builds anew.
func (s Access) FinishRecalculation(ctx context.Context, r Recalculation) error {
	return s.update(ctx, func(tx *sqldb.Tx) error {
		e, err := Access{store: store{db: s.db, tx: tx}}.edit(ctx, tx, r.Organization)
		if err != nil {
			return err
		}
		detail := map[string]any{"drifts": r.Drifts}
		if err := e.note(ctx, accessChange{noun: "access", object: r.ID.String(), did: "recalculated", detail: detail}); err != nil {
			return err
		}
		r.Version = e.version
		return finishRecalculation(tx, r)
	})
}

// Drifted are the slugs of the organizations in which the last recalculation found that something else was running than the
// rows say.
func (s Access) Drifted(ctx context.Context) ([]string, error) { return drifted(ctx, s.q()) }
