package directory

import (
	"context"
	"time"

	"portvakt/internal/audit"
	"portvakt/internal/fault"
	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
)

// UserState is whether a person may sign in at all.
type UserState string

// The states of a user. An erased user keeps only a pseudonym.
const (
	UserActive   UserState = "active"
	UserDisabled UserState = "disabled"
	UserErased   UserState = "erased"
)

// User is one person who signs in. Never deleted.
type User struct {
	ID               UserID
	Email            Email
	EmailVerifiedAt  time.Time
	Home             OrganizationID // whose verified domain covers the e-mail; zero if none
	State            UserState
	Operator         bool
	Details          Details // the person's own
	Epoch            int64   // sessions and tokens made under another epoch are dead
	CredentialsEpoch int64   // credentials made under another one are void
	Version          int64
	CreatedAt        time.Time
	ChangedAt        time.Time
}

// ErrUserNotFound says that nobody has the address or id.
var ErrUserNotFound = fault.New(fault.NotFound, "user_not_found", "There is no such user")

// ErrEmailTaken says that another user signs in with the address.
var ErrEmailTaken = fault.New(fault.Conflict, "email_taken", "Another user has this e-mail address").On("email")

// Users is the store of users.
type Users struct{ store }

// The events of users.
const (
	EventUserSessionsEnded = "user.sessions_ended"
	EventUserEmailChanged  = "user.email_changed"
)

// UserEvent is what an event about a user says.
type UserEvent struct {
	User   string `json:"user"`
	Reason string `json:"reason,omitempty"`
	Old    string `json:"old,omitempty"` // of an e-mail change, both told
	New    string `json:"new,omitempty"`
}

// EndSessions kills every session and token of the person at once, by raising the epoch they were made under.
func (s Users) EndSessions(ctx context.Context, id UserID, reason string) (User, error) {
	var u User
	err := s.update(ctx, func(tx *sqldb.Tx) error {
		var err error
		if u, err = raiseUserEpoch(ctx, tx, id); err != nil {
			return err
		}
		return announceUser(ctx, tx, id, EventUserSessionsEnded, UserEvent{User: id.String(), Reason: reason})
	})
	return u, err
}

// SetState disables or enables a person and kills every session and token. Erasing is an act of its own.
func (s Users) SetState(ctx context.Context, id UserID, state UserState) (User, error) {
	var u User
	if state != UserActive && state != UserDisabled {
		return u, fault.New(fault.Invalid, "bad_state", "The state is active or disabled").On("state")
	}
	err := s.update(ctx, func(tx *sqldb.Tx) error {
		raised, err := raiseAccessOfUser(ctx, tx, id)
		if err != nil {
			return err
		}
		if state == UserDisabled {
			if err := guardAdministratorsOfUser(ctx, tx, id); err != nil {
				return err
			}
		}
		if err := updateUserState(ctx, tx, id, state); err != nil {
			return err
		}
		if err := raiseJoined(ctx, tx, id, raised); err != nil {
			return err
		}
		if state != UserActive { // nobody works for an agency who may not sign in (R30)
			if err := endResellers(ctx, tx, resellersOf{user: id}); err != nil {
				return err
			}
			if err := endMadeByUser(ctx, tx, id); err != nil {
				return err
			}
		}
		u, err = Users{store{db: s.db, tx: tx}}.EndSessions(ctx, id, "state_"+string(state))
		return err
	})
	return u, err
}

// VerifyEmail notes that the person has shown to read the address.
func (s Users) VerifyEmail(ctx context.Context, id UserID) error {
	return s.update(ctx, func(tx *sqldb.Tx) error {
		changed, err := setEmailVerified(ctx, tx, id)
		if err != nil || !changed {
			return err
		}
		return audit.Append(ctx, tx, OrganizationID{}, audit.Entry{Action: "user.email_verified", Object: id.String(), Person: id.String()})
	})
}

// VoidCredentials makes every password and factor of the person worthless and kills every session: the address may have
// gone to somebody else.
func (s Users) VoidCredentials(ctx context.Context, id UserID) error {
	return s.update(ctx, func(tx *sqldb.Tx) error {
		if err := raiseCredentialsEpoch(ctx, tx, id); err != nil {
			return err
		}
		_, err := Users{store{db: s.db, tx: tx}}.EndSessions(ctx, id, "credentials_voided")
		return err
	})
}

// SetOperator makes a person an operator of the installation, or no longer one.
func (s Users) SetOperator(ctx context.Context, id UserID, state OperatorState) error {
	return s.update(ctx, func(tx *sqldb.Tx) error {
		if err := setOperator(ctx, tx, id, state == IsOperator); err != nil {
			return err
		}
		return audit.Append(ctx, tx, OrganizationID{}, audit.Entry{Action: "user.operator", Object: id.String(), Person: id.String(),
			Detail: map[string]any{"operator": state == IsOperator}})
	})
}

// OperatorState says whether somebody runs the installation.
type OperatorState bool

// Whether somebody runs the installation.
const (
	IsOperator  OperatorState = true
	NotOperator OperatorState = false
)

func announceUser(ctx context.Context, tx *sqldb.Tx, id UserID, kind string, e UserEvent) error {
	detail := map[string]any{}
	if e.Reason != "" {
		detail["reason"] = e.Reason
	}
	entry := audit.Entry{Action: kind, Object: id.String(), Detail: detail, Person: id.String()}
	if e.Old != e.New {
		entry.Changes = []audit.Change{{Field: "email", Before: e.Old, After: e.New}}
	}
	if err := audit.Append(ctx, tx, OrganizationID{}, entry); err != nil {
		return err
	}
	return outbox.Append(tx, OrganizationID{}, kind, id.String(), e)
}

// newUser is the person whom nobody knew.
func newUser(g *ground, now time.Time) User {
	return User{
		ID: sqldb.NewID[userPrefix](now), Email: g.email, Home: g.home, State: UserActive, Epoch: 1, CredentialsEpoch: 1,
		Version: 1, CreatedAt: now, ChangedAt: now,
	}
}

// findUser finds or makes the person with the address. The second answer says whether the person is new. Of everybody but
// the home organization's own people it tries to make one first, so that a known address costs what an unknown one does
// (R09, TestR09_AKnownAddressCostsWhatAnUnknownOneDoes).
func findUser(ctx context.Context, tx *sqldb.Tx, g *ground) (User, bool, error) {
	if g.user.State == UserErased { // the pseudonym is nobody's address
		return User{}, false, errEmail
	}
	known := !g.user.ID.IsZero()
	if known && g.home == g.organization.ID {
		return g.user, false, nil
	}
	u := newUser(g, tx.Now())
	made, err := insertUser(ctx, tx, &u)
	if err != nil || made {
		return u, made, err
	}
	if known {
		return g.user, false, nil
	}
	u, err = Users{store{tx: tx}}.ByEmail(ctx, g.email) // somebody else was quicker
	return u, false, err
}

// keepHome lets a person's home follow the verified domain: it may have been verified, given up or gone to another
// organization since the person came, and a former home has no say any more.
func keepHome(ctx context.Context, tx *sqldb.Tx, u *User, home OrganizationID) error {
	if u.Home == home {
		return nil
	}
	was := u.Home
	u.Home = home
	if err := setHome(ctx, tx, u.ID, home); err != nil {
		return err
	}
	return audit.Append(ctx, tx, OrganizationID{}, audit.Entry{Action: "user.home_changed", Object: u.ID.String(), Person: u.ID.String(),
		Detail: map[string]any{"changes": map[string][2]string{"home": {was.String(), home.String()}}}})
}
