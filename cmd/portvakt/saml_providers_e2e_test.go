//go:build e2e

package main

import (
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
)

// samlJourney is one service provider of another house on the ground, and all messages between it and us.
type samlJourney struct {
	*samlGround
	t     *testing.T
	sp    *party
	taps  []*tap
	early *person // somebody who signed in first
	first landed  // and what it said of that

	signedBy map[string]bool // certificates of ours that signed
}

// at goes on in a subtest.
func (j *samlJourney) at(t *testing.T) {
	j.t, j.sp.t = t, t
}

// register registers the service provider by its own metadata; more is what else its registration says.
func (j *samlJourney) register(more string) {
	j.t.Helper()
	j.apply(`
service_providers:
  - slug: ` + j.sp.name + `
    name: ` + j.sp.name + `
    metadata_file: ` + filepath.Join(j.sp.dir, "sp.xml") + `
    require_signed_requests: true
    sign: both
    name_id_format: persistent
    attributes: {mail: email, displayName: name, sn: family_name, groups: groups, o: organization}
` + more)
}

func (j *samlJourney) apply(text string) {
	j.t.Helper()
	if code, out, errs := j.s.apply(j.database, text); code != exitOK {
		j.t.Fatalf("apply answered %d: %s%s\n%s", code, out, errs, text)
	}
}

func (j *samlJourney) person() *person {
	p, x := tapped(j.t)
	j.taps = append(j.taps, x)
	return p
}

// introduce registers the service provider as soon as it listens.
func (j *samlJourney) introduce() {
	j.t.Helper()
	j.sp.ready()
	j.sp.write("sp.xml", j.sp.metadata())
	j.register("")
}

// guest is somebody who has a session with us and has never been at the service provider.
func (j *samlJourney) guest() *person {
	j.t.Helper()
	p := j.person()
	ours, err := url.Parse(j.s.issuer)
	if err != nil {
		j.t.Fatal(err)
	}
	p.client.Jar.SetCookies(ours, j.session)
	return p
}

// last is the newest response of ours that anybody carried.
func (j *samlJourney) last() *etree.Element {
	j.t.Helper()
	return j.taps[len(j.taps)-1].last("SAMLResponse").root(j.t)
}

// enter begins at the service provider, signs in where that is asked, and answers what the service provider then shows.
func (j *samlJourney) enter(p *person, wishes string) landed {
	j.t.Helper()
	p.open(j.sp.base + j.sp.begin + wishes).carried()
	if p.page() == "sign-in" {
		p.signIn(samlPerson, samlPassword)
	}
	return j.sp.shown(p.carried())
}

// in fails unless the person stands in the service provider by the right name with the right attributes.
func (j *samlJourney) in(what string, l landed) landed {
	j.t.Helper()
	groups := strings.Join(l.Attributes["groups"], " ")
	if l.Error != "" || l.NameID == "" || l.Attributes["mail"].one() != samlPerson || l.Attributes["sn"].one() != samlFamily ||
		(groups != "accounting sales" && groups != "sales accounting") || l.Attributes["o"].one() != "nordlys" {
		j.t.Fatalf("%s: %+v", what, l)
	}
	if l.Issuer != "" && l.Issuer != j.sp.idp {
		j.t.Errorf("%s: the issuer is %q", what, l.Issuer)
	}
	if l.Format != "" && l.Format != "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent" {
		j.t.Errorf("%s: the name is of the format %q", what, l.Format)
	}
	return l
}

func (v texts) one() string {
	if len(v) != 1 {
		return ""
	}
	return v[0]
}

// signIns are what every service provider does: signed requests, attributes, an encrypted assertion, and names that stay.
func (j *samlJourney) signIns() {
	j.t.Helper()
	j.early = j.person()
	j.first = j.in("sign-in", j.enter(j.early, ""))
	request := j.taps[0].last("SAMLRequest")
	if request.Fields.Get("Signature") == "" && request.root(j.t).FindElement("./Signature") == nil {
		j.t.Error("the request is not signed")
	}
	if strings.Contains(j.last().Tag+string(j.taps[0].last("SAMLResponse").XML), "EncryptedAssertion") {
		j.t.Error("encrypted, which nobody asked for")
	}
	j.register("    encrypt: true\n")
	hidden := j.person()
	again := j.in("sign-in with an encrypted assertion", j.enter(hidden, ""))
	if response := j.last(); response.FindElement("./EncryptedAssertion") == nil || response.FindElement("./Assertion") != nil {
		j.t.Error("not encrypted")
	}
	if j.sp.lands != "" {
		j.leftByUs(hidden)
	}
	if (again.NameID != j.first.NameID) != j.sp.can.transient || (j.first.SessionIndex != "" && again.SessionIndex == j.first.SessionIndex) {
		j.t.Errorf("the same person on two days: %+v, %+v", j.first, again)
	}
}

// unasked is a sign-in that begins at our side: refused until the registration allows it.
func (j *samlJourney) unasked() {
	j.t.Helper()
	start := j.s.issuer + "/saml/init/" + url.PathEscape(j.sp.name)
	p := j.person().open(start)
	if p.status < 400 || p.page() != "error" {
		j.t.Errorf("begun here without leave: %d %q", p.status, p.page())
	}
	j.register("    encrypt: false\n    idp_initiated: true\n    relay_state: " + j.sp.base + j.sp.lands + "\n")
	p = j.person().open(start).signIn(samlPerson, samlPassword).carried()
	j.in("begun here", j.sp.shown(p))
	if j.last().SelectAttr("InResponseTo") != nil {
		j.t.Error("what nobody asked for answers a request")
	}
}

// passively asks without showing anything: somebody without session is not in, somebody with one is.
func (j *samlJourney) passively() {
	j.t.Helper()
	p := j.person()
	p.open(j.sp.base + j.sp.can.passively)
	if p.carried(); p.page() != "" {
		j.t.Errorf("the page %q was shown to somebody who may be shown nothing", p.page())
	}
	if l := j.sp.shown(p); l.Error == "" {
		j.t.Errorf("nobody is signed in, and the service provider says %+v", l)
	}
	if code := j.last().FindElement("./Status/StatusCode/StatusCode"); code == nil || code.SelectAttrValue("Value", "") != "urn:oasis:names:tc:SAML:2.0:status:NoPassive" {
		j.t.Error("the response does not say NoPassive")
	}
	p = j.guest()
	p.open(j.sp.base + j.sp.can.passively)
	j.in("passively with a session", j.sp.shown(p.carried()))
}

// forced asks for a new sign-in of somebody who has a session.
func (j *samlJourney) forced() {
	j.t.Helper()
	p, first := j.early, j.first
	if j.in("with the session", j.enter(p, "?again=true")); p.page() != "" {
		j.t.Errorf("the page %q", p.page())
	}
	time.Sleep(time.Until(instant(j.t, first.Instant).Add(1100 * time.Millisecond))) // what is compared has whole seconds at some
	p.open(j.sp.base + j.sp.begin + "?force=true").carried()
	switch p.page() {
	case "sign-in":
		p.signIn(samlPerson, samlPassword)
	case "password":
		p.press("continue", "password", samlPassword)
	default:
		j.t.Fatalf("ForceAuthn shows %q at %s", p.page(), p.at)
	}
	second := j.in("forced", j.sp.shown(p.carried()))
	if !instant(j.t, second.Instant).After(instant(j.t, first.Instant)) || second.NameID != first.NameID {
		j.t.Errorf("signed in %s, forced %s", first.Instant, second.Instant)
	}
}

func instant(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// unreachable asks for a class that nobody reaches here, and for the one that a password is.
func (j *samlJourney) unreachable() {
	j.t.Helper()
	const classes = "urn:oasis:names:tc:SAML:2.0:ac:classes:"
	if l := j.enter(j.guest(), "?context="+url.QueryEscape(classes+"X509")); l.Error == "" {
		j.t.Errorf("a certificate was asked for: %+v", l)
	}
	if code := j.last().FindElement("./Status/StatusCode/StatusCode"); code == nil || code.SelectAttrValue("Value", "") != "urn:oasis:names:tc:SAML:2.0:status:NoAuthnContext" {
		j.t.Error("the response does not say NoAuthnContext")
	}
	l := j.in("a password was asked for", j.enter(j.guest(), "?context="+url.QueryEscape(classes+"PasswordProtectedTransport")))
	if l.Class != "" && l.Class != classes+"PasswordProtectedTransport" {
		j.t.Errorf("the class is %q", l.Class)
	}
}

// signedByUs has somebody enter, and notes which certificate signed.
func (j *samlJourney) signedByUs() {
	j.t.Helper()
	j.in("signed by the key of now", j.enter(j.guest(), ""))
	j.signedBy[value1(j.last(), "./Signature//X509Certificate")] = true
}

// everything is what a service provider is asked on its own; the last of its registrations lets people come from our side.
func (j *samlJourney) everything() {
	j.t.Helper()
	j.signIns()
	j.unasked()
	if j.sp.can.relays {
		j.relayed()
	}
	if j.sp.can.passively != "" {
		j.passively()
	}
	if j.sp.can.forces {
		j.forced()
	}
	if j.sp.can.choosesClass {
		j.unreachable()
	}
	if j.sp.lands != "" {
		j.leaves()
	}
}

// relayed sends the request by POST, and RelayState there and back.
func (j *samlJourney) relayed() {
	j.t.Helper()
	const state = `/a?b=c&d="<ø>"`
	for _, wishes := range []string{"?relay=", "?post=true&relay="} {
		l := j.in(wishes, j.enter(j.guest(), wishes+url.QueryEscape(state)))
		if l.RelayState != state {
			j.t.Errorf("%s: RelayState came back as %q", wishes, l.RelayState)
		}
	}
	if c := j.taps[len(j.taps)-1].last("SAMLRequest"); c.Method != http.MethodPost {
		j.t.Errorf("the request came by %s", c.Method)
	}
}
