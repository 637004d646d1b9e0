package directory

import (
	"context"
	"slices"
	"time"

	"portvakt/internal/audit"
	"portvakt/internal/fault"
	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
)

// ScopeTransfers is the scope with which an application lists and acknowledges transfers. Applications that have
// registered it, for their own tokens, take part in transfers; others keep no records that could be moved.
const ScopeTransfers = "transfers"

// Transfer is records of an ended member that go to a successor (R19): each application moves what it keeps and says so.
type Transfer struct {
	ID               TransferID
	Organization     OrganizationID
	Slug             string // the organization's
	From, To         MembershipID
	FromUser, ToUser UserID
	CreatedAt        time.Time
	DoneAt           time.Time // all parts have been moved
	WithdrawnAt      time.Time // another successor was chosen, or the member came back, before anything was moved
	SuccessorGone    bool      // the successor has ended while parts are waiting: another one has to be chosen
	Parts            []TransferPart
}

// TransferPart is what one application has to move; an application that declares modules has one for each.
type TransferPart struct {
	Application     ApplicationID
	ClientID        string
	ApplicationName string
	Module          string // "": all that the application keeps
	AcknowledgedAt  time.Time
	Moved           int64 // records, where the application said; else MovedUnknown
}

// MovedUnknown says that the application did not count.
const MovedUnknown = -1

// Acknowledgement is an application's word that it has moved a module's records, or all.
type Acknowledgement struct {
	Module string
	All    bool  // every module that is still waiting; Module is not read
	Moved  int64 // how many, or MovedUnknown
}

// The events of transfers.
const (
	EventTransferRequested = "transfer.requested"
	EventTransferWithdrawn = "transfer.withdrawn"
	EventTransferCompleted = "transfer.completed"
)

// TransferEvent is what an event about a transfer says.
type TransferEvent struct {
	Transfer     string `json:"transfer"`
	Organization string `json:"organization"`
	From         string `json:"from"`
	To           string `json:"to"`
	FromUser     string `json:"from_user,omitempty"`
	ToUser       string `json:"to_user,omitempty"`
}

// Faults of transfers.
var (
	ErrTransferNotFound  = fault.New(fault.NotFound, "transfer_not_found", "There is no such transfer")
	ErrTransferBegun     = fault.New(fault.Conflict, "transfer_begun", "Applications have moved records to the successor already").On("successor")
	ErrTransferWithdrawn = fault.New(fault.Conflict, "transfer_withdrawn", "The transfer has been withdrawn")
	errNoSuchModule      = fault.New(fault.Invalid, "unknown_module", "The transfer has no such module of this application").On("module")
	errMovedOfSeveral    = fault.New(fault.Invalid, "moved_of_several", "How many were moved is said of one module at a time").On("moved")
	errBadMoved          = fault.New(fault.Invalid, "bad_moved", "How many were moved is a number from 0 to 1000000000000").On("moved")
)

const maxMoved = 1_000_000_000_000

// Transfers is the store of transfers.
type Transfers struct{ store }

// begun reports whether any application has moved something.
func (t *Transfer) begun() bool {
	return slices.ContainsFunc(t.Parts, func(p TransferPart) bool { return !p.AcknowledgedAt.IsZero() })
}

// Request asks for the records of an ended member to go to a successor. Asking again for the same one answers the same
// transfer. Another one replaces it while nothing has been moved, and takes what is still waiting where the former has
// ended; else it is refused.
func (s Transfers) Request(ctx context.Context, org OrganizationID, from, to MembershipID) (Transfer, error) {
	var t Transfer
	err := s.update(ctx, func(tx *sqldb.Tx) error {
		m, err := lockEnded(ctx, tx, org, from)
		if err != nil {
			return err
		}
		e, there, err := readEnding(ctx, tx, &m)
		switch {
		case err != nil:
			return err
		case there && e.Choice == EndWithSuccessor && e.Successor != to:
			err = replaceTransfer(ctx, tx, &m, to)
		default: // also what cannot be: choose says so
			err = choose(ctx, tx, &m, Ending{Choice: EndWithSuccessor, Successor: to})
		}
		if err == nil {
			t, err = latestTransfer(ctx, tx, &m)
		}
		return err
	})
	return t, err
}

func replaceTransfer(ctx context.Context, tx *sqldb.Tx, m *Member, to MembershipID) error {
	was, there, err := openTransfer(ctx, tx, m)
	if err != nil {
		return err
	}
	if !there || was.begun() && !was.SuccessorGone {
		return ErrTransferBegun
	}
	if err := checkSuccessor(ctx, tx, m, to); err != nil {
		return err
	}
	replaceSuccessor(tx, m, to)
	_, err = requestTransfer(ctx, tx, m, to)
	return err
}

// requestTransfer makes the transfer, once for each successor. One to another successor that is open is closed: withdrawn
// where nothing was moved yet, so that what an application then acknowledges is never taken for the new one; else done with
// what was moved, and the rest goes on. Whether that may be has been asked.
func requestTransfer(ctx context.Context, tx *sqldb.Tx, m *Member, to MembershipID) (TransferID, error) {
	was, there, err := openTransfer(ctx, tx, m)
	if err != nil || there && was.To == to {
		return was.ID, err
	}
	id := sqldb.NewID[transferPrefix](tx.Now())
	t := Transfer{ID: id, Organization: m.Organization, From: m.ID, FromUser: m.User, To: to}
	switch {
	case there && was.begun():
		finishTransfer(tx, was.ID)
		if err := noteTransfer(ctx, tx, EventTransferCompleted, was); err != nil {
			return id, err
		}
		insertTransfer(tx, t)
		moveWaitingParts(tx, was.ID, id)
	case there:
		if err := withdrawTransfer(ctx, tx, was); err != nil {
			return id, err
		}
		fallthrough
	default:
		insertTransfer(tx, t)
		applications, err := Applications{store{tx: tx}}.Serving(ctx, m.Organization)
		if err != nil {
			return id, err
		}
		insertParts(tx, t, applications)
	}
	if err := noteTransfer(ctx, tx, EventTransferRequested, t); err != nil {
		return id, err
	}
	return id, completeTransfer(ctx, tx, t)
}

// takesPart reports whether the application keeps records that it can move.
func (a *Application) takesPart() bool {
	return slices.Contains(a.Metadata.Scopes, ScopeTransfers) && slices.Contains(a.Metadata.GrantTypes, "client_credentials")
}

func withdrawTransfer(ctx context.Context, tx *sqldb.Tx, t Transfer) error {
	tx.Later(withdrawTransferText, t.ID, sqldb.Micros(tx.Now()))
	return noteTransfer(ctx, tx, EventTransferWithdrawn, t)
}

// completeTransfer closes a transfer of which nothing is waiting, and tells of it once.
func completeTransfer(ctx context.Context, tx *sqldb.Tx, t Transfer) error {
	done, err := claimCompleted(ctx, tx, t.ID)
	if err != nil || !done {
		return err
	}
	return noteTransfer(ctx, tx, EventTransferCompleted, t)
}

func noteTransfer(ctx context.Context, tx *sqldb.Tx, kind string, t Transfer) error {
	entry := audit.Entry{Action: kind, Object: t.ID.String(), Detail: map[string]any{"from": t.From.String(), "to": t.To.String()}}
	if err := audit.Append(ctx, tx, t.Organization, entry); err != nil {
		return err
	}
	if t.ToUser.IsZero() {
		var err error
		if t.ToUser, err = userOf(ctx, tx, t.Organization, t.To); err != nil {
			return err
		}
	}
	return outbox.Append(tx, t.Organization, kind, t.ID.String(), TransferEvent{Transfer: t.ID.String(), Organization: t.Organization.String(),
		From: t.From.String(), To: t.To.String(), FromUser: t.FromUser.String(), ToUser: t.ToUser.String()})
}

// ForApplication are the transfers of which the application still has parts to move, the oldest first, with these parts
// alone; of organizations that it serves, or of one of them. after is the last one of the page before.
//
// Invariant: an application sees its own parts, and nothing of an organization that it does not serve
// (TestR19_TransfersAreTheApplicationsOwn).
func (s Transfers) ForApplication(ctx context.Context, application ApplicationID, org OrganizationID, after TransferID, limit int) ([]Transfer, error) {
	if limit <= 0 || limit > handoverPage {
		limit = handoverPage
	}
	list, err := waitingTransfers(ctx, s.q(), waiting{application, org, after, limit})
	if err != nil {
		return nil, err
	}
	return list, loadParts(ctx, s.q(), list, application)
}

// OfApplication is a transfer as the application sees it: its own parts, also when they are done.
func (s Transfers) OfApplication(ctx context.Context, application ApplicationID, id TransferID) (Transfer, error) {
	return transferOfApplication(ctx, s.q(), application, id)
}

// Acknowledge notes that an application has moved a module's records, or all that were waiting. Saying it again changes
// nothing. It answers the transfer as the application sees it.
//
// Invariant: the last part completes the transfer, once, however many acknowledge at the same moment (TestR19_AcknowledgingRace);
// what was moved to one successor is never taken for another's (TestR19_AcknowledgingAndReplacingRace).
func (s Transfers) Acknowledge(ctx context.Context, application ApplicationID, id TransferID, a Acknowledgement) (Transfer, error) {
	if a.Moved < MovedUnknown || a.Moved > maxMoved {
		return Transfer{}, errBadMoved
	}
	var t Transfer
	err := s.update(ctx, func(tx *sqldb.Tx) (err error) {
		if err := lockTransfer(ctx, tx, id); err != nil {
			return err
		}
		if t, err = transferOfApplication(ctx, tx, application, id); err != nil {
			return err
		}
		if !t.WithdrawnAt.IsZero() {
			return ErrTransferWithdrawn
		}
		modules, err := t.waiting(a)
		if err != nil || len(modules) == 0 {
			return err
		}
		for _, module := range modules {
			if done, err := acknowledgePart(ctx, tx, &t, module, a.Moved); err != nil {
				return err
			} else if !done {
				return ErrTransferWithdrawn
			}
			entry := audit.Entry{Action: "transfer.acknowledged", Object: id.String(),
				Detail: map[string]any{"client_id": t.Parts[0].ClientID, "module": module, "moved": a.Moved}}
			if err := audit.Append(ctx, tx, t.Organization, entry); err != nil {
				return err
			}
		}
		if err := completeTransfer(ctx, tx, t); err != nil {
			return err
		}
		t, err = transferOfApplication(ctx, tx, application, id)
		return err
	})
	return t, err
}

// waiting are the modules that the acknowledgement is about and that nobody has acknowledged.
func (t *Transfer) waiting(a Acknowledgement) ([]string, error) {
	known := false
	var modules []string
	for _, p := range t.Parts {
		if !a.All && p.Module != a.Module {
			continue
		}
		known = true
		if p.AcknowledgedAt.IsZero() {
			modules = append(modules, p.Module)
		}
	}
	switch {
	case !known:
		return nil, errNoSuchModule
	case len(modules) > 1 && a.Moved != MovedUnknown:
		return nil, errMovedOfSeveral
	}
	return modules, nil
}

// List are the organization's transfers, the newest first, with the state of each application; before is the last one of
// the page before.
func (s Transfers) List(ctx context.Context, org OrganizationID, before TransferID) ([]Transfer, error) {
	list, err := transfersOf(ctx, s.q(), org, before)
	if err != nil {
		return nil, err
	}
	return list, loadParts(ctx, s.q(), list, ApplicationID{})
}

// ByID is one transfer of the organization.
func (s Transfers) ByID(ctx context.Context, org OrganizationID, id TransferID) (Transfer, error) {
	return transferByID(ctx, s.q(), org, id)
}
