package scim

import (
	"net/http"
	"slices"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// bulkStroke is the users who are being made together, while those after them are read.
type bulkStroke struct {
	ops  []*bulkOperation
	list []directory.Member

	ended    chan struct{} // closed when what follows is there
	made     []directory.Creation
	trouble  error
	panicked any
}

// gather keeps whom the operation makes, who goes the whole way of a single one up to the directory's door.
func (j *bulkJob) gather(op *bulkOperation, s *exchange) {
	s.collect = true
	if err := s.perform(op.path()); err != errCollected { //nolint:errorlint // ours, as it is
		j.refuse(op, s, err)
		return
	}
	op.state, op.made, op.data = queued, s.made, nil
	switch j.queue = append(j.queue, op); {
	case len(j.queue) < j.x.h.stroke:
	case j.most > 0: // whether the next ones are begun depends on what becomes of these
		j.flush()
	default:
		j.launch()
	}
}

// flush has the users who were gathered made, and waits for them.
func (j *bulkJob) flush() {
	j.launch()
	j.land()
}

// launch begins to make the users who were gathered in one stroke, as soon as those before them are there.
func (j *bulkJob) launch() {
	j.land()
	queue := j.queue
	if j.queue = nil; len(queue) == 0 {
		return
	}
	queue = j.allowed(queue)
	s := &bulkStroke{ops: queue, list: make([]directory.Member, len(queue)), ended: make(chan struct{})}
	for i, op := range queue {
		s.list[i], op.made = op.made, directory.Member{}
	}
	most := 0
	if j.most > 0 {
		most = j.most - j.failed
	}
	members, org := j.x.h.dir.Memberships, j.x.client.Organization
	go func() {
		defer close(s.ended)
		defer func() { s.panicked = recover() }() // it is the request's, and not the process's
		s.made, s.trouble = members.CreateMany(j.ctx, org, s.list, most)
	}()
	j.stroke = s
	j.tidy(len(queue)) // while the database works
}

// land waits for the stroke and notes what became of each. Where trouble stops one, it may be one operation's alone, and those
// who are left are made one by one.
func (j *bulkJob) land() {
	s := j.stroke
	if j.stroke = nil; s == nil {
		return
	}
	if <-s.ended; s.panicked != nil {
		panic(s.panicked)
	}
	for i, c := range s.made {
		j.settle(s.ops[i], c.Member, c.Refusal)
	}
	for i, op := range s.ops[len(s.made):] {
		switch {
		case s.trouble == nil || j.over():
			op.state = waiting
		case sqldb.IsUnavailable(s.trouble):
			j.finish(op, j.exchange(op), s.trouble)
		default:
			m, err := j.x.h.dir.Memberships.Create(j.ctx, j.x.client.Organization, directory.NewMember{Member: s.list[len(s.made)+i]})
			j.settle(op, m, err)
		}
	}
}

// allowed are those of the users, gathered some time ago, whom the client may still make; the others are refused.
func (j *bulkJob) allowed(queue []*bulkOperation) []*bulkOperation {
	err := j.ask()
	if err == nil && !usersRight.heldBy(j.x.client) {
		err = errNotAllowed
	}
	return slices.DeleteFunc(queue, func(op *bulkOperation) bool {
		err := err
		if err == nil {
			err = mayMake(j.x.client, &op.made)
		}
		switch {
		case err == nil:
			return false
		case j.over():
			op.state = waiting
		default:
			op.made = directory.Member{}
			j.finish(op, j.exchange(op), err)
		}
		return true
	})
}

// settle ends an operation whose user was made, or refused, without the route's own answer.
func (j *bulkJob) settle(op *bulkOperation, m directory.Member, err error) {
	if err != nil {
		j.finish(op, j.exchange(op), err)
		return
	}
	j.note(op, nil, nil)
	op.state, op.status, op.id, op.version = done, http.StatusCreated, m.ID.String(), version(m.Version)
}
