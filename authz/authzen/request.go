package authzen

import (
	"strconv"
	"unicode/utf8"

	"portvakt/internal/fault"
)

const (
	maxBody        = 1 << 20
	maxEvaluations = 1000
)

// given says how a member of the body came. null is as good as absent.
type given uint8

const (
	absent given = iota
	there
	wrong // of another kind than it has to be
)

// text is a member that has to be a text.
type text struct {
	value string
	given given
}

// flag is a member that has to be true or false.
type flag struct {
	value bool
	given given
}

// What a question is about. What is not asked of it is not looked at either: subject.id of a search for subjects may be
// anything.
type (
	entity struct {
		given    given
		kind, id text
	}
	deed struct {
		given given
		name  text
	}
	object struct {
		entity
		properties                      given
		owner, segment, field, newOwner text
	}
)

// asked are the members of context that we know.
type asked struct {
	given                  given
	explain, fields        flag
	language, organization text
}

// question is what is asked once.
type question struct {
	given    given
	subject  entity
	action   deed
	resource object
	context  asked
}

// page says which part of the results is wanted.
type page struct {
	given given
	token text
	limit int // -1: not said
	wrong bool
}

// request is a body.
type request struct {
	question
	evaluations []question
	list        given // how evaluations came
	options     given
	semantic    text
	page        page
	names       []string // room for the scanner
}

var errTooMany = fault.Newf(fault.Invalid, "too_many_evaluations", "A request has at most %d evaluations", maxEvaluations).On("evaluations")

// parse reads a body into a request that may have been used before. What is of the wrong kind is noted and refused only where
// it is asked for.
func (r *request) parse(body string) error {
	if !utf8.ValidString(body) {
		return errJSON
	}
	*r = request{page: page{limit: -1}, evaluations: r.evaluations[:0], names: r.names[:0]}
	s := scanner{text: body, names: r.names}
	err := s.request(r)
	r.names = s.names
	return err
}

func (s *scanner) request(r *request) error {
	if s.peek() != '{' {
		return errJSON
	}
	if err := s.object(func(name string) error { return s.top(name, r) }); err != nil {
		return err
	}
	r.given = there
	return s.end()
}

func (s *scanner) top(name string, r *request) error {
	switch name {
	case "evaluations":
		return s.list(r)
	case "options":
		return s.members(&r.options, func(name string) error {
			if name != "evaluations_semantic" {
				return s.skip()
			}
			return s.textTo(&r.semantic)
		})
	case "page":
		return s.members(&r.page.given, func(name string) error { return s.pageMember(name, &r.page) })
	}
	return s.part(name, &r.question)
}

// list reads evaluations. It stops at one too many, before the rest takes memory.
func (s *scanner) list(r *request) error {
	switch s.peek() {
	case 'n':
		return s.skip()
	case '[':
	default:
		r.list = wrong
		return s.skip()
	}
	r.list = there
	return s.array(func() error {
		if len(r.evaluations) == maxEvaluations {
			return errTooMany
		}
		r.evaluations = append(r.evaluations, question{})
		q := &r.evaluations[len(r.evaluations)-1]
		return s.members(&q.given, func(name string) error { return s.part(name, q) })
	})
}

// part reads a member of a question.
func (s *scanner) part(name string, q *question) error {
	switch name {
	case "subject":
		return s.entity(&q.subject)
	case "action":
		return s.members(&q.action.given, func(name string) error {
			if name != "name" {
				return s.skip()
			}
			return s.textTo(&q.action.name)
		})
	case "resource":
		return s.resource(&q.resource)
	case "context":
		return s.members(&q.context.given, func(name string) error { return s.contextMember(name, &q.context) })
	}
	return s.skip()
}

// members is object for a member that has to be one.
func (s *scanner) members(how *given, member func(name string) error) error {
	switch s.peek() {
	case '{':
		*how = there
		return s.object(member)
	case 'n':
	default:
		*how = wrong
	}
	return s.skip()
}

func (s *scanner) entity(e *entity) error {
	return s.members(&e.given, func(name string) error { return s.entityMember(name, e) })
}

func (s *scanner) entityMember(name string, e *entity) error {
	switch name {
	case "type":
		return s.textTo(&e.kind)
	case "id":
		return s.textTo(&e.id)
	}
	return s.skip()
}

func (s *scanner) resource(o *object) error {
	return s.members(&o.given, func(name string) error {
		if name != "properties" {
			return s.entityMember(name, &o.entity)
		}
		return s.members(&o.properties, func(name string) error {
			switch name {
			case "owner":
				return s.textTo(&o.owner)
			case "segment":
				return s.textTo(&o.segment)
			case "field":
				return s.textTo(&o.field)
			case "new_owner":
				return s.textTo(&o.newOwner)
			}
			return s.skip()
		})
	})
}

func (s *scanner) contextMember(name string, c *asked) error {
	switch name {
	case "explain":
		return s.flagTo(&c.explain)
	case "fields":
		return s.flagTo(&c.fields)
	case "language":
		return s.textTo(&c.language)
	case "organization":
		return s.textTo(&c.organization)
	}
	return s.skip()
}

func (s *scanner) pageMember(name string, p *page) error {
	switch {
	case name == "token":
		return s.textTo(&p.token)
	case name != "limit" || s.peek() == 'n':
		return s.skip()
	case s.peek() != '-' && (s.peek() < '0' || s.peek() > '9'):
		p.wrong = true
		return s.skip()
	}
	n, err := s.number()
	if err != nil {
		return err
	}
	if p.limit, err = strconv.Atoi(n); err != nil || p.limit < 0 {
		p.wrong = true
	}
	return nil
}

func (s *scanner) textTo(t *text) (err error) {
	switch s.peek() {
	case '"':
		t.given = there
		t.value, err = s.string()
		return err
	case 'n':
	default:
		t.given = wrong
	}
	return s.skip()
}

func (s *scanner) flagTo(f *flag) error {
	switch s.peek() {
	case 't':
		*f = flag{true, there}
	case 'f':
		*f = flag{false, there}
	case 'n':
	default:
		f.given = wrong
	}
	return s.skip()
}

// over fills in what the question itself does not say from the defaults, each member of subject, action, resource and context
// by itself (§7.1.1).
func (q *question) over(d *question) {
	q.subject.over(&d.subject)
	q.action.over(&d.action)
	q.resource.over(&d.resource)
	c := &q.context
	if c.given == absent {
		c.given = d.context.given
	}
	c.language.over(d.context.language)
	c.organization.over(d.context.organization)
	c.explain.over(d.context.explain)
	c.fields.over(d.context.fields)
}

func (e *entity) over(d *entity) {
	if e.given == absent {
		e.given = d.given
	}
	e.kind.over(d.kind)
	e.id.over(d.id)
}

func (a *deed) over(d *deed) {
	if a.given == absent {
		a.given = d.given
	}
	a.name.over(d.name)
}

func (o *object) over(d *object) {
	o.entity.over(&d.entity)
	if o.properties == absent {
		o.properties, o.owner, o.segment, o.field, o.newOwner = d.properties, d.owner, d.segment, d.field, d.newOwner
	}
}

func (t *text) over(d text) {
	if t.given == absent {
		*t = d
	}
}

func (f *flag) over(d flag) {
	if f.given == absent {
		*f = d
	}
}

// forget lets go of the body, of which the texts are parts.
func (r *request) forget() {
	clear(r.evaluations)
	clear(r.names[:cap(r.names)])
	*r = request{evaluations: r.evaluations[:0], names: r.names[:0]}
}
