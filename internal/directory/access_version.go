package directory

import (
	"context"
	"reflect"
	"slices"

	"portvakt/internal/audit"
	"portvakt/internal/fault"
	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
)

// AccessTopic tells that some organization's access version has risen: whoever keeps a compiled model compares its version.
const AccessTopic = "access"

// EventAccessChanged says that the access model changed: roles, profiles, groups, sharing, segments, modules or packages.
// What changes about a member alone has the membership's own events.
const EventAccessChanged = "access.changed"

// AccessEvent is what an event about the access model says.
type AccessEvent struct {
	Organization string `json:"organization,omitempty"` // absent: every one, since modules and packages are the installation's
	Version      int64  `json:"version,omitempty"`      // the organization's access version with the change in it
	Noun         string `json:"noun"`                   // role, profile, group, sharing, sharing_rule, segment, module, package
	Object       string `json:"object"`
	// Did is what happened to it, in the history's words: created, changed, removed, members_added, …; Detail is what differs
	// from before, never the whole of it.
	Did    string         `json:"did"`
	Detail map[string]any `json:"detail,omitempty"`
}

// ErrAccessChanged says that somebody else changed the access model since it was read.
var ErrAccessChanged = fault.New(fault.Stale, "access_changed", "Roles, groups or people have changed meanwhile; look at them again")

// At is the same store for one change that is made on the strength of what was read at an access version: where the
// organization's is another by then, the change is refused and nothing is written. The change itself raises the version, so
// the next one needs the new one. Zero takes whatever is there. Modules and packages have no version of their own.
//
// Invariant: of several changes at once at the same version one happens (TestR17_OfSeveralChangesAtOnceOneWins).
func (s Access) At(version int64) Access {
	s.at = version
	return s
}

// in is the store inside the transaction of one of its changes.
func (s Access) in(tx *sqldb.Tx) Access { return Access{store: store{db: s.db, tx: tx}} }

// accessEdit is a change of an access model in its transaction: the organization's row is locked, and its version rises once
// however much is changed. The zero organization is the installation, whose change raises every version.
type accessEdit struct {
	tx      *sqldb.Tx
	org     OrganizationID
	version int64
	raised  bool
}

// edit locks the organization's row and refuses a change that comes too late.
func (s Access) edit(ctx context.Context, tx *sqldb.Tx, org OrganizationID) (*accessEdit, error) {
	version, err := lockAccess(ctx, tx, org)
	if err != nil {
		return nil, err
	}
	if s.at != 0 && s.at != version {
		return nil, ErrAccessChanged
	}
	return &accessEdit{tx: tx, org: org, version: version}, nil
}

// accessChange is what happened to one thing of the access model.
type accessChange struct {
	noun, object string
	did          string // created, changed, removed, …
	detail       map[string]any
}

// note raises the version, audits the change and tells of it.
func (e *accessEdit) note(ctx context.Context, c accessChange) error {
	if !e.raised && e.org.IsZero() {
		bumpEverywhere(e.tx)
	} else if !e.raised {
		bumpAccess(e.tx, e.org)
		e.version++
	}
	e.raised = true
	if err := audit.Append(ctx, e.tx, e.org, audit.Entry{Action: c.noun + "." + c.did, Object: c.object, Detail: c.detail}); err != nil {
		return err
	}
	subject := e.org.String()
	if e.org.IsZero() {
		subject = c.object
	}
	return outbox.Append(e.tx, e.org, EventAccessChanged, subject,
		AccessEvent{Organization: e.org.String(), Version: e.version, Noun: c.noun, Object: c.object, Did: c.did, Detail: c.detail})
}

// saved notes what a Save has written, and counts it.
func (e *accessEdit) saved(ctx context.Context, noun, object string, wasThere bool, t *Tally) error {
	c := accessChange{noun: noun, object: object, did: "created"}
	if wasThere {
		c.did = "changed"
		t.Changed++
	} else {
		t.Made++
	}
	return e.note(ctx, c)
}

// accessDiffers reports whether a change of a member touches what the access model holds of it. Details alone do not, and
// neither does the row's version.
func accessDiffers(was, m *Member) bool {
	a, b := NewMemberFacts(was), NewMemberFacts(m)
	a.Version, b.Version = 0, 0
	return !reflect.DeepEqual(a, b)
}

// raiseAccess raises the version for a change of a member. What it raises it locks, before the membership's row: the member's
// organization, and where a reseller's access follows, the organizations of that, in the order of their ids.
func raiseAccess(ctx context.Context, tx *sqldb.Tx, was, m *Member) error {
	orgs := []OrganizationID{m.Organization}
	if now := tx.Now(); !m.User.IsZero() && vouches(was, now) && (!vouches(m, now) || !m.End.Equal(was.End)) {
		followers, err := openResellers(ctx, tx, resellersOf{agency: m.Organization, user: m.User})
		if err != nil {
			return err
		}
		for _, f := range followers {
			orgs = append(orgs, f.organization)
		}
	}
	return raiseOrdered(ctx, tx, orgs)
}

// raiseAccessOfUser raises the version of every organization that the person is or was a member of: whether somebody may
// sign in at all is part of each model. It answers which.
func raiseAccessOfUser(ctx context.Context, tx *sqldb.Tx, user UserID) (orgs []OrganizationID, err error) {
	if orgs, err = organizationsOfUser(ctx, tx, user); err != nil {
		return nil, err
	}
	return orgs, raiseOrdered(ctx, tx, orgs)
}

// raiseJoined raises the version of those that the person has joined since the others were raised. The person's row is
// locked by now, and whoever makes somebody known a member locks it too, so none is missed.
//
// Invariant: whoever is disabled while becoming a member is disabled in that organization's model as well
// (TestR17_DisablingRacesWithJoining).
func raiseJoined(ctx context.Context, tx *sqldb.Tx, user UserID, raised []OrganizationID) error {
	orgs, err := organizationsOfUser(ctx, tx, user)
	if err != nil {
		return err
	}
	return raiseOrdered(ctx, tx, slices.DeleteFunc(orgs, func(o OrganizationID) bool { return slices.Contains(raised, o) }))
}

func raiseOrdered(ctx context.Context, tx *sqldb.Tx, orgs []OrganizationID) error {
	for _, org := range inOrder(orgs) {
		if _, err := tx.Exec(ctx, bumpAccessText, org); err != nil {
			return err
		}
	}
	tx.Notify(AccessTopic)
	return nil
}

// lockToEnd locks what the end of a membership touches: its organization, with an agency's employee those where the
// person's access follows, in the order of their ids, and then the membership.
func lockToEnd(ctx context.Context, tx *sqldb.Tx, org OrganizationID, id MembershipID) error {
	followers, err := followersOf(ctx, tx, org, id)
	if err != nil {
		return err
	}
	if len(followers) > 0 {
		if err := lockOrdered(ctx, tx, append(followers, org)); err != nil {
			return err
		}
	}
	return lockMember(ctx, tx, org, id)
}

// lockToChange locks an organization that an edit changes. An agency whose state changes takes those that it manages along,
// where its people are resellers; only the edit knows, so it is tried on what is there.
func lockToChange(ctx context.Context, tx *sqldb.Tx, id OrganizationID, edit func(*Organization) error) error {
	was, err := Organizations{store{tx: tx}}.ByID(ctx, id)
	if err != nil {
		return err
	}
	o := was
	o.Domains, o.Features = slices.Clone(was.Domains), slices.Clone(was.Features)
	if edit(&o) != nil || o.Suspended == was.Suspended { // a refusal is said when it is meant
		return lockOrganization(ctx, tx, id)
	}
	managed, err := managedBy(ctx, tx, id)
	if err != nil {
		return err
	}
	return lockOrdered(ctx, tx, append(managed, id))
}

func lockOrdered(ctx context.Context, tx *sqldb.Tx, orgs []OrganizationID) error {
	for _, org := range inOrder(orgs) {
		if err := lockOrganization(ctx, tx, org); err != nil {
			return err
		}
	}
	return nil
}

// inOrder is the order in which everybody locks organizations, each once.
func inOrder(orgs []OrganizationID) []OrganizationID {
	slices.SortFunc(orgs, func(a, b OrganizationID) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(orgs)
}
