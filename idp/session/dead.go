package session

import (
	"context"
	"encoding/json"

	"portvakt/internal/directory"
	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
)

// Subscribe has the sessions cleared up after what ends them. Nothing waits for it: whatever it marks was dead before,
// by the checks of every read.
func (s *Sessions) Subscribe(o *outbox.Outbox) {
	for _, kind := range []string{
		directory.EventMembershipEnded, directory.EventMembershipSuspended, directory.EventUserSessionsEnded,
	} {
		o.Subscribe(kind, "session.dead", s.EndDead)
	}
	o.Subscribe(directory.EventUserErased, "session.forget", directory.OfErased(s.forget))
}

// EndDead marks sids of other epochs than their membership's as ended, and sessions that the person may have no more.
func (s *Sessions) EndDead(ctx context.Context, e outbox.Event) error {
	var about struct{ User, Membership string }
	if err := json.Unmarshal(e.Data, &about); err != nil {
		return err
	}
	if about.User == "" { // a person without user has no sessions
		return nil
	}
	user, err := directory.ParseUserID(about.User)
	if err != nil {
		return err
	}
	return s.db.Update(ctx, func(tx *sqldb.Tx) error {
		if about.Membership != "" {
			membership, err := directory.ParseMembershipID(about.Membership)
			if err != nil {
				return err
			}
			endDeadSIDs(tx, membership)
		}
		return endDeadSessions(ctx, tx, user)
	})
}
