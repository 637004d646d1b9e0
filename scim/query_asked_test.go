package scim_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"portvakt/internal/directory"
)

// asked is an attribute, or a part of one, that a filter or an order can name.
type asked struct {
	urn  string
	attr described
	part *described // nil: the whole attribute
}

func (a asked) path() string {
	if a.part != nil {
		return pathOf(a.urn, a.attr.Name) + "." + a.part.Name
	}
	return pathOf(a.urn, a.attr.Name)
}

// compared is what values are compared as: of a complex attribute its "value", nil where it has none.
func (a asked) compared() *described {
	if a.part != nil {
		return a.part
	}
	if a.attr.Type != "complex" {
		return &a.attr
	}
	for i := range a.attr.SubAttributes {
		if a.attr.SubAttributes[i].Name == "value" {
			return &a.attr.SubAttributes[i]
		}
	}
	return nil
}

// Nobody is found by a password or a certificate, by the URI beside an id, by the version, or by a name that is put together when it is
// shown.
var unanswered = []string{"members.display", "meta.location", "meta.version", enterprise + ":manager.displayName"}

// Identifiers have no order and no beginning for whoever is outside.
var identifiers = []string{"id", "groups", "groups.value", "members", "members.value", enterprise + ":manager", enterprise + ":manager.value", membership + ":successor"}

// operators are those that the attribute takes; docs/integration/scim.md says so.
func (a asked) operators() []string {
	path, is := a.path(), a.compared()
	switch {
	case a.attr.Returned == "never", a.attr.Name == "x509Certificates", strings.HasSuffix(path, ".$ref"), slices.Contains(unanswered, path):
		return nil
	case is == nil:
		return []string{"pr"}
	case slices.Contains(identifiers, path), is.Type == "boolean", path == "schemas", path == "meta.resourceType":
		return []string{"pr", "eq", "ne"}
	case is.Type == "dateTime":
		return []string{"pr", "eq", "ne", "gt", "ge", "lt", "le"}
	}
	return []string{"pr", "eq", "ne", "gt", "ge", "lt", "le", "co", "sw", "ew"}
}

// sorts reports whether there is an order by the attribute: every simple one, but what is in a group, and the groups of a user.
func (a asked) sorts() bool {
	path := a.path()
	switch {
	case a.attr.Name == "groups", a.attr.Name == "members", a.compared() == nil:
		return false
	case path == "meta.version", path == "meta.location":
		return true
	}
	return len(a.operators()) > 0
}

// common are the attributes that every resource has beside its schema's (RFC 7643 §3.1), which /Schemas does not list.
const common = `[{"name":"schemas","type":"reference","multiValued":true,"caseExact":true},{"name":"id","type":"string","caseExact":true},{"name":"externalId","type":"string","caseExact":true},
	{"name":"meta","type":"complex","subAttributes":[{"name":"resourceType","type":"string","caseExact":true},{"name":"created","type":"dateTime"},{"name":"lastModified","type":"dateTime"},
	{"name":"location","type":"reference","caseExact":true},{"name":"version","type":"string","caseExact":true}]}]`

// everything is each attribute of the schemas, and each part of one.
func (w *world) everything(urns ...string) (all []asked) {
	w.t.Helper()
	for i, urn := range urns {
		list := w.described(urn)
		if urn == groupSchema {
			urn = coreUser // named without it
		}
		if i == 0 {
			var others []described
			if err := json.Unmarshal([]byte(common), &others); err != nil {
				w.t.Fatal(err)
			}
			list = append(list, others...)
		}
		for _, attr := range list {
			all = append(all, asked{urn: urn, attr: attr})
			for i := range attr.SubAttributes {
				all = append(all, asked{urn, attr, &attr.SubAttributes[i]})
			}
		}
	}
	return all
}

const groupSchema = "urn:ietf:params:scim:schemas:core:2.0:Group"

// manyKinds makes people and groups of whom no two are alike, with values that collide in all but letter case, by the client that may
// do everything; and it answers with that client's world.
func (w *world) manyKinds() *world {
	w.t.Helper()
	ctx, all := context.Background(), w.as(tokenAll, "nordlys")
	w.declare()
	agency := must(w.dir.Organizations.Create(ctx, directory.Organization{Slug: "agency", Name: "Agency", Seats: directory.UnlimitedSeats, Domains: []string{"agency.example"}}))(w.t)
	must(w.dir.Organizations.Change(ctx, w.org.ID, func(o *directory.Organization) error { o.ManagedBy = agency.ID; return nil }))(w.t)
	w.seed(agency.ID, directory.Member{Email: "per@agency.example"})
	ids := []string{all.do("POST", "/Users", string(must(json.Marshal(w.whole()))(w.t))).want(201).id()}
	for _, attributes := range []string{
		`"userName":"anna@nordlys.example","title":"Straße","displayName":"Ola H","name":{"familyName":"Berg","givenName":"Anna"},"emails":[{"value":"anna@x.example","type":"work"},{"value":"ANNA@home.example","type":"Home","display":"x","primary":true}],
			"addresses":[{"locality":"Oslo","country":"no","type":"work","region":"x"},{"locality":"Bergen","postalCode":"5003","country":"NO","primary":true}],"ims":[{"value":"OLA"}],
			"roles":["seller"],"entitlements":["accountant"],"` + enterprise + `":{"department":"Sales","costCenter":"c-1","manager":{"value":"` + w.admin.ID.String() + `"}}`,
		`"userName":"Bo@nordlys.example","externalId":"ext-1","title":"STRASSE","active":false,"locale":"nb","name":{"familyName":"berg","middleName":"b."},"phoneNumbers":[{"value":"1","type":"FAX"},{"value":"22"}],
			"addresses":[{"formatted":"Storgata 1\n0155 Oslo","streetAddress":"storgata 1\nOppgang b","type":"Straße"}],"photos":[{"value":"https://nordlys.example/OLA.jpg"}],
			"` + enterprise + `":{"division":"north","manager":{"value":"Boss"}},"` + membership + `":{"grants":[{"module":"calendar","grade":"edit"}]}`,
		`"userName":"cy@nordlys.example","userType":"full TIME","emails":[{"value":"Bo@nordlys.example"}],"roles":["chief"],"` + membership + `":{"kind":"external","segments":["oslo"],"end":"2026-03-02T15:30:00Z"},"` + enterprise + `":{"manager":{"value":"zed"}}`,
		`"userName":"dag@nordlys.example","nickName":"OLI","roles":["chief"],"emails":[{"value":"x","type":"work"}],"addresses":[{"country":"DK","type":"work"},{"locality":"Odense","type":"other"}],"` + membership + `":{"segments":["bergen"],"functions":["main_recipient"]}`,
		`"userName":"per@agency.example","` + membership + `":{"kind":"reseller","reseller":{"role":"accountant","bankAccess":true}}`,
		`"userName":"desk","` + membership + `":{"kind":"contact","start":"2026-05-01T00:00:00Z"}`,
	} {
		w.clock.Advance(time.Hour)
		ids = append(ids, all.create(attributes).want(201).id())
	}
	all.patch(ids[4], `{"op":"replace","path":"addresses","value":[{"country":"SE","type":"home"}]}`).want(200) // and nobody is in Denmark any more
	inner := all.group("Inner", ids[1], ids[2])
	outer := all.group("outer", inner, ids[2], ids[3])
	all.patchGroup(outer, `{"op":"add","path":"externalId","value":"Inner"}`)
	all.group("Åland")
	roles := must(w.dir.Access.Roles(ctx, w.org.ID))(w.t)
	for i, below := range []bool{true, false} {
		id := must(directory.ParseGroupID(all.group(fmt.Sprint("Role ", i))))(w.t)
		must(w.dir.Access.AddGroupMembers(ctx, w.org.ID, id, []directory.GroupMember{{Role: roles[0].ID, WithBelow: below}}))(w.t)
		w.clock.Advance(time.Minute)
	}
	all.do("DELETE", "/Users/"+all.create(`"userName":"gone@nordlys.example","addresses":[{"locality":"Oslo"}],"roles":["chief"]`).want(201).id(), "").want(204)
	w.as(tokenOther, "bjorkvik").create(`"userName":"nils@bjorkvik.example","title":"Straße","addresses":[{"locality":"Oslo"}]`).want(201)
	w.clock.Advance(time.Hour)
	return all
}
