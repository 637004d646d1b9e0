package notice

import (
	"context"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/mail"
)

// erasureAsked tells the information recipients that somebody has asked to be erased everywhere, while the request waits.
func erasureAsked(ctx context.Context, q *question) ([]letter, error) {
	m, err := q.member(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := q.dir.Users.WaitingErasure(ctx, m.User); fault.Is(err, fault.NotFound) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	if state := m.StateAt(q.db.Now()); state == directory.StateEnded || state == directory.StateInvited {
		return nil, nil // somebody who never was, or is no longer, one of theirs
	}
	people, err := q.informed(ctx, m)
	return tell(people, mail.NoticeErasure, m, time.Time{}), err
}
