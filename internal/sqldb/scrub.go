package sqldb

import "context"

// Scrub has the files hold nothing any more that was deleted or overwritten before. SQLite overwrites it with zeros when it
// goes (secure_delete), but the log beside the file still holds the pages of before. PostgreSQL gives room back by vacuuming,
// which it does by itself.
func (db *DB) Scrub(ctx context.Context) error {
	if db.engine != SQLite {
		return nil
	}
	_, err := db.Exec(ctx, "pragma wal_checkpoint(truncate)")
	return err
}
