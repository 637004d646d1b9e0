package scim

import (
	"net/http"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

func (x *exchange) createGroup() error {
	in, err := x.reader().readGroup(x.body)
	if err != nil {
		return err
	}
	if err := x.h.schemas.groups.fits(in.written()); err != nil {
		return err
	}
	g, err := x.makeGroup(in.edit)
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
	if _, err := x.groupID(); err != nil { // before what is wrong with the body
		return err
	}
	if err := x.h.schemas.groups.fits(in.written()); err != nil {
		return err
	}
	g, err := x.editGroup(in.edit, version)
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
	if _, err := x.groupID(); err != nil { // before what is wrong with the values
		return err
	}
	if err := fitting(ops.written()); err != nil {
		return err
	}
	g, err := x.editGroup(ops.edit, version)
	if err != nil {
		return err
	}
	t, nothing := x.h.schemas.groups, x.wantsNothing()
	if !nothing && len(x.asked.attributes) == 0 && x.projection(t).shows(groupURN, x.h.schemas.attributes[groupURN]["members"]) {
		if nothing, err = x.h.dir.Access.GroupHoldsMoreThan(x.ctx, x.client.Organization, g.ID, groupShownAtMost); err != nil {
			return err
		}
	}
	if nothing {
		x.writeNothing(t, g.ID.String(), g.Version)
		return nil
	}
	return x.writeGroup(http.StatusOK, g)
}

func (x *exchange) deleteGroup() error {
	version, err := x.ifMatch()
	if err != nil {
		return err
	}
	if err := x.removeGroup(version); err != nil {
		return err
	}
	x.w.WriteHeader(http.StatusNoContent)
	return nil
}

// groupEdit is what a request makes of a group. It may run again, on the group as it is then.
type groupEdit func(*directory.GroupEdit) error

// makeGroup makes a group, which is the client's own.
func (x *exchange) makeGroup(edit groupEdit) (directory.Group, error) {
	made := directory.GroupEdit{Group: directory.Group{ManagedBy: x.client.ID}}
	if err := edit(&made); err != nil {
		return made.Group, err
	}
	g, err := x.h.dir.Access.CreateGroup(x.ctx, x.client.Organization, made)
	if err == nil {
		x.noteGroupChange(&directory.Group{}, &g, made.Moved())
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

// removeGroup removes the group of the path. The check and the removal are one transaction, in which the check has locked the
// organization.
func (x *exchange) removeGroup(version int64) error {
	id, err := x.groupID()
	if err != nil {
		return err
	}
	return x.h.db.Update(x.ctx, func(tx *sqldb.Tx) error {
		access := x.h.dir.WithTx(tx).Access
		_, err := access.ChangeGroup(x.ctx, x.client.Organization, id, version, func(g *directory.GroupEdit) error {
			is := g.Group // not adopted by being removed
			return takeGroup(x.client, &is)
		})
		if err != nil {
			return err
		}
		return access.RemoveGroup(x.ctx, x.client.Organization, id)
	})
}
