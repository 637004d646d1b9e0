package scim_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"unicode"

	"portvakt/internal/directory"
)

// described is an attribute, or a part of one, as /Schemas has it.
type described struct {
	Name, Type, Mutability, Returned, Uniqueness string
	MultiValued, Required, CaseExact             bool
	CanonicalValues, ReferenceTypes              []string
	SubAttributes                                []described
}

// truth looks at whether users behave as /Schemas says, attribute by attribute.
type truth struct {
	*world
	values map[string]string // where a value has to be of a certain kind, by path
	id     string
	body   map[string]any // of a user that has everything that can be written
	shown  reply
}

// value is one that the attribute takes.
func (s *truth) value(path string, a described) any {
	if v, ok := s.values[path]; ok {
		return v
	}
	switch {
	case a.Type == "boolean":
		return true
	case a.Type == "dateTime":
		return "2027-01-02T03:04:05Z"
	case a.Type == "binary":
		return base64.StdEncoding.EncodeToString([]byte("certificate"))
	case a.Type == "reference":
		return "https://x.example/" + a.Name
	case len(a.CanonicalValues) > 0:
		return a.CanonicalValues[0]
	}
	return "Some " + a.Name
}

// whole is a value of the attribute with all its parts that can be written.
func (s *truth) whole(path string, a described) any {
	v := s.value(path, a)
	if a.Type == "complex" {
		parts := map[string]any{}
		for _, sub := range a.SubAttributes {
			if sub.Mutability != "readOnly" {
				parts[sub.Name] = s.value(path+"."+sub.Name, sub)
			}
		}
		v = parts
	}
	if a.MultiValued {
		v = []any{v}
	}
	return v
}

// schemas reads the user's schemas over HTTP.
func (w *world) schemas() map[string][]described {
	w.t.Helper()
	out := map[string][]described{}
	for _, urn := range []string{coreUser, enterprise, membership} {
		out[urn] = w.described(urn)
	}
	return out
}

// described reads a schema over HTTP.
func (w *world) described(urn string) []described {
	w.t.Helper()
	var s struct{ Attributes []described }
	if err := json.Unmarshal([]byte(w.do("GET", "/Schemas/"+urn, "").want(200).raw), &s); err != nil || len(s.Attributes) == 0 {
		w.t.Fatal(urn, err)
	}
	return s.Attributes
}

func pathOf(urn, name string) string {
	if urn == coreUser {
		return name
	}
	return urn + ":" + name
}

// in is where the attributes of a schema stand in a user.
func in(user map[string]any, urn string) map[string]any {
	if urn == coreUser {
		return user
	}
	inner, ok := user[urn].(map[string]any)
	if !ok {
		inner = map[string]any{}
		user[urn] = inner
	}
	return inner
}

func (s *truth) put(body map[string]any) reply {
	s.t.Helper()
	return s.do("PUT", "/Users/"+s.id, string(must(json.Marshal(body))(s.t)))
}

// TestRFC7643_7_SchemasAreTrue walks every attribute of every schema of a user. One that is added is looked at as well.
func TestRFC7643_7_SchemasAreTrue(t *testing.T) {
	each(t, func(w *world) {
		must(w.dir.Access.SaveModules(w.t.Context(), []directory.Module{{Key: "invoices", Names: map[string]string{"en": "Invoices"}}}))(w.t)
		must(w.dir.Access.SavePackages(w.t.Context(), []directory.Package{{Key: "basis", Grants: map[string]directory.Grade{"invoices": directory.GradeView}}}))(w.t)
		heir := w.create(`"userName":"heir@nordlys.example"`).want(201).id()
		s := &truth{world: w.as(tokenAll, "nordlys"), values: map[string]string{
			"userName": "Full@nordlys.example", "emails.value": "Full@x.example", "roles.value": "seller", "entitlements.value": "basis", "addresses.country": "NO", "locale": "nb", "preferredLanguage": "nb", "timezone": "Europe/Oslo",
			"phoneNumbers.value": "+47 90", membership + ":kind": "external", membership + ":start": "2026-01-01T00:00:00Z", membership + ":segments": "oslo", membership + ":grants.module": "invoices",
			membership + ":grants.grade": "view", membership + ":functions": "information_recipient", membership + ":successor": heir,
		}}
		all := s.schemas()
		s.body = map[string]any{"schemas": []string{coreUser, enterprise, membership}}
		for urn, list := range all {
			for _, a := range list {
				if a.Mutability != "readOnly" && a.Name != "reseller" { // which members of another kind have, TestR30_ResellersByExtension
					in(s.body, urn)[a.Name] = s.whole(pathOf(urn, a.Name), a)
				}
			}
		}
		s.id = s.do("POST", "/Users", string(must(json.Marshal(s.body))(w.t))).want(201).id()
		s.shown = s.do("GET", "/Users/"+s.id, "").want(200)
		filtered := 0
		for urn, list := range all {
			for _, a := range list {
				path := pathOf(urn, a.Name)
				s.looks(urn, a)
				filtered += s.filters(path, a)
				for _, sub := range a.SubAttributes {
					if a.Name != "reseller" {
						filtered += s.filters(path+"."+sub.Name, sub)
					}
				}
				s.writes(urn, a)
			}
		}
		if filtered < 25 {
			w.t.Errorf("only %d attributes can be filtered by", filtered)
		}
	})
}

// looks: the type, how many there are, when it is returned.
func (s *truth) looks(urn string, a described) {
	s.t.Helper()
	path := pathOf(urn, a.Name)
	v, there := in(s.shown.json, urn)[a.Name]
	switch {
	case a.Returned == "never":
		if asked := s.do("GET", "/Users/"+s.id+"?attributes="+url.QueryEscape(path), "").want(200); there || in(asked.json, urn)[a.Name] != nil {
			s.t.Errorf("%s is never returned, and is", path)
		}
		return
	case !there && a.Mutability != "readOnly" && a.Name != "reseller":
		s.t.Errorf("%s was written and is not shown", path)
	case !there:
		return
	}
	list, isList := v.([]any)
	if isList != a.MultiValued {
		s.t.Errorf("%s is multi-valued %v: %v", path, a.MultiValued, v)
	}
	for _, v := range append(list, v) {
		if _, again := v.([]any); !again {
			s.typed(path, a, v)
		}
	}
	for _, sub := range a.SubAttributes {
		if sub.Returned == "never" && strings.Contains(fmt.Sprint(v), sub.Name+":") {
			s.t.Errorf("%s.%s is never returned, and is", path, sub.Name)
		}
	}
}

func (s *truth) typed(path string, a described, v any) {
	s.t.Helper()
	ok := false
	switch a.Type {
	case "complex":
		var parts map[string]any
		if parts, ok = v.(map[string]any); ok {
			known := map[string]bool{}
			for _, sub := range a.SubAttributes {
				if known[sub.Name] = true; parts[sub.Name] != nil {
					s.typed(path+"."+sub.Name, sub, parts[sub.Name])
				}
			}
			for name := range parts {
				if !known[name] {
					s.t.Errorf("%s.%s is in no schema", path, name)
				}
			}
		}
	case "boolean":
		_, ok = v.(bool)
	default:
		_, ok = v.(string)
	}
	if !ok {
		s.t.Errorf("%s is no %s: %v", path, a.Type, v)
	}
	if (a.Type == "reference") != (len(a.ReferenceTypes) > 0) {
		s.t.Errorf("%s is a %s to %q", path, a.Type, a.ReferenceTypes)
	}
}

func swapped(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsUpper(r) {
			return unicode.ToLower(r)
		}
		return unicode.ToUpper(r)
	}, s)
}

// filters: letter case counts exactly where caseExact says so. 1 is answered where the attribute can be filtered by.
func (s *truth) filters(path string, a described) int {
	s.t.Helper()
	find := func(filter string) reply {
		return s.do("GET", "/Users?filter="+url.QueryEscape(filter+` and userName eq "full@nordlys.example"`), "")
	}
	if a.Type != "string" && a.Type != "reference" || a.Mutability == "readOnly" || find(path+" pr").status != 200 {
		return 0
	}
	value, _ := s.value(path, a).(string)
	find(path+` eq "`+value+`"`).want(200).is(1, "totalResults")
	want := 1
	if a.CaseExact {
		want = 0
	}
	if got := find(path + ` eq "` + swapped(value) + `"`).want(200); fmt.Sprint(got.at("totalResults")) != fmt.Sprint(want) {
		s.t.Errorf("%s has caseExact %v and finds %v in another letter case", path, a.CaseExact, got.at("totalResults"))
	}
	return 1
}

// writes: read-only is ignored, required is demanded, unique is unique.
func (s *truth) writes(urn string, a described) {
	s.t.Helper()
	path := pathOf(urn, a.Name)
	changed := func() map[string]any {
		var copied map[string]any
		if err := json.Unmarshal(must(json.Marshal(s.body))(s.t), &copied); err != nil {
			s.t.Fatal(err)
		}
		return copied
	}
	if a.Mutability == "readOnly" {
		body := changed()
		in(body, urn)[a.Name] = s.whole(path, a)
		if got := s.put(body).want(200); fmt.Sprint(in(got.json, urn)[a.Name]) != fmt.Sprint(in(s.shown.json, urn)[a.Name]) {
			s.t.Errorf("%s is read-only, and was written: %v", path, in(got.json, urn)[a.Name])
		}
	}
	for _, sub := range a.SubAttributes {
		if sub.Mutability == "readOnly" && a.Mutability != "readOnly" {
			body := changed()
			at := in(body, urn)[a.Name]
			if list, ok := at.([]any); ok {
				at = list[0]
			}
			at.(map[string]any)[sub.Name] = "https://forged.example"
			if got := s.put(body).want(200); strings.Contains(got.raw, "forged") {
				s.t.Errorf("%s.%s is read-only, and was written", path, sub.Name)
			}
		}
	}
	if a.Required {
		body := changed()
		delete(in(body, urn), a.Name)
		s.put(body).want(400)
	}
	if a.Uniqueness == "server" {
		twice := map[string]any{"schemas": []string{coreUser}, "userName": "other@nordlys.example"}
		in(twice, urn)[a.Name] = swapped(s.value(path, a).(string))
		s.do("POST", "/Users", string(must(json.Marshal(twice))(s.t))).want(409).is("uniqueness", "scimType")
	}
}
