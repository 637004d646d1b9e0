package saml_test

import (
	"bytes"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"portvakt/internal/directory"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestAttributes: of what sources, for whom, in which form.
func TestAttributes(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		d.told = map[string][]string{"groups": {"sales", "crew"}, "roles": {"seller", "buyer"}, "entitlements": {"invoices:view"}}
		d.change(func(p *directory.ServiceProvider) {
			p.Settings.Attributes = []directory.SAMLAttribute{
				{Name: "urn:oid:2.5.4.42", FriendlyName: "givenName", Source: "given_name"},
				{Name: "mail", Source: "email"}, {Name: "nothing", Source: "title"},
				{Name: "groups", Source: "groups", Prefix: "nordlys/"}, {Name: "role", Source: "roles", Values: []string{"seller"}},
				{Name: "role", Values: []string{"member"}}, {Name: "desk", Values: []string{"yes"}, Groups: []string{"sales"}}, {Name: "boss", Values: []string{"yes"}, Groups: []string{"board"}},
				{Name: "right", Source: "entitlements"}, {Name: "org", Source: "organization"}, {Name: "member", Source: "membership_id"}, {Name: "dept", NameFormat: "unspecified", Source: "department"},
				{Name: "urn:oasis:names:tc:SAML:attribute:subject-id", Source: "subject_id"}, {Name: "urn:oasis:names:tc:SAML:attribute:pairwise-id", Source: "pairwise_id"},
			}
		})
		a := d.signedIn().ask(ask{}).answer(t)
		for name, want := range map[string][]string{
			"urn:oid:2.5.4.42": {"Kari"}, "mail": {"kari@nordlys.example"}, "nothing": nil, "groups": {"nordlys/sales", "nordlys/crew"}, "role": {"seller", "member"},
			"desk": {"yes"}, "boss": nil, "right": {"invoices:view"}, "org": {"nordlys"}, "member": {d.member.ID.String()}, "dept": {"Sales"},
		} {
			if got := a.attribute(name); !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		for name, form := range map[string]string{"urn:oasis:names:tc:SAML:attribute:subject-id": `^[0-9A-Za-z][-=0-9A-Za-z]{0,126}@id\.example$`, "urn:oasis:names:tc:SAML:attribute:pairwise-id": `^[a-z2-7]{32}@id\.example$`} {
			if got := a.attribute(name); len(got) != 1 || !regexp.MustCompile(form).MatchString(got[0]) {
				t.Errorf("%s: %q", name, got)
			}
		}
		format := func(name string) string {
			return strings.TrimPrefix(a.at("//Attribute[@Name='"+name+"']", "NameFormat"), "urn:oasis:names:tc:SAML:2.0:attrname-format:")
		}
		if format("urn:oid:2.5.4.42") != "uri" || format("mail") != "basic" || format("dept") != "unspecified" || a.at("//Attribute[@Name='urn:oid:2.5.4.42']", "FriendlyName") != "givenName" {
			t.Errorf("formats %s %s %s", format("urn:oid:2.5.4.42"), format("mail"), format("dept"))
		}
		if n := len(a.root.FindElements("//Attribute[@Name='role']")); n != 1 {
			t.Errorf("%d attributes of one name", n)
		}
	})
}

// TestARequestNarrowsAttributes: an index takes away, and adds nothing.
func TestARequestNarrowsAttributes(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		d.change(func(p *directory.ServiceProvider) {
			p.Settings.Attributes = append(p.Settings.Attributes, directory.SAMLAttribute{Name: "given", Source: "given_name"})
			p.Metadata.AttributeServices = []directory.SAMLAttributeService{{Index: 3, Requested: []directory.SAMLMetaAttribute{{Name: "given"}, {Name: "family"}}}}
		})
		b := d.signedIn()
		a := b.ask(ask{attributes: `AttributeConsumingServiceIndex="3"`}).answer(t)
		if len(a.attribute("given")) != 1 || len(a.attribute("mail")) != 0 || len(a.attribute("family")) != 0 {
			t.Errorf("%s", a.raw)
		}
		for _, attributes := range []string{"", `AttributeConsumingServiceIndex="9"`} {
			if a := b.ask(ask{attributes: attributes}).answer(t); len(a.attribute("given")) != 1 || len(a.attribute("mail")) != 1 {
				t.Errorf("%s: %s", attributes, a.raw)
			}
		}
	})
}

// TestAssertionsEndWithTheMembership: nothing says that it is valid for longer than the person may be there.
func TestAssertionsEndWithTheMembership(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		end := d.db.Now().Add(2 * time.Minute)
		guest := d.join(d.org, "guest@nordlys.example", directory.Member{Kind: directory.External, End: end})
		b := d.signedInAs(must(d.dir.Users.ByID(ctx, guest.User))(t), false)
		a := b.ask(ask{}).answer(t)
		for _, at := range [][2]string{{"//Conditions", "NotOnOrAfter"}, {"//SubjectConfirmationData", "NotOnOrAfter"}, {"//AuthnStatement", "SessionNotOnOrAfter"}} {
			if got := a.instant(at[0], at[1]); !got.Equal(end) {
				t.Errorf("%s ends at %s, the membership at %s", at[0], got, end)
			}
		}
		d.clock.Advance(2 * time.Minute)
		if res := b.follow(b.ask(ask{})); strings.Contains(res.body, "SAMLResponse") {
			t.Errorf("a membership that has ended was let in: %d %.300s", res.StatusCode, res.body)
		}
		// What the organization sets to a session, and the registration.
		if _, err := d.dir.Organizations.Change(ctx, d.org.ID, func(o *directory.Organization) error { o.SessionLimit = time.Hour; return nil }); err != nil {
			t.Fatal(err)
		}
		b = d.signedIn()
		if got := b.ask(ask{}).answer(t).instant("//AuthnStatement", "SessionNotOnOrAfter"); !got.Equal(d.db.Now().Add(time.Hour)) {
			t.Errorf("the organization's hour ends at %s", got)
		}
		d.change(func(p *directory.ServiceProvider) { p.Settings.SessionSeconds = 600 })
		if got := b.ask(ask{}).answer(t).instant("//AuthnStatement", "SessionNotOnOrAfter"); !got.Equal(d.db.Now().Add(10 * time.Minute)) {
			t.Errorf("the registration's ten minutes end at %s", got)
		}
	})
}

// TestASubjectTellsNothing: with the address of somebody and of nobody the same is seen.
func TestASubjectTellsNothing(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		page := func(email string, b *browser) string {
			res := b.follow(b.ask(ask{children: `<saml:Subject><saml:NameID Format="` + byEmail + `">` + email + `</saml:NameID></saml:Subject>`}))
			body := regexp.MustCompile(`int_[a-z0-9]+|value="[A-Za-z0-9_-]{40,}"|data-[a-z-]+="[^"]*"`).ReplaceAllString(res.body, "…")
			return fmt.Sprint(res.StatusCode, strings.ReplaceAll(body, email, "…"))
		}
		for name, b := range map[string]func() *browser{"nobody": d.browser, "somebody": d.signedIn} {
			if there, gone := page("admin@nordlys.example", b()), page("nobody@nordlys.example", b()); there != gone {
				t.Errorf("%s signed in: %s\n----\n%s", name, there, gone)
			}
		}
	})
}

// TestGoldenRefusals: what service providers hear, to the letter.
func TestGoldenRefusals(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		d.withPassword()
		var got bytes.Buffer
		b := d.signedIn()
		note := func(name string, a *answer) {
			masked := regexp.MustCompile(`_[0-9a-f]{40}|<ds:Signature[ >].*</ds:Signature>`).ReplaceAllStringFunc(string(a.raw), func(s string) string {
				if s[0] == '<' {
					return "<ds:Signature/>"
				}
				return "_…"
			})
			fmt.Fprintf(&got, "%s\n%s\n\n", name, masked)
		}
		context := func(class string) string {
			return `<samlp:RequestedAuthnContext><saml:AuthnContextClassRef>` + class + `</saml:AuthnContextClassRef></samlp:RequestedAuthnContext>`
		}
		note("passive", d.browser().ask(ask{id: "_g", attributes: `IsPassive="true"`}).answer(t))
		note("unknown context", b.ask(ask{id: "_g1", children: context("urn:x")}).answer(t))
		note("policy", b.ask(ask{id: "_g2", children: `<samlp:NameIDPolicy Format="urn:x"/>`}).answer(t))
		note("binding", b.ask(ask{id: "_g3", attributes: `ProtocolBinding="urn:x" AssertionConsumerServiceURL="` + acs + `"`}).answer(t))
		note("scoping", b.ask(ask{id: "_g4", children: `<samlp:Scoping><samlp:IDPList><samlp:IDPEntry ProviderID="https://other.example"/></samlp:IDPList></samlp:Scoping>`}).answer(t))
		note("unsupported", b.ask(ask{id: "_g5", children: `<saml:Subject><saml:BaseID/></saml:Subject>`}).answer(t))
		cancelling := d.browser()
		page := cancelling.follow(cancelling.ask(ask{id: "_g6"}))
		note("cancelled", cancelling.send(page, map[string][]string{"action": {"cancel"}}).answer(t))
		other := d.signedIn()
		page = other.ask(ask{id: "_g7", children: `<saml:Subject><saml:NameID Format="` + byEmail + `">admin@nordlys.example</saml:NameID></saml:Subject>`})
		note("other person", other.signIn(page, d.member.Email).answer(t))

		path := filepath.Join("testdata", "refusals.golden")
		if *update {
			if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want := must(os.ReadFile(path))(t); !bytes.Equal(want, got.Bytes()) {
			t.Errorf("refusals differ from %s (-update writes them):\n%s", path, got.Bytes())
		}
	})
}

// TestMethods: what an address does not take it refuses.
func TestRoutesSayWhoMayCall(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		for _, r := range d.saml.Routes() {
			if r.Who == "" || len(r.Methods) == 0 || !strings.HasPrefix(r.Path, "/saml/") {
				t.Errorf("%+v", r)
			}
		}
		if res := d.browser().get("/saml/sso"); res.StatusCode != http.StatusBadRequest {
			t.Errorf("an empty request: %d", res.StatusCode)
		}
	})
}
