package scim_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// request is one that is not sent yet.
func (w *world) request(method, path string, body io.Reader) (*httptest.ResponseRecorder, *http.Request) {
	r := httptest.NewRequest(method, "https://portvakt.example/scim/v2/"+w.slug+path, body)
	r.Header.Set("Authorization", "Bearer "+w.token)
	r.Header.Set("Content-Type", "application/scim+json")
	return httptest.NewRecorder(), r
}

// slowBody tells when it is first read, and comes once nothing holds it.
type slowBody struct {
	begun chan<- struct{}
	hold  <-chan struct{}
	text  string

	once sync.Once
	rest io.Reader
}

func (b *slowBody) Read(p []byte) (int, error) {
	b.once.Do(func() {
		b.begun <- struct{}{}
		<-b.hold
		b.rest = strings.NewReader(b.text)
	})
	return b.rest.Read(p)
}

// fuzzWorld is a world on SQLite, for many requests in a row.
func fuzzWorld(t testing.TB) *world {
	clock := testenv.NewClock()
	return newWorld(t, testenv.Open(t, sqldb.Config{URL: filepath.Join(t.TempDir(), "fuzz.db"), Clock: clock.Now, Relaxed: true}), clock)
}

const bulkRequest = `"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"]`

// bulk sends operations.
func (w *world) bulk(operations ...string) reply {
	w.t.Helper()
	return w.do("POST", "/Bulk", `{`+bulkRequest+`,"Operations":[`+strings.Join(operations, ",")+`]}`)
}

// made is an operation that makes a user.
func made(bulkID, userName string, more ...string) string {
	return op("POST", "/Users", bulkID, `{`+core+`,"userName":"`+userName+`"`+strings.Join(append([]string{""}, more...), ",")+`}`)
}

// op is an operation; without data it has none.
func op(method, path, bulkID, data string, more ...string) string {
	all := append([]string{`"method":"` + method + `"`, `"path":` + quoted(path)}, more...)
	if bulkID != "" {
		all = append(all, `"bulkId":`+quoted(bulkID))
	}
	if data != "" {
		all = append(all, `"data":`+data)
	}
	return `{` + strings.Join(all, ",") + `}`
}

func steps(operations string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + operations + `]}`
}

func managedBy(id string) string { return `"` + enterprise + `":{"manager":{"value":"` + id + `"}}` }

// statuses are the operations' statuses in order.
func (r reply) statuses() string {
	var out []string
	list, _ := r.at("Operations").([]any)
	for i := range list {
		out = append(out, fmt.Sprint(r.at("Operations", i, "status")))
	}
	return strings.Join(out, " ")
}

// were checks the statuses.
func (r reply) were(want string) reply {
	r.t.Helper()
	if got := r.want(200).statuses(); got != want {
		r.t.Errorf("statuses %s, want %s: %s", got, want, r.raw)
	}
	return r
}

// made is the id in an operation's location.
func (r reply) made(i int) string {
	location, _ := r.at("Operations", i, "location").(string)
	return location[strings.LastIndexByte(location, '/')+1:]
}
