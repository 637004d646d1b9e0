package audit

import (
	"crypto/sha256"
	"encoding/binary"
)

// Installation is the name of the chain of what belongs to no organization; every other chain has its organization's id.
const Installation = "installation"

const saltSize = 16

// stored is an entry as a row.
type stored struct {
	id           EntryID
	organization organizationID
	at           int64 // microseconds
	actorKind    string
	actorID      string
	behalf       string
	action       string
	object       string
	detail       string
	requestID    string
	address      string
	userAgent    string
	person       string
	sealed       []byte
	salt         []byte
	origin       []byte // the hash of the three before, once they were erased
	position     int64
	link         []byte
}

func (e *stored) chain() string { return chainOf(e.organization) }

func chainOf(organization organizationID) string {
	if organization.IsZero() {
		return Installation
	}
	return organization.String()
}

// genesis is what the first entry of a chain is linked to.
func genesis(chain string) []byte {
	sum := sha256.Sum256([]byte("portvakt audit chain 1\n" + chain))
	return sum[:]
}

// originHash stands for address and user agent in the chain, so that they can be erased without breaking it. The salt
// goes with them: without it, the few billion addresses that there are could be tried.
func (e *stored) originHash() []byte {
	if e.origin != nil {
		return e.origin
	}
	var b []byte
	for _, part := range [][]byte{e.salt, []byte(e.address), []byte(e.userAgent)} {
		b = appendPart(b, part)
	}
	sum := sha256.Sum256(b)
	return sum[:]
}

// linkTo is the hash over all that an entry says and, through previous, over all entries before it.
func (e *stored) linkTo(previous []byte, position int64) []byte {
	number := func(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }
	organization := e.organization[:]
	if e.organization.IsZero() {
		organization = nil
	}
	b := append(make([]byte, 0, 1024), previous...)
	for _, part := range [][]byte{
		number(position), e.id[:], organization, number(e.at), []byte(e.actorKind), []byte(e.actorID), []byte(e.behalf), []byte(e.action),
		[]byte(e.object), []byte(e.detail), []byte(e.requestID), e.originHash(), []byte(e.person), e.sealed,
	} {
		b = appendPart(b, part)
	}
	sum := sha256.Sum256(b)
	return sum[:]
}

// appendPart puts a part's length before it, so that no two entries have one encoding.
func appendPart(b, part []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(part)))
	return append(b, part...)
}
