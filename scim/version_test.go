package scim_test

import (
	"context"
	"testing"

	"portvakt/internal/directory"
)

// TestWhatIsKeptIsNotStale: what an answer shows of others changes its tag, so that no client goes on with names and groups of
// yesterday. If-Match asks for the version alone: of a tag whatever it says beside it.
func TestWhatIsKeptIsNotStale(t *testing.T) {
	each(t, func(w *world) {
		ctx := context.Background()
		p := w.people(2)
		id := p[0]
		w.patch(id, `{"op":"add","path":"roles","value":[{"value":"seller"}]}`).want(200)
		group := w.group("Sales", id)
		seen := map[string]bool{}
		changes := func(what, path string, change func()) {
			w.t.Helper()
			was := w.do("GET", path, "").want(200)
			tag := was.header.Get("ETag")
			if w.do("GET", path, "", "If-None-Match", tag).want(304).header.Get("ETag") != tag || was.at("meta", "version") != tag {
				w.t.Errorf("%s: tag %s, version %v", what, tag, was.at("meta", "version"))
			}
			change()
			is := w.do("GET", path, "", "If-None-Match", tag).want(200)
			if seen[tag] = true; seen[is.header.Get("ETag")] {
				w.t.Errorf("%s: the tag %s again: %s", what, is.header.Get("ETag"), is.raw)
			}
		}
		user := "/Users/" + id
		changes("a group is renamed", user, func() { w.patchGroup(group, `{"op":"replace","path":"displayName","value":"Sellers"}`).want(200) })
		changes("a group holds its group", user, func() { w.group("Everybody", group) })
		role := must(w.dir.Access.Roles(ctx, w.org.ID))(w.t)
		changes("a role is renamed", user, func() {
			for _, r := range role {
				if r.Key == "seller" {
					r.Name = "Vendor"
					must(w.dir.Access.SaveRoles(ctx, w.org.ID, []directory.Role{r}))(w.t)
				}
			}
		})
		changes("a member is renamed", "/Groups/"+group, func() { w.patch(id, `{"op":"replace","path":"name.familyName","value":"Other"}`).want(200) })
		old := w.do("GET", user, "").want(200).number(3).header.Get("ETag")
		changes("the last group goes", user, func() { w.do("DELETE", "/Groups/"+group, "").want(204) })
		w.do("PUT", user, `{`+core+`,"userName":"person0@nordlys.example","title":"Chief"}`, "If-Match", old).want(200).number(4)
		w.do("PUT", user, `{`+core+`,"userName":"person0@nordlys.example"}`, "If-Match", old).want(412)
		w.do("GET", user+"?attributes=meta.version", "").want(200).number(4).is(nil, "meta", "location")
		w.do("GET", user+"?excludedAttributes=meta", "").want(200).is(nil, "meta")
		for _, tag := range []string{`"-4"`, `W/"4x-1"`, `"-"`} {
			w.do("PUT", user, `{`+core+`,"userName":"person0@nordlys.example"}`, "If-Match", tag).want(412)
		}
		// Whoever may not read groups is told nothing of them by a tag.
		blind, outside := w.as(tokenUsers, "nordlys"), "/Users/"+p[1]
		tag := blind.do("GET", outside, "").want(200).header.Get("ETag")
		w.group("Hidden", p[1])
		blind.do("GET", outside, "", "If-None-Match", tag).want(304)
	})
}
