package outbox

import (
	"context"
	"fmt"
	"strings"
	"time"

	"portvakt/internal/sqldb"
)

type organizationPrefix struct{}

func (organizationPrefix) Prefix() string { return "org" }

const dispatchBatch = 100

// exchange is the one transaction of a turn: outcomes in, at most n leased deliveries out. more reports that there are
// events left to dispatch.
func (w *worker) exchange(ctx context.Context, n int) (leased []delivery, more bool, err error) {
	err = w.db.Update(ctx, func(tx *sqldb.Tx) error {
		leased, more = nil, false
		now := w.db.Wall()
		w.record(tx, now)
		dispatched, err := w.dispatch(ctx, tx, now)
		if err != nil {
			return err
		}
		more = dispatched == dispatchBatch
		if n > 0 {
			leased, err = w.take(ctx, tx, now, n)
		}
		return err
	})
	if err != nil {
		return nil, false, err
	}
	w.finished = nil
	return leased, more, nil
}

func (w *worker) writeOutcomes(ctx context.Context) error {
	return w.db.Update(ctx, func(tx *sqldb.Tx) error {
		w.record(tx, w.db.Wall())
		return nil
	})
}

// record writes what became of deliveries. A success counts whoever holds the lease by now; a failure only for the
// holder.
func (w *worker) record(tx *sqldb.Tx, now time.Time) {
	for _, r := range w.finished {
		switch {
		case r.state == delivered:
			tx.Later(`update deliveries set done_at = $1, given_up_at = null, leased_by = null, leased_until = null, last_error = null
				where event_id = $2 and subscriber = $3 and done_at is null`,
				sqldb.Micros(now), r.event.ID, r.subscriber)
		case r.state == released:
			tx.Later(`update deliveries set attempts = attempts - 1, leased_by = null, leased_until = null
				where event_id = $1 and subscriber = $2 and leased_by = $3 and done_at is null`,
				r.event.ID, r.subscriber, w.holder)
		case r.attempt >= w.tries:
			tx.Later(`update deliveries set given_up_at = $1, leased_by = null, leased_until = null, last_error = $2
				where event_id = $3 and subscriber = $4 and leased_by = $5 and done_at is null`,
				sqldb.Micros(now), r.reason, r.event.ID, r.subscriber, w.holder)
		default:
			tx.Later(`update deliveries set due_at = $1, leased_by = null, leased_until = null, last_error = $2
				where event_id = $3 and subscriber = $4 and leased_by = $5 and done_at is null`,
				sqldb.Micros(now.Add(w.pause(r.attempt))), r.reason, r.event.ID, r.subscriber, w.holder)
		}
	}
}

// dispatch makes the deliveries of new events. The condition stands twice, because the inner one is not looked at again
// when another node was faster.
func (w *worker) dispatch(ctx context.Context, tx *sqldb.Tx, now time.Time) (int, error) {
	type event struct {
		id   EventID
		kind string
	}
	events, err := sqldb.All(ctx, tx, func(r sqldb.Row) (e event, err error) { return e, r.Scan(&e.id, &e.kind) }, `
		with waiting as materialized (select id from events where dispatched_at is null order by id limit $2)
		update events set dispatched_at = $1
		where dispatched_at is null and id in (select id from waiting)
		returning id, kind`, sqldb.Micros(now), dispatchBatch)
	if err != nil {
		return 0, err
	}
	var args []any
	for _, e := range events {
		for _, s := range w.subscribers[e.kind] {
			args = append(args, e.id, s.name, sqldb.Micros(now.Add(-ahead*time.Duration(s.before))))
		}
	}
	if len(args) > 0 {
		args = atLeast(args)
		tx.Later(deliveriesText(len(args)/3), args...)
	}
	return len(events), nil
}

// deliveriesText makes n deliveries.
func deliveriesText(n int) string {
	rows := make([]string, n)
	for i := range rows {
		rows[i] = fmt.Sprintf("($%d, $%d, 0, $%d)", 3*i+1, 3*i+2, 3*i+3)
	}
	return `insert into deliveries (event_id, subscriber, attempts, due_at) values ` + strings.Join(rows, ", ") + `
		on conflict (event_id, subscriber) do nothing`
}

// atLeast repeats the last three until there are a power of two of them, so that there are few texts to prepare.
func atLeast(args []any) []any {
	last := args[len(args)-3:]
	for n := len(args) / 3; n&(n-1) != 0; n++ {
		args = append(args, last...)
	}
	return args
}

// take leases what is due. It counts the attempt already, so that a process that dies of a delivery does not try it
// forever; and as every lease counts, an unchanged number proves at the moment of writing that no other node was faster.
//
// Two words are there for PostgreSQL's planner, which knows little about a table that was empty a minute ago: without
// "materialized" it may look for the oldest again for each row, and by the conditions that make a delivery due, if they
// stood in the outer statement too, it would go through all that wait instead of the primary key.
//
// Both parts stand in one whole order, so that of what is due at the same moment both take the same: never more than n.
func (w *worker) take(ctx context.Context, tx *sqldb.Tx, now time.Time, n int) ([]delivery, error) {
	others := n
	if w.workers > 1 {
		others-- // a worker is kept for what is awaited
	}
	leased, err := sqldb.All(ctx, tx, func(r sqldb.Row) (d delivery, err error) { return d, r.Scan(&d.event.ID, &d.subscriber, &d.attempt) }, `
		with first as materialized (
		  select event_id, subscriber, attempts from deliveries
		  where done_at is null and given_up_at is null and due_at <= $4 and (leased_until is null or leased_until < $3)
		  order by due_at, event_id, subscriber limit $5),
		oldest as materialized (
		  select event_id, subscriber, attempts from deliveries
		  where done_at is null and given_up_at is null and due_at <= $3 and (leased_until is null or leased_until < $3)
		  order by due_at, event_id, subscriber limit $6)
		update deliveries set leased_by = $1, leased_until = $2, attempts = attempts + 1
		where (event_id, subscriber, attempts) in (select event_id, subscriber, attempts from first union select event_id, subscriber, attempts from oldest)
		returning event_id, subscriber, attempts`,
		w.holder, sqldb.Micros(now.Add(w.lease)), sqldb.Micros(now), sqldb.Micros(now.Add(-ahead*time.Duration(Awaited)+ahead/2)), n, others)
	if err != nil || len(leased) == 0 {
		return nil, err
	}
	return leased, w.read(ctx, tx, leased)
}

// read fills in the events of deliveries, all with one statement. It is planned each time: a plan that is kept from when the
// table was empty reads all of it.
func (w *worker) read(ctx context.Context, tx *sqldb.Tx, leased []delivery) error {
	ids, places := make([]any, w.workers), make([]string, w.workers)
	for i := range ids {
		ids[i], places[i] = leased[min(i, len(leased)-1)].event.ID, fmt.Sprintf("$%d", i+1)
	}
	found := map[EventID]Event{}
	_, err := sqldb.All(sqldb.PlanWithValues(ctx), tx, func(r sqldb.Row) (e Event, err error) {
		var organization sqldb.ID[organizationPrefix]
		var data string
		err = r.Scan(&e.ID, &e.Kind, &organization, &e.Subject, &data)
		e.Organization, e.Data = organization.String(), []byte(data)
		found[e.ID] = e
		return e, err
	}, `select id, kind, organization_id, subject, data from events where id in (`+strings.Join(places, ", ")+`)`, ids...)
	for i := range leased {
		leased[i].event = found[leased[i].event.ID]
	}
	return err
}

// due reports whether there is anything to do now; leased also counts what a worker holds at the moment.
func (w *worker) due(ctx context.Context, leased bool) (due bool, err error) {
	now := w.db.Wall()
	taken := now
	if leased {
		taken = now.Add(1000 * time.Hour)
	}
	var n int64
	err = w.db.QueryRow(ctx, `select case when
		exists (select 1 from events where dispatched_at is null) or
		exists (select 1 from deliveries where done_at is null and given_up_at is null and due_at <= $1
		  and (leased_until is null or leased_until < $2)) then 1 else 0 end`,
		sqldb.Micros(now), sqldb.Micros(taken)).Scan(&n)
	return n == 1, err
}

// Backlog counts what waits and what was given up.
func (o *Outbox) Backlog(ctx context.Context) (Backlog, error) {
	var b Backlog
	var oldest time.Time
	err := o.db.QueryRow(ctx, `select
		(select count(*) from events where dispatched_at is null) +
		(select count(*) from deliveries where done_at is null and given_up_at is null),
		(select count(*) from deliveries where given_up_at is not null),
		(select min(at) from (
		  select at from events where dispatched_at is null union all
		  select e.at from deliveries d join events e on e.id = d.event_id where d.done_at is null and d.given_up_at is null
		) waiting)`).Scan(&b.Waiting, &b.GivenUp, sqldb.Time(&oldest))
	if err != nil {
		return Backlog{}, err
	}
	if !oldest.IsZero() {
		b.Oldest = max(o.db.Now().Sub(oldest), 0)
	}
	return b, nil
}

// purgeSome deletes one batch. Identifiers begin with the domain's time, so the oldest are found by the primary key;
// the machine's time decides.
func (o *Outbox) purgeSome(ctx context.Context) (int64, error) {
	wall := o.db.Wall()
	return o.db.Exec(ctx, `with old as materialized (
		  select e.id from events e
		  where e.id < $1 and e.dispatched_at < $2 and not exists (
		    select 1 from deliveries d where d.event_id = e.id and d.done_at is null
		      and (d.given_up_at is null or d.given_up_at > $3))
		  order by e.id limit $4)
		delete from events where id in (select id from old)`,
		sqldb.NewID[eventPrefix](o.db.Now().Add(-keepDone)), sqldb.Micros(wall.Add(-keepDone)),
		sqldb.Micros(wall.Add(-keepGivenUp)), purgeBatch)
}
