package sqldb

import "time"

// Elapsed is how long the database has been open: a clock that only goes forwards, for what may be trusted for so long
// and no longer. Neither the domain's clock nor somebody who sets the machine's moves it.
func (db *DB) Elapsed() time.Duration { return time.Since(db.opened) }
