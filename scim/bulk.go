package scim

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	bulkPath        = "/Bulk"
	bulkRequestURN  = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
	bulkResponseURN = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
)

// Limits on one bulk request. What a client is told of them stands in ServiceProviderConfig.
const (
	bulkOperations = 1000
	bulkTime       = 5 * time.Minute // of work; then the remaining operations are answered 503
	strokeOfUsers  = 250             // made at once, so that little is in memory and nobody waits for long
)

// wholeBulk bounds a bulk request's body: an operation's data lies three levels deep and has the depth of a single one.
var wholeBulk = bodyLimits{bytes: 4 << 20, depth: oneResource.depth + 3, values: 250_000}

// LargeBody is the largest body of a request to the path where that is more than of others, else 0.
func LargeBody(path string) int64 {
	if strings.HasPrefix(path, Prefix) && strings.HasSuffix(path, bulkPath) {
		return wholeBulk.bytes
	}
	return 0
}

// bulk does many operations with one request (RFC 7644 §3.7). Each goes the way of a single one: the same routes, rights,
// rules, errors and entries in the history. Answers stand in the order of the request, whatever order references demand.
//
// Operations are not one transaction: what was done stays done, whatever becomes of others, of the connection, or of us. A
// client that got no answer asks for what there is, or sends the same again: who was made is then refused as taken.
func (x *exchange) bulk() error {
	answers, err := x.workBulk()
	if err != nil {
		return err
	}
	x.writeJSON(http.StatusOK, map[string]any{"schemas": []string{bulkResponseURN}, "Operations": answers})
	return nil
}

// workBulk reads and does what is asked, when it is its turn. However slowly the answer is fetched, the turn is over then.
func (x *exchange) workBulk() ([]any, error) {
	turn, err := x.h.bulks.enter(x.client.Organization)
	if err != nil {
		return nil, x.sendAway(err)
	}
	defer turn.leave()
	raw, err := x.rawBody(wholeBulk)
	if err != nil {
		return nil, err
	}
	x.patience()
	if err := turn.begin(x.ctx, len(raw)); err != nil {
		return nil, x.sendAway(err)
	}
	if x.body, err = readJSON(raw, wholeBulk); err != nil {
		return nil, err
	}
	j, err := x.readBulk()
	if err != nil {
		return nil, err
	}
	if err := x.spend(len(j.ops) - 1); err != nil { // the request itself was the first
		return nil, err
	}
	x.body = nil // from here on each operation has its own part, and lets go of it when it is done
	var cancel context.CancelFunc
	j.ctx, cancel = context.WithTimeout(x.ctx, bulkTime)
	defer cancel()
	j.work()
	return j.answers(), x.ctx.Err() // of an error nobody is left to hear
}

// sendAway refuses a request for which there is no turn.
func (x *exchange) sendAway(err error) error {
	x.w.Header().Set("Retry-After", comeBack)
	return err
}

// patience keeps the connection for as long as the work may take: the server's own limits are made for single operations.
// The one for reading counts as well, because net/http goes on listening for the client's going away.
func (x *exchange) patience() {
	until := x.h.db.Wall().Add(longestWait + bulkTime + time.Minute)
	connection := http.NewResponseController(x.w)
	_ = connection.SetReadDeadline(until) // a connection that has no deadlines needs none
	_ = connection.SetWriteDeadline(until)
}

// readBulk reads the request as a whole; what is wrong with one operation becomes that operation's own answer.
func (x *exchange) readBulk() (*bulkJob, error) {
	j := &bulkJob{x: x, byID: map[string]*bulkOperation{}}
	var list []any
	named := false
	for name, v := range x.body {
		var err error
		switch strings.ToLower(name) {
		case "schemas":
			named, err = holdsURN(v, bulkRequestURN)
		case "failonerrors":
			j.most, err = readFailOnErrors(v)
		case "operations":
			var ok bool
			if list, ok = v.([]any); !ok {
				err = badSyntax("Operations has to be a list")
			}
		}
		if err != nil {
			return nil, err
		}
	}
	switch {
	case !named:
		return nil, badSyntax("schemas has to hold %s", bulkRequestURN)
	case len(list) == 0:
		return nil, badSyntax("Operations holds no operation")
	case len(list) > bulkOperations:
		return nil, refuse(http.StatusRequestEntityTooLarge, "", "The number of operations (%d) exceeds the maxOperations (%d)", len(list), bulkOperations)
	}
	return j, j.read(list)
}

func (j *bulkJob) read(list []any) error {
	seen := map[string]bool{}
	for _, v := range list {
		object, ok := v.(map[string]any)
		if !ok {
			return badSyntax("Each of Operations has to be an object")
		}
		op := readBulkOperation(object, j.x.base())
		if op.bulkID != "" && seen[op.bulkID] {
			return badSyntax("The bulkId %.100q stands at more than one operation", op.bulkID)
		}
		if seen[op.bulkID] = true; op.bulkID != "" && op.method == http.MethodPost {
			j.byID[op.bulkID] = op
		}
		j.ops = append(j.ops, op)
	}
	return nil
}

// readFailOnErrors: 0 is what clients send that have not set it, so it means what its absence does.
func readFailOnErrors(v any) (int, error) {
	if v == nil {
		return 0, nil
	}
	n, ok := v.(json.Number)
	most, err := strconv.ParseInt(n.String(), 10, 64)
	if !ok || err != nil || most < 0 {
		return 0, badSyntax("failOnErrors has to be a number from 0 on")
	}
	return int(min(most, bulkOperations+1)), nil
}
