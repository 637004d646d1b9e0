package testenv

import (
	"testing"
	"time"
)

// betweenTries is how long Within waits before it asks again.
const betweenTries = 10 * time.Millisecond

// Within asks until the answer is yes. It gives up when the limit is over and it has asked as often as an idle machine would
// have within the limit: one that is busy with other tests is not a product that is late.
func Within(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	began := time.Now()
	for tries := 1; !ok(); tries++ {
		if time.Since(began) > limit && tries > int(limit/betweenTries) {
			t.Fatalf("not within %s: %s", limit, what)
		}
		time.Sleep(betweenTries)
	}
}
