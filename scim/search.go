package scim

func (x *exchange) searchUsers() error  { return x.search(x.h.schemas.users) }
func (x *exchange) searchGroups() error { return x.search(x.h.schemas.groups) }

// search is a query whose words stand in the body, where no log of URLs sees them (RFC 7644 §3.4.3).
func (x *exchange) search(types ...*resourceType) (err error) {
	if x.asked, err = askedInBody(x.body); err != nil {
		return err
	}
	return x.list(types...)
}

// listAll asks at the root of the organization, for resources of all types (RFC 7644 §3.4.2.1).
func (x *exchange) listAll() error {
	types, err := x.readable()
	if err != nil {
		return err
	}
	return x.list(types...)
}

func (x *exchange) searchAll() error {
	types, err := x.readable()
	if err != nil {
		return err
	}
	return x.search(types...)
}

// readable are the types that the client may read.
func (x *exchange) readable() (types []*resourceType, err error) {
	for _, t := range x.h.schemas.types() {
		if t.needs.heldBy(x.client) {
			types = append(types, t)
		}
	}
	if len(types) == 0 {
		err = errNotAllowed
	}
	return types, err
}
