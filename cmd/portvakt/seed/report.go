package seed

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"portvakt/internal/directory"
)

// Report is what an apply made and changed, or would.
type Report struct {
	Planned bool // nothing was written
	entries []entry
	erased  map[string]string // by slug: that the file may name somebody who was erased
}

type entry struct {
	where, noun string
	directory.Tally
	kept int // members who were deleted since and stay away
}

func (r *Report) add(where, noun string, t directory.Tally) {
	r.entry(where, noun).Tally = r.entry(where, noun).Plus(t)
}

func (r *Report) entry(where, noun string) *entry {
	for i := range r.entries {
		if e := &r.entries[i]; e.where == where && e.noun == noun {
			return e
		}
	}
	r.entries = append(r.entries, entry{where: where, noun: noun})
	return &r.entries[len(r.entries)-1]
}

// Total is everything that was made, changed and removed.
func (r Report) Total() directory.Tally {
	var t directory.Tally
	for _, e := range r.entries {
		t = t.Plus(e.Tally)
	}
	return t
}

// Lines is the report for people, a line for the installation and for each organization in which something happened.
func (r Report) Lines() []string {
	var order []string
	parts := map[string][]string{}
	for _, e := range r.entries {
		text := e.text(r.Planned)
		if text == "" {
			continue
		}
		if parts[e.where] == nil {
			order = append(order, e.where)
		}
		parts[e.where] = append(parts[e.where], text)
	}
	var out []string
	for _, where := range order {
		out = append(out, where+": "+strings.Join(parts[where], "; "))
	}
	for _, slug := range slices.Sorted(maps.Keys(r.erased)) {
		out = append(out, "note, organization "+slug+": "+r.erased[slug])
	}
	if len(out) == 0 {
		out = append(out, "everything is as the file says already")
	}
	return out
}

// String is the lines as one text.
func (r Report) String() string { return strings.Join(r.Lines(), "\n") }

func (e entry) text(planned bool) string {
	made, changed, removed := "made", "changed", "removed"
	if planned {
		made, changed, removed = "to make", "to change", "to remove"
	}
	var parts []string
	if e.Made > 0 {
		parts = append(parts, fmt.Sprintf("%s %s", count(e.Made, e.noun), made))
	}
	if e.Changed > 0 {
		n := count(e.Changed, e.noun)
		if e.Made > 0 {
			n = fmt.Sprint(e.Changed)
		}
		parts = append(parts, n+" "+changed)
	}
	if e.Removed > 0 {
		parts = append(parts, fmt.Sprintf("%s %s", count(e.Removed, e.noun), removed))
	}
	if e.kept > 0 {
		parts = append(parts, fmt.Sprintf("%s left away, deleted since", count(e.kept, e.noun)))
	}
	return strings.Join(parts, ", ")
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
