package directory

import (
	"context"
	"strings"

	"portvakt/internal/actor"
	"portvakt/internal/audit"
	"portvakt/internal/fault"
	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
)

// EventUserFactorsReset is the event of a person who has lost every way to sign in, and whom an operator has helped.
const EventUserFactorsReset = "user.factors_reset"

var (
	errResetReason   = fault.New(fault.Invalid, "missing", "Taking away a person's ways to sign in needs a reason").On("reason")
	errResetInactive = fault.New(fault.Conflict, "user_inactive", "The person may not sign in at all, so there is nothing to set up anew")
)

// ResetFactors makes every password and factor of somebody who has lost them worthless, and ends every session, so that
// they begin anew with a mailed link. Nobody gets to choose anything in the person's place.
//
// Invariant: nobody but an operator, or the installation itself, does this, and never without a reason
// (TestFactorsAreResetByOperatorsAlone).
func (s Users) ResetFactors(ctx context.Context, id UserID, reason string) error {
	if kind := actor.From(ctx).Kind; kind != actor.Operator && kind != actor.System {
		return ErrNotOperator
	}
	reason, err := givenReason(reason, errResetReason)
	if err != nil {
		return err
	}
	return s.update(ctx, func(tx *sqldb.Tx) error {
		users := Users{store{db: s.db, tx: tx}}
		if err := users.VoidCredentials(ctx, id); err != nil {
			return err
		}
		u, err := users.ByID(ctx, id)
		if err != nil {
			return err
		}
		if u.State != UserActive {
			return errResetInactive
		}
		if err := audit.Append(ctx, tx, OrganizationID{}, audit.Entry{
			Action: EventUserFactorsReset, Object: id.String(), Person: id.String(), Detail: map[string]any{"reason": reason},
		}); err != nil {
			return err
		}
		return outbox.Append(tx, OrganizationID{}, EventUserFactorsReset, id.String(), UserEvent{User: id.String()})
	})
}

// givenReason is the reason as it is kept; missing where there is none.
func givenReason(reason string, missing *fault.Fault) (string, error) {
	if reason = strings.TrimSpace(reason); reason == "" {
		return "", missing
	}
	if len(reason) > maxReason {
		return "", errReasonLength
	}
	return reason, checkText("reason", reason)
}
