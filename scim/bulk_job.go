package scim

import (
	"context"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
)

// bulkJob is a bulk request at work.
type bulkJob struct {
	x      *exchange
	ctx    context.Context
	ops    []*bulkOperation
	byID   map[string]*bulkOperation // those that make something
	most   int                       // after so many failures it ends; 0: never
	failed int
	barred error            // why the client may do nothing any more; nil: it may
	queue  []*bulkOperation // users to be made in one stroke
	stroke *bulkStroke      // that is being made; nil: none
	loose  int              // operations since the last collection
	torn   []*bulkOperation // to be made without a reference, which is then patched in
}

// over reports whether nothing more may be begun: the client went away, or named fewer failures than there are.
func (j *bulkJob) over() bool { return j.x.ctx.Err() != nil || j.most > 0 && j.failed >= j.most }

func (j *bulkJob) work() {
	for _, op := range j.ops {
		if j.over() {
			break
		}
		j.perform(op)
		j.mend()
	}
	j.flush()
	j.mend()
}

// perform does an operation, after those that it refers to: one that stands further down is done before its turn. Where
// references go round in a circle, the one that closes it is left out and patched in afterwards (RFC 7644 §3.7.1).
func (j *bulkJob) perform(op *bulkOperation) {
	if op.state != waiting {
		return
	}
	op.state = begun
	for _, ref := range op.refs {
		target := j.byID[ref]
		switch {
		case target == nil || j.over():
		case target.state == waiting:
			j.perform(target)
		case target.state == begun:
			if op.tear(ref); !slices.Contains(j.torn, op) {
				j.torn = append(j.torn, op)
			}
		}
	}
	if slices.ContainsFunc(op.refs, func(ref string) bool { return j.byID[ref] != nil && j.byID[ref].state == queued }) {
		j.flush()
	}
	if j.over() { // what it waited for was the last failure allowed
		op.state = waiting
		return
	}
	s := j.exchange(op)
	err := op.fault
	if err == nil {
		err = op.resolve(j.byID)
	}
	switch {
	case err != nil:
		j.refuse(op, s, err)
	case op.method == http.MethodPost && op.kind == "Users":
		j.gather(op, s)
	default: // what comes before it is done before it
		if j.flush(); j.over() {
			op.state = waiting
			return
		}
		j.finish(op, s, j.asAllowed(s, op))
	}
}

// asAllowed performs an operation that writes at once, as what the client is now.
func (j *bulkJob) asAllowed(s *exchange, op *bulkOperation) error {
	if err := j.ask(); err != nil {
		return err
	}
	s.client = j.x.client
	defer j.tidy(1)
	return s.perform(op.path())
}

// tidy collects what so many operations more have left behind, as soon as it is more than all that is alive. Left to itself the
// collector waits until there is several times as much.
func (j *bulkJob) tidy(operations int) {
	if j.loose += operations; j.loose >= 2*strokeOfUsers {
		j.loose = 0
		runtime.GC()
	}
}

// ask asks anew who calls: a bulk request works for minutes, in which a token can be revoked, a client removed or its rights
// taken, and its organization suspended.
//
// Invariant: nothing is written by who would be let in no more (TestWall071_RevokedAtWork).
func (j *bulkJob) ask() error {
	if j.barred != nil {
		return j.barred
	}
	now := &exchange{h: j.x.h, w: j.x.w, r: j.x.r, ctx: j.ctx}
	err := now.authenticate()
	if err == nil && now.client.ID != j.x.client.ID {
		err = errUnauthorized
	}
	if err != nil {
		if status := toRefusal(err).Status; status == http.StatusUnauthorized || status == http.StatusForbidden { // trouble may pass
			j.barred = err
		}
		return err
	}
	j.x.client = now.client
	return nil
}

// refuse ends an operation that needed nothing of those before it. Where failures are counted those come first.
func (j *bulkJob) refuse(op *bulkOperation, s *exchange, err error) {
	if j.most > 0 {
		if j.flush(); j.over() {
			op.state = waiting
			return
		}
	}
	j.finish(op, s, err)
}

// note tells the request log of an operation that the client sent; what mends one is told of by that one.
func (j *bulkJob) note(op *bulkOperation, s *exchange, err error) {
	if i := slices.Index(j.ops, op); i >= 0 {
		j.x.noteOperation(i+1, s, "/"+strings.Join(op.path(), "/"), err)
	}
}

// finish notes what became of an operation.
func (j *bulkJob) finish(op *bulkOperation, s *exchange, err error) {
	if err != nil && j.ctx.Err() != nil {
		err = errUnavailable // not its own mistake: the time was over
	}
	j.note(op, s, err)
	op.finish(s, err)
	if op.status >= http.StatusBadRequest {
		j.failed++
	}
}

// mend patches in the references that were left out. Where that cannot be done, the answer says so of what was made.
func (j *bulkJob) mend() {
	if len(j.torn) == 0 {
		return
	}
	j.flush()
	torn := j.torn
	j.torn = nil
	for _, op := range torn {
		if op.state != done || op.status >= http.StatusBadRequest {
			continue
		}
		patch := op.mending()
		s := j.exchange(patch)
		err := patch.resolve(j.byID)
		if err == nil {
			err = j.asAllowed(s, patch)
		}
		j.finish(patch, s, err)
		if patch.status >= http.StatusBadRequest {
			op.status, op.response = http.StatusConflict, unmended(patch.response)
			continue
		}
		op.version = patch.version
	}
}

// exchange is an operation as a request of its own, on behalf of the same client.
func (j *bulkJob) exchange(op *bulkOperation) *exchange {
	r := (&http.Request{Method: op.method, URL: j.x.r.URL, Header: http.Header{}}).WithContext(j.ctx)
	if op.ifMatch != "" {
		r.Header.Set("If-Match", op.ifMatch)
	}
	return &exchange{h: j.x.h, w: &caughtAnswer{header: http.Header{}}, r: r, ctx: j.ctx, client: j.x.client, query: url.Values{},
		asked: asked{attributes: []string{"id"}}, body: op.data}
}

// perform goes the way of a single request behind its token, organization and body: route, right, the route's own function.
func (x *exchange) perform(path []string) error {
	route, err := x.routed(path)
	if err != nil {
		return err
	}
	return route.serve(x)
}

// answers are the operations that were done, in the order of the request.
func (j *bulkJob) answers() []any {
	out := make([]any, 0, len(j.ops))
	for _, op := range j.ops {
		if op.state == done {
			out = append(out, op.answer(j.x))
		}
	}
	return out
}
