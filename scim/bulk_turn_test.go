package scim_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/scim"
)

// TestBulkTurns: of one organization only so many are worked on at a time; the neighbour's are not held up.
func TestBulkTurns(t *testing.T) {
	each(t, func(w *world) {
		hold := make(chan struct{})
		begun, ended := make(chan struct{}), make(chan int)
		for range 4 {
			go func() {
				rec, r := w.request("POST", "/Bulk", &slowBody{begun: begun, hold: hold, text: `{` + bulkRequest + `,"Operations":[` + op("DELETE", "/Users/1", "", "") + `]}`})
				w.handler.ServeHTTP(rec, r)
				ended <- rec.Code
			}()
			<-begun
		}
		if got := w.bulk(op("DELETE", "/Users/1", "", "")).want(http.StatusTooManyRequests).header.Get("Retry-After"); got != "2" {
			w.t.Errorf("to be tried again after %q", got)
		}
		w.as(tokenOther, "bjorkvik").bulk(op("DELETE", "/Users/1", "", "")).were("404")
		close(hold)
		for range 4 {
			if status := <-ended; status != 200 {
				w.t.Errorf("status %d", status)
			}
		}
		w.bulk(op("DELETE", "/Users/1", "", "")).were("404")
	})
}

// TestBulkMemory: what is worked on at a time is bounded by its size, for each organization and for all; what is given back is
// there for others.
func TestBulkMemory(t *testing.T) {
	t.Parallel()
	const whole, small = 4 << 20, 1
	take := scim.NewTurnsForTest(10 * time.Millisecond)
	var orgs []directory.OrganizationID
	for i := range 4 {
		orgs = append(orgs, must(directory.ParseOrganizationID(fmt.Sprintf("org_%025d0", i+1)))(t))
	}
	held := map[string]func(){}
	for i, step := range []struct {
		org, bytes, want int
		as               string
		before           string // given back first
	}{
		{org: 0, bytes: whole, as: "large"},
		{org: 0, bytes: small, want: 429}, // it has its half
		{org: 1, bytes: whole - small, as: "second"},
		{org: 2, bytes: small, want: 503}, // both halves are taken
		{org: 2, bytes: small, before: "second"},
		{org: 2, bytes: small}, {org: 2, bytes: small}, {org: 2, bytes: small},
		{org: 2, bytes: small, want: 429},                // four of one
		{org: 1, bytes: whole, want: 503},                // and its memory is full again
		{org: 1, bytes: small, before: "large", as: "x"}, // the large one's room
		{org: 3, bytes: small, as: "z"},
		{org: 1, bytes: 3 << 20, want: 503}, // what it took of its own half it gives back
		{org: 1, bytes: 3 << 20, before: "z", as: "w"},
		{org: 0, bytes: 3 * whole, want: 503, before: "w"}, // counts as what one may have, and is not there whole
		{org: 0, bytes: 3 * whole, before: "x", as: "y"},   // now it is
		{org: 3, bytes: small, want: 503},
	} {
		if step.before != "" {
			held[step.before]()
		}
		leave, status := take(orgs[step.org], step.bytes)
		if status != step.want {
			t.Fatalf("step %d: %d, want %d", i, status, step.want)
		}
		if status == 0 && step.as != "" {
			held[step.as] = leave
		}
	}
}

// TestWall071_ManyAtOnce: of thirty bulk requests at once each is done, or sent away with a word when to come again; single
// requests are answered meanwhile, and in the end everybody is there once.
func TestWall071_ManyAtOnce(t *testing.T) {
	each(t, func(w *world) {
		hold, begun := make(chan struct{}), make(chan struct{})
		var tokens, slugs []string
		for i := range 5 {
			slug := fmt.Sprintf("crowd%d", i)
			o := must(w.dir.Organizations.Create(t.Context(), directory.Organization{Slug: slug, Name: slug, Seats: directory.UnlimitedSeats}))(w.t)
			must(w.dir.ProvisioningClients.Create(t.Context(), directory.ProvisioningClient{Organization: o.ID, Name: "HR", MayUsers: true}, "token-of-"+slug))(w.t)
			tokens, slugs = append(tokens, "token-of-"+slug), append(slugs, slug)
		}
		body := func(org, i int) string {
			return `{` + bulkRequest + `,"Operations":[` + made("a", fmt.Sprintf("a%d@%d.example", i, org)) + `,` + made("b", fmt.Sprintf("b%d@%d.example", i, org)) + `]}`
		}
		var group sync.WaitGroup
		for org := range 4 { // four of four organizations are all that may be in hand
			for i := range 4 {
				group.Go(func() {
					rec, r := w.as(tokens[org], slugs[org]).request("POST", "/Bulk", &slowBody{begun: begun, hold: hold, text: body(org, i)})
					if w.handler.ServeHTTP(rec, r); rec.Code != http.StatusOK {
						w.t.Errorf("answered %d %s", rec.Code, rec.Body)
					}
				})
			}
		}
		for range 16 {
			<-begun
		}
		for org, want := range []int{429, 429, 429, 429, 503} {
			rec, r := w.as(tokens[org], slugs[org]).request("POST", "/Bulk", strings.NewReader(body(org, 9)))
			if w.handler.ServeHTTP(rec, r); rec.Code != want || rec.Header().Get("Retry-After") == "" {
				w.t.Errorf("answered %d, to come again after %q; want %d", rec.Code, rec.Header().Get("Retry-After"), want)
			}
		}
		w.create(`"userName":"single@nordlys.example"`).want(201)
		for i := range 14 { // the others come again until they are let in
			group.Go(func() {
				for {
					c := w.as(tokens[4], slugs[4])
					rec, r := c.request("POST", "/Bulk", strings.NewReader(body(4, i)))
					w.handler.ServeHTTP(rec, r)
					if rec.Code == http.StatusOK {
						return
					}
					if rec.Code != 429 && rec.Code != 503 || rec.Header().Get("Retry-After") == "" {
						w.t.Errorf("answered %d %s", rec.Code, rec.Body)
						return
					}
					time.Sleep(time.Millisecond)
				}
			})
		}
		close(hold)
		group.Wait()
		for org, want := range []float64{8, 8, 8, 8, 28} {
			w.as(tokens[org], slugs[org]).do("GET", "/Users?count=0", "").want(200).is(want, "totalResults")
		}
	})
}
