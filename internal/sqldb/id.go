package sqldb

import (
	"crypto/rand"
	sqldriver "database/sql/driver"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// Prefix is the word before an identifier's underscore; each noun has a type of its own, so that a user's identifier
// cannot be handed in where a membership's is asked for.
type Prefix interface{ Prefix() string }

// ID is a 16-byte UUIDv7, shown as prefix_base32. The zero ID is "none" and NULL in the store.
type ID[P Prefix] [16]byte

var base32Lower = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// ErrBadID says that a text is no identifier of the wanted kind.
var ErrBadID = errors.New("sqldb: not an identifier of this kind")

// NewID makes an identifier whose first 48 bits are the time (RFC 9562 §5.7), the rest random.
func NewID[P Prefix](now time.Time) ID[P] {
	var id ID[P]
	_, _ = rand.Read(id[:]) // crypto/rand never fails since Go 1.24
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now.UnixMilli()))
	copy(id[:6], ms[2:])
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id
}

// ParseID reads what String wrote, and nothing else: no other case, no spare bits, no other prefix. It allocates nothing.
func ParseID[P Prefix](s string) (ID[P], error) {
	var id ID[P]
	var p P
	prefix := p.Prefix()
	if len(s) != len(prefix)+1+textSize || s[:len(prefix)] != prefix || s[len(prefix)] != '_' {
		return id, ErrBadID
	}
	n, bits, left := 0, 0, uint32(0)
	for i := len(prefix) + 1; i < len(s); i++ {
		switch c := s[i]; {
		case '0' <= c && c <= '9':
			left = left<<5 | uint32(c-'0')
		case 'a' <= c && c <= 'v':
			left = left<<5 | uint32(c-'a'+10)
		default:
			return ID[P]{}, ErrBadID
		}
		if bits += 5; bits >= 8 {
			bits -= 8
			id[n] = byte(left >> bits)
			n, left = n+1, left&(1<<bits-1)
		}
	}
	if left != 0 || id.IsZero() { // spare bits
		return ID[P]{}, ErrBadID
	}
	return id, nil
}

// textSize is how many characters 16 bytes are in base32.
const textSize = 26

// IsZero reports whether it is no identifier.
func (id ID[P]) IsZero() bool { return id == ID[P]{} }

// String is the outside form; "" for the zero ID.
func (id ID[P]) String() string {
	if id.IsZero() {
		return ""
	}
	var p P
	out := make([]byte, 0, 32)
	out = append(out, p.Prefix()...)
	out = append(out, '_')
	return string(base32Lower.AppendEncode(out, id[:]))
}

// MarshalText writes the outside form.
func (id ID[P]) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads the outside form; the empty text is the zero ID.
func (id *ID[P]) UnmarshalText(b []byte) (err error) {
	if len(b) == 0 {
		*id = ID[P]{}
		return nil
	}
	*id, err = ParseID[P](string(b))
	return err
}

// Value is the stored form for SQLite.
func (id ID[P]) Value() (sqldriver.Value, error) {
	if id.IsZero() {
		return nil, nil
	}
	return id[:], nil
}

// Scan reads the stored form of SQLite.
func (id *ID[P]) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*id = ID[P]{}
		return nil
	case []byte:
		if len(v) == len(id) {
			copy(id[:], v)
			return nil
		}
	}
	return fmt.Errorf("sqldb: cannot read an identifier from %T", src)
}

// UUIDValue is the stored form for PostgreSQL.
func (id ID[P]) UUIDValue() (pgtype.UUID, error) {
	return pgtype.UUID{Bytes: id, Valid: !id.IsZero()}, nil
}

// ScanUUID reads the stored form of PostgreSQL.
func (id *ID[P]) ScanUUID(v pgtype.UUID) error {
	*id = ID[P]{}
	if v.Valid {
		*id = v.Bytes
	}
	return nil
}
