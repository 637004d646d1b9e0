package scim

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/secret"
)

// The scimTypes of RFC 9865 §2.1.
const (
	invalidCursor = "invalidCursor"
	expiredCursor = "expiredCursor"
	invalidCount  = "invalidCount"
)

// cursorTimeout is how long a cursor can be used.
const cursorTimeout = time.Hour

// cursor is a place between two resources of a query's answer, and the way to go on from there (RFC 9865 §2). Nothing is kept
// of it here: it goes to the client sealed.
//
// Invariant: it opens for the client, the organization and the query that it was made for, and before its end, only
// (TestWall070_TamperedAndForeignCursors).
type cursor struct {
	Type    string `json:"t"` // of the resource
	At      []byte `json:"i"` // its identifier
	Created int64  `json:"c,omitempty"`
	Text    string `json:"k,omitempty"`
	Back    bool   `json:"b,omitempty"` // towards the beginning
	Total   int64  `json:"n"`           // of the resources, when the first page was asked for
	Expires int64  `json:"e"`
}

// binding is what a cursor is sealed for: another client, organization or query cannot open it. The number of resources and
// their attributes may change from page to page.
func (x *exchange) binding(where string) string {
	a := &x.asked
	text, _ := json.Marshal([]string{x.client.Organization.String(), x.client.ID.String(), where, a.filter, strings.ToLower(a.sortBy), strings.ToLower(a.sortOrder)})
	sum := sha256.Sum256(text)
	return "scim cursor " + string(sum[:])
}

// cursors seals and opens them.
type cursors struct {
	keys *secret.Keys
	now  func() time.Time
}

// seal is a cursor as clients see it, of unreserved characters (RFC 3986 §2.3).
func (s cursors) seal(binding string, c cursor) (string, error) {
	c.Expires = s.now().Add(cursorTimeout).UnixMicro()
	plain, err := json.Marshal(c)
	return base64.RawURLEncoding.EncodeToString(s.keys.Seal(binding, plain)), err
}

// maxCursor is longer than any that we make.
const maxCursor = 16 << 10

func (s cursors) open(binding, text string) (c cursor, err error) {
	bad := refuse(http.StatusBadRequest, invalidCursor, "The cursor is none of this query's")
	if len(text) > maxCursor {
		return c, bad
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return c, bad
	}
	plain, err := s.keys.Open(binding, sealed)
	if err != nil || json.Unmarshal(plain, &c) != nil || len(c.At) != len(directory.MembershipID{}) {
		return c, bad
	}
	if s.now().UnixMicro() >= c.Expires {
		return c, refuse(http.StatusBadRequest, expiredCursor, "The cursor has expired; begin with the first page")
	}
	return c, nil
}

// cursorBeside is the cursor that goes on behind, or back from, a position.
func cursorBeside(t *resourceType, p directory.Position, back bool, total int64) cursor {
	c := cursor{Type: t.name, At: p.ID[:], Text: p.Text, Back: back, Total: total}
	if !p.Created.IsZero() {
		c.Created = p.Created.UnixMicro()
	}
	return c
}

func (c cursor) position() *directory.Position {
	p := &directory.Position{Text: c.Text, ID: directory.MembershipID(c.At)}
	if c.Created != 0 {
		p.Created = time.UnixMicro(c.Created).UTC()
	}
	return p
}
