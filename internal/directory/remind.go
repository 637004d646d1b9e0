package directory

import (
	"context"
	"time"

	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
)

// reminderDays are how long before the end of somebody's access they and whoever invited them are reminded (R27).
var reminderDays = []int{1, 3, 14}

// ending is a member who is due to be reminded.
type ending struct {
	organization OrganizationID
	membership   MembershipID
	user         UserID
	end          time.Time
}

// days is the nearest reminder that is due: who was not reminded in time hears of the end once, not three times.
func (e ending) days(now time.Time) int {
	for _, d := range reminderDays {
		if !e.end.After(now.Add(time.Duration(d) * 24 * time.Hour)) {
			return d
		}
	}
	return 0
}

// RemindEnding writes an event for each member whose access ends in 14, 3 or 1 days, and answers how many. Members of
// every kind with an end are reminded who have access or will get it by themselves, of the days that were still ahead when
// they became members.
//
// Invariant: each membership, end and number of days is reminded of once, whoever calls this at the same time, and never
// of a farther one after a nearer one (TestR27_RemindersOnceAndOnlyTheNearest, TestR27_ADayThatHadPassedIsNotMadeUpFor).
func (s Memberships) RemindEnding(ctx context.Context) (int, error) {
	total := 0
	for {
		found, reminded, err := s.remindSome(ctx)
		total += reminded
		if err != nil || found < remindBatch {
			return total, err
		}
	}
}

const remindBatch = 200

func (s Memberships) remindSome(ctx context.Context) (found, reminded int, err error) {
	err = s.update(ctx, func(tx *sqldb.Tx) error {
		due, err := dueReminders(ctx, tx, remindBatch)
		if err != nil {
			return err
		}
		found, reminded = len(due), 0
		for _, e := range due {
			days := e.days(tx.Now())
			mine, err := noteReminder(ctx, tx, e, days)
			if err != nil {
				return err
			}
			if !mine { // another node was quicker
				continue
			}
			reminded++
			err = outbox.Append(tx, e.organization, EventMembershipEnding, e.membership.String(), NoticeEvent{
				Organization: e.organization.String(), Membership: e.membership.String(), User: e.user.String(),
				Days: days, End: e.end.UnixMicro(),
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return found, reminded, err
}
