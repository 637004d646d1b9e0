package directory_test

import (
	"crypto/sha256"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// asked are n requests of a client, a second apart, beginning at a moment.
func asked(c directory.ProvisioningClient, from time.Time, n, status int) (out []directory.NewProvisioningRequest) {
	for i := range n {
		var r directory.NewProvisioningRequest
		r.Client, r.At, r.Method, r.Path, r.Status = c.ID, from.Add(time.Duration(i)*time.Second), "GET", "/Users", status
		r.RequestID = fmt.Sprintf("r%d", i)
		out = append(out, r)
	}
	return out
}

func (h house) requests(t *testing.T, q directory.ProvisioningRequestQuery) []directory.ProvisioningRequest {
	t.Helper()
	return must(h.ProvisioningLog.List(ctx, h.home.ID, q))(t)
}

// TestProvisioningRequestsAreListed: everything comes back as it was kept, the newest first, page by page, by client, object,
// class and whether it was refused.
func TestProvisioningRequestsAreListed(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		c := h.hr(t)
		payroll := must(h.ProvisioningClients.Create(ctx, directory.ProvisioningClient{Organization: h.home.ID, Name: "Payroll", MayUsers: true}, "payroll-token"))(t)
		full := directory.ProvisioningRequest{Client: c.ID, At: clock.Now(), Duration: 1500 * time.Microsecond, RequestID: "abc", Method: "PATCH",
			Path: "/Users/mbr_x", Query: "attributes=id", Status: 400, Code: "invalidValue", Reason: "active has to be true or false", Object: "mbr_x",
			Changed: []string{"title"}, Address: "192.0.2.7", UserAgent: "HR/1.0", Shape: "{active: text 2}", Operations: 2,
			Failed: []directory.FailedOperation{{Number: 2, Method: "POST", Path: "/Users", Status: 409, Code: "uniqueness", Reason: "taken"}}}
		all := append(asked(c, clock.Now().Add(time.Minute), 5, 200), directory.NewProvisioningRequest{ProvisioningRequest: full, Use: use("first-token")})
		all = append(all, asked(payroll, clock.Now().Add(time.Hour), 3, 503)...)
		if err := h.ProvisioningLog.Keep(ctx, all, nil); err != nil {
			t.Fatal(err)
		}
		got := h.requests(t, directory.ProvisioningRequestQuery{Object: "mbr_x"})
		if len(got) != 1 {
			t.Fatalf("by object: %+v", got)
		}
		full.ID, full.Organization, full.Token = got[0].ID, h.home.ID, must(h.ProvisioningClients.Tokens(ctx, h.home.ID, c.ID))(t)[0].ID
		if !reflect.DeepEqual(got[0], full) {
			t.Errorf("kept %+v\nread %+v", full, got[0])
		}
		for what, q := range map[string]struct {
			q directory.ProvisioningRequestQuery
			n int
		}{
			"all":             {directory.ProvisioningRequestQuery{}, 9},
			"client":          {directory.ProvisioningRequestQuery{Client: payroll.ID}, 3},
			"refused":         {directory.ProvisioningRequestQuery{Refused: true}, 4},
			"refused, client": {directory.ProvisioningRequestQuery{Refused: true, Client: c.ID}, 1},
			"class 2":         {directory.ProvisioningRequestQuery{Class: 2}, 5},
			"class 5":         {directory.ProvisioningRequestQuery{Class: 5, Client: c.ID}, 0},
			"class 9":         {directory.ProvisioningRequestQuery{Class: 9}, 0},
		} {
			if got := h.requests(t, q.q); len(got) != q.n {
				t.Errorf("%s: %d, want %d", what, len(got), q.n)
			}
		}
		var paged []directory.ProvisioningRequest
		q := directory.ProvisioningRequestQuery{Limit: 2}
		for page := h.requests(t, q); len(page) > 0; page = h.requests(t, q) {
			paged = append(paged, page...)
			q.After = &directory.ProvisioningRequestPlace{At: page[len(page)-1].At, ID: page[len(page)-1].ID}
		}
		if whole := h.requests(t, directory.ProvisioningRequestQuery{}); !reflect.DeepEqual(paged, whole) || whole[0].Client != payroll.ID || !whole[0].At.After(whole[1].At) {
			t.Errorf("pages %+v\nwhole %+v", paged, whole)
		}
	})
}

func use(token string) directory.TokenUse { return sha256.Sum256([]byte(token)) }

// TestTheRequestLogKnowsEndedTokens: what came with a token that has ended is its client's; what came with any other is nobody's.
func TestTheRequestLogKnowsEndedTokens(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		c := h.hr(t)
		must(h.ProvisioningClients.Rotate(ctx, h.home.ID, c.ID, directory.Renewal{}))(t)
		all := asked(directory.ProvisioningClient{}, clock.Now(), 3, 401)
		all[0].Use, all[1].Use = use("first-token"), use("a stranger's")
		if err := h.ProvisioningLog.Keep(ctx, all, nil); err != nil {
			t.Fatal(err)
		}
		if got := h.requests(t, directory.ProvisioningRequestQuery{}); len(got) != 1 || got[0].Client != c.ID || got[0].Organization != h.home.ID || got[0].Token.IsZero() {
			t.Errorf("kept %+v", got)
		}
	})
}

// TestWall125_TheRequestLogOfTheNeighbour: an organization sees nothing of another one's, whatever it names; and a request is
// kept where its client belongs, whatever the caller says.
func TestWall125_TheRequestLogOfTheNeighbour(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		c := h.hr(t)
		all := asked(c, clock.Now(), 3, 400)
		for i := range all {
			all[i].Organization, all[i].Object = h.another.ID, "mbr_x"
		}
		if err := h.ProvisioningLog.Keep(ctx, all, map[directory.ProvisioningClientID]int64{c.ID: 7}); err != nil {
			t.Fatal(err)
		}
		for what, q := range map[string]directory.ProvisioningRequestQuery{"all": {}, "by client": {Client: c.ID}, "by object": {Object: "mbr_x"},
			"after": {After: &directory.ProvisioningRequestPlace{At: clock.Now().Add(time.Hour), ID: h.requests(t, directory.ProvisioningRequestQuery{})[0].ID}}} {
			if got := must(h.ProvisioningLog.List(ctx, h.another.ID, q))(t); len(got) != 0 {
				t.Errorf("%s: the neighbour sees %+v", what, got)
			}
		}
		if mine, theirs := must(h.ProvisioningLog.Missed(ctx, h.home.ID))(t), must(h.ProvisioningLog.Missed(ctx, h.another.ID))(t); mine[c.ID] != 7 || len(theirs) != 0 {
			t.Errorf("missed: %v, to the neighbour %v", mine, theirs)
		}
	})
}

// TestWall139_TheRequestLogStaysBounded: thirty writers on two nodes leave as many rows of a client as are kept, at every moment,
// and they are the newest; refusals are not pushed out by what was answered.
func TestWall139_TheRequestLogStaysBounded(t *testing.T) {
	t.Parallel()
	for engine, url := range testenv.URLs(t) {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			clock := testenv.NewClock()
			cfg := sqldb.Config{URL: url(t), Clock: clock.Now, MaxConnections: 10}
			db := testenv.Open(t, cfg)
			h := newHouse(t, db, directory.UnlimitedSeats)
			nodes := []directory.ProvisioningLog{h.ProvisioningLog, directory.New(testenv.Open(t, cfg)).ProvisioningLog}
			a := h.hr(t)
			b := must(h.ProvisioningClients.Create(ctx, directory.ProvisioningClient{Organization: h.another.ID, Name: "HR", MayUsers: true}, "second-token"))(t)
			if err := h.ProvisioningLog.Keep(ctx, asked(a, clock.Now(), 3, 400), nil); err != nil {
				t.Fatal(err)
			}
			const most = directory.ProvisioningRequestsKept
			counts := atOnce(30, func(i int) error {
				from := clock.Now().Add(time.Duration(i) * time.Minute)
				both := append(asked(a, from, 60, 200), asked(b, from, 40, 200)...)
				if i%2 == 0 { // the other way round
					both = append(asked(b, from, 40, 200), asked(a, from, 60, 200)...)
				}
				if err := nodes[i%2].Keep(ctx, both, map[directory.ProvisioningClientID]int64{a.ID: 1}); err != nil {
					return err
				}
				var n int64
				if err := db.QueryRow(ctx, `select count(*) from provisioning_requests where client_id = $1`, a.ID).Scan(&n); err != nil {
					return err
				}
				if n > most+3 {
					return fmt.Errorf("%d rows", n)
				}
				return nil
			})
			if counts[""] != 30 {
				t.Errorf("outcomes %v", counts)
			}
			got := h.requests(t, directory.ProvisioningRequestQuery{Limit: 1000})
			if len(got) != most+3 || !got[most].Refused() {
				t.Fatalf("%d requests", len(got))
			}
			if oldest := clock.Now().Add(21*time.Minute + 40*time.Second); !got[0].At.Equal(clock.Now().Add(29*time.Minute+59*time.Second)) || !got[most-1].At.Equal(oldest) {
				t.Errorf("from %s to %s", got[most-1].At, got[0].At)
			}
			if n := must(h.ProvisioningLog.Missed(ctx, h.home.ID))(t)[a.ID]; n != 30 {
				t.Errorf("missed %d", n)
			}
			if got := must(h.ProvisioningLog.List(ctx, h.another.ID, directory.ProvisioningRequestQuery{Limit: 1000}))(t); len(got) != most {
				t.Errorf("%d requests of the other client", len(got))
			}
		})
	}
}

// TestTheRequestLogForgets: a month's requests and no more, also where nobody calls; a client that is removed takes its own along,
// and what is still to be written of it is nobody's.
func TestTheRequestLogForgets(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		c := h.hr(t)
		keep := func(n int) {
			t.Helper()
			if err := h.ProvisioningLog.Keep(ctx, asked(c, clock.Now(), n, 200), map[directory.ProvisioningClientID]int64{c.ID: 1}); err != nil {
				t.Fatal(err)
			}
		}
		keep(2)
		clock.Advance(directory.ProvisioningRequestsKeptOf + time.Second + tick)
		keep(1)
		if err := h.ProvisioningLog.Purge(ctx); err != nil {
			t.Fatal(err)
		}
		if got := h.requests(t, directory.ProvisioningRequestQuery{}); len(got) != 1 || !got[0].At.Equal(clock.Now()) {
			t.Errorf("left %+v", got)
		}
		for _, text := range []string{`delete from provisioning_tokens where client_id = $1`, `delete from provisioning_clients where id = $1`} {
			if _, err := db.Exec(ctx, text, c.ID); err != nil {
				t.Fatal(err)
			}
		}
		keep(1)
		if got, left := h.requests(t, directory.ProvisioningRequestQuery{}), must(h.ProvisioningLog.Missed(ctx, h.home.ID))(t); len(got)+len(left) != 0 {
			t.Errorf("left %+v, missed %v", got, left)
		}
	})
}

// TestChangedFieldsAreNames: which attributes, never what is in them.
func TestChangedFieldsAreNames(t *testing.T) {
	t.Parallel()
	was := directory.Member{UserName: "secret-a", Details: directory.Details{Title: "secret-b"}}
	is := was
	is.UserName, is.Details.Title, is.Administrator = "secret-c", "secret-d", true
	if got := directory.ChangedFields(&was, &is); strings.Join(got, " ") != "administrator user_name title" {
		t.Errorf("%v", got)
	}
}

// TestWall139_WritersOfOneRequestLogWait: a writer that has taken away what is too much, and is not yet done, is waited for: else
// neither would see the other's rows.
func TestWall139_WritersOfOneRequestLogWait(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		c := h.hr(t)
		second := make(chan error, 1)
		err := db.Update(ctx, func(tx *sqldb.Tx) error {
			if err := h.WithTx(tx).ProvisioningLog.Keep(ctx, asked(c, clock.Now(), 400, 200), nil); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `update provisioning_clients set name = name where id = $1`, c.ID); err != nil { // what is done later is done
				return err
			}
			go func() { second <- h.ProvisioningLog.Keep(ctx, asked(c, clock.Now(), 400, 200), nil) }()
			select {
			case err := <-second:
				t.Error("it was not waited for")
				second <- err
			case <-time.After(100 * time.Millisecond): // long enough for one that does not wait
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := <-second; err != nil {
			t.Fatal(err)
		}
		if n := len(h.requests(t, directory.ProvisioningRequestQuery{Limit: 1000})); n != directory.ProvisioningRequestsKept {
			t.Errorf("%d requests", n)
		}
	})
}
