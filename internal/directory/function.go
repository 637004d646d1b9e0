package directory

import (
	"context"
	"slices"
	"strings"
	"time"

	"portvakt/internal/audit"
	"portvakt/internal/fault"
	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
)

// EventFunctionHandedOver says that a function went from one member to another.
const EventFunctionHandedOver = "function.handed_over"

// FunctionEvent is what an event about a function says.
type FunctionEvent struct {
	Organization string   `json:"organization"`
	Function     Function `json:"function"`
	From         string   `json:"from,omitempty"` // the membership that had it
	To           string   `json:"to,omitempty"`
}

// Vacancy is a function whose holder is gone and that nobody has taken since.
type Vacancy struct {
	Function   Function
	Since      time.Time
	Membership MembershipID // who had it
}

// Faults of functions.
var (
	ErrFunctionMoved = fault.New(fault.Conflict, "function_moved", "Somebody else has this function now").On("function")
	errFunction      = fault.New(fault.Invalid, "bad_function", "The functions are information_recipient, invoice_recipient and main_recipient").On("function")
	errHolder        = fault.New(fault.Invalid, "bad_holder", "Only somebody who has access, now or soon, can take a function").On("to")
)

// HandOver gives a function to a member in one step (R04). from is who is thought to have it, zero for whoever does: where
// somebody else has it meanwhile, nothing changes. A function that several may have is added to the new one's, and taken
// from the one named.
//
// Invariant: at most one member has a single function, at no moment none in between (TestR04_HandOverRace).
func (s Memberships) HandOver(ctx context.Context, org OrganizationID, f Function, from, to MembershipID) error {
	if f != InformationRecipient && !f.isSingle() {
		return errFunction
	}
	return s.update(ctx, func(tx *sqldb.Tx) error {
		if err := lockOrganization(ctx, tx, org); err != nil {
			return err
		}
		heir, err := heirOf(ctx, tx, org, to)
		if err != nil {
			return err
		}
		holders, err := holderIDs(ctx, tx, org, f)
		if err != nil {
			return err
		}
		if !from.IsZero() && !slices.Contains(holders, from) {
			if _, err := (Memberships{store{tx: tx}}).ByID(ctx, org, from); err != nil {
				return err
			}
			return ErrFunctionMoved
		}
		if from.IsZero() && f.isSingle() && len(holders) > 0 {
			from = holders[0]
		}
		if from == to || from.IsZero() && slices.Contains(holders, to) {
			return nil
		}
		touchMember(tx, org, from)
		touchMember(tx, org, to)
		return moveFunction(ctx, tx, f, from, &heir)
	})
}

// heirOf is a member who may take a function: with access, now or soon.
func heirOf(ctx context.Context, tx *sqldb.Tx, org OrganizationID, id MembershipID) (Member, error) {
	if err := lockMember(ctx, tx, org, id); err != nil { // the end of an agency's employee asks no organization
		return Member{}, err
	}
	m, err := Memberships{store{tx: tx}}.ByID(ctx, org, id)
	if err != nil {
		return m, err
	}
	if state := m.StateAt(tx.Now()); state != StateActive && state != StateScheduled {
		return m, errHolder
	}
	return m, nil
}

func moveFunction(ctx context.Context, tx *sqldb.Tx, f Function, from MembershipID, to *Member) error {
	giveFunction(tx, to.Organization, functionMove{f, from, to.ID})
	e := FunctionEvent{Organization: to.Organization.String(), Function: f, To: to.ID.String()}
	if !from.IsZero() {
		e.From = from.String()
	}
	if err := audit.Append(ctx, tx, to.Organization, audit.Entry{Action: EventFunctionHandedOver, Object: e.To,
		Detail: map[string]any{"function": string(f), "from": e.From, "to": e.To}}); err != nil {
		return err
	}
	return outbox.Append(tx, to.Organization, EventFunctionHandedOver, e.To, e)
}

type functionMove struct {
	function Function
	from, to MembershipID
}

// handOverFunctions gives the single functions of a member who is about to end to somebody else; to is zero where nobody
// was named, which is refused while there is one to hand over. The caller has locked the organization and saves was, who
// has them no longer.
func handOverFunctions(ctx context.Context, tx *sqldb.Tx, was *Member, to MembershipID) error {
	var single []Function
	var names fault.Nouns
	for _, f := range was.Functions {
		if f.isSingle() {
			single, names = append(single, f), append(names, fault.Noun{English: strings.ReplaceAll(string(f), "_", " "), Key: "function." + string(f)})
		}
	}
	if len(single) == 0 {
		return nil
	}
	if to.IsZero() {
		return fault.Newf(fault.Conflict, "function_needs_holder", "This is the organization's %s; say who takes over", names).On("functions")
	}
	if to == was.ID {
		return errHolder
	}
	heir, err := heirOf(ctx, tx, was.Organization, to)
	if err != nil {
		return err
	}
	touchMember(tx, was.Organization, to)
	for _, f := range single {
		if err := moveFunction(ctx, tx, f, was.ID, &heir); err != nil {
			return err
		}
	}
	was.Functions = slices.DeleteFunc(slices.Clone(was.Functions), Function.isSingle)
	return nil
}

// vacate takes the functions of a member who ends. What one alone had is vacant until somebody takes it, for everybody to
// see.
func vacate(ctx context.Context, tx *sqldb.Tx, was, m *Member) error {
	m.Functions = nil
	for _, f := range was.Functions {
		if err := noteVacant(ctx, tx, Vacancy{Function: f, Membership: was.ID}, was.Organization); err != nil {
			return err
		}
	}
	return nil
}

// vacateAll does the same for members whose end has passed by itself.
func vacateAll(ctx context.Context, tx *sqldb.Tx, ended []Member) error {
	if len(ended) == 0 {
		return nil
	}
	freed, err := freeFunctions(ctx, tx, ended)
	if err != nil {
		return err
	}
	for _, f := range freed {
		bumpAccess(tx, f.organization)
		if err := noteVacant(ctx, tx, f.Vacancy, f.organization); err != nil {
			return err
		}
	}
	return nil
}

func noteVacant(ctx context.Context, tx *sqldb.Tx, v Vacancy, org OrganizationID) error {
	if !v.Function.isSingle() {
		return nil
	}
	if err := insertVacancy(ctx, tx, org, v); err != nil {
		return err
	}
	e := NoticeEvent{Organization: org.String(), Function: v.Function, Membership: v.Membership.String()}
	if err := audit.Append(ctx, tx, org, audit.Entry{Action: EventFunctionVacant, Object: e.Membership, Detail: map[string]any{"function": string(v.Function)}}); err != nil {
		return err
	}
	return outbox.Append(tx, org, EventFunctionVacant, e.Membership, e)
}
