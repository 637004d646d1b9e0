package directory

import (
	"context"
	"time"

	"portvakt/internal/sqldb"
)

// AccessMark is what tells whether a kept access model is still the organization's. Both numbers are needed: where seats
// are unlimited, a new member raises no version, so that directories are filled without waiting for one another.
type AccessMark struct {
	Version int64
	Made    int64 // memberships made at the given moment or later
}

// AccessSince names an organization and the moment from which its new memberships are counted.
type AccessSince struct {
	Organization OrganizationID
	Since        time.Time
}

// marksAtOnce is how many organizations one statement asks about.
const marksAtOnce = 32

// Marks answers the marks of organizations; one that does not exist is left out.
func (s Access) Marks(ctx context.Context, asked []AccessSince) (map[OrganizationID]AccessMark, error) {
	found := make(map[OrganizationID]AccessMark, len(asked))
	for len(asked) > 0 {
		n := 1 // two texts in all: the database keeps their plans
		if len(asked) > 1 {
			n = marksAtOnce
		}
		if err := s.someMarks(ctx, asked[:min(n, len(asked))], n, found); err != nil {
			return nil, err
		}
		asked = asked[min(n, len(asked)):]
	}
	return found, nil
}

// NewMembers are the facts of the memberships made at a moment or later, with the access version beside which they stand.
func (s Access) NewMembers(ctx context.Context, asked AccessSince) (version int64, members []MemberFacts, err error) {
	err = s.db.View(ctx, func(tx *sqldb.Tx) (err error) {
		if _, _, version, err = modelHead(ctx, tx, asked.Organization); err != nil {
			return err
		}
		members, err = newMembers(ctx, tx, asked)
		return err
	})
	return version, members, err
}

// Hold keeps the organization's access as it is until the running transaction ends: who changes it waits.
func (s Access) Hold(ctx context.Context, org OrganizationID) error {
	return s.update(ctx, func(tx *sqldb.Tx) error { return lockOrganization(ctx, tx, org) })
}

// MadeSince counts the members of a model that Marks counts.
func (m *AccessModel) MadeSince(since time.Time) (n int64) {
	for i := range m.Members {
		if !m.Members[i].made.Before(since) {
			n++
		}
	}
	return n
}
