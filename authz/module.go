package authz

import (
	"cmp"
	"slices"

	"portvakt/internal/directory"
)

// The places of the four actions among a module's; the tools come after them.
const (
	actionView int32 = iota
	actionCreate
	actionEdit
	actionDelete
	actionTool
)

var actionWords = [...]string{"view", "create", "edit", "delete"}

// reach is how far somebody gets at another's records. Each holds those before it.
type reach uint8

const (
	reachNone reach = iota
	reachRead
	reachWrite
	reachFull
)

// needOf is the reach that an action needs.
func needOf(action int32) reach {
	switch action {
	case actionCreate, actionEdit:
		return reachWrite
	case actionDelete:
		return reachFull
	}
	return reachRead
}

// The reach that sharing levels give; a word that is none gives nothing.
var levelReach = map[directory.SharingLevel]reach{directory.SharingPrivate: reachNone, directory.SharingPublicRead: reachRead,
	directory.SharingPublicReadWrite: reachWrite, directory.SharingPublicFull: reachFull}

// module is a function of an application. Its actions and fields have numbers that are one sequence over all modules, so
// that a set of them is what somebody may do anywhere.
type module struct {
	key         string
	names       names
	selfService bool
	level       reach
	tools       []string // sorted
	fields      []string // sorted
	action      int32    // the number of its view
	field       int32    // the number of its first field
	// The rules of the module: those that open writing from rule to readOnly, the rest before ruleEnd.
	rule, readOnly, ruleEnd int32
}

// names are the name of a thing in each of directory.Languages.
type names [4]string

func namesOf(name func(language string) string) (n names) {
	for i, l := range directory.Languages {
		n[i] = name(l)
	}
	return n
}

// places is how many actions the module has.
func (m *module) places() int32 { return actionTool + int32(len(m.tools)) }

// place finds an action of the module; -1 where it has none of that name.
func (m *module) place(action string) int32 {
	switch action {
	case "view":
		return actionView
	case "create":
		return actionCreate
	case "edit":
		return actionEdit
	case "delete":
		return actionDelete
	}
	return after(actionTool, m.tools, action)
}

// word is the name of an action.
func (m *module) word(place int32) string {
	if place < actionTool {
		return actionWords[place]
	}
	return m.tools[place-actionTool]
}

// fieldNumber finds a field of the module; -1 where it has none of that name.
func (m *module) fieldNumber(field string) int32 { return after(m.field, m.fields, field) }

func after(first int32, sorted []string, key string) int32 {
	if i, found := slices.BinarySearch(sorted, key); found {
		return first + int32(i)
	}
	return -1
}

// compileModules also counts the actions and fields of all modules together.
func (s *Snapshot) compileModules(from []directory.Module, sharing map[string]directory.SharingLevel) {
	s.modules = make([]module, len(from))
	for i := range from {
		m := &from[i]
		level, own := sharing[m.Key]
		if !own {
			level = directory.SharingPublicReadWrite
		}
		s.modules[i] = module{key: m.Key, names: namesOf(m.Name), selfService: m.SelfService, level: levelReach[level], tools: set(m.Tools), fields: set(m.Fields)}
	}
	slices.SortFunc(s.modules, func(a, b module) int { return cmp.Compare(a.key, b.key) })
	s.moduleAt = make(map[string]int32, len(s.modules))
	for i := range s.modules {
		m := &s.modules[i]
		s.moduleAt[m.key] = int32(i)
		m.action, m.field = s.actions, s.fields
		s.actions += m.places()
		s.fields += int32(len(m.fields))
	}
}

// set is a sorted list of its own without repetitions.
func set(in []string) []string {
	out := slices.Clone(in)
	slices.Sort(out)
	return slices.Clip(slices.Compact(out))
}
