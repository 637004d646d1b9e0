package authz

import "math/bits"

// bitset is a set of small numbers. All sets over the same things have the same length.
type bitset []uint64

func newBitset(n int) bitset { return make(bitset, (n+63)/64) }

func (b bitset) has(i int32) bool { return b[i>>6]&(1<<(i&63)) != 0 }

func (b bitset) set(i int32) { b[i>>6] |= 1 << (i & 63) }

// add puts all of c into b.
func (b bitset) add(c bitset) {
	for i, w := range c {
		b[i] |= w
	}
}

// list is what is in the set, from the least.
func (b bitset) list() []int32 {
	var out []int32
	for i, w := range b {
		for ; w != 0; w &= w - 1 {
			out = append(out, int32(i<<6+bits.TrailingZeros64(w)))
		}
	}
	return out
}

// meets reports whether b and c have something in common from lo on and before hi.
func (b bitset) meets(c bitset, lo, hi int32) bool {
	if lo >= hi {
		return false
	}
	first, last := lo>>6, (hi-1)>>6
	head, tail := ^uint64(0)<<(lo&63), ^uint64(0)>>(63-(hi-1)&63)
	if first == last {
		return b[first]&c[first]&head&tail != 0
	}
	if b[first]&c[first]&head != 0 || b[last]&c[last]&tail != 0 {
		return true
	}
	for i := first + 1; i < last; i++ {
		if b[i]&c[i] != 0 {
			return true
		}
	}
	return false
}

func (b bitset) clear(i int32) { b[i>>6] &^= 1 << (i & 63) }
