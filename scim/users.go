package scim

import (
	"net/http"
	"slices"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

func (x *exchange) createUser() error {
	res, err := x.reader().normalize(x.body)
	if err != nil {
		return err
	}
	if err := x.h.schemas.users.fits(written(res)); err != nil {
		return err
	}
	m, err := x.create(res)
	if err != nil {
		return err
	}
	return x.writeUser(http.StatusCreated, &m)
}

func (x *exchange) getUser() error {
	m, err := x.member()
	if err != nil {
		return err
	}
	return x.writeUser(http.StatusOK, &m)
}

func (x *exchange) replaceUser() error {
	res, err := x.reader().normalize(x.body)
	if err != nil {
		return err
	}
	version, err := x.ifMatch()
	if err != nil {
		return err
	}
	if _, err := x.memberID(); err != nil { // before what is wrong with the body
		return err
	}
	if err := x.h.schemas.users.fits(written(res)); err != nil {
		return err
	}
	m, err := x.replace(res, version)
	if err != nil {
		return err
	}
	return x.writeUser(http.StatusOK, &m)
}

func (x *exchange) patchUser() error {
	ops, err := x.reader().parsePatch(x.body)
	if err != nil {
		return err
	}
	version, err := x.ifMatch()
	if err != nil {
		return err
	}
	if _, err := x.memberID(); err != nil { // before what is wrong with the values
		return err
	}
	if err := fitting(ops); err != nil {
		return err
	}
	m, err := x.patch(ops, version)
	if err != nil {
		return err
	}
	if x.wantsNothing() {
		x.writeNothing(x.h.schemas.users, m.ID.String(), m.Version)
		return nil
	}
	return x.writeUser(http.StatusOK, &m)
}

func (x *exchange) deleteUser() error {
	version, err := x.ifMatch()
	if err != nil {
		return err
	}
	if err := x.remove(version); err != nil {
		return err
	}
	x.w.WriteHeader(http.StatusNoContent)
	return nil
}

// memberID is the id of the path; what is no id of ours is nobody's.
func (x *exchange) memberID() (directory.MembershipID, error) {
	id, err := directory.ParseMembershipID(x.id)
	if err != nil {
		return id, errNotFound
	}
	return id, nil
}

func (x *exchange) member() (directory.Member, error) {
	id, err := x.memberID()
	if err != nil {
		return directory.Member{}, err
	}
	return x.h.dir.Memberships.ByID(x.ctx, x.client.Organization, id)
}

// create makes a member of a canonical resource.
func (x *exchange) create(res resource) (directory.Member, error) {
	in, err := x.intake(creating, res["roles"] != nil, namesSegments(res))
	if err != nil {
		return directory.Member{}, err
	}
	m := directory.Member{ManagedBy: x.client.ID}
	if err := in.fromSCIM(res, &m); err != nil {
		return m, err
	}
	if err := mayMake(x.client, &m); err != nil {
		return m, err
	}
	if x.collect {
		x.made = m
		return m, errCollected
	}
	m, err = x.h.dir.Memberships.Create(x.ctx, x.client.Organization, directory.NewMember{Member: m})
	if err == nil {
		x.noteChange(&directory.Member{}, &m)
	}
	return m, err
}

func (x *exchange) replace(res resource, version int64) (directory.Member, error) {
	in, err := x.intake(replacing, res["roles"] != nil, namesSegments(res))
	if err != nil {
		return directory.Member{}, err
	}
	return x.change(version, func(m *directory.Member) error {
		if err := in.fromSCIM(res, m); err != nil {
			return err
		}
		m.HoldAll() // what is absent was cleared: all that is left the client has said
		return nil
	})
}

// patch applies operations to the member inside the directory's transaction, on what it has locked.
func (x *exchange) patch(ops []operation, version int64) (directory.Member, error) {
	in, err := x.intake(patched, true, patchesSegments(ops)) // the present role has to be shown to be patched
	if err != nil {
		return directory.Member{}, err
	}
	return x.change(version, func(m *directory.Member) error {
		res := toSCIM(m, in.roles, in.now)
		delete(res, "active") // what it shows is not what it was set to
		if err := applyPatch(res, ops); err != nil {
			return err
		}
		return in.fromSCIM(res, m)
	})
}

func (x *exchange) change(version int64, edit func(*directory.Member) error) (directory.Member, error) {
	id, err := x.memberID()
	if err != nil {
		return directory.Member{}, err
	}
	var was directory.Member
	m, err := x.h.dir.Memberships.Change(x.ctx, x.client.Organization, id, version, func(m *directory.Member) error {
		was = *m
		if err := take(x.client, m); err != nil {
			return err
		}
		if err := edit(m); err != nil {
			return err
		}
		return may(x.client, &was, m)
	})
	if err == nil {
		x.noteChange(&was, &m)
	}
	return m, err
}

// remove ends the membership for good. The check and the end are one transaction, in which the check has locked the member.
func (x *exchange) remove(version int64) error {
	id, err := x.memberID()
	if err != nil {
		return err
	}
	return x.h.db.Update(x.ctx, func(tx *sqldb.Tx) error {
		members := x.h.dir.WithTx(tx).Memberships
		_, err := members.Change(x.ctx, x.client.Organization, id, 0, func(m *directory.Member) error {
			if version != 0 && m.Version != version {
				return directory.ErrStale
			}
			is := *m // not adopted by being removed
			if err := take(x.client, &is); err != nil {
				return err
			}
			return may(x.client, m, &is)
		})
		if err != nil {
			return err
		}
		return members.Delete(x.ctx, x.client.Organization, id)
	})
}

// intake looks up what a resource may name. That the rest of what it names is there is the directory's to check.
func (x *exchange) intake(r reading, rolesNamed, segmentsNamed bool) (in intake, err error) {
	in = intake{reading: r, now: x.h.db.Now()}
	if rolesNamed {
		if in.roles, err = x.h.dir.Access.Roles(x.ctx, x.client.Organization); err != nil {
			return in, err
		}
	}
	if segmentsNamed {
		in.segments, err = x.h.dir.Access.Segments(x.ctx, x.client.Organization)
	}
	return in, err
}

// namesSegments reports whether a resource names segments of which the directory is not asked, because it names all.
func namesSegments(res resource) bool {
	extension, _ := res[membershipURN].(map[string]any)
	keys := valuesOf[string](extension["segments"])
	return len(keys) > 1 && slices.Contains(keys, directory.EverySegment)
}

func patchesSegments(ops []operation) bool {
	return slices.ContainsFunc(ops, func(o operation) bool {
		return o.op != "remove" && o.at.urn == membershipURN && o.at.attr.name == "segments"
	})
}
