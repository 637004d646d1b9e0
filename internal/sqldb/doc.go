// Package sqldb is the one place that knows that there are two engines: PostgreSQL by native pgx, SQLite by
// database/sql and a pure Go driver. Everybody else writes one SQL text with $1…$n and gets the same answers from both.
//
// Invariants:
//   - Update is the only way to begin a transaction. Its function may run twice (serialization failure, deadlock).
//   - After a failed statement a transaction refuses every further one, on both engines; so it does while a result set
//     is open.
//   - Time is int64 microseconds UTC in the store; a transaction has one fixed Now; tests own the clock.
//   - Identifiers are 16-byte UUIDv7; the zero identifier and the zero time are NULL.
//   - SQLite has one writer (begin immediate, WAL) and many readers; one process at a time serves a file.
package sqldb
