package directory

import (
	"context"
	"time"

	"portvakt/internal/sqldb"
)

// dueRemindersText: at $1, those who end within 14 days and were not reminded of that end at the nearest of 14, 3 and 1
// days ($2, $3, $4 are those moments), nor at a nearer one. A day that had passed when the person
// came is not made up for: whoever comes for five days knows. Who is not reminded of anything (contacts, suspended, invited)
// hears of the end when that changes.
var dueRemindersText = `select m.organization_id, m.id, m.user_id, m.end_at from memberships m join organizations o on o.id = m.organization_id
	where m.end_at > $1 and m.end_at <= $2 and m.end_announced_at is null and m.ended_at is null and m.deleted_at is null
		and m.archived_at is null and m.suspended_at is null and m.accepted_at is not null and m.kind <> 'contact' and ` + OrganizationOpen + `
		and not exists (select 1 from reminders r where r.membership_id = m.id and r.end_at = m.end_at
			and r.days <= case when m.end_at <= $4 then 1 when m.end_at <= $3 then 3 else 14 end)
		and m.accepted_at <= m.end_at - case when m.end_at <= $4 then $4 - $1 when m.end_at <= $3 then $3 - $1 else $2 - $1 end
	order by m.end_at, m.id limit $5`

func dueReminders(ctx context.Context, tx *sqldb.Tx, limit int) ([]ending, error) {
	return sqldb.All(ctx, tx, func(r sqldb.Row) (e ending, err error) {
		err = r.Scan(&e.organization, &e.membership, &e.user, sqldb.Time(&e.end))
		return e, err
	}, dueRemindersText, dueArguments(tx.Now(), limit)...)
}

func dueArguments(now time.Time, limit int) []any {
	at := func(days int) any { return sqldb.Micros(now.Add(time.Duration(days) * 24 * time.Hour)) }
	return []any{sqldb.Micros(now), at(14), at(3), at(1), limit}
}

// noteReminder is false where somebody else has noted it.
func noteReminder(ctx context.Context, tx *sqldb.Tx, e ending, days int) (mine bool, err error) {
	n, err := tx.Exec(ctx, `insert into reminders (membership_id, end_at, days, sent_at) values ($1, $2, $3, $4) on conflict do nothing`,
		e.membership, sqldb.Micros(e.end), days, sqldb.Micros(tx.Now()))
	return n == 1, err
}

// forgetReminders lets reminders begin anew for another end.
func forgetReminders(tx *sqldb.Tx, id MembershipID) {
	tx.Later(`delete from reminders where membership_id = $1`, id)
}
