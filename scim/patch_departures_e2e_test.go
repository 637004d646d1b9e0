//go:build e2e

package scim

import (
	"reflect"
	"slices"
	"strings"
)

// deed is an operation, what it was done to, and what became of it: by scim-patch, and by us where we refuse.
type deed struct {
	modelOperation
	before  map[string]any // without what says nothing
	said    verdict
	refused error
}

// departure is a place where scim-patch and we differ.
type departure struct {
	name   string
	clause string            // by which one of the two is right
	when   func(d deed) bool // for what is meant, and nothing else
	// beside takes away what the two need not agree on; refuses is where one of them may have no outcome at all.
	beside  func(s modelOperation, res map[string]any)
	refuses bool
}

// departures are all of them, for scim-patch 0.8.3. But for the last two it is the standard that we follow.
var departures = []departure{
	{name: "a filter minds the letter case of everything", clause: "RFC 7643 §4.1.2: value and type of e-mails and telephone numbers are not caseExact",
		when: func(d deed) bool { return d.selectsOtherwise(false, true) }, beside: withoutList, refuses: true},
	{name: "what is not there is not different", clause: "RFC 7644 §3.4.2.2: ne holds unless the values are identical; RFC 7643 §2.5: an unassigned attribute has none",
		when: func(d deed) bool { return d.selectsOtherwise(true, false) }, beside: withoutList, refuses: true},
	{name: "null is not understood", clause: "RFC 7643 §2.5: null is no value, so replacing by it unassigns",
		when: func(d deed) bool { return d.isNull() && d.said.Refused == "TypeError" }, beside: withoutList, refuses: true},
	{name: "null makes an element", clause: "RFC 7643 §2.5",
		when: func(d deed) bool {
			return d.isNull() && d.choosesNobody() && len(entriesOf(d.said.Resource, d.attr)) > len(entriesOf(d.before, d.attr))
		}, beside: withoutList},
	{name: "the same value twice", clause: "RFC 7643 §2.4: the same (type, value) combination once",
		when: func(d deed) bool { return d.isWhole() && d.op != "remove" && d.addsTwin() }, beside: withoutList},
	{name: "two primary values", clause: "RFC 7643 §2.4, RFC 7644 §3.5.2: primary is true at most once, and the others' is set to false",
		when: func(d deed) bool { return d.list && primaries(entriesOf(d.said.Resource, d.attr)) > 1 }, beside: withoutPrimary},
	{name: "an object where a list belongs", clause: "RFC 7643 §2.4: a multi-valued attribute is a list",
		when: func(d deed) bool {
			_, object := d.said.Resource[d.attr].(map[string]any)
			return d.list && object && d.before[d.attr] == nil
		}, beside: withoutList},
	{name: "what is to be made has the value", clause: "RFC 7644 §3.5.2.3, §3.12: noTarget where the filter matches nothing; a value is not made up from its own name",
		when: func(d deed) bool {
			return d.choosesNobody() && len(d.filter) == 1 && d.filter[0].part == "value" && d.refusedFor("noTarget") && d.said.Refused == ""
		}, beside: withoutList, refuses: true},
	{name: "adding to nobody succeeds and does nothing", clause: "RFC 7644 §3.12: noTarget where the filter matches nothing",
		when: func(d deed) bool {
			return d.op == "add" && d.part == "" && d.choosesNobody() && d.said.Refused == "" && reflect.DeepEqual(d.before[d.attr], d.said.Resource[d.attr])
		}, beside: withoutList, refuses: true},
	{name: "a value that lists what goes is compared whole", clause: "none: RFC 7644 §3.5.2.2 knows no value; Entra ID and OneLogin name elements by their value alone",
		when: func(d deed) bool { return d.isWhole() && d.op == "remove" && d.namesInPart() }, beside: withoutList, refuses: true},

	// Here scim-patch is right by the letter.
	{name: "we make what the filter says", clause: "RFC 7644 §3.5.2.3 wants noTarget; Entra ID sets emails[type eq \"work\" and …].value before there is one",
		when: func(d deed) bool {
			return d.op != "remove" && d.value != nil && d.choosesNobody() && d.refused == nil && d.saidNobody()
		}, beside: withoutList, refuses: true},
	{name: "we have nothing against removing nothing", clause: "RFC 7644 §3.12 allows noTarget; who asks twice has what was asked for",
		when: func(d deed) bool {
			return (d.op == "remove" || d.isNull()) && d.choosesNobody() && d.refused == nil && d.saidNobody()
		}, beside: withoutList, refuses: true},
}

func departuresOf(d deed) []departure {
	return slices.DeleteFunc(slices.Clone(departures), func(known departure) bool { return !known.when(d) })
}

// withoutList leaves what the operation is not about.
func withoutList(s modelOperation, res map[string]any) { delete(res, s.attr) }

func withoutPrimary(s modelOperation, res map[string]any) {
	for _, m := range entriesOf(res, s.attr) {
		delete(m, "primary")
	}
}

func entriesOf(res map[string]any, name string) (out []map[string]any) {
	list, _ := res[name].([]any)
	for _, e := range list {
		if m, ok := e.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

func primaries(elements []map[string]any) (n int) {
	for _, m := range elements {
		if m["primary"] == true {
			n++
		}
	}
	return n
}

func (d deed) isNull() bool  { return d.op == "replace" && d.value == nil }
func (d deed) isWhole() bool { return d.list && d.part == "" && len(d.filter) == 0 }

func (d deed) refusedFor(scimType string) bool {
	return d.refused != nil && string(toRefusal(d.refused).ScimType) == scimType
}

// saidNobody reports whether scim-patch refused because the path selects nothing.
func (d deed) saidNobody() bool {
	return slices.Contains([]string{"NoTarget", "FilterOnEmptyArray", "FilterArrayTargetNotFound"}, d.said.Refused)
}

// choosesNobody reports whether the path selects among elements, and none.
func (d deed) choosesNobody() bool {
	return len(d.filter) > 0 && !slices.ContainsFunc(entriesOf(d.before, d.attr), d.selects)
}

// addsTwin reports whether scim-patch leaves two elements of one type and value, of which one is given.
func (d deed) addsTwin() bool {
	values, _ := d.value.([]any)
	return slices.ContainsFunc(values, func(v any) bool {
		n := 0
		for _, m := range entriesOf(d.said.Resource, d.attr) {
			if same(m, v, "value") && same(m, v, "type") {
				n++
			}
		}
		return n > 1
	})
}

// namesInPart reports whether one of the values that shall go is not, letter for letter, what is there under it.
func (d deed) namesInPart() bool {
	values, _ := d.value.([]any)
	there := entriesOf(d.before, d.attr)
	return len(values) > 0 && (len(there) == 0 || slices.ContainsFunc(values, func(v any) bool {
		return slices.ContainsFunc(there, func(m map[string]any) bool { return same(m, v, "value") && !reflect.DeepEqual(any(m), v) })
	}))
}

// selectsOtherwise reports whether the path selects others for who does not fold letters, or does not hold what is not there
// for different.
func (d deed) selectsOtherwise(folds, differs bool) bool {
	return len(d.filter) > 0 && slices.ContainsFunc(entriesOf(d.before, d.attr), func(m map[string]any) bool {
		return d.selects(m) != d.selectsBy(m, folds, differs)
	})
}

func (s modelOperation) selectsBy(m map[string]any, folds, differs bool) bool {
	holds := func(c modelCondition) bool {
		is, there := m[c.part].(string)
		want := c.value
		if folds && c.part != "display" {
			is, want = strings.ToLower(is), strings.ToLower(want)
		}
		switch c.op {
		case "pr":
			return there
		case "ne":
			return is != want && (there || differs)
		case "eq":
			return there && is == want
		case "sw":
			return there && strings.HasPrefix(is, want)
		}
		return there && strings.Contains(is, want)
	}
	if s.joined == "or" {
		return slices.ContainsFunc(s.filter, holds)
	}
	return !slices.ContainsFunc(s.filter, func(c modelCondition) bool { return !holds(c) })
}
