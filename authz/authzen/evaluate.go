package authzen

import (
	"portvakt/authz"
	"portvakt/internal/fault"
)

// The semantics of evaluations (§7.1.2.1).
const (
	executeAll  = "execute_all"
	denyFirst   = "deny_on_first_deny"
	permitFirst = "permit_on_first_permit"
)

var errSemantic = fault.New(fault.Invalid, "bad_semantic", "It is execute_all, deny_on_first_deny or permit_on_first_permit").On("options.evaluations_semantic")

// evaluation answers one question (§6).
func (x *exchange) evaluation(r *request) error {
	return x.settled(func() error {
		q, err := x.ask(&r.question)
		if err != nil {
			return err
		}
		x.decide(&q, &r.context)
		return nil
	})
}

// settled answers once more by a newer snapshot where somebody was named whom the one at hand does not know: a membership
// that has just been made is in the rows before it is in a snapshot. Who is unknown then too does not exist.
func (x *exchange) settled(answer func() error) error {
	err := answer()
	if err != nil || len(x.unknown) == 0 {
		return err
	}
	before := x.snapshot
	if err := x.read(x.unknown); err != nil || x.snapshot == before {
		return err
	}
	x.out, x.told, x.cost = x.out[:0], nil, 0
	return answer()
}

// evaluations answers many, in their order, all by one snapshot and at one moment (§7). Without any it is evaluation.
//
// Invariant: the items of one request see one version (TestEvaluationsSeeOneVersion).
func (x *exchange) evaluations(r *request) error {
	semantic, err := r.semantics()
	if err != nil {
		return err
	}
	if len(r.evaluations) == 0 {
		return x.evaluation(r)
	}
	for i := range r.evaluations {
		if q := &r.evaluations[i]; q.given == there {
			q.over(&r.question)
		}
	}
	return x.settled(func() error { return x.items(r, semantic) })
}

func (x *exchange) items(r *request, semantic string) error {
	x.cost += len(r.evaluations) / itemsPerUnit
	x.out = append(x.out, `{"evaluations":[`...)
	var last question
	var from, to int // the last one's answer
	allowed := false
	for i := range r.evaluations {
		if i > 0 {
			x.out = append(x.out, ',')
		}
		q := &r.evaluations[i]
		if q.repeats(&last) {
			x.out = append(x.out, x.out[from:to]...)
			continue
		}
		var err error
		from = len(x.out)
		if allowed, err = x.item(q, &r.question); err != nil {
			return err
		}
		last, to = *q, len(x.out)
		if allowed && semantic == permitFirst || !allowed && semantic == denyFirst {
			break
		}
	}
	x.out = append(x.out, "]}"...)
	return nil
}

// repeats reports whether a question is the last one about a record with another id: a list of somebody's records. The id
// decides nothing, as long as there is one.
func (q *question) repeats(last *question) bool {
	was := last.resource.id
	if q.context.explain.value || q.resource.id.value == "" || was.value == "" {
		return false
	}
	last.resource.id = q.resource.id
	same := *q == *last
	last.resource.id = was
	return same
}

// item answers one of evaluations. What is wrong with it alone is told in its place, as a denial (§7.2.1).
func (x *exchange) item(q, whole *question) (allowed bool, err error) {
	asked, err := x.askItem(q, whole)
	if err == nil {
		return x.decide(&asked, &q.context), nil
	}
	f := fault.Of(err)
	if f.Kind == fault.Internal {
		return false, err
	}
	x.out = append(x.out, `{"decision":false,"context":{"error":{"status":400,"error":`...)
	x.out = appendText(x.out, f.Code)
	x.out = append(x.out, `,"message":`...)
	x.out = appendText(x.out, textOf(f))
	x.out = append(x.out, "}}}"...)
	return false, nil
}

func (x *exchange) askItem(q, whole *question) (authz.Question, error) {
	if q.given != there {
		return authz.Question{}, badKind("evaluation", "an object")
	}
	slug, err := q.context.organization.optional("context.organization")
	if err != nil {
		return authz.Question{}, err
	}
	if slug != whole.context.organization.value {
		return authz.Question{}, errOtherOrganization
	}
	return x.ask(q)
}

var errOtherOrganization = fault.New(fault.Invalid, "other_organization", "All evaluations of a request are about the organization that the request names").On("context.organization")

// ask reads a question. Only what can be read is asked: whoever and whatever does not exist is a denial, not a mistake.
func (x *exchange) ask(q *question) (out authz.Question, err error) {
	if err := q.context.check(); err != nil {
		return out, err
	}
	out.At = x.now
	if out.Subject, err = x.subject(&q.subject); err != nil {
		return out, err
	}
	if out.Action, err = q.action.word(); err != nil {
		return out, err
	}
	return out, x.record(&q.resource, true, &out)
}

func (c *asked) check() error {
	switch {
	case c.given == wrong:
		return badKind("context", "an object")
	case c.explain.given == wrong:
		return badKind("context.explain", "true or false")
	case c.fields.given == wrong:
		return badKind("context.fields", "true or false")
	case c.language.given == wrong:
		return badKind("context.language", "a text")
	}
	return nil
}

// defaults checks what is said for all items: a member of the wrong kind is a mistake of the whole.
func (r *request) defaults() error {
	switch wrong {
	case r.subject.given:
		return badKind("subject", "an object")
	case r.action.given:
		return badKind("action", "an object")
	case r.resource.given:
		return badKind("resource", "an object")
	}
	return r.context.check()
}

// itemsPerUnit is how many items of evaluations cost as much as a request.
const itemsPerUnit = 25

// semantics checks what is said for all items.
func (r *request) semantics() (string, error) {
	if r.list == wrong {
		return "", badKind("evaluations", "an array")
	}
	if r.options == wrong {
		return "", badKind("options", "an object")
	}
	if len(r.evaluations) > 0 {
		if err := r.defaults(); err != nil {
			return "", err
		}
	}
	semantic, err := r.semantic.optional("options.evaluations_semantic")
	switch {
	case err != nil:
		return "", err
	case r.semantic.given == absent:
		return executeAll, nil
	case semantic != executeAll && semantic != denyFirst && semantic != permitFirst:
		return "", errSemantic
	}
	return semantic, nil
}
