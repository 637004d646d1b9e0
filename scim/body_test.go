package scim

import (
	"reflect"
	"testing"
	"time"

	"portvakt/internal/directory"
)

// FuzzBody reads whatever as the body of a POST, a PUT and a PATCH, as every kind of client: nothing panics, what is refused
// is a 400, and what is accepted becomes a member and shows itself the same when it is read again.
func FuzzBody(f *testing.F) {
	for _, s := range []string{`{"schemas":["` + coreURN + `"],"userName":"a@x.example","emails":[{"value":"a"},"b",{"type":"work","primary":"True"}],"roles":["{\"value\":\"x\"}"]}`,
		`{"schemas":["` + patchURN + `"],"Operations":[{"op":"Add","path":"emails[type eq 'work'].value","value":"x"},{"op":"replace","value":{"name.givenName":null}}]}`,
		`{"schemas":["` + patchURN + `","` + coreURN + `"],"userName":"u","Operations":[{"op":"remove","path":"/phoneNumbers","value":[{"value":1e9}]}],"` + enterpriseURN + `":{"manager":[{"value":7}]}}`,
		`{"SCHEMAS":["` + coreURN + `"],"userName":"a@x.example","` + membershipURN + `":{"end":"2027-01-01T00:00:00Z","segments":["*"],"grants":[{"module":"a","grade":"View"}],"functions":["x","X"]}}`,
		`{"schemas":["` + patchURN + `"],"Operations":[{"op":"add","path":"` + enterpriseURN + `.manager","value":""},{"op":"add","path":"x509Certificates","value":{"value":"QUJD\nREVG"}}]}`} {
		f.Add([]byte(s))
	}
	schemas := testRegistry(f)
	readers := []reader{{registry: schemas}, {registry: schemas, refusesUnknown: true}, {registry: schemas, profile: directory.ProvisioningEntra}}
	f.Fuzz(func(t *testing.T, raw []byte) {
		body, err := readJSON(raw, oneResource)
		check := func(err error) {
			if err == nil {
				return
			}
			if got := toRefusal(err); got.Status != 400 || got.ScimType == "" || len(got.Detail) > 1000 {
				t.Errorf("%q: %v", raw, err)
			}
		}
		if check(err); err != nil {
			return
		}
		for _, r := range readers {
			res, err := r.normalize(body)
			if check(err); err == nil {
				m := directory.Member{}
				if err = (intake{reading: creating}).fromSCIM(res, &m); err == nil {
					shownAgain(t, m)
				}
				check(err)
			}
			ops, err := r.parsePatch(body)
			if check(err); err == nil {
				m := directory.Member{UserName: "ola@x.example", Kind: directory.Employee, AllSegments: true, Details: directory.Details{Emails: []directory.Contact{{Value: "a", Type: "work", Primary: true}}}}
				res := toSCIM(&m, nil, time.Time{})
				if err = applyPatch(res, ops); err == nil {
					err = intake{reading: patched}.fromSCIM(res, &m)
				}
				check(err)
			}
		}
	})
}

// shownAgain: what a member shows is what it is made of again.
func shownAgain(t *testing.T, m directory.Member) {
	t.Helper()
	shown := toSCIM(&m, nil, time.Time{})
	delete(shown, "active")
	again := m
	if err := (intake{reading: patched}).fromSCIM(shown, &again); err != nil {
		if m.Role.IsZero() {
			t.Errorf("%v does not read itself: %v", shown, err)
		}
		return
	}
	if is := toSCIM(&again, nil, time.Time{}); m.SuspendedAt.IsZero() && !reflect.DeepEqual(lacking(is, "active"), shown) {
		t.Errorf("\n%v became\n%v", shown, is)
	}
}

func lacking(res resource, name string) resource {
	delete(res, name)
	return res
}
