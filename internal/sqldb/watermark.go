package sqldb

import (
	"context"
	"sync"
	"time"
)

const (
	watermarkTopic = "watermarks"
	pollEvery      = 500 * time.Millisecond
	trustFor       = 2 * time.Second
)

// Watermarks are the versions that caches compare: each change of something cached bumps its name's version in the
// changing transaction, so a cache is right as long as its version is. On PostgreSQL the versions are polled and told by
// NOTIFY; when the last poll is older than two seconds, asking reads through.
type Watermarks struct {
	db *DB

	mu       sync.RWMutex
	versions map[string]int64
	read     time.Time
	forgets  int // a reading begun before the last forget is not stored
}

func newWatermarks(db *DB) *Watermarks {
	w := &Watermarks{db: db}
	db.Subscribe(watermarkTopic, w.forget)
	return w
}

// Watermarks gives the database's versions.
func (db *DB) Watermarks() *Watermarks { return db.watermarks }

// Bump raises the version of name in this transaction; all nodes see it within a second.
func (tx *Tx) Bump(name string) {
	tx.Later("insert into watermarks (name, version) values ($1, 1) on conflict (name) do update set version = watermarks.version + 1", name)
	tx.Notify(watermarkTopic)
}

// Version is the present version of name, 0 before the first bump. Without PollEvery running it reads through whenever
// the last reading is too old, which is always right and only slower.
func (w *Watermarks) Version(ctx context.Context, name string) (int64, error) {
	w.mu.RLock()
	v, fresh := w.versions[name], w.fresh()
	w.mu.RUnlock()
	if fresh {
		return v, nil
	}
	if err := w.Refresh(ctx); err != nil {
		return 0, err
	}
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.versions[name], nil
}

// fresh: one process serves a SQLite file, so there its own bumps are all there is.
func (w *Watermarks) fresh() bool {
	return !w.read.IsZero() && (w.db.engine == SQLite || time.Since(w.read) < trustFor)
}

func (w *Watermarks) forget() {
	w.mu.Lock()
	w.read = time.Time{}
	w.forgets++
	w.mu.Unlock()
}

// Refresh reads all versions.
func (w *Watermarks) Refresh(ctx context.Context) error {
	began := time.Now()
	w.mu.RLock()
	forgets := w.forgets
	w.mu.RUnlock()
	rows, err := w.db.Query(ctx, "select name, version from watermarks")
	if err != nil {
		return err
	}
	defer rows.Close()
	versions := map[string]int64{}
	for rows.Next() {
		var name string
		var v int64
		if err := rows.Scan(&name, &v); err != nil {
			return err
		}
		versions[name] = v
	}
	if err := rows.Err(); err != nil {
		return err
	}
	w.mu.Lock()
	w.versions = versions
	if w.forgets == forgets {
		w.read = began
	}
	w.mu.Unlock()
	return nil
}

// Run polls until ctx ends, so that requests do not have to.
func (w *Watermarks) Run(ctx context.Context) {
	if w.db.engine == SQLite {
		return
	}
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_ = w.Refresh(ctx) // a failed poll ages the reading; Version then reads through and reports
		}
	}
}
