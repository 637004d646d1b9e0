package scim_test

import (
	"context"
	"net/url"
	"testing"

	"portvakt/internal/directory"
)

func TestRFC7644_3_14_IfMatch(t *testing.T) {
	each(t, func(w *world) {
		id := w.create(`"userName":"ola@nordlys.example"`).want(201).id()
		w.patch(id, `{"op":"replace","path":"title","value":"a"}`, "If-Match", `W/"1"`).want(200).is(`W/"2"`, "meta", "version")
		w.patch(id, `{"op":"replace","path":"title","value":"b"}`, "If-Match", `W/"1"`).want(412)
		w.do("PUT", "/Users/"+id, `{`+core+`,"userName":"ola@nordlys.example"}`, "If-Match", `"1"`).want(412)
		w.do("DELETE", "/Users/"+id, "", "If-Match", `W/"1"`).want(412)
		w.patch(id, `{"op":"replace","path":"title","value":"b"}`, "If-Match", `nonsense`).want(412)
		w.patch(id, `{"op":"replace","path":"title","value":"b"}`, "If-Match", `*`).want(200)
		w.do("DELETE", "/Users/"+id, "", "If-Match", `W/"3"`).want(204)
	})
}

// TestActive: what "active" sets and what it shows are two things.
func TestActive(t *testing.T) {
	each(t, func(w *world) {
		end := `"` + membership + `":{"end":"2026-03-02T10:00:00Z"}`
		id := w.create(`"userName":"ola@nordlys.example",`+end).want(201).is(true, "active").is("active", membership, "state").id()
		w.do("PUT", "/Users/"+id, `{`+core+`,"userName":"ola@nordlys.example","title":"x"}`).want(200).is(true, "active").is("2026-03-02T10:00:00Z", membership, "end")
		w.patch(id, `{"op":"replace","path":"active","value":"fAlSe"}`).want(200).is(false, "active").is("suspended", membership, "state")
		w.do("PUT", "/Users/"+id, `{`+core+`,"userName":"ola@nordlys.example"}`).want(200).is(false, "active").is(nil, "title") // absent changes nothing
		w.patch(id, `{"op":"replace","path":"active","value":true}`).want(200).is(true, "active")
		w.clock.Advance(2 * 3600e9)
		w.do("GET", "/Users/"+id, "").want(200).is(false, "active").is("ended", membership, "state")
		w.patch(id, `{"op":"replace","path":"title","value":"y"}`).want(200).is(false, "active")
		if m := w.member(id); !m.SuspendedAt.IsZero() {
			w.t.Error("a change of the title past the end suspended the member")
		}
		w.patch(id, `{"op":"replace","path":"active","value":true}`).want(200).is(false, "active") // clears a suspension, nothing else
		w.patch(id, `{"op":"replace","path":"`+membership+`:end","value":"2027-01-01T00:00:00Z"}`).want(200).is(true, "active")
		w.create(`"userName":"asleep@nordlys.example","active":false`).want(201).is(false, "active")
		w.create(`"userName":"guest@elsewhere.example"`).want(201).is(true, "active").is("invited", membership, "state")
		w.patch(w.create(`"userName":"guest2@elsewhere.example"`).want(201).id(), `{"op":"replace","path":"active","value":true}`).want(200).is("invited", membership, "state")
	})
}

// TestRFC7644_3_5_1_Put: what is absent is cleared, but for the access, which only changes where it is named.
func TestRFC7644_3_5_1_Put(t *testing.T) {
	each(t, func(w *world) {
		id := w.create(`"userName":"ola@nordlys.example","externalId":"7","title":"Clerk","roles":[{"value":"seller"}],"emails":[{"value":"a@x.example"}],
			"` + enterprise + `":{"department":"Sales","manager":"boss"},"` + membership + `":{"kind":"external","end":"2027-01-01T00:00:00Z","segments":["oslo"]}`).want(201).id()
		w.do("PUT", "/Users/"+id, `{`+core+`,"userName":"ola@nordlys.example"}`).want(200).
			is(nil, "title").is(nil, "externalId").is(nil, enterprise).is("ola@nordlys.example", "emails", 0, "value").
			is("seller", "roles", 0, "value").is("external", membership, "kind").is("oslo", membership, "segments", 0)
		w.do("PUT", "/Users/"+id, `{`+core+`,"userName":"ola@nordlys.example","roles":[],"`+membership+`":{"kind":"employee","end":null,"segments":["*"]}}`).want(200).
			is(nil, "roles").is("employee", membership, "kind").is(nil, membership, "end").is("*", membership, "segments", 0)
		w.do("PUT", "/Users/"+id, `{`+core+`}`).want(400).is("invalidValue", "scimType")
		w.do("PUT", "/Users/"+id, `{"userName":"ola@nordlys.example"}`).want(400).is("invalidSyntax", "scimType")
		w.do("PUT", "/Users/"+id, `{`+core+`,"userName":"no-address"}`).want(400).is("invalidValue", "scimType")
	})
}

// TestSignInAddress: it follows userName if that is an address, else the primary of emails; only the home renames.
func TestSignInAddress(t *testing.T) {
	each(t, func(w *world) {
		email := func(id string) string {
			return must(w.dir.Users.ByID(context.Background(), w.member(id).User))(w.t).Email.Address
		}
		a := w.create(`"userName":"ola","emails":[{"value":"other@nordlys.example"},{"value":"ola@nordlys.example","primary":true}]`).want(201).is("ola", "userName").id()
		if email(a) != "ola@nordlys.example" {
			w.t.Errorf("signs in with %s", email(a))
		}
		w.create(`"userName":"nobody"`).want(400).is("invalidValue", "scimType")
		w.create(`"userName":"contact-1","`+membership+`":{"kind":"contact"}`).want(201).is("contact", membership, "state")
		w.patch(a, `{"op":"replace","path":"userName","value":"ola.hansen@nordlys.example"}`).want(200)
		if email(a) != "ola.hansen@nordlys.example" {
			w.t.Errorf("the home renamed to %s", email(a))
		}
		guest := w.create(`"userName":"guest@elsewhere.example"`).want(201).id()
		w.patch(guest, `{"op":"replace","path":"userName","value":"taken.over@nordlys.example"}`).want(200).is("taken.over@nordlys.example", "userName")
		if email(guest) != "guest@elsewhere.example" {
			w.t.Errorf("an organization that is not the home renamed to %s", email(guest))
		}
		// A member made elsewhere, whose addresses are not the sign-in address, keeps it whatever else changes.
		made := w.seed(w.org.ID, directory.Member{Email: "eva@nordlys.example", UserName: "eva", Details: directory.Details{Emails: []directory.Contact{{Value: "private@nordlys.example"}}}})
		w.patch(made.ID.String(), `{"op":"replace","path":"title","value":"x"}`).want(200)
		if email(made.ID.String()) != "eva@nordlys.example" {
			w.t.Errorf("a change of the title renamed to %s", email(made.ID.String()))
		}
		w.create(`"userName":"bad kind","emails":[{"value":"k@nordlys.example"}],"` + membership + `":{"kind":"king"}`).want(400)
		contact := w.create(`"userName":"contact-2","emails":[{"value":"c2@nordlys.example"}],"` + membership + `":{"kind":"contact"}`).want(201).id()
		if m := w.member(contact); !m.User.IsZero() || m.Email != "" {
			w.t.Errorf("a contact can sign in: %+v", m)
		}
		w.patch(contact, `{"op":"replace","path":"`+membership+`:kind","value":"employee"}`).want(200).is("employee", membership, "kind").is("active", membership, "state")
		if email(contact) != "c2@nordlys.example" {
			w.t.Errorf("the contact signs in with %s", email(contact))
		}
	})
}

// TestInvitedAddress: a user name that another organization gives is no address that anybody is written to, whatever the
// answer to the change, a later GET and a filter say.
func TestInvitedAddress(t *testing.T) {
	each(t, func(w *world) {
		guest := w.create(`"userName":"Guest@Elsewhere.example"`).want(201).is("Guest@Elsewhere.example", "emails", 0, "value").id()
		w.patch(guest, `{"op":"replace","path":"userName","value":"other@place.example"}`).want(200).is("guest@elsewhere.example", "emails", 0, "value")
		w.do("GET", "/Users/"+guest, "").want(200).is("other@place.example", "userName").is("guest@elsewhere.example", "emails", 0, "value")
		found := func(address string, total int) {
			w.do("GET", "/Users?filter="+url.QueryEscape(`emails.value eq "`+address+`"`), "").want(200).is(total, "totalResults")
		}
		found("guest@elsewhere.example", 1)
		found("other@place.example", 0)
		w.create(`"userName":"eva@blåbær.example"`).want(201).is("eva@blåbær.example", "emails", 0, "value")
		found("Eva@Blåbær.example", 1)
		found("eva@xn--blbr-roah.example", 1)
		w.patch(guest, `{"op":"replace","path":"userName","value":"GUEST@elsewhere.example"}`).want(200).is("GUEST@elsewhere.example", "emails", 0, "value")
	})
}

// TestPartsOfLists: what stands beside a list as a name of its own is refused, not read as an empty list.
func TestPartsOfLists(t *testing.T) {
	each(t, func(w *world) {
		id := w.create(`"userName":"ola@nordlys.example","roles":["seller"]`).want(201).id()
		for _, body := range []string{`"roles.value":"chief"`, `"emails.value":"x@x.example"`, `"` + membership + `:grants.module":"x"`} {
			w.do("PUT", "/Users/"+id, `{`+core+`,"userName":"ola@nordlys.example",`+body+`}`).want(400).is("invalidSyntax", "scimType")
		}
		for range 20 {
			w.do("PUT", "/Users/"+id, `{`+core+`,"userName":"ola@nordlys.example","name.familyName":"Olsen","name":{"givenName":"Ola"}}`).want(200).
				is("Olsen", "name", "familyName").is("Ola", "name", "givenName").is("seller", "roles", 0, "value")
		}
	})
}

func TestSeatsAndReturn(t *testing.T) {
	each(t, func(w *world) {
		_, err := w.dir.Organizations.Change(context.Background(), w.org.ID, func(o *directory.Organization) error { o.Seats = 2; return nil })
		if err != nil {
			w.t.Fatal(err)
		}
		id := w.create(`"userName":"ola@nordlys.example"`).want(201).id()
		w.create(`"userName":"per@nordlys.example"`).want(403).is("All 2 seats are in use", "detail").is(nil, "scimType")
		w.do("DELETE", "/Users/"+id, "").want(204)
		again := w.create(`"userName":"ola@nordlys.example"`).want(201)
		if again.id() == id {
			w.t.Error("the old membership came back")
		}
	})
}

// TestSegmentsThatAreNotThere: one that is not there is refused, also beside all of them, where it would change nothing.
func TestSegmentsThatAreNotThere(t *testing.T) {
	each(t, func(w *world) {
		const path = membership + ":segments"
		made := w.create(`"userName":"ola@nordlys.example"`).want(201).is("*", membership, "segments", 0)
		for _, op := range []string{`{"op":"add","path":"` + path + `","value":["nowhere"]}`, `{"op":"replace","path":"` + path + `","value":["*","nowhere"]}`,
			`{"op":"add","value":{"` + membership + `":{"segments":["nowhere"]}}}`, `{"op":"replace","path":"` + path + `","value":["nowhere"]}`} {
			w.patch(made.id(), op).want(400).is("invalidValue", "scimType").is(`There is no segment "nowhere" (segments)`, "detail")
		}
		for _, segments := range []string{`["*","nowhere"]`, `["nowhere"]`} {
			body := `"` + membership + `":{"segments":` + segments + `}`
			w.create(`"userName":"new@nordlys.example",`+body).want(400).is("invalidValue", "scimType")
			w.do("PUT", "/Users/"+made.id(), `{`+core+`,"userName":"ola@nordlys.example",`+body+`}`).want(400).is("invalidValue", "scimType")
		}
		w.patch(made.id(), `{"op":"add","path":"`+path+`","value":["oslo"]}`).want(200).number(1).is("*", membership, "segments", 0).is(nil, membership, "segments", 1)
		w.patch(made.id(), `{"op":"remove","path":"`+path+`","value":["nowhere"]}`).want(200).number(1)
	})
}

// TestNothingIsAdoptedByBeingRemoved: what was made elsewhere is nobody's to its end, and the history tells of no change before it.
func TestNothingIsAdoptedByBeingRemoved(t *testing.T) {
	each(t, func(w *world) {
		ctx := context.Background()
		member := w.seed(w.org.ID, directory.Member{Email: "per@nordlys.example"}).ID.String()
		must(w.dir.Access.SaveGroups(ctx, w.org.ID, []directory.Group{{Key: "seeded", Name: "Seeded"}}))(w.t)
		group := w.do("GET", "/Groups", "").want(200).at("Resources", 0, "id").(string)
		for id, path := range map[string]string{member: "/Users/", group: "/Groups/"} {
			w.do("DELETE", path+id, "").want(204)
			for _, changes := range []string{"audit_entries where object = $1 and action", "events where subject = $1 and kind"} {
				var n int
				if err := w.db.QueryRow(ctx, "select count(*) from "+changes+" like '%.changed'", id).Scan(&n); err != nil || n != 0 {
					w.t.Errorf("%s was changed %d times, %v: %s", id, n, err, changes)
				}
			}
		}
	})
}
