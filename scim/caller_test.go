package scim_test

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"portvakt/internal/actor"
	"portvakt/internal/directory"
	"portvakt/scim"
)

const home = "https://portvakt.example/scim/v2/nordlys"

// application is one of the installation, whose own token for nordlys is called like it.
func (w *world) application(clientID string) directory.Application {
	w.t.Helper()
	a := must(w.dir.Applications.Save(context.Background(), directory.Application{ClientID: clientID, Name: clientID, AllOrganizations: true}))(w.t)
	w.bearers[clientID] = scim.Bearer{Application: a.ID, Organization: w.org.ID, Slug: "nordlys", Scopes: []string{"scim"}, Audience: []string{home}}
	return a
}

// me is a person's access token for nordlys.
func me(m directory.Member) scim.Bearer {
	return scim.Bearer{Membership: m.ID, User: m.User, Organization: m.Organization, Slug: "nordlys", Scopes: []string{"scim"}, Audience: []string{home}}
}

func (w *world) clientOf(token string) directory.ProvisioningClient {
	w.t.Helper()
	return must(w.dir.ProvisioningClients.Authenticate(context.Background(), token))(w.t)
}

// TestAnAccessTokenActsAsItsProvisioningClient: with that one's rights, members and name in the history.
func TestAnAccessTokenActsAsItsProvisioningClient(t *testing.T) {
	each(t, func(w *world) {
		ctx := context.Background()
		app := w.application("hr-app")
		by := w.as("hr-app", "nordlys")
		by.do("GET", "/Users", "").want(403) // no client names it
		by.do("GET", "/Schemas", "").want(403)
		hr, all := w.clientOf(tokenUsers), w.clientOf(tokenAll)
		must(w.dir.ProvisioningClients.SetCaller(ctx, w.org.ID, hr.ID, "hr-app"))(w.t)
		id := by.create(`"userName":"lars@nordlys.example"`).want(201).id()
		if m := w.member(id); m.ManagedBy != hr.ID {
			w.t.Errorf("the member is managed by %s", m.ManagedBy)
		}
		w.as(tokenUsers, "nordlys").patch(id, `{"op":"replace","path":"title","value":"x"}`).want(200)
		for action, behalf := range map[string]string{"membership.created": app.ID.String(), "membership.changed": ""} {
			var who, whose string
			if err := w.db.QueryRow(ctx, `select actor_id, behalf from audit_entries where object = $1 and action = $2`, id, action).Scan(&who, &whose); err != nil {
				w.t.Fatal(err)
			}
			if who != hr.ID.String() || whose != behalf {
				w.t.Errorf("%s by %s on behalf of %q", action, who, whose)
			}
		}
		w.as(tokenAll, "nordlys").patch(id, `{"op":"replace","path":"title","value":"y"}`).want(403)
		by.do("GET", "/Groups", "").want(403) // as the client's own token
		by.patch(id, `{"op":"add","path":"roles","value":[{"value":"chief"}]}`).want(403)
		by.as("hr-app", "bjorkvik").do("GET", "/Users", "").want(404)

		must(w.dir.ProvisioningClients.SetCaller(ctx, w.org.ID, hr.ID, ""))(w.t)
		by.do("GET", "/Users", "").want(403)
		must(w.dir.ProvisioningClients.SetCaller(ctx, w.org.ID, all.ID, "hr-app"))(w.t)
		by.do("GET", "/Groups", "").want(200)
		if _, err := w.db.Exec(ctx, `update provisioning_clients set disabled_at = 1 where id = $1`, all.ID); err != nil {
			w.t.Fatal(err)
		}
		by.do("GET", "/Groups", "").want(403)
		w.as("trouble", "nordlys").fails()
	})
}

// fails checks that a failure is none of the caller's, and tells nothing.
func (w *world) fails() {
	w.t.Helper()
	r, _ := http.NewRequest(http.MethodGet, "https://portvakt.example/scim/v2/nordlys/Users", nil)
	r.Header.Set("Authorization", "Bearer "+w.token)
	rec := newRecorder(w.handler, r)
	if rec.Code != http.StatusInternalServerError || strings.Contains(rec.Body.String(), "password") {
		w.t.Errorf("trouble answers %d %s", rec.Code, rec.Body)
	}
}

func TestWall058_AccessTokensOfTheWrongKind(t *testing.T) {
	each(t, func(w *world) {
		w.application("hr-app")
		must(w.dir.ProvisioningClients.SetCaller(context.Background(), w.org.ID, w.clientOf(tokenAll).ID, "hr-app"))(w.t)
		w.as("hr-app", "nordlys").do("GET", "/Users", "").want(200)
		good, person := w.bearers["hr-app"], me(w.admin)
		with := func(b scim.Bearer, change func(*scim.Bearer)) scim.Bearer { change(&b); return b }
		for name, b := range map[string]scim.Bearer{
			"no-scope":           with(good, func(b *scim.Bearer) { b.Scopes = []string{"authzen", "openid"} }),
			"other-audience":     with(good, func(b *scim.Bearer) { b.Audience = []string{"hr-app", "https://portvakt.example/access/v1"} }),
			"their-audience":     with(good, func(b *scim.Bearer) { b.Audience = []string{"https://portvakt.example/scim/v2/bjorkvik"} }),
			"longer-audience":    with(good, func(b *scim.Bearer) { b.Audience = []string{home + "/", home + "/Users"} }),
			"no-organization":    with(good, func(b *scim.Bearer) { b.Organization, b.Slug = directory.OrganizationID{}, "" }),
			"person-no-scope":    with(person, func(b *scim.Bearer) { b.Scopes = []string{"openid", "profile"} }),
			"person-no-audience": with(person, func(b *scim.Bearer) { b.Audience = []string{"c1"} }),
		} {
			w.bearers[name] = b
			for _, e := range every {
				if got := w.as(name, "nordlys").do(e.method, e.path, e.body); got.status != 401 || !strings.Contains(got.header.Get("WWW-Authenticate"), `error="invalid_token"`) {
					w.t.Errorf("%s %s with %s: %d", e.method, e.path, name, got.status)
				}
			}
		}
		w.bearers["person"] = person
		for _, e := range every {
			if e.path == "/Me" {
				continue
			}
			if got := w.as("person", "nordlys").do(e.method, e.path, e.body); got.status != 401 {
				w.t.Errorf("%s %s with a person's token: %d %s", e.method, e.path, got.status, got.raw)
			}
		}
		for _, token := range []string{token, "hr-app", "person"} {
			if got := w.as(token, "nordlys").do("GET", "/Users?access_token=x", ""); got.status != 401 {
				w.t.Errorf("a token in the address beside %s: %d", token, got.status)
			}
		}
		w.as("person", "bjorkvik").do("GET", "/Me", "").want(401)
	})
}

// TestMe: a person sees the own member as the organization does, at one address, and writes nothing.
func TestMe(t *testing.T) {
	each(t, func(w *world) {
		w.bearers["kari"] = me(w.admin)
		kari := w.as("kari", "nordlys")
		got := kari.do("GET", "/Me", "").want(200).is(w.admin.ID, "id").is("kari@nordlys.example", "userName")
		at := home + "/Users/" + w.admin.ID.String()
		if got.header.Get("Location") != at || got.header.Get("Content-Location") != at || got.header.Get("ETag") == "" || got.at("meta", "location") != at {
			w.t.Errorf("headers %v", got.header)
		}
		if there := w.do("GET", "/Users/"+w.admin.ID.String(), ""); there.raw != got.raw {
			w.t.Errorf("the person sees %s, the client %s", got.raw, there.raw)
		}
		kari.do("GET", "/Me?attributes=title", "").want(200).is(nil, "userName")
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
			if got := kari.do(method, "/Me", `{`+core+`,"userName":"x@nordlys.example"}`).want(405); got.header.Get("Allow") != "GET" {
				w.t.Errorf("%s: Allow %q", method, got.header.Get("Allow"))
			}
		}
		w.do("GET", "/Me", "").want(404) // a client is no user
		w.do("PATCH", "/Me", `{}`).want(404)
		for range 54 {
			kari.do("GET", "/Me", "")
		}
		limited := kari.do("GET", "/Me", "").want(429)
		if s, _ := strconv.Atoi(limited.header.Get("Retry-After")); s < 1 || s > 61 {
			w.t.Errorf("Retry-After %q", limited.header.Get("Retry-After"))
		}
		w.clock.Advance(time.Minute)
		kari.do("GET", "/Me", "").want(200)
	})
}

// TestWall074_TokenLifecycle: rotation, expiry and revocation count at once, and no table holds a token.
func TestWall074_TokenLifecycle(t *testing.T) {
	each(t, func(w *world) {
		ctx, clients := context.Background(), w.dir.ProvisioningClients
		c := w.clientOf(token)
		r := must(clients.Rotate(ctx, w.org.ID, c.ID, directory.Renewal{Overlap: time.Hour, Lifetime: 2 * time.Hour}))(w.t)
		fresh := w.as(r.Token, "nordlys")
		w.do("GET", "/Users", "").want(200)
		fresh.do("GET", "/Users", "").want(200)
		for _, almost := range []string{r.Token[:len(r.Token)-1], r.Token + "A", strings.ToUpper(r.Token), strings.TrimPrefix(r.Token, "portvakt_scim_"), "portvakt_scim_"} {
			w.as(almost, "nordlys").do("GET", "/Users", "").want(401)
		}
		if _, err := clients.Rotate(ctx, w.other.ID, c.ID, directory.Renewal{}); err == nil {
			w.t.Error("the neighbour mints")
		}
		for _, short := range []string{"", "x", "12345"} {
			if _, err := clients.Create(ctx, directory.ProvisioningClient{Organization: w.org.ID, Name: "short"}, short); err == nil {
				w.t.Errorf("a client with the token %q", short)
			}
		}
		w.clock.Advance(time.Hour)
		w.do("GET", "/Users", "").want(401)
		fresh.do("GET", "/Users", "").want(200)
		for _, x := range must(clients.Tokens(ctx, w.org.ID, c.ID))(w.t) {
			if err := clients.RevokeToken(ctx, w.other.ID, c.ID, x.ID); err == nil {
				w.t.Error("the neighbour revokes")
			}
		}
		w.clock.Advance(time.Hour)
		fresh.do("GET", "/Users", "").want(401)
		last := must(clients.Rotate(ctx, w.org.ID, c.ID, directory.Renewal{}))(w.t)
		by := w.as(last.Token, "nordlys")
		by.do("GET", "/Users", "").want(200)
		all := must(clients.Tokens(ctx, w.org.ID, c.ID))(w.t)
		if err := clients.RevokeToken(ctx, w.org.ID, c.ID, all[len(all)-1].ID); err != nil {
			w.t.Fatal(err)
		}
		by.do("GET", "/Users", "").want(401)
	})
}

// TestWall064_OperatorsAndOtherClients: nobody suspends those who run the installation without the right over administrators,
// and two clients never write one member.
func TestWall064_OperatorsAndOtherClients(t *testing.T) {
	each(t, func(w *world) {
		ctx := context.Background()
		op := w.seed(w.org.ID, directory.Member{Email: "op@nordlys.example"})
		if err := w.dir.Users.SetOperator(ctx, op.User, directory.IsOperator); err != nil {
			w.t.Fatal(err)
		}
		id, whole := op.ID.String(), `{`+core+`,"userName":"op@nordlys.example","active":false}`
		w.patch(id, `{"op":"replace","path":"active","value":false}`).want(403)
		w.do("PUT", "/Users/"+id, whole).want(403)
		w.do("DELETE", "/Users/"+id, "").want(403)
		if m := w.member(id); !m.ManagedBy.IsZero() || !m.ActiveAt(w.clock.Now()) {
			w.t.Errorf("the operator was touched: %+v", m)
		}
		all := w.as(tokenAll, "nordlys")
		all.patch(id, `{"op":"replace","path":"title","value":"x"}`).want(200)

		hr, payroll := w.clientOf(token), w.clientOf(tokenUsers)
		mine := w.create(`"userName":"lars@nordlys.example","title":"Selger"`).want(201).id()
		refused := w.as(tokenUsers, "nordlys").patch(mine, `{"op":"replace","path":"title","value":"y"}`).want(403)
		if detail, _ := refused.at("detail").(string); !strings.Contains(detail, "Another provisioning client keeps this member") {
			w.t.Errorf("detail %q", detail)
		}
		must(w.dir.ProvisioningClients.Release(ctx, w.org.ID, hr.ID, payroll.ID))(w.t)
		w.patch(mine, `{"op":"replace","path":"title","value":"z"}`).want(403)
		w.as(tokenUsers, "nordlys").patch(mine, `{"op":"replace","path":"title","value":"z"}`).want(200)
		must(w.dir.ProvisioningClients.Remove(ctx, w.org.ID, payroll.ID, directory.ProvisioningClientID{}))(w.t)
		w.as(tokenUsers, "nordlys").do("GET", "/Users", "").want(401)
		w.patch(mine, `{"op":"replace","path":"title","value":"z"}`).want(200)
		if m := w.member(mine); m.ManagedBy != hr.ID {
			w.t.Errorf("adopted by %s", m.ManagedBy)
		}
	})
}

// TestWall065_WhatAGuestMadeDiesWithDeactivation: the SCIM token that an external administrator made, by each way of ending.
func TestWall065_WhatAGuestMadeDiesWithDeactivation(t *testing.T) {
	each(t, func(w *world) {
		for name, end := range map[string]func(all *world, id string) reply{
			"active false": func(all *world, id string) reply {
				return all.patch(id, `{"op":"replace","path":"active","value":false}`).want(200)
			},
			`"False" without a path`: func(all *world, id string) reply {
				return all.patch(id, `{"op":"Replace","value":{"active":"False"}}`).want(200)
			},
			"PUT": func(all *world, id string) reply {
				return all.do("PUT", "/Users/"+id, `{`+core+`,"userName":"guest","emails":[{"value":"guest@else.example"}],"active":false}`).want(200)
			},
			"DELETE": func(all *world, id string) reply { return all.do("DELETE", "/Users/"+id, "").want(204) },
		} {
			guest := w.seed(w.org.ID, directory.Member{Email: strings.Trim(name[:3], `" `) + "-guest@else.example", Kind: directory.External, Administrator: true, End: w.clock.Now().Add(24 * time.Hour)})
			by := actor.With(context.Background(), actor.Actor{Kind: actor.Person, ID: guest.User.String()})
			made := must(w.dir.ProvisioningClients.Create(by, directory.ProvisioningClient{Organization: w.org.ID, Name: "of " + name, MayUsers: true}, "token of the guest "+name))(w.t)
			rotated := must(w.dir.ProvisioningClients.Rotate(by, w.org.ID, made.ID, directory.Renewal{Overlap: time.Hour}))(w.t)
			for _, token := range []string{"token of the guest " + name, rotated.Token} {
				w.as(token, "nordlys").do("GET", "/Users", "").want(200)
			}
			end(w.as(tokenAll, "nordlys"), guest.ID.String())
			for _, token := range []string{"token of the guest " + name, rotated.Token} {
				if got := w.as(token, "nordlys").do("GET", "/Users", ""); got.status != 401 {
					w.t.Errorf("%s: a token of the guest's answers %d", name, got.status)
				}
			}
			if _, err := w.dir.ProvisioningClients.Rotate(by, w.org.ID, made.ID, directory.Renewal{}); err == nil {
				w.t.Errorf("%s: the guest mints another", name)
			}
		}
	})
}
