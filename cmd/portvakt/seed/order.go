package seed

import "portvakt/internal/directory"

// agenciesFirst are the file's organizations so that each agency comes before those that it manages: their resellers stand
// on its employees. Two that manage each other come in the file's order.
func (r *run) agenciesFirst() []*Organization {
	declared := map[directory.OrganizationID]*Organization{}
	for i := range r.file.Organizations {
		x := &r.file.Organizations[i]
		declared[r.organizations[x.Slug.Text].ID] = x
	}
	out := make([]*Organization, 0, len(declared))
	seen := map[*Organization]bool{}
	var visit func(x *Organization)
	visit = func(x *Organization) {
		if x == nil || seen[x] {
			return
		}
		seen[x] = true
		visit(declared[r.organizations[x.Slug.Text].ManagedBy])
		out = append(out, x)
	}
	for i := range r.file.Organizations {
		visit(&r.file.Organizations[i])
	}
	return out
}
