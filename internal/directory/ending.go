package directory

import (
	"context"
	"time"

	"portvakt/internal/audit"
	"portvakt/internal/fault"
	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
)

// EndingChoice is what becomes of what an ended member owned (R19, R20).
type EndingChoice string

// The answers to who takes over.
const (
	EndWithSuccessor EndingChoice = "successor" // another member; applications move the records
	EndArchived      EndingChoice = "archive"   // they stay with the ended member, who can be chosen for nothing more
	EndPending       EndingChoice = "pending"   // for callers that cannot choose: the question stays open for the administrators
)

// Ending is how a membership is ended.
type Ending struct {
	Choice    EndingChoice
	Successor MembershipID // with EndWithSuccessor
	NewHolder MembershipID // who gets the functions that one member alone has, where the ended one has any
}

// EventEndingChosen says that an ending was answered; EventEndingPending that it is open.
const EventEndingChosen = "ending.chosen"

// EndingEvent is what an event about an ending says.
type EndingEvent struct {
	Membership   string `json:"membership"`
	Organization string `json:"organization"`
	User         string `json:"user,omitempty"`
	Choice       string `json:"choice"`
	Successor    string `json:"successor,omitempty"`
}

// Faults of endings.
var (
	ErrChoiceNeeded = fault.New(fault.Invalid, "choice_needed", "Ending a member needs a choice: a successor, or the archive").On("choice")
	ErrBadSuccessor = fault.New(fault.Invalid, "bad_successor",
		"The successor is another member with access to the system, at present or from a later start").On("successor")
	ErrNotEnded     = fault.New(fault.Conflict, "not_ended", "The member has not ended")
	ErrEndingChosen = fault.New(fault.Conflict, "ending_chosen", "Who takes over has been chosen already")
	errNoSuccessor  = fault.New(fault.Invalid, "unknown_successor", "The organization has no such successor").On("successor")
)

// End ends a membership now; all that hung on it is dead with the commit. Somebody who was never a member yet owns
// nothing, so that takes no choice; everybody else's end does. Ending it again changes nothing but a question that was open.
//
// Invariant: the choice, the transfer and the handing over of functions are one transaction with the end
// (TestR19_EndingNeedsASuccessor).
func (s Memberships) End(ctx context.Context, org OrganizationID, id MembershipID, e Ending) error {
	return s.update(ctx, func(tx *sqldb.Tx) error {
		if err := lockToEnd(ctx, tx, org, id); err != nil {
			return err
		}
		was, err := Memberships{store{db: s.db, tx: tx}}.ByID(ctx, org, id)
		switch {
		case err != nil:
			return err
		case was.AnnouncedAt.IsZero():
			return end(ctx, tx, &was, e)
		case was.AcceptedAt.IsZero() || e.Choice == "" || e.Choice == EndPending:
			return nil
		}
		return choose(ctx, tx, &was, e)
	})
}

func end(ctx context.Context, tx *sqldb.Tx, was *Member, e Ending) error {
	m := was.clone()
	m.EndedAt = tx.Now()
	if was.AcceptedAt.IsZero() {
		e = Ending{NewHolder: e.NewHolder}
	} else if err := e.check(ctx, tx, was); err != nil {
		return err
	}
	if err := guardAdministrators(ctx, tx, was, m); err != nil {
		return err
	}
	if e.Choice != EndPending || !e.NewHolder.IsZero() { // where nobody could choose, the function stands vacant
		if err := handOverFunctions(ctx, tx, was, e.NewHolder); err != nil {
			return err
		}
	}
	if e.Choice != EndWithSuccessor && e.Choice != EndArchived {
		return announceEnd(ctx, tx, was, m)
	}
	if e.Choice == EndArchived {
		m.ArchivedAt = tx.Now()
	}
	m.Successor = e.Successor
	if _, err := insertEnding(ctx, tx, m, e); err != nil {
		return err
	}
	if err := announceEnd(ctx, tx, was, m); err != nil {
		return err
	}
	return carryOut(ctx, tx, m, e)
}

// check refuses an ending that this organization cannot have.
func (e *Ending) check(ctx context.Context, tx *sqldb.Tx, m *Member) error {
	switch e.Choice {
	case EndWithSuccessor:
		return checkSuccessor(ctx, tx, m, e.Successor)
	case EndArchived:
		e.Successor = MembershipID{}
		return requireFeature(ctx, tx, m.Organization, FeatureArchive)
	case EndPending:
		e.Successor = MembershipID{}
		return nil
	}
	return ErrChoiceNeeded
}

// checkSuccessor refuses whom records cannot go to: nobody of another organization, nobody who is over, suspended, or
// without access to the system. An invited person has not said yes.
func checkSuccessor(ctx context.Context, tx *sqldb.Tx, m *Member, to MembershipID) error {
	f, err := factsOf(ctx, tx, m.Organization, to)
	if fault.Is(err, fault.NotFound) {
		return errNoSuccessor
	}
	if err != nil {
		return err
	}
	state := stateAt(f, tx.Now())
	if to == m.ID || f.kind == Limited || state != StateActive && state != StateScheduled {
		return ErrBadSuccessor
	}
	return nil
}

// openEnding records an end for which nobody chose: the successor that was named beforehand takes over, where that is still
// possible, else the question is open. An ending that has been chosen stays as it is.
func openEnding(ctx context.Context, tx *sqldb.Tx, m *Member) error {
	if m.AcceptedAt.IsZero() {
		return nil
	}
	e := Ending{Choice: EndPending}
	if !m.Successor.IsZero() {
		err := checkSuccessor(ctx, tx, m, m.Successor)
		switch {
		case err == nil:
			e = Ending{Choice: EndWithSuccessor, Successor: m.Successor}
		case !fault.Is(err, fault.Invalid):
			return err
		}
	}
	made, err := insertEnding(ctx, tx, m, e)
	switch {
	case err != nil:
		return err
	case made && e.Choice == EndPending:
		return noteEnding(ctx, tx, EventEndingPending, m, e)
	case !made && e.Choice == EndWithSuccessor: // it ended before, and is deleted now
		made, err = answerEnding(ctx, tx, m, e)
	}
	if err != nil || !made || e.Choice == EndPending {
		return err
	}
	return carryOut(ctx, tx, m, e)
}

// followEnding opens the question where a change ends a membership, and forgets it where a change brings one back.
func followEnding(ctx context.Context, tx *sqldb.Tx, was, m *Member) error {
	switch before, after := was.isOver(tx.Now()), m.isOver(tx.Now()); {
	case !before && after:
		return openEnding(ctx, tx, m)
	case before && !after:
		return reopen(ctx, tx, m)
	}
	return nil
}

// carryOut makes what was chosen happen and tells of it.
func carryOut(ctx context.Context, tx *sqldb.Tx, m *Member, e Ending) error {
	if err := noteEnding(ctx, tx, EventEndingChosen, m, e); err != nil || e.Choice != EndWithSuccessor {
		return err
	}
	_, err := requestTransfer(ctx, tx, m, e.Successor)
	return err
}

func noteEnding(ctx context.Context, tx *sqldb.Tx, kind string, m *Member, e Ending) error {
	entry := audit.Entry{Action: kind, Object: m.ID.String(), Detail: map[string]any{"choice": string(e.Choice)}}
	if !e.Successor.IsZero() {
		entry.Detail["successor"] = e.Successor.String()
	}
	if err := audit.Append(ctx, tx, m.Organization, entry); err != nil {
		return err
	}
	return outbox.Append(tx, m.Organization, kind, m.ID.String(), EndingEvent{Membership: m.ID.String(),
		Organization: m.Organization.String(), User: m.User.String(), Choice: string(e.Choice), Successor: e.Successor.String()})
}

// Choose answers the open question of an ended member, also of one that SCIM has deleted. The same answer again changes
// nothing; another one is refused (Transfers.Request replaces a successor).
//
// Invariant: of several answers at the same moment one counts (TestR19_ChoosingRace).
func (s Memberships) Choose(ctx context.Context, org OrganizationID, id MembershipID, e Ending) error {
	return s.update(ctx, func(tx *sqldb.Tx) error {
		m, err := lockEnded(ctx, tx, org, id)
		if err != nil {
			return err
		}
		return choose(ctx, tx, &m, e)
	})
}

// choose answers an open question. The caller has locked organization and membership.
func choose(ctx context.Context, tx *sqldb.Tx, m *Member, e Ending) error {
	was, there, err := readEnding(ctx, tx, m)
	switch {
	case err != nil:
		return err
	case !there:
		return ErrNotEnded
	case e.Choice == EndPending:
		return ErrChoiceNeeded
	case was.Choice != EndPending && was.Choice == e.Choice && (e.Choice == EndArchived || was.Successor == e.Successor):
		return nil
	case was.Choice != EndPending:
		return ErrEndingChosen
	}
	if err := e.check(ctx, tx, m); err != nil {
		return err
	}
	answered, err := answerEnding(ctx, tx, m, e)
	if err != nil {
		return err
	}
	if !answered {
		return ErrEndingChosen
	}
	return carryOut(ctx, tx, m, e)
}

// reopen forgets how a membership ended that a later end has brought back. What no application has begun to move stays.
func reopen(ctx context.Context, tx *sqldb.Tx, m *Member) error {
	was, there, err := readEnding(ctx, tx, m)
	if err != nil || !there {
		return err
	}
	deleteEnding(tx, m)
	entry := audit.Entry{Action: "ending.reopened", Object: m.ID.String(), Detail: map[string]any{"choice": string(was.Choice)}}
	if err := audit.Append(ctx, tx, m.Organization, entry); err != nil {
		return err
	}
	t, there, err := openTransfer(ctx, tx, m)
	if err != nil || !there || t.begun() {
		return err
	}
	return withdrawTransfer(ctx, tx, t)
}

// Faults of records whose owner cannot answer for them any more.
var (
	ErrOwnerArchived = fault.New(fault.Conflict, "owner_archived", "The owner is archived; the record needs a new active owner first").On("owner")
	ErrOwnerPending  = fault.New(fault.Conflict, "owner_pending", "The owner has ended, and nobody has chosen who takes over").On("owner")
)

// ActiveOwner is the member to whom the records of a member count at present: itself, or the one who took over after its
// end. Records of an archived member can be read; whoever edits one must give it an active owner first (R20).
func (s Memberships) ActiveOwner(ctx context.Context, org OrganizationID, id MembershipID) (MembershipID, error) {
	for range maxSuccessors {
		over, e, err := ownerOf(ctx, s.q(), org, id)
		switch {
		case err != nil || !over:
			return id, err
		case e.Choice == EndArchived:
			return id, ErrOwnerArchived
		case e.Choice != EndWithSuccessor:
			return id, ErrOwnerPending
		}
		id = e.Successor
	}
	return id, ErrOwnerPending
}

// maxSuccessors bounds how many ended successors are followed; two who ended as each other's are found nowhere.
const maxSuccessors = 32

// OpenEnding is an end whose question nobody has answered.
type OpenEnding struct {
	Membership MembershipID
	User       UserID
	Name       string // as the organization calls the member
	Since      time.Time
}

// PendingEndings are the organization's open questions, the oldest first, a page at a time: what it answers beside them
// is the cursor of the next page, "" after the last.
func (s Memberships) PendingEndings(ctx context.Context, org OrganizationID, cursor string) ([]OpenEnding, string, error) {
	at, after, err := parseEndingCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	list, err := readOpenEndings(ctx, s.q(), org, at, after)
	if err != nil || len(list) < handoverPage {
		return list, "", err
	}
	return list, endingCursor(list[len(list)-1]), nil
}

// handoverPage is how many endings or transfers are answered at a time.
const handoverPage = 100
