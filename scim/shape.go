package scim

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// What administrators see of a request that was refused: names, types and lengths, never a value.
//
// Invariant: no value that a client sent is shown (TestWall134_TheRequestLogHoldsNoValues).

const (
	maxShape    = 2 << 10
	shownOfList = 3 // elements; the others are counted
)

// shownName is a name of an attribute as it was written, if that can be one; else how long it was.
func shownName(s string) string {
	if isShownName(s) {
		return s
	}
	return fmt.Sprintf("(%d characters)", utf8.RuneCountInString(s))
}

// isShownName reports whether a text may be an attribute's name. Nothing with many digits is one: it may be somebody's number.
func isShownName(s string) bool {
	if !isName(s) || len(s) > 100 {
		return false
	}
	run := 0
	for i := range len(s) {
		if run++; s[i] < '0' || s[i] > '9' {
			run = 0
		}
		if run > 4 {
			return false
		}
	}
	return true
}

// filterShape is a filter without what it compares with.
func filterShape(text string) string {
	e, err := parseFilter(text)
	if err != nil {
		return fmt.Sprintf("(%d characters that cannot be read)", utf8.RuneCountInString(text))
	}
	return expressionShape(e)
}

func expressionShape(e expression) string {
	switch e := e.(type) {
	case conjunction:
		return joinedShape(e, " and ")
	case disjunction:
		return joinedShape(e, " or ")
	case negation:
		return "not (" + expressionShape(e.of) + ")"
	case presence:
		return shownName(e.name) + " pr"
	case valuePath:
		return shownName(e.name) + "[" + expressionShape(e.inner) + "]"
	case comparison:
		value := `"…"`
		switch v := e.value.(type) {
		case nil:
			value = "null"
		case bool:
			value = fmt.Sprint(v)
		}
		return shownName(e.name) + " " + string(e.op) + " " + value
	}
	return "…"
}

func joinedShape(list []expression, word string) string {
	parts := make([]string, len(list))
	for i, e := range list {
		parts[i] = expressionShape(e)
	}
	return "(" + strings.Join(parts, word) + ")"
}

// pathShape is the path of a PATCH operation without what its filter compares with.
func pathShape(text string) string {
	name, rest, filtered := strings.Cut(text, "[")
	if !filtered {
		return shownName(text)
	}
	end := strings.LastIndexByte(rest, ']')
	if end < 0 {
		return shownName(name) + "[…"
	}
	shape := shownName(name) + "[" + filterShape(rest[:end]) + "]"
	if sub, ok := strings.CutPrefix(rest[end+1:], "."); ok {
		shape += "." + shownName(sub)
	}
	return shape
}

// shownBody is the shape of the body, "" where there was none.
func (x *exchange) shownBody() string {
	if x.body == nil {
		if n := x.r.ContentLength; n > 0 {
			return fmt.Sprintf("not read: %d bytes", n)
		}
		return ""
	}
	s := &shape{urns: x.h.schemas.isURN}
	s.object(x.body)
	if s.Len() <= maxShape {
		return s.String()
	}
	return shorten(s.String(), maxShape)
}

// shape writes what a JSON value looks like; it stops soon after maxShape bytes.
type shape struct {
	strings.Builder
	urns func(string) bool
}

func (s *shape) value(name string, v any) {
	switch v := v.(type) {
	case map[string]any:
		s.object(v)
	case []any:
		s.list(name, v)
	case string:
		s.WriteString(s.text(name, v))
	case bool:
		s.WriteString("boolean")
	case json.Number, float64:
		s.WriteString("number")
	case nil:
		s.WriteString("null")
	default:
		s.WriteString("…")
	}
}

// text shows of a text what the protocol itself has words for.
func (s *shape) text(name, v string) string {
	switch strings.ToLower(name) {
	case "schemas":
		if s.urns(v) {
			return v
		}
	case "op":
		if word := strings.ToLower(v); word == "add" || word == "replace" || word == "remove" {
			return v
		}
	case "method":
		if m := shownMethod(v); m == v {
			return v
		}
	case "path":
		if v != "" && v[0] != '/' { // that of a bulk operation holds identifiers
			return pathShape(v)
		}
	}
	return fmt.Sprintf("text %d", utf8.RuneCountInString(v))
}

func (s *shape) object(o map[string]any) {
	s.WriteByte('{')
	for i, name := range slices.Sorted(maps.Keys(o)) {
		if s.Len() > maxShape {
			break
		}
		if i > 0 {
			s.WriteString(", ")
		}
		s.WriteString(shownName(name) + ": ")
		s.value(name, o[name])
	}
	s.WriteByte('}')
}

func (s *shape) list(name string, l []any) {
	s.WriteByte('[')
	for i, v := range l {
		if s.Len() > maxShape {
			break
		}
		if i > 0 {
			s.WriteString(", ")
		}
		if i == shownOfList {
			fmt.Fprintf(s, "%d more", len(l)-i)
			break
		}
		s.value(name, v)
	}
	s.WriteByte(']')
}

// isURN reports whether it is the URN of a schema or message that SCIM or we have made.
func (r *registry) isURN(s string) bool {
	return r.attributes[s] != nil || slices.Contains([]string{patchURN, listURN, "urn:ietf:params:scim:api:messages:2.0:BulkRequest",
		"urn:ietf:params:scim:api:messages:2.0:SearchRequest"}, s)
}

// shorten cuts at a whole character and says so.
func shorten(s string, limit int) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "")
	if len(s) <= limit {
		return s
	}
	for limit -= len("…"); !utf8.RuneStart(s[limit]); limit-- {
	}
	return s[:limit] + "…"
}
