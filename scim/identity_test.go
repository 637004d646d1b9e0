package scim_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"portvakt/internal/directory"
)

// TestR09_AKnownAddressAnswersAlike: whether an invited address is known to the installation, nobody learns from SCIM.
func TestR09_AKnownAddressAnswersAlike(t *testing.T) {
	each(t, func(w *world) {
		w.seed(w.other.ID, directory.Member{Email: "known@elsewhere.example", Details: directory.Details{GivenName: "Secret", Title: "Spy"}})
		shape := func(r reply) string {
			id := r.id()
			text := strings.NewReplacer(id, "ID", "unknown@", "X@", "known@", "X@").Replace(r.raw)
			var v any
			if err := json.Unmarshal([]byte(text), &v); err != nil {
				w.t.Fatal(err)
			}
			return fmt.Sprint(text, r.status, len(r.header), r.header.Get("ETag"), strings.Replace(r.header.Get("Location"), id, "ID", 1))
		}
		for _, format := range []string{`"userName":"%s@elsewhere.example"`, `"userName":"%s","emails":[{"value":"%[1]s@elsewhere.example"}],"name":{"givenName":"G"}`} {
			known, unknown := w.create(fmt.Sprintf(format, "known")).want(201), w.create(fmt.Sprintf(format, "unknown")).want(201)
			a, b := strings.ReplaceAll(shape(known), `"known"`, `"X"`), strings.ReplaceAll(shape(unknown), `"unknown"`, `"X"`)
			if a != b {
				w.t.Errorf("the answers differ:\n%s\n%s", a, b)
			}
			known.is("invited", membership, "state").is(true, "active")
			for _, r := range []reply{known, unknown} {
				got := w.do("GET", "/Users/"+r.id(), "").want(200)
				if got.raw != r.raw {
					w.t.Errorf("GET tells more: %s", got.raw)
				}
				w.do("DELETE", "/Users/"+r.id(), "").want(204)
			}
		}
	})
}

// TestMembersComeAndGo: deactivation over every way, deletion, and a return that inherits nothing (DESIGN: checks make it true).
func TestMembersComeAndGo(t *testing.T) {
	each(t, func(w *world) {
		w.declare()
		made := w.create(`"userName":"ola@nordlys.example","externalId":"7","title":"Clerk","roles":["seller"],"entitlements":["accountant"],"` + membership + `":{"functions":["main_recipient"],"segments":["oslo"]}`).want(201)
		id := made.id()
		put := func(active string) {
			w.do("PUT", "/Users/"+id, `{`+core+`,"userName":"ola@nordlys.example","externalId":"7"`+active+`}`).want(200)
		}
		for _, off := range []func(){
			func() { w.patch(id, `{"op":"replace","path":"active","value":false}`).want(200) },
			func() { w.patch(id, `{"op":"Replace","path":"active","value":"False"}`).want(200) },
			func() { w.patch(id, `{"op":"replace","value":{"active":"false"}}`).want(200) },
			func() {
				w.patch(id, `{"op":"add","value":{"urn:ietf:params:scim:schemas:core:2.0:User:active":false}}`).want(200)
			},
			func() { put(`,"active":false`) }, func() { put(`,"ACTIVE":"FALSE"`) },
		} {
			off()
			now := w.db.Now()
			if m := w.member(id); m.ActiveAt(now) {
				w.t.Error("still active")
			}
			epoch := w.member(id).Epoch
			put("") // an absent "active" changes nothing
			if m := w.member(id); m.ActiveAt(now) || m.Epoch != epoch {
				w.t.Error("an absent active let somebody in")
			}
			w.patch(id, `{"op":"replace","path":"active","value":"TRUE"}`).want(200).is(true, "active")
		}
		before := w.member(id)
		w.do("DELETE", "/Users/"+id, "").want(204)
		for _, r := range []reply{w.do("GET", "/Users/"+id, ""), w.patch(id, `{"op":"replace","path":"active","value":true}`), w.do("PUT", "/Users/"+id, `{`+core+`,"userName":"ola@nordlys.example","active":true}`), w.do("DELETE", "/Users/"+id, "")} {
			r.want(404)
		}
		again := w.create(`"userName":"ola@nordlys.example"`).want(201)
		is := w.member(again.id())
		if is.ID == before.ID || is.User != before.User || !is.Role.IsZero() || len(is.Packages)+len(is.Functions)+len(is.Grants)+len(is.Segments) > 0 || is.ExternalID != "" || is.Details.Title != "" {
			w.t.Errorf("what came back: %+v", is)
		}
		all := must(w.dir.Users.ByID(context.Background(), is.User))(w.t)
		if all.Email.Address != "ola@nordlys.example" {
			w.t.Errorf("another person: %v", all.Email)
		}
	})
}

// TestMembershipExtension: what the extension says goes through the directory's own rules, and is refused in SCIM's words.
func TestMembershipExtension(t *testing.T) {
	each(t, func(w *world) {
		n := 0
		create := func(extension string) reply {
			n++
			return w.create(fmt.Sprintf(`"userName":"m%d@nordlys.example","%s":{%s}`, n, membership, extension))
		}
		create(`"kind":"external"`).want(400).is("invalidValue", "scimType")
		create(`"kind":"king"`).want(400).is("invalidValue", "scimType")
		create(`"segments":["nowhere"]`).want(400).is("invalidValue", "scimType")
		create(`"segments":[]`).want(400).is("invalidValue", "scimType")
		create(`"functions":["nothing"]`).want(400).is("invalidValue", "scimType")
		create(`"grants":[{"module":"nothing","grade":"view"}]`).want(400).is("invalidValue", "scimType")
		create(`"start":"2026-04-01T00:00:00Z","end":"2026-03-01T00:00:00Z"`).want(400).is("invalidValue", "scimType")
		create(`"start":"2026-04-01T00:00:00Z"`).want(201).is("scheduled", membership, "state").is(true, "active")
		create(`"kind":"LIMITED"`).want(201).is("limited", membership, "kind")
		id := create(`"kind":"External","end":"2026-03-02T10:00:00Z","segments":["oslo"],"functions":["main_recipient"]`).want(201).is("external", membership, "kind").is("oslo", membership, "segments", 0).id()
		create(`"functions":["MAIN_recipient"]`).want(409)
		w.patch(id, `{"op":"remove","path":"`+membership+`:functions[value eq \"main_recipient\"]"}`).want(200).is(nil, membership, "functions")
		create(`"functions":["main_recipient"]`).want(201)
		w.patch(id, `{"op":"add","path":"`+membership+`:segments","value":["bergen"]}`).want(200).is("bergen", membership, "segments", 0).is("oslo", membership, "segments", 1)
		w.patch(id, `{"op":"remove","path":"`+membership+`:segments","value":["oslo"]}`).want(200).is("bergen", membership, "segments", 0).is(nil, membership, "segments", 1)
		w.patch(id, `{"op":"remove","path":"`+membership+`:end"}`).want(400) // an external's membership has an end
		w.patch(id, `{"op":"replace","value":{"`+membership+`":{"kind":"employee","end":null}}}`).want(200).is(nil, membership, "end").is("employee", membership, "kind")
		w.patch(id, `{"op":"replace","path":"`+membership+`:state","value":"active"}`).want(400).is("mutability", "scimType")
		w.do("PUT", "/Users/"+id, `{`+core+`,"userName":"m10@nordlys.example","`+membership+`":{"end":"2026-03-02T10:00:00Z","state":"ended"}}`).want(200).
			is("bergen", membership, "segments", 0).is("2026-03-02T10:00:00Z", membership, "end").is("active", membership, "state")
		w.clock.Advance(time.Hour)
		w.do("GET", "/Users/"+id, "").want(200).is(false, "active").is("ended", membership, "state")
		w.patch(id, `{"op":"replace","path":"`+membership+`:end","value":null}`).want(200).is(true, "active").is("active", membership, "state")
	})
}
