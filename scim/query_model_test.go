package scim_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// saying is a filter, and what it means of a resource.
type saying struct {
	text string
	of   func(resource map[string]any) bool
}

func both(a saying, word string, b saying) saying {
	return saying{"(" + a.text + " " + word + " " + b.text + ")", func(r map[string]any) bool {
		if word == "and" {
			return a.of(r) && b.of(r)
		}
		return a.of(r) || b.of(r)
	}}
}

func not(a saying) saying {
	return saying{"not (" + a.text + ")", func(r map[string]any) bool { return !a.of(r) }}
}

// questions draws filters about resources, most of which some of them fit.
type questions struct {
	about     []asked
	resources []map[string]any
}

func (q questions) filter(t *rapid.T, depth int) saying {
	shape := rapid.IntRange(0, 5).Draw(t, "shape")
	if depth == 0 {
		shape = min(shape, 3)
	}
	switch shape {
	case 3:
		return q.path(t)
	case 4:
		return both(q.filter(t, depth-1), rapid.SampledFrom([]string{"and", "or"}).Draw(t, "word"), q.filter(t, depth-1))
	case 5:
		return not(q.filter(t, depth-1))
	}
	about := q.about
	if rapid.IntRange(0, 4).Draw(t, "of a list") == 0 { // of which there are few for all that they can mean
		about = slices.DeleteFunc(slices.Clone(about), func(a asked) bool {
			return a.attr.Name != "groups" && a.attr.Name != "members" && a.attr.Name != "roles"
		})
	}
	a := rapid.SampledFrom(about).Draw(t, "attribute")
	op, want := q.ask(t, a)
	return saying{written(a.path(), op, want), func(r map[string]any) bool { return a.holds(r, op, want) }}
}

// path is a value path: of one element, or of the one value, all of it holds.
func (q questions) path(t *rapid.T) saying {
	whole := rapid.SampledFrom(q.complex()).Draw(t, "of")
	term := func() saying {
		a := rapid.SampledFrom(q.partsOf(whole)).Draw(t, "part")
		op, want := q.ask(t, a)
		return saying{written(a.part.Name, op, want), func(element map[string]any) bool { return a.part.fits(a.of(element), op, want) }}
	}
	inner := term()
	if rapid.Bool().Draw(t, "two") {
		inner = both(inner, rapid.SampledFrom([]string{"and", "or"}).Draw(t, "word"), term())
	}
	if rapid.IntRange(0, 2).Draw(t, "not") == 0 {
		inner = not(inner)
	}
	return saying{whole.path() + "[" + inner.text + "]", func(r map[string]any) bool {
		value := whole.value(r)
		list, isList := value.([]any)
		if !isList && value != nil {
			list = []any{value}
		}
		return slices.ContainsFunc(list, func(e any) bool { return inner.of(e.(map[string]any)) })
	}}
}

// complex are the attributes of which a part can be asked for.
func (q questions) complex() (out []asked) {
	for _, a := range q.about {
		if a.part == nil && a.attr.Type == "complex" && a.attr.Name != "meta" && len(q.partsOf(a)) > 0 {
			out = append(out, a)
		}
	}
	return out
}

func (q questions) partsOf(whole asked) (out []asked) {
	for _, a := range q.about {
		if a.part != nil && a.urn == whole.urn && a.attr.Name == whole.attr.Name {
			out = append(out, a)
		}
	}
	return out
}

// ask draws an operator that the attribute takes, and what to compare with.
func (q questions) ask(t *rapid.T, a asked) (op string, want any) {
	if a.compared() == nil {
		return rapid.SampledFrom([]string{"pr", "eq", "ne"}).Draw(t, "op"), nil
	}
	op = rapid.SampledFrom(a.operators()).Draw(t, "op")
	if op == "pr" || (op == "eq" || op == "ne") && rapid.IntRange(0, 9).Draw(t, "null") == 0 {
		return op, nil
	}
	seen := q.seen(a)
	switch a.compared().Type {
	case "boolean":
		return op, rapid.Bool().Draw(t, "value")
	case "dateTime":
		at := instant(rapid.SampledFrom(append(seen, "2026-03-02T10:00:00Z")).Draw(t, "value"))
		return op, at.Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "beside")) * time.Microsecond).Format(time.RFC3339Nano)
	}
	text := rapid.SampledFrom(append(seen, "", "a", "O", "ß", "ss", "å", "%", "_", "work")).Draw(t, "value")
	runes := []rune(text)
	switch from := len(runes) / 2; rapid.IntRange(0, 5).Draw(t, "changed") {
	case 0:
		text = swapped(text)
	case 1:
		text = string(runes[:from])
	case 2:
		text = string(runes[from:])
	}
	return op, text
}

// seen are the values that the resources have.
func (q questions) seen(a asked) (out []string) {
	for _, r := range q.resources {
		value := a.value(r)
		list, isList := value.([]any)
		if !isList {
			list = []any{value}
		}
		for _, e := range list {
			if s, ok := a.of(e).(string); ok {
				out = append(out, s)
			}
		}
	}
	return out
}

func written(path, op string, want any) string {
	if op == "pr" {
		return path + " pr"
	}
	value, _ := json.Marshal(want)
	return path + " " + op + " " + string(value)
}

// allOf are all resources of an endpoint as they are shown.
func (w *world) allOf(endpoint string) (out []map[string]any) {
	w.t.Helper()
	for _, r := range w.do("GET", endpoint+"?count=1000", "").want(200).at("Resources").([]any) {
		out = append(out, r.(map[string]any))
	}
	if len(out) < 5 {
		w.t.Fatalf("%d resources", len(out))
	}
	return out
}

// TestRFC7644_3_4_2_2_Model: whatever is asked, of every attribute by every operator, alone and together, the database finds those of whom
// it is true as they are served.
func TestRFC7644_3_4_2_2_Model(t *testing.T) {
	each(t, func(w *world) {
		w = w.manyKinds()
		about := map[string]questions{"/Users": {about: w.everything(coreUser, enterprise, membership)}, "/Groups": {about: w.everything(groupSchema)}}
		for endpoint, q := range about {
			q.resources = w.allOf(endpoint)
			q.about = slices.DeleteFunc(q.about, func(a asked) bool { return len(a.operators()) == 0 || a.attr.Name == "schemas" }) // of those TestRFC7644_3_4_2_2_Filters
			about[endpoint] = q
		}
		found := 0
		rapid.Check(w.t.(*testing.T), func(t *rapid.T) {
			endpoint := "/Users"
			if rapid.IntRange(0, 4).Draw(t, "groups") == 0 {
				endpoint = "/Groups"
			}
			for range 6 {
				found += w.agrees(t, endpoint, about[endpoint])
			}
		})
		if found < 100 {
			w.t.Errorf("%d resources were found in all", found)
		}
	})
}

// agrees asks once, and answers how many fit.
func (w *world) agrees(t *rapid.T, endpoint string, q questions) int {
	s := q.filter(t, 2)
	body, _ := json.Marshal(map[string]any{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:SearchRequest"}, "filter": s.text, "attributes": []string{"meta.created"}, "count": 1000})
	got := w.do("POST", endpoint+"/.search", string(body))
	if got.status != 200 {
		t.Fatalf("%s is answered with %s", s.text, got.raw)
	}
	fits := map[string]bool{}
	for _, r := range got.at("Resources").([]any) {
		fits[r.(map[string]any)["id"].(string)] = true
	}
	n := 0
	for _, r := range q.resources {
		want := s.of(r)
		if want {
			n++
		}
		if fits[r["id"].(string)] != want {
			t.Fatalf("%s is %v of %s, and found: %v", s.text, want, must(json.Marshal(r))(w.t), !want)
		}
	}
	if n != len(fits) || got.at("totalResults") != float64(n) {
		t.Fatalf("%s finds %d, totalResults %v, want %d", s.text, len(fits), got.at("totalResults"), n)
	}
	return n
}
