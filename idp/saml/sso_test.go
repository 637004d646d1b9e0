package saml_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"portvakt/idp/saml/wire"
	"portvakt/internal/directory"
)

const (
	persistent = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
	transient  = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
	byEmail    = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
	ppt        = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
)

func TestSignInIsAnswered(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		b := d.signedIn()
		res := b.ask(ask{id: "_one", relay: "a&b=c d"})
		if res.Header.Get("Cache-Control") != "no-store" || !strings.Contains(res.Header.Get("Content-Security-Policy"), "form-action 'self' https:;") {
			t.Errorf("headers %v", res.Header)
		}
		a := res.answer(t)
		a.verified(d, idpID)
		if a.action != acs || a.relay != "a&b=c d" || a.status() != "Success" || a.at(".", "InResponseTo") != "_one" || a.at(".", "Destination") != acs || a.text("./Issuer") != idpID {
			t.Errorf("answer to %s, relay %q: %s", a.action, a.relay, a.raw)
		}
		if name := a.root.FindElement("//NameID"); name.SelectAttrValue("Format", "") != persistent || len(name.Text()) != 32 || name.SelectAttrValue("SPNameQualifier", "") != spID {
			t.Errorf("name %s", name.Text())
		}
		if a.text("//Audience") != spID || a.at("//SubjectConfirmationData", "Recipient") != acs || a.at("//SubjectConfirmationData", "InResponseTo") != "_one" ||
			a.text("//AuthnContextClassRef") != ppt || !a.instant("//AuthnStatement", "AuthnInstant").Equal(d.db.Now()) ||
			!a.instant("//AuthnStatement", "SessionNotOnOrAfter").Equal(d.db.Now().Add(24*time.Hour)) {
			t.Errorf("assertion %s", a.raw)
		}
		if got := a.attribute("mail"); len(got) != 1 || got[0] != "kari@nordlys.example" {
			t.Errorf("attributes %v", got)
		}
		second := b.ask(ask{}).answer(t)
		if second.text("//NameID") != a.text("//NameID") || second.at("//AuthnStatement", "SessionIndex") != a.at("//AuthnStatement", "SessionIndex") || second.at("//Assertion", "ID") == a.at("//Assertion", "ID") {
			t.Error("the same session is another participant")
		}
	})
}

// TestConversationAndPOST: by POST of another site, without cookies, through the whole conversation.
func TestConversationAndPOST(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		d.withPassword()
		b := d.browser()
		res := b.post("/saml/sso", d.form(ask{id: "_posted", relay: "here"}))
		if !strings.HasPrefix(res.Header.Get("Location"), "/saml/sso?request=") || len(res.Cookies()) != 0 {
			t.Fatalf("%d %v %.300s", res.StatusCode, res.Header, res.body)
		}
		a := b.signIn(res, d.member.Email).answer(t)
		a.verified(d, idpID)
		if a.at(".", "InResponseTo") != "_posted" || a.relay != "here" {
			t.Errorf("answer %s", a.raw)
		}
	})
}

func TestASlowSignInKeepsItsRequest(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		d.withPassword()
		b := d.browser()
		page := b.follow(b.ask(ask{id: "_slow"}))
		d.clock.Advance(40 * time.Minute)
		if a := b.signIn(page, d.member.Email).answer(t); a.at(".", "InResponseTo") != "_slow" || a.status() != "Success" || !a.instant(".", "IssueInstant").Equal(d.db.Now()) {
			t.Errorf("answer %s", a.raw)
		}
		carried := b.post("/saml/sso", d.form(ask{})).Header.Get("Location")
		d.clock.Advance(11 * time.Minute)
		if res := b.get(carried); res.StatusCode != http.StatusBadRequest {
			t.Errorf("an old request was carried on: %d", res.StatusCode)
		}
	})
}

func TestARequestCountsOnce(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		b := d.signedIn()
		target := d.redirect(ask{})
		b.get(target).answer(t)
		if res := b.get(target); res.StatusCode != http.StatusBadRequest || !strings.Contains(res.body, "saml_replayed") {
			t.Errorf("a second time by redirect: %d %.200s", res.StatusCode, res.body)
		}
		form := d.form(ask{})
		first, second := b.post("/saml/sso", form).Header.Get("Location"), b.post("/saml/sso", form).Header.Get("Location")
		b.get(first).answer(t)
		for _, to := range []string{first, second} {
			if res := b.get(to); res.StatusCode != http.StatusBadRequest {
				t.Errorf("a second time by POST: %d", res.StatusCode)
			}
		}
		target = d.redirect(ask{})
		taken := make(chan bool, 30)
		for range 30 {
			go func() { taken <- d.signedInCopy(b).get(target).StatusCode == http.StatusOK }()
		}
		n := 0
		for range 30 {
			if <-taken {
				n++
			}
		}
		if n != 1 {
			t.Errorf("of 30 at once %d were answered", n)
		}
		if err := d.saml.Purge(ctx); err != nil {
			t.Fatal(err)
		}
		if res := b.get(target); res.StatusCode != http.StatusBadRequest {
			t.Errorf("after a purge: %d", res.StatusCode)
		}
		d.clock.Advance(2 * time.Hour)
		if err := d.saml.Purge(ctx); err != nil {
			t.Fatal(err)
		}
		var left int
		if err := d.db.QueryRow(ctx, "select count(*) from saml_requests").Scan(&left); err != nil || left != 0 {
			t.Errorf("%d requests are left: %v", left, err)
		}
	})
}

// TestNothingIsAnsweredUnproven: who asks and where the answer goes must be certain, or a page says what is wrong.
func TestNothingIsAnsweredUnproven(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		b := d.signedIn()
		for name, row := range map[string]struct {
			q    ask
			code string
		}{
			"an unknown issuer":              {ask{from: "https://nobody.example"}, "saml_unknown_issuer"},
			"another address":                {ask{attributes: `AssertionConsumerServiceURL="https://evil.example/acs"`}, "saml_acs"},
			"the address with a tail":        {ask{attributes: `AssertionConsumerServiceURL="` + acs + `?x=1"`}, "saml_acs"},
			"an unknown index":               {ask{attributes: `AssertionConsumerServiceIndex="7"`}, "saml_acs"},
			"index and address":              {ask{attributes: `AssertionConsumerServiceIndex="0" AssertionConsumerServiceURL="` + acs + `"`}, "saml_message"},
			"meant for others":               {ask{to: "https://other.example/sso"}, "saml_destination"},
			"meant for an organization's":    {ask{to: issuer + "/saml/o/nordlys/sso"}, "saml_destination"},
			"too old":                        {ask{at: d.db.Now().Add(-time.Hour)}, "saml_time"},
			"of the future":                  {ask{at: d.db.Now().Add(time.Hour)}, "saml_time"},
			"a subject that cannot be named": {ask{children: `<saml:Subject><saml:NameID></saml:NameID></saml:Subject>`}, "saml_message"},
		} {
			res := b.ask(row.q)
			if res.StatusCode != http.StatusBadRequest || !strings.Contains(res.body, row.code) || strings.Contains(res.body, "SAMLResponse") || res.Header.Get("Location") != "" {
				t.Errorf("%s: %d %.600s", name, res.StatusCode, res.body)
			}
		}
		for _, query := range []string{"", "SAMLRequest=", "SAMLRequest=AAAA", "SAMLRequest=a&SAMLRequest=b", "request=AAAA", "request=%00", "SAMLResponse=AAAA"} {
			if res := b.get("/saml/sso?" + query); res.StatusCode != http.StatusBadRequest {
				t.Errorf("%q: %d", query, res.StatusCode)
			}
		}
		for _, form := range []url.Values{{}, {"SAMLRequest": {"AAAA"}}, {"SAMLRequest": {"a", "b"}}} {
			if res := b.post("/saml/sso", form); res.StatusCode != http.StatusBadRequest {
				t.Errorf("%v: %d", form, res.StatusCode)
			}
		}
		d.change(func(p *directory.ServiceProvider) { p.Metadata.ValidUntil = d.db.Now().Add(time.Hour) })
		b.ask(ask{}).answer(t)
		d.clock.Advance(time.Hour)
		if res := b.ask(ask{}); res.StatusCode != http.StatusBadRequest || !strings.Contains(res.body, "saml_metadata_expired") {
			t.Errorf("expired metadata: %d", res.StatusCode)
		}
	})
}

// TestTheAnswersAddress: registered addresses by URL, by index and by binding.
func TestTheAnswersAddress(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		b := d.signedIn()
		if a := b.ask(ask{attributes: `AssertionConsumerServiceURL="` + acs + `" ProtocolBinding="` + byPOST + `"`}).answer(t); a.status() != "Success" {
			t.Error(a.status())
		}
		if a := b.ask(ask{attributes: `AssertionConsumerServiceIndex="0"`}).answer(t); a.status() != "Success" {
			t.Error(a.status())
		}
		res := b.ask(ask{attributes: `AssertionConsumerServiceIndex="1"`, relay: "r s"})
		to := must(url.Parse(res.Header.Get("Location")))(t)
		if res.StatusCode != http.StatusSeeOther || !strings.HasPrefix(to.String(), acs+"/artifact?SAMLart=") || to.Query().Get("RelayState") != "r s" {
			t.Errorf("by artifact: %d %v", res.StatusCode, res.Header)
		}
		if a := b.ask(ask{attributes: `AssertionConsumerServiceURL="` + acs + `" ProtocolBinding="urn:oasis:names:tc:SAML:2.0:bindings:PAOS"`}).answer(t); a.status() != "Requester UnsupportedBinding" || a.action != acs {
			t.Error(a.status())
		}
		// A binding in which the address is not registered: refused there, by a form, before anybody signs in.
		if a := b.ask(ask{attributes: `AssertionConsumerServiceURL="` + acs + `" ProtocolBinding="` + byArt + `"`}).answer(t); a.status() != "Requester UnsupportedBinding" || a.action != acs {
			t.Errorf("an artifact where forms go: %s at %s", a.status(), a.action)
		}
		if a := b.ask(ask{attributes: `AssertionConsumerServiceURL="` + acs + `/artifact" ProtocolBinding="` + byPOST + `"`}).answer(t); a.status() != "Requester UnsupportedBinding" || a.action != acs+"/artifact" || a.root.FindElement("//Assertion") != nil {
			t.Errorf("a form where artifacts go: %s at %s", a.status(), a.action)
		}
		d.change(func(p *directory.ServiceProvider) { p.Settings.Artifact = true })
		if res := b.ask(ask{}); !strings.HasPrefix(res.Header.Get("Location"), acs+"/artifact?SAMLart=") {
			t.Errorf("by artifact where nobody says: %d %v", res.StatusCode, res.Header)
		}
	})
}

// TestEveryOwnerHasItsOwn: the same entity of two owners, each under its own address.
func TestEveryOwnerHasItsOwn(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		own := d.register(directory.ServiceProvider{Application: directory.Application{Organization: d.org.ID}}, func(p *directory.ServiceProvider) {
			p.Metadata.ACS = []directory.SAMLEndpoint{{Binding: byPOST, Location: "https://own.example/acs"}}
			no := true
			p.Application.Metadata.SkipConsent = &no
		})
		d.join(d.other, "ola@fjord.example", directory.Member{})
		b := d.signedIn()
		a := b.ask(ask{base: "/saml/o/nordlys"}).answer(t)
		a.verified(d, issuer+"/saml/o/nordlys/metadata")
		if a.action != "https://own.example/acs" || a.text("./Issuer") != issuer+"/saml/o/nordlys/metadata" {
			t.Errorf("the organization's own: %s", a.raw)
		}
		if installation := b.ask(ask{}).answer(t); installation.action != acs || installation.text("//NameID") == a.text("//NameID") {
			t.Error("two owners' registrations of one entity are mixed")
		}
		only := d.register(directory.ServiceProvider{EntityID: "https://own.example/only", Application: directory.Application{Organization: d.org.ID}}, nil)
		if res := b.ask(ask{from: only.EntityID}); res.StatusCode != http.StatusBadRequest || !strings.Contains(res.body, "saml_unknown_issuer") {
			t.Errorf("an organization's own under the installation's address: %d", res.StatusCode)
		}
		if res := b.ask(ask{from: only.EntityID, base: "/saml/o/fjord"}); res.StatusCode != http.StatusNotFound {
			t.Errorf("a neighbour's address: %d", res.StatusCode)
		}
		// Another organization's member has no business there.
		stranger := must(d.dir.Users.ByID(ctx, d.join(d.other, "per@fjord.example", directory.Member{}).User))(t)
		away := d.signedInAs(stranger, false)
		if a := away.follow(away.ask(ask{base: "/saml/o/nordlys"})).answer(t); a.status() != "Responder RequestDenied" {
			t.Errorf("a stranger: %s", a.status())
		}
		// A request that was carried stays at its address.
		text := strings.TrimPrefix(b.post("/saml/o/nordlys/sso", d.form(ask{base: "/saml/o/nordlys"})).Header.Get("Location"), "/saml/o/nordlys")
		if res := b.get("/saml" + text); res.StatusCode != http.StatusBadRequest {
			t.Errorf("a request was carried to another address: %d", res.StatusCode)
		}
		_ = own
	})
}

// TestOrganizationsAddresses: who has no service providers, and who does not exist, answer alike.
func TestOrganizationsAddresses(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		b := d.browser()
		for _, path := range []string{"/metadata", "/sso?SAMLRequest=x", "/init/crm"} {
			none, nobody := b.get("/saml/o/fjord"+path), b.get("/saml/o/nowhere"+path)
			if none.StatusCode != http.StatusNotFound || nobody.StatusCode != none.StatusCode || none.body != nobody.body {
				t.Errorf("%s: %d and %d", path, none.StatusCode, nobody.StatusCode)
			}
		}
		d.register(directory.ServiceProvider{Application: directory.Application{Organization: d.other.ID}}, nil)
		if res := b.get("/saml/o/fjord/metadata"); res.StatusCode != http.StatusOK || !strings.Contains(res.body, `entityID="`+issuer+`/saml/o/fjord/metadata"`) {
			t.Errorf("metadata: %d %.300s", res.StatusCode, res.body)
		}
	})
}

func TestMetadataIsPreparedAndSigned(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		b := d.browser()
		res := b.get("/saml/metadata")
		if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/samlmetadata+xml" || res.Header.Get("Etag") == "" || res.Header.Get("Cache-Control") == "" {
			t.Fatalf("%d %v", res.StatusCode, res.Header)
		}
		a := readAnswer(t, []byte(res.body))
		a.verified(d, idpID)
		if n := len(a.root.FindElements("//KeyDescriptor")); n != 2 {
			t.Errorf("%d keys are shown, want the present and the next", n)
		}
		if !a.instant(".", "validUntil").After(d.db.Now().Add(13 * 24 * time.Hour)) {
			t.Errorf("valid until %s", a.at(".", "validUntil"))
		}
		again := b.get("/saml/metadata")
		if again.body != res.body || again.Header.Get("Etag") != res.Header.Get("Etag") {
			t.Error("the document changes from request to request")
		}
		d.clock.Advance(25 * time.Hour)
		if next := b.get("/saml/metadata"); next.Header.Get("Etag") == res.Header.Get("Etag") {
			t.Error("the document is not made anew")
		}
	})
}

func TestSignedRequests(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		d.change(func(p *directory.ServiceProvider) { p.Settings.RequireSignedRequests = true })
		b := d.signedIn()
		if res := b.ask(ask{}); res.StatusCode != http.StatusBadRequest || !strings.Contains(res.body, "saml_unsigned") {
			t.Errorf("unsigned: %d %.300s", res.StatusCode, res.body)
		}
		if res := b.post("/saml/sso", d.form(ask{})); res.StatusCode != http.StatusBadRequest {
			t.Errorf("unsigned by POST: %d", res.StatusCode)
		}
		signed := d.signedRedirect(t, "relay")
		if a := b.get(signed).answer(t); a.status() != "Success" || a.relay != "relay" {
			t.Errorf("signed: %s", a.status())
		}
		changed := strings.Replace(d.signedRedirect(t, "relay"), "RelayState=relay", "RelayState=other", 1)
		if res := b.get(changed); res.StatusCode != http.StatusBadRequest || !strings.Contains(res.body, "saml_signature") {
			t.Errorf("changed: %d", res.StatusCode)
		}
	})
}

// TestNameIDPolicy: which names are given.
func TestNameIDPolicy(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		b := d.signedIn()
		policy := func(attributes string) ask { return ask{children: `<samlp:NameIDPolicy ` + attributes + `/>`} }
		for attributes, want := range map[string]string{
			`Format="` + persistent + `"`: persistent, `Format="` + persistent + `" AllowCreate="false"`: persistent, `Format="` + transient + `" AllowCreate="true"`: transient,
			`Format="` + byEmail + `"`: byEmail, `AllowCreate="true"`: persistent, `Format="urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"`: persistent,
			`SPNameQualifier="` + spID + `"`: persistent,
		} {
			a := b.ask(policy(attributes)).answer(t)
			if got := a.at("//NameID", "Format"); a.status() != "Success" || got != want {
				t.Errorf("%s: %s, %s", attributes, a.status(), got)
			}
		}
		for _, attributes := range []string{
			`Format="urn:oasis:names:tc:SAML:2.0:nameid-format:entity"`, `Format="urn:oasis:names:tc:SAML:2.0:nameid-format:kerberos"`, `Format="urn:x"`,
			`SPNameQualifier="https://group.example"`, `Format="urn:oasis:names:tc:SAML:2.0:nameid-format:encrypted"`,
		} {
			if a := b.ask(policy(attributes)).answer(t); a.status() != "Requester InvalidNameIDPolicy" || a.root.FindElement("//Assertion") != nil {
				t.Errorf("%s: %s", attributes, a.status())
			}
		}
		d.change(func(p *directory.ServiceProvider) { p.Settings.NameIDFormat = directory.NameIDTransient })
		first := b.ask(ask{}).answer(t)
		if again := b.ask(ask{}).answer(t); first.at("//NameID", "Format") != transient || first.text("//NameID") != again.text("//NameID") {
			t.Error("a transient name changes within the session")
		}
		if other := d.signedIn().ask(ask{}).answer(t); other.text("//NameID") == first.text("//NameID") {
			t.Error("a transient name outlives the session")
		}
		if a := b.ask(policy(`Format="` + byEmail + `"`)).answer(t); a.status() != "Requester InvalidNameIDPolicy" {
			t.Errorf("an address where the registration says otherwise: %s", a.status())
		}
		d.change(func(p *directory.ServiceProvider) { p.Settings.NameIDFormat = directory.NameIDEmail })
		for asked, want := range map[string]string{persistent: persistent, transient: transient, byEmail: byEmail, "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified": byEmail} {
			if a := b.ask(policy(`Format="` + asked + `"`)).answer(t); a.at("//NameID", "Format") != want { // core §3.4.1.1
				t.Errorf("%s where an address is registered: %s", asked, a.at("//NameID", "Format"))
			}
		}
	})
}

// TestNames: a persistent name is one person's at one service provider, and stays through another registration.
func TestNames(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		b := d.signedIn()
		mine := b.ask(ask{}).answer(t).text("//NameID")
		other := d.register(directory.ServiceProvider{EntityID: "https://erp.example"}, nil)
		if b.ask(ask{from: other.EntityID}).answer(t).text("//NameID") == mine {
			t.Error("two service providers share a name")
		}
		colleague := must(d.dir.Users.ByID(ctx, d.join(d.org, "ola@nordlys.example", directory.Member{}).User))(t)
		if d.signedInAs(colleague, false).ask(ask{}).answer(t).text("//NameID") == mine {
			t.Error("two people share a name")
		}
		if err := d.dir.ServiceProviders.Remove(ctx, d.sp.Owner(), d.sp.ID()); err != nil {
			t.Fatal(err)
		}
		d.register(directory.ServiceProvider{}, nil)
		if b.ask(ask{}).answer(t).text("//NameID") != mine {
			t.Error("a new registration of the same entity changes the names")
		}
	})
}

// TestSubject: a request may name whom it expects.
func TestSubject(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		d.withPassword()
		b := d.signedIn()
		name := b.ask(ask{}).answer(t).text("//NameID")
		subject := func(format, value string) string {
			return `<saml:Subject><saml:NameID Format="` + format + `">` + value + `</saml:NameID></saml:Subject>`
		}
		for _, s := range []string{subject(persistent, name), subject(byEmail, "KARI@nordlys.example"), subject("urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified", "kari@nordlys.example")} {
			if a := b.ask(ask{children: s}).answer(t); a.status() != "Success" {
				t.Errorf("%s: %s", s, a.status())
			}
		}
		for _, s := range []string{subject(persistent, "other"), subject(byEmail, "admin@nordlys.example"), subject(byEmail, "nobody@nordlys.example"), subject(transient, "_gone")} {
			if a := b.ask(ask{children: s, attributes: `IsPassive="true"`}).answer(t); a.status() != "Responder NoPassive" {
				t.Errorf("%s, passive: %s", s, a.status())
			}
			other := d.signedIn()
			page := other.ask(ask{children: s})
			if page.StatusCode != http.StatusSeeOther {
				t.Errorf("%s: %d, want a page that asks who it is", s, page.StatusCode)
			}
			if a := other.signIn(page, d.member.Email).answer(t); a.status() != "Responder UnknownPrincipal" || a.root.FindElement("//Assertion") != nil {
				t.Errorf("%s, and somebody else came: %s", s, a.status())
			}
		}
		if a := b.ask(ask{children: `<saml:Subject><saml:EncryptedID/></saml:Subject>`}).answer(t); a.status() != "Requester RequestUnsupported" {
			t.Errorf("an encrypted subject: %s", a.status())
		}
	})
}

func TestScoping(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		b := d.signedIn()
		scoping := func(ids ...string) ask {
			list := ""
			for _, id := range ids {
				list += `<samlp:IDPEntry ProviderID="` + id + `"/>`
			}
			return ask{children: `<samlp:Scoping ProxyCount="0"><samlp:IDPList>` + list + `</samlp:IDPList></samlp:Scoping>`}
		}
		if a := b.ask(scoping("https://other.example", idpID)).answer(t); a.status() != "Success" {
			t.Error(a.status())
		}
		if a := b.ask(scoping("https://other.example")).answer(t); a.status() != "Responder NoSupportedIDP" {
			t.Error(a.status())
		}
	})
}

// TestSigningAndEncryption: what is signed and encrypted is the registration's to say.
func TestSigningAndEncryption(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		b := d.signedIn()
		for sign, want := range map[directory.SAMLSign][2]bool{directory.SignAssertion: {false, true}, directory.SignResponse: {true, false}, directory.SignBoth: {true, true}} {
			d.change(func(p *directory.ServiceProvider) { p.Settings.Sign = sign })
			a := b.ask(ask{}).answer(t)
			if got := [2]bool{a.root.FindElement("./Signature") != nil, a.root.FindElement("./Assertion/Signature") != nil}; got != want {
				t.Errorf("%s: %v", sign, got)
			}
			a.verified(d, idpID)
		}
		d.change(func(p *directory.ServiceProvider) { p.Settings.Encrypt = true })
		if a := b.ask(ask{}).answer(t); a.root.FindElement("./EncryptedAssertion") == nil || a.root.FindElement("//NameID") != nil || strings.Contains(string(a.raw), "kari@") {
			t.Errorf("not encrypted: %s", a.raw)
		}
		d.change(func(p *directory.ServiceProvider) { p.Settings.Encrypt, p.Settings.EncryptNameID = false, true })
		if a := b.ask(ask{}).answer(t); a.root.FindElement("//EncryptedID") == nil || a.root.FindElement("//NameID") != nil {
			t.Errorf("the name is not encrypted: %s", a.raw)
		}
		if a := b.ask(ask{children: `<samlp:NameIDPolicy Format="` + wire.FormatEncrypted + `"/>`}).answer(t); a.status() != "Success" {
			t.Error(a.status())
		}
	})
}
