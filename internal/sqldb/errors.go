package sqldb

import (
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// IsUnique reports whether err is the violation of a unique constraint or primary key.
func IsUnique(err error) bool {
	if err == nil {
		return false
	}
	switch sqliteCode(err) {
	case 2067, 1555: // SQLITE_CONSTRAINT_UNIQUE, SQLITE_CONSTRAINT_PRIMARYKEY
		return true
	}
	return pgCode(err) == "23505" // unique_violation
}

// isRetryable reports whether running the transaction again may succeed.
func isRetryable(err error) bool {
	switch sqliteCode(err) & 0xff {
	case 5: // SQLITE_BUSY
		return true
	}
	switch pgCode(err) {
	case "40001", "40P01": // serialization_failure, deadlock_detected
		return true
	case "23503": // foreign_key_violation: what was there when it was looked at has been removed meanwhile; look again
		return true
	}
	return false
}

// IsUnavailable reports whether err says that the database cannot be reached or takes nobody at present: trying again in
// a moment makes sense, and nothing is wrong with the request.
func IsUnavailable(err error) bool {
	if err == nil {
		return false
	}
	var connect *pgconn.ConnectError
	var network net.Error
	if errors.As(err, &connect) || errors.As(err, &network) && network.Timeout() {
		return true
	}
	var operation *net.OpError
	if errors.As(err, &operation) || errors.Is(err, io.ErrUnexpectedEOF) {
		return true
	}
	switch code := pgCode(err); code {
	case "57P01", "57P02", "57P03", "53300": // admin_shutdown, crash_shutdown, cannot_connect_now, too_many_connections
		return true
	default:
		return strings.HasPrefix(code, "08") || sqliteCode(err)&0xff == 5 // connection exceptions; SQLITE_BUSY
	}
}
