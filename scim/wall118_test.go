package scim_test

import (
	"context"
	"testing"

	"portvakt/internal/directory"
)

// TestWall118_AccessGivesNoAdministration: a client that may give access makes nobody who administers people, by whatever
// way it is written; one that may make administrators does.
func TestWall118_AccessGivesNoAdministration(t *testing.T) {
	each(t, func(w *world) {
		ctx := context.Background()
		agency := must(w.dir.Organizations.Create(ctx, directory.Organization{Slug: "agency", Name: "Agency", Seats: directory.UnlimitedSeats, Domains: []string{"agency.example"}}))(w.t)
		must(w.dir.Organizations.Change(ctx, w.org.ID, func(o *directory.Organization) error { o.ManagedBy = agency.ID; return nil }))(w.t)
		w.seed(agency.ID, directory.Member{Email: "anna@agency.example"})
		body := func(reseller string) string {
			return `"userName":"anna@agency.example","` + membership + `":{"kind":"reseller","reseller":` + reseller + `}`
		}
		const plain, more = `{"role":"accountant"}`, `{"role":"accountant","userAdministration":true}`
		w.create(body(more)).want(403)
		id := w.create(body(plain)).want(201).id()
		for name, got := range map[string]reply{
			"part":  w.patch(id, `{"op":"replace","path":"`+membership+`:reseller.userAdministration","value":"True"}`),
			"whole": w.patch(id, `{"op":"add","path":"`+membership+`:reseller","value":`+more+`}`),
			"root":  w.patch(id, `{"op":"replace","value":{"`+membership+`":{"RESELLER":{"UserAdministration":true}}}}`),
			"PUT":   w.do("PUT", "/Users/"+id, `{`+core+`,`+body(more)+`}`),
		} {
			if got.status != 403 {
				w.t.Errorf("%s: %d %s", name, got.status, got.raw)
			}
		}
		if w.member(id).Reseller.UserAdministration {
			w.t.Error("user administration was gained")
		}
		w.do("DELETE", "/Users/"+id, "").want(204)
		all := w.as(tokenAll, "nordlys")
		id = all.create(body(more)).want(201).id()
		if !w.member(id).Reseller.UserAdministration || w.member(id).Administrator {
			w.t.Errorf("by a client with the right: %+v", w.member(id).Reseller)
		}
	})
}
