package authzen

import (
	"strings"

	"portvakt/authz"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
)

// The types of subjects and the kinds of owners.
const (
	asUser   = "user"   // by sub
	asMember = "member" // by membership id
	asGroup  = "group"  // an owner only: by id or key
)

// maxName is how long a name may be that we look for.
const maxName = 512

func missing(field string) error {
	return fault.New(fault.Invalid, "missing", "It is missing").On(field)
}

func badKind(field, kind string) error {
	return fault.New(fault.Invalid, "bad_type", "It has to be "+kind).On(field)
}

// required is a text that has to be there.
func (t text) required(field string) (string, error) {
	switch {
	case t.given == wrong:
		return "", badKind(field, "a text")
	case t.value == "":
		return "", missing(field)
	}
	return t.value, nil
}

// optional is a text that may be absent.
func (t text) optional(field string) (string, error) {
	if t.given == wrong {
		return "", badKind(field, "a text")
	}
	return t.value, nil
}

// has refuses a member that is no object, or not there.
func (g given) has(name string) error {
	switch g {
	case absent:
		return missing(name)
	case wrong:
		return badKind(name, "an object")
	}
	return nil
}

// nobody is a membership that there is not, and that no clock will make: a question about whoever is unknown is asked about
// it, so that the answer is the one that anybody unknown gets.
var (
	nobody  = directory.MembershipID{15: 1}
	noGroup = directory.GroupID{15: 1}
)

// subject finds who asks.
func (x *exchange) subject(e *entity) (directory.MembershipID, error) {
	if err := e.given.has("subject"); err != nil {
		return nobody, err
	}
	kind, err := e.kind.required("subject.type")
	if err != nil {
		return nobody, err
	}
	id, err := e.id.required("subject.id")
	if err != nil {
		return nobody, err
	}
	switch kind {
	case asUser:
		return x.userNamed(id), nil
	case asMember:
		return x.memberNamed(id), nil
	}
	return nobody, nil
}

// userNamed is the membership that counts for a person. The one before is remembered: what is asked together is mostly about
// the same few.
func (x *exchange) userNamed(text string) directory.MembershipID {
	if text == x.lastUser && x.lastIn == x.snapshot {
		return x.lastMember
	}
	member := x.findUser(text)
	x.lastUser, x.lastMember, x.lastIn = text, member, x.snapshot
	return member
}

func (x *exchange) findUser(text string) directory.MembershipID {
	id, err := directory.ParseUserID(text)
	if err != nil {
		return nobody
	}
	member, known := x.snapshot.MemberOf(id, x.now)
	if !known {
		x.unknown = append(x.unknown, authz.Who{User: id})
		return nobody
	}
	return member
}

func (x *exchange) memberNamed(text string) directory.MembershipID {
	id, err := directory.ParseMembershipID(text)
	if err != nil {
		return nobody
	}
	if _, known := x.snapshot.UserOf(id); !known {
		x.unknown = append(x.unknown, authz.Who{Member: id})
		return nobody
	}
	return id
}

// word is what is to be done.
func (d *deed) word() (string, error) {
	if err := d.given.has("action"); err != nil {
		return "", err
	}
	return d.name.required("action.name")
}

// record fills in which record is asked about; its id decides nothing, but most questions have to have one.
func (x *exchange) record(e *object, needsID bool, q *authz.Question) (err error) {
	if err := e.given.has("resource"); err != nil {
		return err
	}
	if q.Module, err = e.kind.required("resource.type"); err != nil {
		return err
	}
	if needsID {
		if _, err := e.id.required("resource.id"); err != nil {
			return err
		}
	}
	if e.properties == wrong {
		return badKind("resource.properties", "an object")
	}
	if q.Segment, err = e.segment.optional("resource.properties.segment"); err != nil {
		return err
	}
	if q.Field, err = e.field.optional("resource.properties.field"); err != nil {
		return err
	}
	if q.Owner, err = x.owner(e.owner, "resource.properties.owner"); err != nil {
		return err
	}
	q.NewOwner, err = x.owner(e.newOwner, "resource.properties.new_owner")
	return err
}

// owner reads user:<sub>, member:<membership id> or group:<id or key>.
func (x *exchange) owner(t text, field string) (authz.Owner, error) {
	value, err := t.optional(field)
	if err != nil || t.given == absent {
		return authz.Owner{}, err
	}
	kind, id, _ := strings.Cut(value, ":")
	if id == "" || len(id) > maxName {
		return authz.Owner{}, errOwner.On(field)
	}
	switch kind {
	case asUser:
		return authz.Owner{Member: x.userNamed(id)}, nil
	case asMember:
		return authz.Owner{Member: x.memberNamed(id)}, nil
	case asGroup:
		group, known := x.snapshot.Group(id)
		if !known {
			group = noGroup
		}
		return authz.Owner{Group: group}, nil
	}
	return authz.Owner{}, errOwner.On(field)
}

var errOwner = fault.New(fault.Invalid, "bad_owner", "An owner is written user:…, member:… or group:…")
