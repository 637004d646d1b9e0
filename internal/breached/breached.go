// Package breached asks a file of passwords from data breaches, which the operator has made of a public list
// (portvakt passwords filter). The file holds the first bits of each password's SHA-1, sorted: about 3.1 bytes for a
// password, so a list of 900 million is 2.8 GB, of 100,000 it is 0.3 MB. It is read where it is asked, two pieces for a
// question; nothing of it is kept in memory.
//
// A password of the list is always found. One that is not is found by mistake once in 65,000 times.
package breached

import (
	"bytes"
	"crypto/sha1" // what the public lists hold; nothing is protected by it
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sort"
)

// The file: magic, number of passwords, number of bits that choose a bucket, the place of each bucket's first entry and of
// the end, then the entries: the 24 bits behind the bucket's, ascending.
const (
	magic      = "portvakt breached passwords 1\n\x00\x00"
	headerSize = len(magic) + 16
	entrySize  = 3
	inBucket   = 256 // at most, on average
)

// Filter is an open file.
type Filter struct {
	file *os.File
	bits uint
	n    uint64
}

// ErrNoFilter says that a file is none, or not whole.
var ErrNoFilter = errors.New("not a whole file of breached passwords; make it with: portvakt passwords filter")

// Open opens a file and checks that it is whole.
func Open(path string) (*Filter, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	filter, err := read(f)
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return filter, nil
}

func read(f *os.File) (*Filter, error) {
	header := make([]byte, headerSize)
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if _, err := f.ReadAt(header, 0); err != nil || !bytes.HasPrefix(header, []byte(magic)) {
		return nil, ErrNoFilter
	}
	n, bits := binary.BigEndian.Uint64(header[len(magic):]), binary.BigEndian.Uint64(header[len(magic)+8:])
	if bits > 40 || n > 1<<40 || uint64(info.Size()) != uint64(headerSize)+(1<<bits+1)*8+n*entrySize {
		return nil, ErrNoFilter
	}
	return &Filter{file: f, bits: uint(bits), n: n}, nil
}

// Close closes the file.
func (f *Filter) Close() error { return f.file.Close() }

// Len is how many passwords the file holds.
func (f *Filter) Len() uint64 { return f.n }

// Has reports whether the password is in the file.
func (f *Filter) Has(password string) (bool, error) {
	sum := sha1.Sum([]byte(password))
	bucket, entry := split(binary.BigEndian.Uint64(sum[:8]), f.bits)
	var ends [16]byte
	if _, err := f.file.ReadAt(ends[:], int64(uint64(headerSize)+bucket*8)); err != nil {
		return false, err
	}
	from, to := binary.BigEndian.Uint64(ends[:8]), binary.BigEndian.Uint64(ends[8:])
	if from > to || to > f.n || to-from > 1<<20 {
		return false, fmt.Errorf("bucket %d: %w", bucket, ErrNoFilter)
	}
	if from == to {
		return false, nil
	}
	entries := make([]byte, (to-from)*entrySize)
	if _, err := f.file.ReadAt(entries, int64(uint64(headerSize)+(1<<f.bits+1)*8+from*entrySize)); err != nil {
		return false, err
	}
	n := int(to - from)
	i := sort.Search(n, func(i int) bool { return entryAt(entries, i) >= entry })
	return i < n && entryAt(entries, i) == entry, nil
}

// split cuts the first 64 bits of a SHA-1 into the bucket and the entry in it.
func split(key uint64, bits uint) (bucket uint64, entry uint32) {
	if bits > 0 {
		bucket = key >> (64 - bits)
	}
	return bucket, uint32(key << bits >> 40)
}

func entryAt(entries []byte, i int) uint32 {
	e := entries[i*entrySize:]
	return uint32(e[0])<<16 | uint32(e[1])<<8 | uint32(e[2])
}
