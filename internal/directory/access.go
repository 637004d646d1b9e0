package directory

import (
	"cmp"
	"context"
	"regexp"
	"slices"

	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

// Access is the store of what roles, profiles, groups, packages and sharing say; authz evaluates it.
//
// Invariant: each change bumps the organization's access version in its transaction, a change of modules or packages that
// of all organizations (TestEveryAccessChangeMakesAVersion); so does every change of members that touches their access
// (TestR17_EveryPathMakesAVersion). Only a member made where seats are unlimited raises nothing, since nothing is locked
// for it: whoever meets an unknown member in a compiled model asks the rows.
// Invariant: roles and groups have no cycles, also in a race of two changes: the organization's row is locked before
// edges are read (TestGroupCycleRace).
//
// Its Save calls compare with what is there by key: saving the same again writes nothing, and what is not named stays.
type Access struct {
	store
	at int64 // see At
}

// Tally counts what a Save made and what it changed, and what was removed; what was the same already is in none.
type Tally struct{ Made, Changed, Removed int }

// Plus is the sum of two tallies.
func (t Tally) Plus(u Tally) Tally {
	return Tally{t.Made + u.Made, t.Changed + u.Changed, t.Removed + u.Removed}
}

// Zero reports whether nothing was written.
func (t Tally) Zero() bool { return t == Tally{} }

// AccessFacts are all that decides what one member may do, read at one moment. Evaluating them is authz's part.
type AccessFacts struct {
	Organization  OrganizationID
	Membership    MembershipID
	Kind          Kind
	Administrator bool
	Reseller      ResellerAccess
	Role          RoleFact   // zero: none
	RolePath      []RoleFact // from the root to Role
	Profiles      []Profile  // the role's
	Packages      []Package  // the member's
	Grants        map[string]Grade
	Functions     []Function
	AllSegments   bool
	Segments      []string
	Groups        []GroupFact // the member is in, directly, through nested groups, by role, or by a role above
	Modules       []Module    // the installation's, without names
}

// EverySegment reports whether the member sees all segments, also those made later: whoever is told to, and every
// administrator (R06).
//
// Invariant: an administrator sees them whatever is ticked (TestR06_AdministratorsSeeEverySegment).
func (f *AccessFacts) EverySegment() bool { return f.AllSegments || f.Administrator }

// RoleFact is a role as far as claims show it.
type RoleFact struct {
	ID        RoleID
	Key, Name string
}

// GroupFact is a group as far as claims show it.
type GroupFact struct {
	ID        GroupID
	Key, Name string
}

// anyID reads the identifier column of a row whose noun is known only from another column.
type anyPrefix struct{}

func (anyPrefix) Prefix() string { return "any" }

type anyID = sqldb.ID[anyPrefix]

// factRow is one row of the statement behind Of; what each column holds depends on what.
type factRow struct {
	id            anyID
	what, a, b, c string
	n             int64
}

// Of reads the facts of a member in one statement, so that they belong together. It says nothing of whether the
// membership is active.
func (s Access) Of(ctx context.Context, org OrganizationID, member MembershipID) (AccessFacts, error) {
	rows, err := accessRows(ctx, s.q(), org, member)
	if err != nil {
		return AccessFacts{}, err
	}
	f := factsBuilder{
		AccessFacts: AccessFacts{Organization: org, Membership: member, Grants: map[string]Grade{}},
		profiles:    map[ProfileID]*Profile{}, packages: map[string]*Package{}, modules: map[string]*Module{},
	}
	for _, r := range rows {
		f.add(r)
	}
	if f.Kind == "" {
		return AccessFacts{}, ErrMemberNotFound
	}
	return f.finish(), nil
}

type factsBuilder struct {
	AccessFacts
	path     []pathStep
	profiles map[ProfileID]*Profile
	packages map[string]*Package
	modules  map[string]*Module
}

type pathStep struct {
	RoleFact
	depth int64 // 0: the member's own role
}

func (f *factsBuilder) add(r factRow) {
	switch r.what {
	case "member":
		f.Kind, f.Administrator, f.AllSegments = Kind(r.a), r.n&1 != 0, r.n&2 != 0
		f.Reseller = ResellerAccess{ResellerRole(r.b), r.n&4 != 0, r.n&8 != 0}
	case "role":
		f.path = append(f.path, pathStep{RoleFact{RoleID(r.id), r.a, r.b}, r.n})
	case "group":
		f.Groups = append(f.Groups, GroupFact{GroupID(r.id), r.a, r.b})
	case "profile", "profile_module", "profile_field", "profile_tool":
		addProfileRow(f.profiles, r)
	case "package":
		f.pack(r.a)
	case "package_grant":
		f.pack(r.a).Grants[r.b] = Grade(r.c)
	case "grant":
		f.Grants[r.a] = Grade(r.b)
	case "function":
		f.Functions = append(f.Functions, Function(r.a))
	case "segment":
		f.Segments = append(f.Segments, r.a)
	case "module", "module_field", "module_tool":
		addModuleRow(f.modules, r)
	}
}

func (f *factsBuilder) pack(key string) *Package {
	if f.packages[key] == nil {
		f.packages[key] = &Package{Key: key, Grants: map[string]Grade{}}
	}
	return f.packages[key]
}

func (f *factsBuilder) finish() AccessFacts {
	slices.SortFunc(f.path, func(a, b pathStep) int { return cmp.Compare(b.depth, a.depth) })
	for _, step := range f.path {
		f.RolePath = append(f.RolePath, step.RoleFact)
		f.Role = step.RoleFact
	}
	f.Profiles = byKey(f.profiles, func(p *Profile) string { return p.Key })
	f.Packages = byKey(f.packages, func(p *Package) string { return p.Key })
	f.Modules = byKey(f.modules, func(m *Module) string { return m.Key })
	slices.SortFunc(f.Groups, func(a, b GroupFact) int { return cmp.Compare(a.Key, b.Key) })
	slices.Sort(f.Functions)
	slices.Sort(f.Segments)
	return f.AccessFacts
}

func byKey[K comparable, V any](all map[K]*V, key func(*V) string) []V {
	out := make([]V, 0, len(all))
	for _, v := range all {
		out = append(out, *v)
	}
	slices.SortFunc(out, func(a, b V) int { return cmp.Compare(key(&a), key(&b)) })
	return out
}

var keyForm = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9_-]{0,62})$`)

// CheckKey refuses what cannot be the key of a role, group, profile, segment, module, package, field or tool. Keys stand
// in claims, so they hold no colon, space or upper case.
func CheckKey(key string) error {
	if !keyForm.MatchString(key) {
		return fault.New(fault.Invalid, "bad_id", "An id is 1 to 63 lower-case letters, digits, hyphens and underscores").On("id")
	}
	return nil
}

func checkNamed(key, name string) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	if name == "" {
		return fault.New(fault.Invalid, "missing", "A name is missing").On("name")
	}
	return checkText("name", name)
}

// unknown is the refusal of a key that names nothing.
func unknown(noun, key, field string) error {
	return fault.Newf(fault.Invalid, "unknown_"+noun, "There is no "+noun+" %q", key).On(field)
}
