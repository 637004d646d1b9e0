package scim

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestRFC7644_3_5_2_Model compares PATCH with a naive reading of RFC 7644 §3.5.2 on plain JSON: random resources, random
// operations, written as a client would write them. The two share nothing but the attributes' names.
func TestRFC7644_3_5_2_Model(t *testing.T) {
	t.Parallel()
	r := reader{registry: testRegistry(t)}
	rapid.Check(t, func(t *rapid.T) {
		for range 50 { // one is cheap
			modelTalk(t, r)
		}
	})
}

// modelTalk is one PATCH of one resource, by both.
func modelTalk(t *rapid.T, r reader) {
	start := modelResource(t)
	steps := rapid.SliceOfN(rapid.Custom(modelStep), 1, 5).Draw(t, "steps")
	list := make([]any, len(steps))
	for i, s := range steps {
		list[i] = s.written()
	}
	body, err := readJSON(marshal(t, map[string]any{"schemas": []any{patchURN}, "Operations": list}), oneResource)
	if err != nil {
		t.Fatal(err)
	}
	want, refusedAs := copied(t, start), ""
	for _, s := range steps {
		if refusedAs = s.naive(want); refusedAs != "" {
			break
		}
	}
	is := copied(t, start)
	ops, err := r.parsePatch(body)
	if err == nil {
		err = applyPatch(is, ops)
	}
	if (err != nil) != (refusedAs != "") || err != nil && string(toRefusal(err).ScimType) != refusedAs {
		t.Fatalf("%s\n%v, want %q", marshal(t, list), err, refusedAs)
	}
	if err == nil && !reflect.DeepEqual(tidy(is), tidy(want)) {
		t.Fatalf("%s\non  %s\nis  %s\nnot %s", marshal(t, list), marshal(t, start), marshal(t, tidy(is)), marshal(t, tidy(want)))
	}
}

func marshal(t rapid.TB, v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func copied(t rapid.TB, v map[string]any) map[string]any {
	var out map[string]any
	if err := json.Unmarshal(marshal(t, v), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// tidy takes away what says nothing: no value, an empty list or object, a "primary" that is false.
func tidy(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, inner := range v {
			if is := tidy(inner); is != nil && (name != "primary" || is != false) {
				out[name] = is
			}
		}
		if len(out) > 0 {
			return out
		}
		return nil
	case []any:
		var out []any
		for _, e := range v {
			if is := tidy(e); is != nil {
				out = append(out, is)
			}
		}
		if len(out) > 0 {
			return out
		}
		return nil
	}
	return v
}

var (
	modelTexts  = rapid.SampledFrom([]string{"a", "A", "b", "bc", "c", "work", "Home"})
	modelLists  = []string{"emails", "phoneNumbers"}
	modelParts  = []string{"value", "type", "display"}
	modelSingle = []string{"title", "nickName"}
)

func modelElement(t *rapid.T) map[string]any {
	m := map[string]any{"value": modelTexts.Draw(t, "value")}
	for _, p := range []string{"type", "display"} {
		if rapid.Bool().Draw(t, p) {
			m[p] = modelTexts.Draw(t, p)
		}
	}
	return m
}

// modelElements have at most one primary value, as everything that is sent and stored.
func modelElements(t *rapid.T) []any {
	out := []any{}
	for range rapid.IntRange(0, 3).Draw(t, "elements") {
		out = append(out, modelElement(t))
	}
	if len(out) > 0 && rapid.Bool().Draw(t, "primary") {
		out[rapid.IntRange(0, len(out)-1).Draw(t, "which")].(map[string]any)["primary"] = true
	}
	return out
}

func modelResource(t *rapid.T) map[string]any {
	res := map[string]any{"userName": "u", "name": map[string]any{"givenName": modelTexts.Draw(t, "given")}, enterpriseURN: map[string]any{"department": modelTexts.Draw(t, "department")}}
	for _, name := range modelSingle {
		if rapid.Bool().Draw(t, name) {
			res[name] = modelTexts.Draw(t, name)
		}
	}
	for _, name := range modelLists {
		res[name] = modelElements(t)
	}
	return res
}

// modelCondition is one comparison of a path's filter.
type modelCondition struct{ part, op, value string }

// modelOperation is an operation in parts, so that the model need not parse a path.
type modelOperation struct {
	op, attr, part string
	extension      bool // attr stands in the enterprise extension
	list           bool
	filter         []modelCondition
	joined         string // and, or
	value          any
}

func modelStep(t *rapid.T) modelOperation {
	s := modelOperation{op: rapid.SampledFrom([]string{"add", "replace", "remove"}).Draw(t, "op")}
	text := func() any { return modelTexts.Draw(t, "text") }
	switch rapid.IntRange(0, 5).Draw(t, "what") {
	case 0:
		s.attr, s.value = rapid.SampledFrom(modelSingle).Draw(t, "attr"), text()
	case 1:
		s.attr, s.part, s.value = "name", rapid.SampledFrom([]string{"givenName", "familyName"}).Draw(t, "part"), text()
	case 2:
		s.attr, s.value = "name", map[string]any{"familyName": text()}
	case 3:
		s.attr, s.extension, s.value = "department", true, text()
	case 4:
		s.list, s.attr, s.value = true, rapid.SampledFrom(modelLists).Draw(t, "attr"), modelElements(t)
	case 5:
		s.list, s.attr, s.joined = true, rapid.SampledFrom(modelLists).Draw(t, "attr"), rapid.SampledFrom([]string{"and", "or"}).Draw(t, "joined")
		for range rapid.IntRange(0, 2).Draw(t, "conditions") {
			s.filter = append(s.filter, modelCondition{rapid.SampledFrom(modelParts).Draw(t, "part"), rapid.SampledFrom([]string{"eq", "eq", "ne", "sw", "co", "pr"}).Draw(t, "op"), modelTexts.Draw(t, "value")})
		}
		if s.part, s.value = rapid.SampledFrom(append([]string{"primary"}, modelParts...)).Draw(t, "part"), text(); s.part == "primary" {
			s.value = rapid.Bool().Draw(t, "primary")
		}
		if len(s.filter) > 0 && rapid.IntRange(0, 2).Draw(t, "whole") == 0 {
			s.part, s.value = "", modelElement(t)
		}
	}
	if s.op == "replace" && rapid.IntRange(0, 6).Draw(t, "null") == 0 {
		s.value = nil
	}
	return s
}

// written is the operation as a client sends it.
func (s modelOperation) written() map[string]any {
	path := s.attr
	if s.extension {
		path = enterpriseURN + ":" + path
	}
	var terms []string
	for _, c := range s.filter {
		if c.op == "pr" {
			terms = append(terms, c.part+" pr")
			continue
		}
		terms = append(terms, fmt.Sprintf("%s %s %q", c.part, c.op, c.value))
	}
	if len(terms) > 0 {
		path += "[" + strings.Join(terms, " "+s.joined+" ") + "]"
	}
	if s.part != "" {
		path += "." + s.part
	}
	out := map[string]any{"op": s.op, "path": path}
	if s.op != "remove" || s.list && len(s.filter) == 0 && s.part == "" && len(s.value.([]any)) > 0 {
		out["value"] = s.value
	}
	return out
}
