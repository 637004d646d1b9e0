package directory

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"portvakt/internal/actor"
	"portvakt/internal/audit"
	"portvakt/internal/fault"
	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
)

// EventUserErased has everybody forget what they keep of a person.
const EventUserErased = "user.erased"

type erasurePrefix struct{}

func (erasurePrefix) Prefix() string { return "ers" }

// ErasureID identifies the erasure of a person.
type ErasureID = sqldb.ID[erasurePrefix]

// Erasure takes a person out of the installation in two steps (GDPR, article 17): asked for, then confirmed. What
// happened stays attributable to the pseudonym.
type Erasure struct {
	ID          ErasureID
	User        UserID
	Pseudonym   string
	RequestedBy string
	RequestedAt time.Time
	DoneAt      time.Time
	WithdrawnAt time.Time
}

// OfErased reads whom EventUserErased is about, for rooms that forget by user.
func OfErased(forget func(context.Context, UserID) error) func(context.Context, outbox.Event) error {
	return func(ctx context.Context, e outbox.Event) error {
		user, err := ParseUserID(e.Subject)
		if err != nil {
			return err
		}
		return forget(ctx, user)
	}
}

// Faults of erasures.
var (
	ErrErasureNotFound = fault.New(fault.NotFound, "erasure_not_found", "There is no such erasure that waits for its confirmation")
	ErrErased          = fault.New(fault.Conflict, "user_erased", "This person has been erased")
)

// erasedDomain can have no mailbox (RFC 2606 §2).
const erasedDomain = "erased.invalid"

// PseudonymOf is the pseudonym in the address of an erased person, "" of any other address.
func PseudonymOf(address string) string {
	pseudonym, erased := strings.CutSuffix(address, "@"+erasedDomain)
	if !erased {
		return ""
	}
	return pseudonym
}

// RequestErasure is the first step. Asking again answers the request that waits. It is refused while the person is an
// organization's last administrator.
func (s Users) RequestErasure(ctx context.Context, user UserID) (Erasure, error) {
	var e Erasure
	err := s.update(ctx, func(tx *sqldb.Tx) error {
		u, err := lockUser(ctx, tx, user)
		if err != nil {
			return err
		}
		if u.State == UserErased {
			return ErrErased
		}
		if err := checkErasable(ctx, tx, user); err != nil {
			return err
		}
		if e, err = waitingErasure(ctx, tx, user); err == nil || !fault.Is(err, fault.NotFound) {
			return err
		}
		e = Erasure{ID: sqldb.NewID[erasurePrefix](tx.Now()), User: user, Pseudonym: "erased-" + strings.ToLower(rand.Text()),
			RequestedBy: requester(ctx), RequestedAt: tx.Now()}
		if err := insertErasure(ctx, tx, e); err != nil {
			return err
		}
		return audit.Append(ctx, tx, OrganizationID{}, erasureEntry("user.erasure_requested", e))
	})
	return e, err
}

// WithdrawErasure takes a request back that was not confirmed.
func (s Users) WithdrawErasure(ctx context.Context, id ErasureID) error {
	return s.update(ctx, func(tx *sqldb.Tx) error {
		e, err := endErasure(ctx, tx, id, withdrawErasureText)
		if err != nil {
			return err
		}
		return audit.Append(ctx, tx, OrganizationID{}, erasureEntry("user.erasure_withdrawn", e))
	})
}

// ConfirmErasure is the second step; there is no way back. Memberships end, the person and all details are replaced by a
// pseudonym, and the key is destroyed that alone opens what the history says of the person, all in one transaction;
// EventUserErased then has the rest forgotten.
//
// Invariant: when the event has been delivered, no table holds the person's addresses, names or numbers
// (TestR33_ErasureLeavesNothing); of two confirmations one erases (TestR33_ErasureHappensOnce).
func (s Users) ConfirmErasure(ctx context.Context, id ErasureID) (Erasure, error) {
	var e Erasure
	err := s.update(ctx, func(tx *sqldb.Tx) (err error) {
		if e, err = endErasure(ctx, tx, id, confirmErasureText); err != nil {
			return err
		}
		if _, err := raiseAccessOfUser(ctx, tx, e.User); err != nil {
			return err
		}
		all := Memberships{store{db: s.db, tx: tx}}
		if err := all.deleteAll(ctx, e.User); err != nil {
			return err
		}
		u, err := Users{store{db: s.db, tx: tx}}.ByID(ctx, e.User)
		if err != nil {
			return err
		}
		if err := pseudonymizeUser(ctx, tx, e); err != nil {
			return err
		}
		if err := all.deleteAll(ctx, e.User); err != nil { // what was made while we waited for the person's row
			return err
		}
		people, err := pseudonymizeMemberships(ctx, tx, e, u)
		if err != nil {
			return err
		}
		if err := forgetEvents(ctx, tx, e, u); err != nil {
			return err
		}
		if err := audit.DestroyKeys(ctx, tx, append(people, e.User.String())); err != nil {
			return err
		}
		if err := announceUser(ctx, tx, e.User, EventUserSessionsEnded, UserEvent{User: e.User.String(), Reason: "erased"}); err != nil {
			return err
		}
		if err := audit.Append(ctx, tx, OrganizationID{}, erasureEntry(EventUserErased, e)); err != nil {
			return err
		}
		return outbox.Append(tx, OrganizationID{}, EventUserErased, e.User.String(), UserEvent{User: e.User.String()})
	})
	return e, err
}

func erasureEntry(action string, e Erasure) audit.Entry {
	return audit.Entry{Action: action, Object: e.User.String(), Person: e.User.String(),
		Detail: map[string]any{"erasure": e.ID.String(), "pseudonym": e.Pseudonym}}
}

func requester(ctx context.Context) string {
	a := actor.From(ctx)
	if a.ID == "" {
		return string(a.Kind)
	}
	return string(a.Kind) + " " + a.ID
}

// checkErasable refuses the first step where the second would be refused.
func checkErasable(ctx context.Context, tx *sqldb.Tx, user UserID) error {
	open, err := undeletedOf(ctx, tx, user)
	if err != nil {
		return err
	}
	for _, o := range open {
		was, err := Memberships{store{tx: tx}}.ByID(ctx, o.Organization, o.ID)
		if err != nil {
			return err
		}
		m := was.clone()
		m.EndedAt = tx.Now()
		if err := guardAdministrators(ctx, tx, &was, m); err != nil {
			return namedLast(ctx, tx, o.Organization, err)
		}
	}
	return nil
}

// deleteAll ends every membership of a person for good.
func (s Memberships) deleteAll(ctx context.Context, user UserID) error {
	open, err := undeletedOf(ctx, s.tx, user)
	if err != nil {
		return err
	}
	for _, m := range open {
		if err := s.Delete(ctx, m.Organization, m.ID); err != nil {
			return namedLast(ctx, s.tx, m.Organization, err)
		}
	}
	return nil
}

// forgetEvents takes the person's addresses out of events that wait or are kept.
func forgetEvents(ctx context.Context, tx *sqldb.Tx, e Erasure, u User) error {
	user := e.User.String()
	if err := outbox.Forget(ctx, tx, user, EventUserEmailChanged, UserEvent{User: user}); err != nil {
		return err
	}
	for _, address := range []string{u.Email.Address, u.Email.Key} {
		if err := outbox.Redact(ctx, tx, address, e.Pseudonym+"@"+erasedDomain); err != nil {
			return err
		}
	}
	return nil
}

// refuseErased is asked after a membership was written for a person who was there before: an erasure that came first was
// waited for by then. It locks the person, so that whoever changes the person's state sees the membership, or is waited for.
func refuseErased(ctx context.Context, tx *sqldb.Tx, user UserID) error {
	u, err := lockUser(ctx, tx, user)
	if err == nil && u.State == UserErased {
		return errEmail
	}
	return err
}
