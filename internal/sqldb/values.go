package sqldb

import (
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// Micros is a time as stored: microseconds since 1970 UTC; the zero time is NULL.
func Micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// Time scans a stored time into t; NULL becomes the zero time.
func Time(t *time.Time) any { return (*timeScanner)(t) }

type timeScanner time.Time

// Scan implements sql.Scanner.
func (s *timeScanner) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*s = timeScanner{}
	case int64:
		*s = timeScanner(time.UnixMicro(v).UTC())
	default:
		return fmt.Errorf("sqldb: cannot read a time from %T", src)
	}
	return nil
}

// ScanInt64 is Scan for PostgreSQL, which need not put the number into a value of its own for it.
func (s *timeScanner) ScanInt64(v pgtype.Int8) error {
	if *s = (timeScanner{}); v.Valid {
		*s = timeScanner(time.UnixMicro(v.Int64).UTC())
	}
	return nil
}

// Text is a text as stored where "" means NULL.
func Text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// NullText scans a text that may be NULL into s; NULL becomes "".
func NullText(s *string) any { return (*textScanner)(s) }

type textScanner string

// Scan implements sql.Scanner.
func (s *textScanner) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*s = ""
	case string:
		*s = textScanner(v)
	case []byte:
		*s = textScanner(v)
	default:
		return fmt.Errorf("sqldb: cannot read a text from %T", src)
	}
	return nil
}

// ScanText is Scan for PostgreSQL, likewise.
func (s *textScanner) ScanText(v pgtype.Text) error {
	*s = textScanner(v.String)
	return nil
}
