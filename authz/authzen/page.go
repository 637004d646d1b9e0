package authzen

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"time"

	"portvakt/authz"
	"portvakt/internal/fault"
)

// What is wrong with a page.
var (
	errPage    = fault.New(fault.Invalid, "bad_page", "The page token is not one of this question").On("page.token")
	errLimit   = fault.New(fault.Invalid, "bad_limit", "It has to be a whole number, not below 0").On("page.limit")
	errVersion = fault.New(fault.Stale, "version_changed", "The answer has changed since its first page; begin again").On("page.token")
)

// place is where a page begins: behind the result of an id. Pages of a filter belong to one version of it; its until says
// when the clock ends it.
type place struct {
	limit   int
	after   [16]byte
	kind    byte // what the id is of; 0: the beginning
	version int64
	until   time.Time
}

const (
	placeSize = 4 + 1 + 16 + 8 + 8
	macSize   = 16
)

var base64url = base64.RawURLEncoding.Strict()

// token seals a place to the caller, the organization and the question: all that may not change between pages (§8.2.1). It
// is the same text for the same place, so the same request is answered the same.
//
// Invariant: a token that was altered, or belongs to another question, caller or organization, is refused
// (TestPageTokensAreBound).
func (x *exchange) token(p place, bound []byte) string {
	raw := make([]byte, 0, placeSize+macSize)
	raw = binary.BigEndian.AppendUint32(raw, uint32(p.limit))
	raw = append(raw, p.kind)
	raw = append(raw, p.after[:]...)
	raw = binary.BigEndian.AppendUint64(raw, uint64(p.version))
	raw = binary.BigEndian.AppendUint64(raw, uint64(micros(p.until)))
	return base64url.EncodeToString(append(raw, x.mac(raw, bound)...))
}

func (x *exchange) mac(raw, bound []byte) []byte {
	m := hmac.New(sha256.New, x.h.pages)
	m.Write(raw)
	m.Write(x.org[:])
	writeText(m, x.caller.ClientID)
	m.Write(bound)
	return m.Sum(nil)[:macSize]
}

// from is where the wanted page begins, with the limit that holds.
func (x *exchange) from(p *page, bound []byte, standard, most int) (place, error) {
	switch {
	case p.given == wrong:
		return place{}, badKind("page", "an object")
	case p.token.given == wrong:
		return place{}, badKind("page.token", "a text")
	case p.wrong:
		return place{}, errLimit
	}
	limit := min(p.limit, most)
	if p.token.value == "" {
		if limit < 0 {
			limit = standard
		}
		return place{limit: limit, version: x.snapshot.Version()}, nil
	}
	raw, err := base64url.DecodeString(p.token.value)
	if err != nil || len(raw) != placeSize+macSize || !hmac.Equal(raw[placeSize:], x.mac(raw[:placeSize], bound)) {
		return place{}, errPage
	}
	at := place{limit: int(binary.BigEndian.Uint32(raw)), kind: raw[4], after: [16]byte(raw[5:21]),
		version: int64(binary.BigEndian.Uint64(raw[21:])), until: moment(int64(binary.BigEndian.Uint64(raw[29:])))}
	if limit >= 0 && limit != at.limit {
		return place{}, errPage
	}
	return at, nil
}

// current refuses a page of an answer that has changed since its first one.
func (x *exchange) current(p place) error {
	if p.version != x.snapshot.Version() || !p.until.IsZero() && !x.now.Before(p.until) {
		return errVersion
	}
	return nil
}

// bind is the question that a token belongs to, as it is compared.
func bind(what string, r *request, q *authz.Question) []byte {
	h := sha256.New()
	for _, part := range []string{what, r.subject.kind.value, q.Action, q.Module, q.Segment, q.Field, r.resource.owner.value, r.resource.newOwner.value} {
		writeText(h, part)
	}
	h.Write(q.Subject[:])
	return h.Sum(nil)
}

// writeText writes a text with its length before it, so that ("ab", "c") is not ("a", "bc").
func writeText(h hash.Hash, s string) {
	var length [4]byte
	binary.BigEndian.PutUint32(length[:], uint32(len(s)))
	h.Write(length[:])
	h.Write([]byte(s))
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func moment(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros)
}
