package scim_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"portvakt/internal/directory"
)

// whole is a user with every attribute that a client can write, as GET shows it.
func (w *world) whole() map[string]any {
	w.t.Helper()
	text := strings.NewReplacer("ADMIN", w.admin.ID.String(), "DER", base64.StdEncoding.EncodeToString([]byte("a certificate, \x00\xff"))).Replace(`{
		"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "` + enterprise + `", "` + membership + `"],
		"externalId": "Ext-1", "userName": "Ola@nordlys.example",
		"name": {"formatted": "Dr. Ola B. Hansen jr.", "familyName": "Hansen", "givenName": "Ola", "middleName": "B.", "honorificPrefix": "Dr.", "honorificSuffix": "jr."},
		"displayName": "Ola H", "nickName": "Oli", "profileUrl": "https://nordlys.example/ola", "title": "Clerk", "userType": "Full time",
		"preferredLanguage": "nb-NO, en;q=0.8", "locale": "nb-NO", "timezone": "Europe/Oslo", "active": true,
		"emails": [{"value": "ola@work.example", "type": "work", "display": "Work", "primary": true}, {"value": "Ola@Home.example", "type": "home", "primary": false}],
		"phoneNumbers": [{"value": "tel:+47-900-00-001", "type": "mobile", "display": "Mine", "primary": true}, {"value": "1", "type": "fax"}],
		"ims": [{"value": "ola", "type": "xmpp", "display": "Chat", "primary": true}],
		"photos": [{"value": "https://nordlys.example/ola.jpg", "type": "photo", "display": "Me", "primary": true}, {"value": "https://nordlys.example/ola-s.jpg", "type": "thumbnail"}],
		"addresses": [{"formatted": "Storgata 1\n0155 Oslo", "streetAddress": "Storgata 1\nOppgang B", "locality": "Oslo", "region": "Oslo", "postalCode": "0155", "country": "NO", "type": "work", "primary": true}, {"country": "SE", "type": "home", "primary": false}, {"country": "DE"}],
		"x509Certificates": [{"value": "DER", "type": "sign", "display": "Signing", "primary": true}, {"value": "QUJD"}],
		"roles": [{"value": "seller", "display": "Seller", "primary": true}], "entitlements": [{"value": "accountant"}],
		"` + enterprise + `": {"employeeNumber": "007", "costCenter": "C-1", "organization": "Nordlys", "division": "North", "department": "Sales", "manager": {"value": "ADMIN", "$ref": "https://portvakt.example/scim/v2/nordlys/Users/ADMIN"}},
		"` + membership + `": {"kind": "external", "start": "2026-03-01T00:00:00Z", "end": "2027-01-01T12:30:00.123456Z", "administrator": false, "functions": ["information_recipient", "invoice_recipient"],
			"segments": ["bergen", "oslo"], "grants": [{"module": "calendar", "grade": "view"}, {"module": "invoices", "grade": "edit"}], "successor": "ADMIN", "state": "active"}}`)
	var out map[string]any
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		w.t.Fatal(err)
	}
	return out
}

// TestRFC7643_4_EveryAttributeComesBack: what POST is given GET shows, PUT takes back without a change, and every attribute
// that the schemas call writable is among it.
func TestRFC7643_4_EveryAttributeComesBack(t *testing.T) {
	each(t, func(w *world) {
		w.declare()
		sent := w.whole()
		body := must(json.Marshal(sent))(w.t)
		made := w.do("POST", "/Users", string(body)).want(201)
		got := w.do("GET", "/Users/"+made.id(), "").want(200)
		if got.raw != made.raw {
			w.t.Errorf("POST answered\n%s\nGET\n%s", made.raw, got.raw)
		}
		for name, want := range sent {
			if is := got.json[name]; !reflect.DeepEqual(is, want) {
				w.t.Errorf("%s: sent %v, read %v", name, want, is)
			}
		}
		put := w.do("PUT", "/Users/"+made.id(), got.raw).want(200)
		if put.raw != got.raw || put.header.Get("ETag") != made.header.Get("ETag") {
			w.t.Errorf("putting back what was got: %s\n%s", put.header.Get("ETag"), put.raw)
		}
		// Everything at once by PATCH, on a user with nothing.
		empty := w.create(`"userName":"empty@nordlys.example"`).want(201).id()
		for _, name := range []string{"externalId", "userName"} {
			delete(sent, name)
		}
		sent[membership].(map[string]any)["functions"] = []string{"information_recipient"} // the other one is taken
		body = must(json.Marshal(sent))(w.t)
		patched := w.patch(empty, `{"op":"replace","value":`+string(body)+`}`).want(200)
		sent[membership].(map[string]any)["functions"] = []any{"information_recipient"}
		for name, want := range sent {
			if is := patched.json[name]; name != "schemas" && !reflect.DeepEqual(is, want) {
				w.t.Errorf("by PATCH %s: sent %v, read %v", name, want, is)
			}
		}
		for _, urn := range []string{"urn:ietf:params:scim:schemas:core:2.0:User", enterprise, membership} {
			at := sent
			if urn == enterprise || urn == membership {
				at = sent[urn].(map[string]any)
			}
			for _, a := range w.do("GET", "/Schemas/"+urn, "").want(200).json["attributes"].([]any) {
				w.holds(at, a.(map[string]any), urn)
			}
		}
	})
}

// holds checks that the user has the attribute of the schema, and each part of it, if they can be written and read.
func (w *world) holds(at, attribute map[string]any, where string) {
	w.t.Helper()
	name := attribute["name"].(string)
	where += "." + name
	if attribute["mutability"] != "readWrite" || name == "externalId" || name == "userName" || name == "reseller" { // the last has tests of its own
		return
	}
	value, ok := at[name]
	if !ok {
		w.t.Errorf("%s stands in the schema and is not tested", where)
		return
	}
	subs, _ := attribute["subAttributes"].([]any)
	if list, ok := value.([]any); ok && len(subs) > 0 {
		value = list[0]
	}
	for _, sub := range subs {
		w.holds(value.(map[string]any), sub.(map[string]any), where)
	}
}

// TestRFC7644_3_5_1_PutClearsWhatIsLeftOut: all of core and enterprise but "active", and nothing of the access.
func TestRFC7644_3_5_1_PutClearsWhatIsLeftOut(t *testing.T) {
	each(t, func(w *world) {
		w.declare()
		sent := w.whole()
		id := w.do("POST", "/Users", string(must(json.Marshal(sent))(w.t))).want(201).id()
		got := w.do("PUT", "/Users/"+id, `{`+core+`,"userName":"Ola@nordlys.example"}`).want(200)
		stays := map[string]bool{"schemas": true, "userName": true, "active": true, "roles": true, "entitlements": true, membership: true}
		for name := range sent {
			switch is := got.json[name]; {
			case name == "emails": // the sign-in address is shown where there is no other
				got.is("Ola@nordlys.example", "emails", 0, "value").is(nil, "emails", 1)
			case stays[name] && name != "schemas" && !reflect.DeepEqual(is, sent[name]):
				w.t.Errorf("%s became %v", name, is)
			case !stays[name] && is != nil:
				w.t.Errorf("%s is still %v", name, is)
			}
		}
		if d := w.member(id).Details; len(d.Emails)+len(d.Certificates)+len(d.Addresses) > 0 || d.NamePrefix != "" {
			w.t.Errorf("details are left: %+v", d)
		}
	})
}

// TestRFC7643_4_1_1_Password: whatever way it comes, it is neither kept nor shown (docs/divergences.md).
func TestRFC7643_4_1_1_Password(t *testing.T) {
	each(t, func(w *world) {
		const secret = "never-shown-9x"
		made := w.create(`"userName":"p@nordlys.example","password":"` + secret + `","PASSWORD2":"` + secret + `"`).want(201)
		id := made.id()
		for _, got := range []reply{made, w.do("GET", "/Users/"+id+"?attributes=password", "").want(200),
			w.do("PUT", "/Users/"+id, `{`+core+`,"userName":"p@nordlys.example","password":"`+secret+`"}`).want(200),
			w.patch(id, `{"op":"replace","path":"password","value":"`+secret+`"}`).want(200), w.patch(id, `{"op":"replace","value":{"Password":"`+secret+`"}}`).want(200),
			w.patch(id, `{"op":"remove","path":"password"}`).want(200), w.do("GET", "/Users?attributes=password", "").want(200)} {
			if strings.Contains(got.raw, secret) || got.json["password"] != nil {
				w.t.Errorf("shown: %s", got.raw)
			}
		}
		if v := w.member(id).Version; v != 1 {
			w.t.Errorf("a password made version %d", v)
		}
	})
}

// declare makes the modules and packages that a user of the test may be given.
func (w *world) declare() {
	w.t.Helper()
	names := map[string]string{"en": "X"}
	must(w.dir.Access.SaveModules(context.Background(), []directory.Module{{Key: "invoices", Names: names}, {Key: "calendar", Names: names}}))(w.t)
	must(w.dir.Access.SavePackages(context.Background(), []directory.Package{{Key: "accountant", Base: true, Names: names, Grants: map[string]directory.Grade{"invoices": directory.GradeView}}}))(w.t)
}

// TestRFC7643_4_1_2_Certificates: base64 of a bounded length, a few of them, with lines as in a PEM file taken out.
func TestRFC7643_4_1_2_Certificates(t *testing.T) {
	each(t, func(w *world) {
		id := w.create(`"userName":"c@nordlys.example","x509Certificates":"QUJD"`).want(201).is("QUJD", "x509Certificates", 0, "value").id()
		w.patch(id, `{"op":"add","path":"x509Certificates","value":[{"value":"QUJD\nREVG\r\n","primary":true}]}`).want(200).is("QUJDREVG", "x509Certificates", 1, "value")
		w.patch(id, `{"op":"remove","path":"x509Certificates[value eq \"QUJD\"]"}`).want(200).is("QUJDREVG", "x509Certificates", 0, "value").is(nil, "x509Certificates", 1)
		w.patch(id, `{"op":"remove","path":"x509Certificates[value eq \"qujdrevg\"]"}`).want(200).is("QUJDREVG", "x509Certificates", 0, "value") // letter case matters
		for _, value := range []string{`[{"value":"QUJ"}]`, `[{"value":"QUJD!"}]`, `[{"value":"` + strings.Repeat("QUJD", 1600) + `"}]`, `["QUJD","QUJE","QUJF","QUJG","QUJH","QUJI"]`, `[{"value":"QUJD","type":"a\u0007"}]`} {
			if got := w.patch(id, `{"op":"replace","path":"x509Certificates","value":`+value+`}`).want(400).is("invalidValue", "scimType"); !strings.Contains(got.raw, "x509Certificates") {
				w.t.Errorf("%s: %s", value, got.raw)
			}
		}
		w.do("GET", "/Users?filter=x509Certificates.value%20pr", "").want(400).is("invalidFilter", "scimType")
	})
}

// TestRFC7644_3_3_ReadOnlyIsLeftOut: of a body it is left out, as a path it is refused (RFC 7644 §3.3, §3.5.1, §3.5.2).
func TestRFC7644_3_3_ReadOnlyIsLeftOut(t *testing.T) {
	each(t, func(w *world) {
		const body = `"userName":"r@nordlys.example","id":"mine","meta":{"version":"W/\"9\"","created":"2020-01-01T00:00:00Z"},"roles":[{"value":"seller","display":"King"}],
			"` + enterprise + `":{"manager":{"value":"boss","$ref":"https://evil.example","displayName":"Boss"}},"` + membership + `":{"state":"archived"}`
		made := w.create(body).want(201).is("Seller", "roles", 0, "display").number(1).is(nil, enterprise, "manager", "$ref").is("active", membership, "state")
		if made.id() == "mine" {
			w.t.Error("the client chose the id")
		}
		w.do("PUT", "/Users/"+made.id(), `{`+core+`,`+body+`}`).want(200).is(made.id(), "id").number(1)
		w.patch(made.id(), `{"op":"replace","value":{`+body+`}}`).want(200).number(1)
		for _, path := range []string{"id", "meta", "META.version", "schemas", "roles.display", `roles[value eq "seller"].display`, enterprise + ":manager.$ref", enterprise + ":manager.displayName", membership + ":state"} {
			for _, op := range []string{"add", "replace", "remove"} {
				w.patch(made.id(), `{"op":"`+op+`","path":`+quoted(path)+`,"value":"x"}`).want(400).is("mutability", "scimType")
			}
		}
	})
}
