package scim

import (
	"net/http"

	elimity "github.com/elimity-com/scim"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

func (x *exchange) createGroup() error {
	in, err := x.reader().readGroup(x.body)
	if err != nil {
		return err
	}
	g, err := x.throughGroup(groupCall{edit: in.edit}, in.written())
	if err != nil {
		return err
	}
	return x.writeGroup(http.StatusCreated, g)
}

// replaceGroup is PUT: what is not written is gone, members included (RFC 7644 §3.5.1). Roles in the group stay.
func (x *exchange) replaceGroup() error {
	in, err := x.reader().readGroup(x.body)
	if err != nil {
		return err
	}
	version, err := x.ifMatch()
	if err != nil {
		return err
	}
	g, err := x.throughGroup(groupCall{edit: in.edit, version: version}, in.written())
	if err != nil {
		return err
	}
	return x.writeGroup(http.StatusOK, g)
}

// groupShownAtMost is how many are in a group whose PATCH is answered with all of them.
const groupShownAtMost = 200

// patchGroup changes what the operations name. Who is in a large group is not read for an answer: it is 204 unless the client
// says which attributes it wants (RFC 7644 §3.5.2).
func (x *exchange) patchGroup() error {
	ops, err := x.reader().readGroupPatch(x.body)
	if err != nil {
		return err
	}
	version, err := x.ifMatch()
	if err != nil {
		return err
	}
	var g directory.Group
	if len(ops) == 0 { // nothing but what is ignored: the library would refuse it
		g, err = x.editGroup(ops.edit, version)
	} else {
		g, err = x.throughGroup(groupCall{edit: ops.edit, version: version}, ops.written())
	}
	if err != nil {
		return err
	}
	t := x.h.schemas.groups
	if x.wantsNothing() {
		x.writeNothing(t, g.ID.String(), g.Version)
		return nil
	}
	if len(x.asked.attributes) == 0 && x.projection(t).shows(groupURN, x.h.schemas.attributes[groupURN]["members"]) {
		large, err := x.h.dir.Access.GroupHoldsMoreThan(x.ctx, x.client.Organization, g.ID, groupShownAtMost)
		if err != nil {
			return err
		}
		if large {
			x.writeNothing(t, g.ID.String(), g.Version)
			return nil
		}
	}
	return x.writeGroup(http.StatusOK, g)
}

func (x *exchange) deleteGroup() error {
	version, err := x.ifMatch()
	if err != nil {
		return err
	}
	if _, err := x.throughGroup(groupCall{version: version}, nil); err != nil {
		return err
	}
	x.w.WriteHeader(http.StatusNoContent)
	return nil
}

// groupEdit is what a request makes of a group. It may run again, on the group as it is then.
type groupEdit func(*directory.GroupEdit) error

// groupCall is a request's way through elimity-com/scim, as libraryCall is for users.
type groupCall struct {
	x       *exchange
	version int64 // of If-Match; 0: any
	edit    groupEdit

	called bool
	group  directory.Group
	err    error
}

// throughGroup sends the straightened body on and answers what became of the group.
func (x *exchange) throughGroup(call groupCall, body any) (directory.Group, error) {
	if x.id != "" {
		if _, err := x.groupID(); err != nil {
			return directory.Group{}, err
		}
	}
	call.x = x
	caught, err := x.send(elimity.ResourceType{Name: "Group", Endpoint: "/Groups", Schema: x.h.schemas.group, Handler: &call}, body)
	if err != nil {
		return directory.Group{}, err
	}
	if !call.called {
		return directory.Group{}, caught.refusal()
	}
	return call.group, call.err
}

// make makes a group, which is the client's own.
func (c *groupCall) make() (directory.Group, error) {
	x := directory.GroupEdit{Group: directory.Group{ManagedBy: c.x.client.ID}}
	if err := c.edit(&x); err != nil {
		return x.Group, err
	}
	g, err := c.x.h.dir.Access.CreateGroup(c.x.ctx, c.x.client.Organization, x)
	if err == nil {
		c.x.noteGroupChange(&directory.Group{}, &g, x.Moved())
	}
	return g, err
}

// editGroup edits the group of the path within the directory's transaction.
func (x *exchange) editGroup(edit groupEdit, version int64) (directory.Group, error) {
	id, err := x.groupID()
	if err != nil {
		return directory.Group{}, err
	}
	var was directory.Group
	var made *directory.GroupEdit
	g, err := x.h.dir.Access.ChangeGroup(x.ctx, x.client.Organization, id, version, func(g *directory.GroupEdit) error {
		was, made = g.Group, g
		if err := takeGroup(x.client, &g.Group); err != nil {
			return err
		}
		return edit(g)
	})
	if err == nil {
		x.noteGroupChange(&was, &g, made.Moved())
	}
	return g, err
}

// remove removes the group. The check and the removal are one transaction, in which the check has locked the organization.
func (c *groupCall) remove() error {
	id, err := c.x.groupID()
	if err != nil {
		return err
	}
	return c.x.h.db.Update(c.x.ctx, func(tx *sqldb.Tx) error {
		access := c.x.h.dir.WithTx(tx).Access
		_, err := access.ChangeGroup(c.x.ctx, c.x.client.Organization, id, c.version, func(g *directory.GroupEdit) error {
			is := g.Group // not adopted by being removed
			return takeGroup(c.x.client, &is)
		})
		if err != nil {
			return err
		}
		return access.RemoveGroup(c.x.ctx, c.x.client.Organization, id)
	})
}

func (c *groupCall) done(g directory.Group, err error) (elimity.Resource, error) {
	c.called, c.group, c.err = true, g, err
	return elimity.Resource{ID: c.x.id}, err
}

// Create implements elimity.ResourceHandler.
func (c *groupCall) Create(*http.Request, elimity.ResourceAttributes) (elimity.Resource, error) {
	return c.done(c.make())
}

// Get implements elimity.ResourceHandler; a group is read without the library, which has nothing to check there.
func (c *groupCall) Get(*http.Request, string) (elimity.Resource, error) {
	return elimity.Resource{}, refuse(http.StatusNotImplemented, "", "This endpoint is not offered")
}

// GetAll implements elimity.ResourceHandler; lists have their own way, whose filters run in the database.
func (c *groupCall) GetAll(*http.Request, elimity.ListRequestParams) (elimity.Page, error) {
	return elimity.Page{}, refuse(http.StatusNotImplemented, "", "This endpoint is not offered")
}

// Replace implements elimity.ResourceHandler.
func (c *groupCall) Replace(*http.Request, string, elimity.ResourceAttributes) (elimity.Resource, error) {
	return c.done(c.x.editGroup(c.edit, c.version))
}

// Patch implements elimity.ResourceHandler.
func (c *groupCall) Patch(*http.Request, string, []elimity.PatchOperation) (elimity.Resource, error) {
	return c.done(c.x.editGroup(c.edit, c.version))
}

// Delete implements elimity.ResourceHandler.
func (c *groupCall) Delete(*http.Request, string) error {
	_, err := c.done(directory.Group{}, c.remove())
	return err
}
