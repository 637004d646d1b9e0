package authzen

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzParse holds the scanner against the library: what one takes the other takes, but for what is refused on purpose, and
// both read the same.
func FuzzParse(f *testing.F) {
	for _, body := range []string{
		`{"subject":{"type":"user","id":"usr_1","properties":{"a":[1,2.5e-3,true,null]}},"action":{"name":"view"},"resource":{"type":"invoices","id":"1","properties":{"owner":"user:x","segment":"s","field":"f","new_owner":"y"}},"context":{"explain":true,"fields":false,"language":"nb","organization":"o"},"page":{"token":"t","limit":10}}`,
		`{"evaluations":[{},{"subject":{}},7,[],null],"options":{"evaluations_semantic":"execute_all"}}`,
		`{"a":"\u0041\ud83d\ude00\n\/\\\"","b":"é\u2028"}`, `{"a":"\ud800"}`, `{"a":1,"\u0061":2}`, ` { } `, `{"a":-0.0E+9}`, `{"a":01}`, `{"a":.5}`, `{"a":1.}`, `{"a":+1}`, `{"a":tru}`,
		`{"a":"` + "\x01" + `"}`, `{"a":[1,]}`, `{"a":1,}`, `{,}`, `{"a" 1}`, `{"a":{}}x`, `[]`, ``, "\xff", `{"page":{"limit":99999999999999999999}}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		r, err := parse(body)
		if err != nil && !errors.Is(err, errJSON) && !errors.Is(err, errTwice) && !errors.Is(err, errDepth) && !errors.Is(err, errTooMany) {
			t.Fatalf("%q: %v", body, err)
		}
		valid := json.Valid([]byte(body)) && strings.HasPrefix(strings.TrimLeft(body, " \t\r\n"), "{")
		switch {
		case err == nil && !valid:
			t.Fatalf("%q is taken, and is no object", body)
		case errors.Is(err, errJSON) && valid && utf8.ValidString(body) && !strings.Contains(body, `\u`):
			t.Fatalf("%q is an object, and refused", body)
		case err != nil:
			return
		}
		var all map[string]json.RawMessage
		if err := json.Unmarshal([]byte(body), &all); err != nil {
			t.Fatal(err)
		}
		same(t, all["subject"], "type", r.subject.kind)
		same(t, all["subject"], "id", r.subject.id)
		same(t, all["action"], "name", r.action.name)
		same(t, all["context"], "language", r.context.language)
	})
}

// same compares a member of an object as both have read it.
func same(t *testing.T, object json.RawMessage, name string, got text) {
	t.Helper()
	var members map[string]any
	if json.Unmarshal(object, &members) != nil {
		return
	}
	switch v := members[name].(type) {
	case string:
		if got != (text{v, there}) {
			t.Fatalf("%s of %s was read as %q", name, object, got.value)
		}
	case nil:
		if got.given != absent {
			t.Fatalf("%s of %s was read as %v", name, object, got)
		}
	default:
		if got.given != wrong {
			t.Fatalf("%s of %s was read as %v", name, object, got)
		}
	}
}

// FuzzAppendText: what is written is a JSON text, and reads as what was meant.
func FuzzAppendText(f *testing.F) {
	for _, s := range []string{"", "plain", `"\`, "<script>", "å\u2028", "\x00\x7f"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var back string
		if err := json.Unmarshal(appendText(nil, s), &back); err != nil || utf8.ValidString(s) && back != s {
			t.Fatalf("%q was written as %s (%v)", s, appendText(nil, s), err)
		}
	})
}

// TestDefaults: each member that an item does not say comes from the top, properties as a whole.
func TestDefaults(t *testing.T) {
	r, err := parse(`{"subject":{"type":"user","id":"a"},"resource":{"type":"r","id":"1","properties":{"owner":"user:a","segment":"s"}},"context":{"explain":true,"language":"sv"},
		"evaluations":[{"subject":{"id":"b"}},{"resource":{"id":"2","properties":{"owner":"user:b"}},"context":{"explain":false}},{"subject":null,"resource":{"id":"3"}}]}`)
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.evaluations {
		r.evaluations[i].over(&r.question)
	}
	a, b, c := r.evaluations[0], r.evaluations[1], r.evaluations[2]
	for what, ok := range map[string]bool{
		"the subject's type":      a.subject.kind.value == "user" && a.subject.id.value == "b",
		"a whole resource":        reflect.DeepEqual(a.resource, r.resource),
		"own properties":          b.resource.owner.value == "user:b" && b.resource.segment.value == "" && b.resource.kind.value == "r" && b.resource.id.value == "2",
		"a flag":                  a.context.explain.value && !b.context.explain.value && b.context.language.value == "sv",
		"null is absent":          c.subject.id.value == "a",
		"the default's own owner": c.resource.owner.value == "user:a" && c.resource.id.value == "3",
	} {
		if !ok {
			t.Errorf("%s is not as it should be: %+v", what, r.evaluations)
		}
	}
}

func parse(body string) (*request, error) {
	r := &request{}
	return r, r.parse(body)
}
