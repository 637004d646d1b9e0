package scim_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"portvakt/scim"
)

// slowAnswer tells when it is written to, and takes what is written once nothing holds it.
type slowAnswer struct {
	*httptest.ResponseRecorder
	begun chan<- struct{}
	hold  <-chan struct{}
}

func (a slowAnswer) Write(b []byte) (int, error) {
	a.begun <- struct{}{}
	<-a.hold
	return a.ResponseRecorder.Write(b)
}

// TestNobodyTakesAll: a client that has as many requests at work as it may have waits, and is then told to come again; other
// clients, and its own bulk requests, find room meanwhile.
func TestNobodyTakesAll(t *testing.T) {
	each(t, func(w *world) {
		n := w.handler.(*scim.Handler).LanesForTest(10 * time.Millisecond)
		begun, hold, ended := make(chan struct{}), make(chan struct{}), make(chan int)
		for range n {
			go func() {
				rec, r := w.request("GET", "/Users?count=0", nil)
				w.handler.ServeHTTP(slowAnswer{rec, begun, hold}, r)
				ended <- rec.Code
			}()
			<-begun
		}
		if got := w.do("GET", "/Users?count=0", "").want(429).header.Get("Retry-After"); got == "" {
			w.t.Error("nobody says when to come again")
		}
		w.as(tokenUsers, "nordlys").do("GET", "/Users?count=0", "").want(200)
		w.as(tokenOther, "bjorkvik").do("GET", "/Users?count=0", "").want(200)
		w.bulk(op("DELETE", "/Users/1", "", "")).were("404")
		close(hold)
		for range n {
			if status := <-ended; status != 200 {
				w.t.Errorf("answered %d", status)
			}
		}
		w.do("GET", "/Users?count=0", "").want(200)
	})
}
