package directory

import (
	"context"
	"time"

	"portvakt/internal/sqldb"
)

// AccessModel is all that decides what everybody in an organization may do, read at one moment. Compiling and evaluating it
// is authz's part.
type AccessModel struct {
	Organization OrganizationID
	Slug, Name   string
	Version      int64 // the organization's access version: every change of what stands here raises it
	ReadAt       time.Time

	Modules      []Module  // the installation's, in their order
	Packages     []Package // the installation's, by key
	Profiles     []Profile // by key
	Roles        []Role    // in their order; a role may stand before the one above it
	Groups       []Group
	GroupMembers map[GroupID][]GroupMember // without names
	Sharing      map[string]SharingLevel   // of modules that have one of their own; the others are public_read_write
	Rules        []SharingRule
	Segments     []Segment
	Members      []MemberFacts // every membership, ended and deleted ones too: their records count as their successors'
}

// MemberFacts is one membership as far as access goes.
type MemberFacts struct {
	ID            MembershipID
	User          UserID // zero for a contact
	Kind          Kind
	Administrator bool
	Role          RoleID
	Reseller      ResellerAccess
	Packages      []string // keys, sorted
	Grants        map[string]Grade
	Functions     []Function
	AllSegments   bool
	Segments      []string // keys, sorted
	Successor     MembershipID
	Version       int64 // of the row as it was read; a change of details alone raises it, and not the model's version
	// Open says that person and organization let the member in: the person is active, the organization not suspended, nor,
	// for a reseller, the agency.
	Open bool

	facts facts
	made  time.Time
}

// NewMemberFacts are the facts of a member whom person and organization let in.
func NewMemberFacts(m *Member) MemberFacts {
	return MemberFacts{ID: m.ID, User: m.User, Kind: m.Kind, Administrator: m.Administrator, Role: m.Role, Reseller: m.Reseller,
		Packages: m.Packages, Grants: m.Grants, Functions: m.Functions, AllSegments: m.AllSegments, Segments: m.Segments,
		Successor: m.Successor, Version: m.Version, Open: true, facts: m.facts(), made: m.CreatedAt}
}

// State is the membership's state at a moment; it says nothing of the person or the organization.
func (m *MemberFacts) State(now time.Time) State { return stateAt(m.facts, now) }

// ActiveAt reports whether person, organization and membership all give access at a moment; Standing.ActiveAt is its twin.
func (m *MemberFacts) ActiveAt(now time.Time) bool { return m.Open && m.State(now) == StateActive }

// Over reports whether the membership has ended, whether or not it was archived since.
func (m *MemberFacts) Over(now time.Time) bool { return m.facts.over(now) }

// Archived reports whether records stay with the ended member (R20).
func (m *MemberFacts) Archived() bool { return !m.facts.archived.IsZero() }

// Span is when the membership gives access at most; a zero end is open.
func (m *MemberFacts) Span() (start, end time.Time) { return m.facts.start, m.facts.end }

// EverySegment reports whether the member sees all segments, also those made later (R06).
func (m *MemberFacts) EverySegment() bool { return m.AllSegments || m.Administrator }

// Model reads an organization's whole access model on one consistent state.
func (s Access) Model(ctx context.Context, org OrganizationID) (AccessModel, error) {
	if s.tx != nil { // within a change: as it stands there, which the organization's lock keeps from others
		return readModel(ctx, s.tx, org)
	}
	var m AccessModel
	err := s.db.View(ctx, func(tx *sqldb.Tx) (err error) {
		m, err = readModel(ctx, tx, org)
		return err
	})
	return m, err
}

func readModel(ctx context.Context, tx *sqldb.Tx, org OrganizationID) (AccessModel, error) {
	m := AccessModel{Organization: org, ReadAt: tx.Now()}
	in := Access{store: store{tx: tx}}
	for _, read := range []func() error{
		func() (err error) { m.Slug, m.Name, m.Version, err = modelHead(ctx, tx, org); return err },
		func() (err error) { m.Modules, err = in.Modules(ctx); return err },
		func() (err error) { m.Packages, err = in.Packages(ctx); return err },
		func() (err error) { m.Profiles, err = in.Profiles(ctx, org); return err },
		func() (err error) { m.Roles, err = in.Roles(ctx, org); return err },
		func() (err error) { m.Groups, err = in.Groups(ctx, org); return err },
		func() (err error) { m.GroupMembers, err = allGroupMembers(ctx, tx, org); return err },
		func() (err error) { m.Sharing, err = in.Sharing(ctx, org); return err },
		func() (err error) { m.Rules, err = in.SharingRules(ctx, org); return err },
		func() (err error) { m.Segments, err = in.Segments(ctx, org); return err },
		func() (err error) { m.Members, err = modelMembers(ctx, tx, org); return err },
	} {
		if err := read(); err != nil {
			return AccessModel{}, err
		}
	}
	return m, nil
}
