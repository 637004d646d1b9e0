package ratelimit

import (
	"context"
	"errors"
	"time"

	"portvakt/internal/sqldb"
)

// Take counts one and reports whether the rule allows it; if not, retryAfter says when the window ends. Refused takes
// are not counted.
func (l *Limiter) Take(ctx context.Context, rule Rule, key ...string) (allowed bool, retryAfter time.Duration, err error) {
	var c counter
	var now time.Time
	err = l.db.Update(ctx, func(tx *sqldb.Tx) error {
		now = tx.Now()
		// Max+1 stands for "refused": counting stops there.
		return tx.QueryRow(ctx, `insert into attempts (scope, key, failures, window_ends) values ($1, $2, 1, $3)
			on conflict (scope, key) do update set
			  failures = case when attempts.window_ends <= $4 then 1
			                  when attempts.failures > $5 then attempts.failures
			                  else attempts.failures + 1 end,
			  window_ends = case when attempts.window_ends <= $4 then excluded.window_ends else attempts.window_ends end
			returning failures, window_ends`,
			rule.Scope, hash(key), sqldb.Micros(now.Add(rule.Window)), sqldb.Micros(now), int64(rule.Max)).
			Scan(&c.count, sqldb.Time(&c.ends))
	})
	if err != nil {
		return false, 0, err
	}
	if c.count > int64(rule.Max) {
		return false, c.ends.Sub(now), nil
	}
	return true, 0, nil
}

// Amount is how much TakeSome is to take: all of Most if the rule still allows it, else what there is, but at least Least.
type Amount struct{ Least, Most int }

// TakeSome counts several at once and answers how many it took, 0 if the rule does not allow the least. ends is the end of the window.
func (l *Limiter) TakeSome(ctx context.Context, rule Rule, a Amount, key ...string) (taken int, ends time.Time, err error) {
	hashed := hash(key)
	err = l.db.Update(ctx, func(tx *sqldb.Tx) error {
		taken = 0
		var c counter
		// The row is written first: two that take at the same moment wait for each other here.
		err := tx.QueryRow(ctx, `insert into attempts (scope, key, failures, window_ends) values ($1, $2, 0, $3)
			on conflict (scope, key) do update set
			  failures = case when attempts.window_ends <= $4 then 0 else attempts.failures end,
			  window_ends = case when attempts.window_ends <= $4 then excluded.window_ends else attempts.window_ends end
			returning failures, window_ends`, rule.Scope, hashed, sqldb.Micros(tx.Now().Add(rule.Window)), sqldb.Micros(tx.Now())).
			Scan(&c.count, sqldb.Time(&c.ends))
		if err != nil {
			return err
		}
		ends = c.ends
		if left := rule.Max - int(c.count); left >= a.Least {
			taken = min(left, a.Most)
			tx.Later(`update attempts set failures = failures + $3 where scope = $1 and key = $2`, rule.Scope, hashed, taken)
		}
		return nil
	})
	return taken, ends, err
}

// Peek reports what Take would answer, without counting.
func (l *Limiter) Peek(ctx context.Context, rule Rule, key ...string) (allowed bool, retryAfter time.Duration, err error) {
	now := l.db.Now()
	c, err := l.read(ctx, rule, key)
	if err != nil {
		return false, 0, err
	}
	if c = c.at(now); c.count >= int64(rule.Max) && c.count > 0 {
		return false, c.ends.Sub(now), nil
	}
	return rule.Max > 0, 0, nil
}

// Attempt lets somebody guess: it answers 0 and counts a wrong guess in advance, or it answers how long to wait and
// counts nothing. Whoever guessed right calls Reset. Counting first is what keeps a thousand parallel guesses from
// all being the first.
func (l *Limiter) Attempt(ctx context.Context, rule Rule, key ...string) (wait time.Duration, err error) {
	hashed := hash(key)
	err = l.db.Update(ctx, func(tx *sqldb.Tx) error {
		now := tx.Now()
		var c counter
		// The update changes nothing; it holds the row until the transaction ends.
		err := tx.QueryRow(ctx, `insert into attempts (scope, key, failures, window_ends) values ($1, $2, 0, $3)
			on conflict (scope, key) do update set failures = attempts.failures
			returning failures, window_ends`, rule.Scope, hashed, sqldb.Micros(now.Add(rule.Window))).
			Scan(&c.count, sqldb.Time(&c.ends))
		if err != nil {
			return err
		}
		c = c.at(now)
		if wait = c.wait(rule, now); wait > 0 {
			return nil
		}
		tx.Later("update attempts set failures = $1, window_ends = $2 where scope = $3 and key = $4",
			c.count+1, sqldb.Micros(now.Add(rule.Window)), rule.Scope, hashed)
		return nil
	})
	return wait, err
}

// GiveBack takes back what the last Attempt counted, where nothing was guessed after all.
func (l *Limiter) GiveBack(ctx context.Context, rule Rule, key ...string) error {
	_, err := l.db.Exec(ctx, "update attempts set failures = failures - 1 where scope = $1 and key = $2 and failures > 0", rule.Scope, hash(key))
	return err
}

// Reset forgets what was counted, after success.
func (l *Limiter) Reset(ctx context.Context, rule Rule, key ...string) error {
	_, err := l.db.Exec(ctx, "delete from attempts where scope = $1 and key = $2", rule.Scope, hash(key))
	return err
}

func (l *Limiter) read(ctx context.Context, rule Rule, key []string) (c counter, err error) {
	err = l.db.QueryRow(ctx, "select failures, window_ends from attempts where scope = $1 and key = $2", rule.Scope, hash(key)).
		Scan(&c.count, sqldb.Time(&c.ends))
	if errors.Is(err, sqldb.ErrNoRows) {
		return counter{}, nil
	}
	return c, err
}

const purgeBatch = 500

// Purge deletes counters whose window is over, in small batches. Any number of nodes may call it, now and then.
func (l *Limiter) Purge(ctx context.Context) error {
	for {
		n, err := l.db.Exec(ctx, `with over as materialized (
			  select scope, key from attempts where window_ends <= $1 order by window_ends limit $2)
			delete from attempts where window_ends <= $1 and (scope, key) in (select scope, key from over)`,
			sqldb.Micros(l.db.Now()), purgeBatch)
		if err != nil || n < purgeBatch {
			return err
		}
	}
}
