package scim_test

import (
	"context"
	"net/url"
	"testing"

	"portvakt/internal/directory"
)

// TestR30_ResellersByExtension: what the client says and no more, under the right for access, seen by nobody else.
func TestR30_ResellersByExtension(t *testing.T) {
	each(t, func(w *world) {
		ctx := context.Background()
		agency := must(w.dir.Organizations.Create(ctx, directory.Organization{Slug: "agency", Name: "Agency", Seats: directory.UnlimitedSeats, Domains: []string{"agency.example"}}))(w.t)
		must(w.dir.Organizations.Change(ctx, w.org.ID, func(o *directory.Organization) error { o.ManagedBy = agency.ID; return nil }))(w.t)
		agent := w.seed(agency.ID, directory.Member{Email: "anna@agency.example"})
		reseller := func(attributes string) string {
			return `"userName":"anna@agency.example","` + membership + `":{"kind":"reseller"` + attributes + `}`
		}
		w.create(reseller("")).want(400)
		w.create(reseller(`,"reseller":{"role":"owner"}`)).want(400)
		w.create(`"userName":"eve@nordlys.example","` + membership + `":{"reseller":{"role":"auditor"}}`).want(400)
		w.create(`"userName":"eve@elsewhere.example","`+membership+`":{"kind":"reseller","reseller":{"role":"auditor"}}`).want(409).is(nil, "scimType")
		w.as(tokenUsers, "nordlys").create(reseller(`,"reseller":{"role":"auditor"}`)).want(403)
		w.as(tokenOther, "bjorkvik").create(reseller(`,"reseller":{"role":"auditor"}`)).want(409)

		id := w.create(reseller(`,"reseller":{"role":"Accountant","bankAccess":"True"}`)).want(201).
			is("accountant", membership, "reseller", "role").is(true, membership, "reseller", "bankAccess").
			is(false, membership, "reseller", "userAdministration").is(nil, membership, "administrator", "x").id()
		w.create(`"userName":"plain@nordlys.example"`).want(201)
		for filter, want := range map[string]int{`role eq "ACCOUNTANT"`: 1, `role eq "auditor"`: 0, `role pr`: 1, `bankAccess eq true`: 1, `bankAccess eq false`: 0, `userAdministration eq false`: 1,
			`userAdministration pr`: 1} {
			w.do("GET", "/Users?filter="+url.QueryEscape(membership+":reseller."+filter), "").want(200).is(want, "totalResults")
		}
		for _, part := range []string{":reseller.role", ":reseller.bankAccess", ":state"} {
			first := w.do("GET", "/Users?cursor&count=1&sortBy="+url.QueryEscape(membership+part), "").want(200)
			next, _ := first.at("nextCursor").(string)
			second := w.do("GET", "/Users?count=1&cursor="+url.QueryEscape(next)+"&sortBy="+url.QueryEscape(membership+part), "").want(200)
			if second.at("Resources", 0, "id") == nil || second.at("Resources", 0, "id") == first.at("Resources", 0, "id") {
				w.t.Errorf("sorted by %s: %s", part, second.raw)
			}
		}
		w.patch(id, `{"op":"replace","path":"`+membership+`:reseller.userAdministration","value":true}`).want(403)
		w.patch(id, `{"op":"replace","value":{"`+membership+`":{"reseller":{"bankAccess":false}}}}`).want(200)
		if got := w.member(id).Reseller; got != (directory.ResellerAccess{Role: directory.Accountant}) {
			w.t.Errorf("after the patches %+v", got)
		}
		w.patch(id, `{"op":"remove","path":"`+membership+`:reseller"}`).want(400) // a reseller has a role
		w.patch(id, `{"op":"replace","path":"`+membership+`:administrator","value":true}`).want(403)
		users := w.as(tokenUsers, "nordlys")
		users.patch(id, `{"op":"replace","path":"`+membership+`:reseller.bankAccess","value":true}`).want(403)

		if err := w.dir.Memberships.End(ctx, agency.ID, agent.ID, directory.Ending{Choice: directory.EndPending}); err != nil {
			w.t.Fatal(err)
		}
		w.do("GET", "/Users/"+id, "").want(200).is(false, "active").is("ended", membership, "state")
		w.patch(id, `{"op":"replace","path":"active","value":true}`)
		w.do("GET", "/Users/"+id, "").want(200).is(false, "active")
	})
}
