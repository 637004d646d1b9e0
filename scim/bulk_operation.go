package scim

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"portvakt/internal/directory"
)

// progress is how far an operation of a bulk request has come.
type progress uint8

const (
	waiting progress = iota
	begun            // or in the middle of what it refers to
	queued           // to be made with others
	done
)

// bulkOperation is one operation of a bulk request, and what became of it.
type bulkOperation struct {
	method, kind, id string // kind is Users or Groups; id also of what a POST has made
	bulkID, ifMatch  string
	data             map[string]any
	fault            error    // what is wrong with its form
	refs             []string // the bulkIds that it refers to
	lost             []any    // operations of a PATCH that brings back what was torn out

	state    progress
	made     directory.Member // while it is queued
	status   int
	version  string
	response json.RawMessage // of failures
}

var errCollected = errors.New("scim: collected")

// bulkMethods are what RFC 7644 §3.7 has operations do.
var bulkMethods = map[string]bool{http.MethodPost: true, http.MethodPut: true, http.MethodPatch: true, http.MethodDelete: true}

// readBulkOperation reads an operation; base is the organization's own URL.
func readBulkOperation(object map[string]any, base string) *bulkOperation {
	op := &bulkOperation{}
	texts := map[string]*string{"method": &op.method, "path": new(string), "bulkid": &op.bulkID, "version": &op.ifMatch}
	for name, v := range object {
		name = strings.ToLower(name)
		switch into, text := texts[name]; {
		case name == "data":
			data, ok := v.(map[string]any)
			if op.data = data; !ok && v != nil {
				op.fault = badSyntax("data has to be an object")
			}
		case text && v != nil:
			s, ok := v.(string)
			if *into = s; !ok {
				op.fault = badSyntax("%s has to be a string", name)
			}
		}
	}
	if op.fault == nil {
		op.fault = op.check(*texts["path"], base)
	}
	if op.fault == nil {
		op.refs = op.find()
	}
	return op
}

func (op *bulkOperation) check(path, base string) error {
	if !bulkMethods[op.method] {
		return badSyntax("The method of an operation is POST, PUT, PATCH or DELETE")
	}
	var ok bool
	if op.kind, op.id, ok = bulkTarget(path, base); !ok {
		return badValue("The path of an operation is /Users, /Groups, or one of them with an id")
	}
	switch {
	case op.method == http.MethodDelete:
		op.data = nil
	case op.data == nil:
		return badSyntax("The operation has no data")
	}
	if op.method == http.MethodPost && op.bulkID == "" {
		return badSyntax("A POST needs a bulkId")
	}
	return nil
}

// bulkTarget reads an operation's path: one or two segments, written plainly, or a URL of the organization's own.
//
// Invariant: an operation reaches users and groups of its own organization and nothing else (TestWall071_ForeignPaths).
func bulkTarget(path, base string) (kind, id string, ok bool) {
	path = strings.TrimPrefix(path, base)
	rest, ok := strings.CutPrefix(path, "/")
	if !ok || strings.ContainsAny(rest, `%?#;\`) {
		return "", "", false
	}
	kind, id, below := strings.Cut(rest, "/")
	if kind != "Users" && kind != "Groups" || below && id == "" || strings.HasPrefix(id, ".") || strings.Contains(id, "/") {
		return "", "", false
	}
	return kind, id, true
}

// path are the segments of what the operation is done to.
func (op *bulkOperation) path() []string {
	if op.id == "" {
		return []string{op.kind}
	}
	return []string{op.kind, op.id}
}

// finish takes what the operation's own exchange was answered, and lets go of what nobody needs any more.
func (op *bulkOperation) finish(s *exchange, err error) {
	if err != nil {
		s.writeError(err)
	}
	a := s.w.(*caughtAnswer)
	op.state, op.status, op.data = done, cmp.Or(a.status, http.StatusOK), nil
	if op.status >= http.StatusBadRequest {
		if op.response = a.body.Bytes(); op.method == http.MethodPost {
			op.id = "" // nothing was made
		}
		return
	}
	op.version = cmp.Or(a.header.Get("ETag"), op.version)
	if op.method == http.MethodPost && op.id == "" {
		var made struct {
			ID string `json:"id"`
		}
		_ = json.Unmarshal(a.body.Bytes(), &made) // our own answer
		op.id = made.ID
	}
}

// answer is the operation as the response shows it (RFC 7644 §3.7): a body only of failures, no location of what was not made.
func (op *bulkOperation) answer(x *exchange) map[string]any {
	out := map[string]any{"method": op.method, "status": strconv.Itoa(op.status)}
	setText(out, "bulkId", op.bulkID)
	setText(out, "version", op.version)
	if op.id != "" && op.kind != "" {
		out["location"] = x.location(op.path()...)
	}
	if op.response != nil {
		out["response"] = op.response
	}
	return out
}
