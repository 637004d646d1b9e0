package authz

import (
	"portvakt/internal/directory"
)

// Snapshot is an organization's whole access model at one version, compiled. It never changes; any number of goroutines may
// ask it, and nothing that it answers needs I/O.
//
// Everything is a number into one of its tables. Members who are alike share a row: a class (what they may do in modules),
// a standing (whose records are open to whom), a sight (segments). Dates stay dates: nothing says "now".
type Snapshot struct {
	organization directory.OrganizationID
	version      int64
	name         string // the organization's

	members  []member
	persons  []person
	order    []int32 // members by id
	memberAt map[directory.MembershipID]int32
	newest   map[directory.UserID]int32 // a person's newest membership
	heirless []heirless
	passings []int64 // when records pass on to successors
	archived bool    // somebody is

	classes     []class
	parties     []standing
	sights      []sight
	duties      [][]string
	profileSets []profileSet

	modules   []module // by key, like all below
	moduleAt  map[string]int32
	actions   int32 // of all modules
	fields    int32 // of all modules
	profiles  []profileRules
	packages  []pack
	packageAt map[string]int32
	roles     []role // in no order
	roleAt    map[directory.RoleID]int32
	groups    []group
	groupAt   map[directory.GroupID]int32
	groupKey  map[string]int32
	rules     []rule // by module, writing ones first
	segments  []segment
	segmentAt map[string]int32

	size int64
}

// Organization is whose access model it is.
func (s *Snapshot) Organization() directory.OrganizationID { return s.organization }

// Version is the organization's access version that it was compiled from.
func (s *Snapshot) Version() int64 { return s.version }

// Size is about how many bytes of memory it holds.
func (s *Snapshot) Size() int64 { return s.size }

// Has reports whether the membership is known.
func (s *Snapshot) Has(member directory.MembershipID) bool {
	_, known := s.memberAt[member]
	return known
}
