package authz

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestBitset compares sets of many words with plain lists.
func TestBitset(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	for range 20_000 {
		n := 1 + r.IntN(400)
		a, b := newBitset(n), newBitset(n)
		var inA []int32
		both := map[int32]bool{}
		for i := range int32(n) {
			if r.IntN(20) == 0 {
				a.set(i)
				inA = append(inA, i)
			}
			if r.IntN(20) == 0 {
				b.set(i)
				both[i] = a.has(i)
			}
		}
		if !slices.Equal(a.list(), inA) {
			t.Fatalf("%v, want %v", a.list(), inA)
		}
		lo, hi := int32(r.IntN(n)), int32(r.IntN(n+1))
		want := false
		for i := lo; i < hi; i++ {
			want = want || both[i]
		}
		if got := a.meets(b, lo, hi); got != want {
			t.Fatalf("%v and %v meet in [%d, %d): %v", inA, b.list(), lo, hi, got)
		}
	}
}
