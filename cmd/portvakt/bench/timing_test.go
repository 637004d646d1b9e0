package bench

import (
	"math"
	"testing"
)

// The figures are scipy.stats.mannwhitneyu(x, y, method="asymptotic", use_continuity=False)'s.
func TestRanks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		x, y     []float64
		apart, p float64
	}{
		{[]float64{1, 2, 3, 4, 5}, []float64{6, 7, 8, 9, 10}, 0, 0.009023},
		{[]float64{6, 7, 8, 9, 10}, []float64{1, 2, 3, 4, 5}, 1, 0.009023},
		{[]float64{1, 4, 5, 8}, []float64{2, 3, 6, 7}, 0.5, 1},
	} {
		apart, p := ranks(c.x, c.y)
		if math.Abs(apart-c.apart) > 1e-6 || math.Abs(p-c.p) > 1e-5 {
			t.Errorf("%v and %v: %f, %f; want %f, %f", c.x, c.y, apart, p, c.apart, c.p)
		}
	}
}
