package sqldb

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
	}
	return false
}
