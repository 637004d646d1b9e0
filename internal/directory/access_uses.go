package directory

import (
	"strings"

	"portvakt/internal/fault"
)

// uses are what refers to a thing that is about to be removed: the names of groups or roles, and the modules of rules.
//
// Removing never re-points what others said: a rule or a group that named the removed role would mean those who have another
// one from then on, and so open to them what nobody decided. Such a thing is refused with the names.
type uses struct {
	named, modules []string
}

// maxNamedUses is how many a refusal names.
const maxNamedUses = 20

// list is what refers to the thing, "" where nothing does.
func (u uses) list() string {
	names := append(u.named, u.modules...)
	if len(names) == 0 {
		return ""
	}
	more := ""
	if len(names) > maxNamedUses {
		names, more = names[:maxNamedUses], ", …"
	}
	return `"` + strings.Join(names, `", "`) + `"` + more
}

func (u uses) refuseRole() error {
	if list := u.list(); list != "" {
		return fault.Newf(fault.Conflict, "role_in_use", "Groups or sharing rules name this role: %s; take it out there first", list).On("role")
	}
	return nil
}

func (u uses) refuseGroup() error {
	if list := u.list(); list != "" {
		return fault.Newf(fault.Conflict, "group_in_use", "Sharing rules name this group, for the modules %s; take it out there first", list).On("group")
	}
	return nil
}

func (u uses) refuseProfile() error {
	if list := u.list(); list != "" {
		return fault.Newf(fault.Conflict, "profile_in_use", "Roles carry this profile: %s; take it from them first", list).On("profile")
	}
	return nil
}
