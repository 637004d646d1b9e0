package scim_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"context"
	"encoding/json"

	"portvakt/internal/directory"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares an answer with a file, indented; ids of the run are replaced by names.
func golden(t testing.TB, name, raw string, replace ...string) {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(strings.NewReplacer(replace...).Replace(raw)), &v); err != nil {
		t.Fatal(err)
	}
	got := string(must(json.MarshalIndent(v, "", "  "))(t)) + "\n"
	file := filepath.Join("testdata", name+".golden.json")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || string(want) != got {
		t.Errorf("%s differs (-update writes it), %v:\n%s", file, err, got)
	}
}

func TestDiscovery(t *testing.T) {
	each(t, func(w *world) {
		golden(w.t, "service_provider_config", w.do("GET", "/ServiceProviderConfig", "").want(200).raw)
		golden(w.t, "resource_types", w.do("GET", "/ResourceTypes", "").want(200).raw)
		golden(w.t, "schemas", w.do("GET", "/Schemas", "").want(200).raw)
		w.do("GET", "/ResourceTypes/User", "").want(200).is("/Users", "endpoint")
		w.do("GET", "/ResourceTypes/Bogus", "").want(404)
		w.do("GET", "/Schemas/"+enterprise, "").want(200).is(enterprise, "id")
		w.do("GET", "/Schemas/urn:bogus", "").want(404)
		for _, path := range []string{"/ServiceProviderConfig", "/ResourceTypes", "/ResourceTypes/User", "/Schemas", "/Schemas/" + enterprise} {
			w.do("GET", path+"?filter=id+pr", "").want(403)
			for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
				if got := w.do(method, path, `{}`).want(405); got.header.Get("Allow") != "GET" {
					w.t.Errorf("%s %s allows %q", method, path, got.header.Get("Allow"))
				}
			}
		}
		if got := w.do("PUT", "/Users", `{}`).want(405).header.Get("Allow"); got != "GET, POST" {
			w.t.Errorf("/Users allows %q", got)
		}
	})
}

// TestErrorsGolden keeps the bodies of errors: what clients and their logs have to live with.
func TestErrorsGolden(t *testing.T) {
	each(t, func(w *world) {
		id := w.create(`"userName":"ola@nordlys.example"`).want(201).id()
		all := map[string]any{}
		for name, r := range map[string]reply{
			"unauthorized":       w.as("wrong-token", "nordlys").do("GET", "/Users", ""),
			"not_found":          w.do("GET", "/Users/1", ""),
			"other_organization": w.as(token, "bjorkvik").do("GET", "/Users", ""),
			"forbidden_route":    w.as(tokenUsers, "nordlys").do("GET", "/Groups", ""),
			"uniqueness":         w.create(`"userName":"OLA@nordlys.example"`),
			"syntax":             w.do("POST", "/Users", `{"a":`),
			"wrong_type":         w.create(`"userName":"x@nordlys.example","name":{"familyName":{"a":1}}`),
			"external_end":       w.create(`"userName":"x@nordlys.example","` + membership + `":{"kind":"external"}`),
			"end_before_start":   w.create(`"userName":"x@nordlys.example","` + membership + `":{"end":"2020-01-01T00:00:00Z"}`),
			"unknown_package":    w.create(`"userName":"x@nordlys.example","entitlements":["nope"]`),
			"two_primaries":      w.create(`"userName":"x@nordlys.example","emails":[{"value":"a@x.example","primary":true},{"value":"b@x.example","primary":true}]`),
			"filter":             w.do("GET", "/Users?filter=userName+eq", ""),
			"filter_attribute":   w.do("GET", "/Users?filter=bogus+eq+1", ""),
			"path":               w.patch(id, `{"op":"replace","path":"bogus","value":1}`),
			"stale":              w.patch(id, `{"op":"replace","path":"title","value":"x"}`, "If-Match", `W/"9"`),
			"last_administrator": w.as(tokenAll, "nordlys").do("DELETE", "/Users/"+w.admin.ID.String(), ""),
			"administrators":     w.do("DELETE", "/Users/"+w.admin.ID.String(), ""),
			"media_type":         w.do("POST", "/Users", `{}`, "Content-Type", "text/plain"),
			"method":             w.do("PUT", "/Users", `{}`),
		} {
			all[name] = r.json
		}
		golden(w.t, "errors", string(must(json.Marshal(all))(w.t)))
	})
}

func TestUserGolden(t *testing.T) {
	each(t, func(w *world) {
		r := w.create(`"userName":"ola@nordlys.example","externalId":"42","name":{"givenName":"Ola","familyName":"Hansen","formatted":"Ola Hansen"},"displayName":"Ola",
			"emails":[{"value":"ola@nordlys.example","type":"work","primary":true}],"phoneNumbers":[{"value":"+4790000001","type":"mobile"}],"locale":"nb","roles":[{"value":"seller"}],
			"addresses":[{"type":"work","streetAddress":"Gata 1","locality":"Oslo","country":"NO"}],"` + enterprise + `":{"department":"Sales","manager":{"value":"boss"}},
			"` + membership + `":{"kind":"external","end":"2027-01-01T00:00:00Z","segments":["oslo","bergen"],"functions":["main_recipient"]}`).want(201)
		golden(w.t, "user", r.raw, r.id(), "mbr_1")
		shown := w.do("GET", "/Users/"+r.id()+"?attributes=userName,name.familyName,"+enterprise, "").want(200)
		golden(w.t, "user_attributes", shown.raw, r.id(), "mbr_1")
		hidden := w.do("GET", "/Users/"+r.id()+"?excludedAttributes=emails,name.givenName,id,"+enterprise+":manager,"+membership, "").want(200)
		golden(w.t, "user_excluded", hidden.raw, r.id(), "mbr_1")
	})
}

func TestGroups(t *testing.T) {
	each(t, func(w *world) {
		ctx := context.Background()
		must(w.dir.Access.SaveGroups(ctx, w.org.ID, []directory.Group{{Key: "accounting", Name: "Accounting"}, {Key: "all", Name: "All"}}))(w.t)
		groups := must(w.dir.Access.Groups(ctx, w.org.ID))(w.t)
		must(w.dir.Access.AddGroupMembers(ctx, w.org.ID, groups[0].ID, []directory.GroupMember{{Member: w.admin.ID}}))(w.t)
		must(w.dir.Access.AddGroupMembers(ctx, w.org.ID, groups[1].ID, []directory.GroupMember{{Group: groups[0].ID}}))(w.t)
		w.do("GET", "/Groups", "").want(200).is(2, "totalResults").is("Accounting", "Resources", 0, "displayName").is(w.admin.ID, "Resources", 0, "members", 0, "value").
			is("Group", "Resources", 1, "members", 0, "type")
		w.do("GET", "/Groups?count=1&startIndex=2&excludedAttributes=members", "").want(200).is("All", "Resources", 0, "displayName").is(nil, "Resources", 0, "members")
		one := "/Groups/" + groups[0].ID.String()
		w.do("GET", one, "").want(200).is("https://portvakt.example/scim/v2/nordlys"+one, "meta", "location").is("Kari Nordmann", "members", 0, "display")
		w.as(tokenOther, "bjorkvik").do("GET", one, "").want(404)
		w.as(tokenUsers, "nordlys").do("GET", one, "").want(403)
	})
}
