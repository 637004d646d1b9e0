package authz

import (
	"slices"
	"time"

	"portvakt/internal/directory"
)

// Difference is who gains and who loses what between two snapshots of an organization: on the modules as such, on their
// fields, and on the records in them, counted by their owners. Owners are those that the first snapshot knows: what a new
// member or group will own nobody has seen yet.
//
// Invariant: it says what Decide says before and after, for everybody (TestR17_TheDifferenceIsInTheDecisions).
type Difference struct {
	Organization  directory.OrganizationID
	Before, After int64 // access versions
	At            time.Time
	Members       int                // how many gain or lose something
	Modules       []ModuleDifference // those in which somebody does, by key
	// Made are the names of members whom only the second snapshot knows, as far as a preview has read them: they are
	// nowhere else when it is over.
	Made map[directory.MembershipID]string

	changes []change // by module, then by member
}

// ModuleDifference counts what changes in one module.
type ModuleDifference struct {
	Module  string
	Gaining int                // members who gain something there
	Losing  int                // members who lose something there
	Actions []ActionDifference // of which somebody gains or loses the permission, in the order of the module
	Records []RecordDifference // view, edit and delete, where somebody's reach changes

	first, last int // its changes
}

// ActionDifference counts the members who gain or lose the permission for an action.
type ActionDifference struct {
	Action          string
	Gaining, Losing int
}

// RecordDifference counts the members whose reach changes, and over all of them the owners whose records come into reach or
// go out of it.
type RecordDifference struct {
	Action          string
	Gaining, Losing int
	Gained, Lost    int64
}

// Change is what changes for one member in one module.
type Change struct {
	Member       directory.MembershipID
	Module       string
	Gained, Lost []string // actions
	Fields       []FieldChange
	Records      []RecordChange
}

// FieldChange is a field that is open further, or less far, than before.
type FieldChange struct {
	Field         string
	Before, After directory.FieldAccess
}

// RecordChange counts the owners whose records come into the member's reach, and go out of it.
type RecordChange struct {
	Action       string
	Gained, Lost int
}

// None reports that nothing changes for anybody.
func (d *Difference) None() bool { return len(d.changes) == 0 }

// Changes lists what changes in a module, by member, from the first one after the given id on; at most limit, 0 for all.
func (d *Difference) Changes(module string, after directory.MembershipID, limit int) []Change {
	i := slices.IndexFunc(d.Modules, func(m ModuleDifference) bool { return m.Module == module })
	if i < 0 {
		return nil
	}
	all := d.changes[d.Modules[i].first:d.Modules[i].last]
	from, found := slices.BinarySearchFunc(all, after, func(c change, id directory.MembershipID) int { return compareID(c.member, id) })
	if found {
		from++
	}
	if all = all[from:]; limit > 0 && len(all) > limit {
		all = all[:limit]
	}
	out := make([]Change, len(all))
	for n := range all {
		out[n] = all[n].told(module)
	}
	return out
}

// change is a Change as it is kept: there may be one for each member and module.
type change struct {
	member  directory.MembershipID
	may     *mayChange
	records [3]counted
}

// counted are owners.
type counted struct{ gained, lost int32 }

// recordPlaces are the actions that are counted by owners.
var recordPlaces = [3]int32{actionView, actionEdit, actionDelete}

// mayChange is what changes for everybody of one class who comes to be of another, in one module.
type mayChange struct {
	gained, lost []string
	fields       []FieldChange
	allowed      [3]allowance // of the actions that are counted
}

type allowance struct{ before, after bool }

func (m *mayChange) none() bool { return len(m.gained)+len(m.lost)+len(m.fields) == 0 }

func (c *change) told(module string) Change {
	out := Change{Member: c.member, Module: module, Gained: c.may.gained, Lost: c.may.lost, Fields: c.may.fields}
	for i, n := range c.records {
		if n != (counted{}) {
			out.Records = append(out.Records, RecordChange{actionWords[recordPlaces[i]], int(n.gained), int(n.lost)})
		}
	}
	return out
}

// direction says whether something is gained, and whether something is lost.
func (c *change) direction() (gains, loses bool) {
	gains, loses = len(c.may.gained) > 0, len(c.may.lost) > 0
	for _, n := range c.records {
		gains, loses = gains || n.gained > 0, loses || n.lost > 0
	}
	for _, f := range c.may.fields {
		more := fieldRank[f.After] > fieldRank[f.Before]
		gains, loses = gains || more, loses || !more
	}
	return gains, loses
}

// count sums up a module's changes.
func (d *Difference) count(module string, words []string, first int) {
	m := ModuleDifference{Module: module, first: first, last: len(d.changes)}
	actions := map[string]*ActionDifference{}
	for _, w := range words {
		actions[w] = &ActionDifference{Action: w}
	}
	var records [3]RecordDifference
	for i := first; i < len(d.changes); i++ {
		c := &d.changes[i]
		gains, loses := c.direction()
		m.Gaining, m.Losing = m.Gaining+one(gains), m.Losing+one(loses)
		for _, w := range c.may.gained {
			actions[w].Gaining++
		}
		for _, w := range c.may.lost {
			actions[w].Losing++
		}
		for n, r := range c.records {
			x := &records[n]
			x.Gaining, x.Losing = x.Gaining+one(r.gained > 0), x.Losing+one(r.lost > 0)
			x.Gained, x.Lost = x.Gained+int64(r.gained), x.Lost+int64(r.lost)
		}
	}
	for _, w := range words {
		if a := actions[w]; a.Gaining+a.Losing > 0 {
			m.Actions = append(m.Actions, *a)
		}
	}
	for n, r := range records {
		if r.Gaining+r.Losing > 0 {
			r.Action = actionWords[recordPlaces[n]]
			m.Records = append(m.Records, r)
		}
	}
	d.Modules = append(d.Modules, m)
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
