//go:build e2e

package main

import (
	"encoding/pem"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"

	"portvakt/internal/testenv"
)

// samlSeed is who signs in at the service providers of other houses.
const samlSeed = `
organizations:
  - slug: nordlys
    name: Nordlys AS
    domains: [nordlys.example]
    provisioning_clients: [{name: HR, token: scim-dev-nordlys}]
    groups:
      - {id: accounting, name: Accounting, members: [{member: anna@nordlys.example}]}
      - {id: sales, name: Sales, members: [{member: anna@nordlys.example}]}
    members:
      - {email: anna@nordlys.example, given_name: Åse, family_name: "Ek & <Sønn>", password: saml secret of anna 1}
      - {email: bob@nordlys.example, given_name: Bob, family_name: Berg, password: saml secret of bob 22}
`

const (
	samlPerson   = "anna@nordlys.example"
	samlPassword = "saml secret of anna 1"
	samlFamily   = "Ek & <Sønn>"
)

// samlJourney is one service provider of another house at a service of its own, and all messages between the two.
type samlJourney struct {
	t         *testing.T
	s         *service
	database  string
	sp        *party
	taps      []*tap
	documents [][]byte // our metadata, at each time that it was another
}

// samlService is a service with people and no service provider yet. database is "" for SQLite.
func samlService(t *testing.T) (s *service, database string) {
	t.Helper()
	database = testenv.URLs(t)["sqlite"](t)
	file := filepath.Join(t.TempDir(), "seed.yaml")
	if err := os.WriteFile(file, []byte(samlSeed), 0o600); err != nil {
		t.Fatal(err)
	}
	return serve(t, database, "--seed", file), database
}

func startJourney(t *testing.T, start func(t *testing.T, idp string) *party) *samlJourney {
	t.Helper()
	s, database := samlService(t)
	j := &samlJourney{t: t, s: s, database: database}
	j.look()
	j.sp = start(t, s.issuer+"/saml/metadata")
	j.sp.write("sp.xml", j.sp.metadata())
	j.register("")
	return j
}

// look keeps our metadata as it is now, for the judges.
func (j *samlJourney) look() {
	j.t.Helper()
	j.documents = append(j.documents, fetched(j.t, j.s.issuer+"/saml/metadata"))
}

// register registers the service provider by its own metadata; more is what else its registration says.
func (j *samlJourney) register(more string) {
	j.t.Helper()
	text := `
service_providers:
  - slug: ` + j.sp.name + `
    name: ` + j.sp.name + `
    metadata_file: ` + filepath.Join(j.sp.dir, "sp.xml") + `
    require_signed_requests: true
    sign: both
    name_id_format: persistent
    attributes: {mail: email, displayName: name, sn: family_name, groups: groups, o: organization}
` + more
	if code, out, errs := j.s.apply(j.database, text); code != exitOK {
		j.t.Fatalf("apply answered %d: %s%s\n%s", code, out, errs, text)
	}
}

func (j *samlJourney) person() *person {
	p, x := tapped(j.t)
	j.taps = append(j.taps, x)
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
	p := j.person()
	first := j.in("sign-in", j.enter(p, ""))
	request := j.taps[0].last("SAMLRequest")
	if request.Fields.Get("Signature") == "" && request.root(j.t).FindElement("./Signature") == nil {
		j.t.Error("the request is not signed")
	}
	if strings.Contains(j.last().Tag+string(j.taps[0].last("SAMLResponse").XML), "EncryptedAssertion") {
		j.t.Error("encrypted, which nobody asked for")
	}
	j.register("    encrypt: true\n")
	again := j.in("sign-in with an encrypted assertion", j.enter(j.person(), ""))
	if response := j.last(); response.FindElement("./EncryptedAssertion") == nil || response.FindElement("./Assertion") != nil {
		j.t.Error("not encrypted")
	}
	// mod_auth_mellon asks for a transient name unless it is given metadata of its own that says otherwise.
	if transient := j.sp.name == "mod_auth_mellon"; (again.NameID != first.NameID) != transient || (first.SessionIndex != "" && again.SessionIndex == first.SessionIndex) {
		j.t.Errorf("the same person on two days: %+v, %+v", first, again)
	}
	j.register("    encrypt: true\n    encrypt_name_id: false\n")
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
func (j *samlJourney) passively(begin string) {
	j.t.Helper()
	p := j.person()
	p.open(j.sp.base + begin)
	if p.carried(); p.page() != "" {
		j.t.Errorf("the page %q was shown to somebody who may be shown nothing", p.page())
	}
	if l := j.sp.shown(p); l.Error == "" {
		j.t.Errorf("nobody is signed in, and the service provider says %+v", l)
	}
	if code := j.last().FindElement("./Status/StatusCode/StatusCode"); code == nil || code.SelectAttrValue("Value", "") != "urn:oasis:names:tc:SAML:2.0:status:NoPassive" {
		j.t.Error("the response does not say NoPassive")
	}
	p = j.person()
	p.open(j.s.issuer+"/account").signIn(samlPerson, samlPassword)
	p.open(j.sp.base + begin)
	j.in("passively with a session", j.sp.shown(p.carried()))
}

// forced asks for a new sign-in of somebody who has a session.
func (j *samlJourney) forced() {
	j.t.Helper()
	p := j.person()
	first := j.in("before it is forced", j.enter(p, ""))
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
	if l := j.enter(j.person(), "?context="+url.QueryEscape(classes+"X509")); l.Error == "" {
		j.t.Errorf("a certificate was asked for: %+v", l)
	}
	if code := j.last().FindElement("./Status/StatusCode/StatusCode"); code == nil || code.SelectAttrValue("Value", "") != "urn:oasis:names:tc:SAML:2.0:status:NoAuthnContext" {
		j.t.Error("the response does not say NoAuthnContext")
	}
	l := j.in("a password was asked for", j.enter(j.person(), "?context="+url.QueryEscape(classes+"PasswordProtectedTransport")))
	if l.Class != "" && l.Class != classes+"PasswordProtectedTransport" {
		j.t.Errorf("the class is %q", l.Class)
	}
}

// rolled rotates our keys again and again: a service provider that reads our metadata in between never notices, one that
// does not refuses us in the end, which shows that it looks.
func (j *samlJourney) rolled() {
	j.t.Helper()
	used := map[string]bool{}
	enter := func(what string) {
		j.t.Helper()
		j.in(what, j.enter(j.person(), ""))
		used[j.last().FindElement("./Signature/SignatureValue").Parent().FindElement(".//X509Certificate").Text()] = true
	}
	enter("before the rotation")
	for i := range 2 {
		before := certificatesIn(j.t, j.documents[len(j.documents)-1])
		j.rotate()
		after := certificatesIn(j.t, j.documents[len(j.documents)-1])
		if len(before) != 2 || len(after) != 2 || string(before[1]) != string(after[0]) {
			j.t.Error("the next certificate was not shown before it signs")
		}
		enter("after rotation " + strconv.Itoa(i+1) + ", our metadata not read again")
		j.sp.reread()
		enter("after rotation " + strconv.Itoa(i+1) + ", our metadata read again")
	}
	if len(used) != 3 {
		j.t.Errorf("%d keys have signed, want 3", len(used))
	}
	j.rotate()
	j.rotate()
	if l := j.enter(j.person(), ""); l.Error == "" {
		j.t.Errorf("a key that it has never read signed, and it is content: %+v", l)
	}
	j.sp.reread()
	enter("our metadata read again at last")
}

func (j *samlJourney) rotate() {
	j.t.Helper()
	res, err := http.Post(j.s.issuer+"/dev/keys/rotate", "", nil)
	if err != nil {
		j.t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusNoContent {
		j.t.Fatalf("the rotation answered %d", res.StatusCode)
	}
	j.look()
}

// judge hands all that we said to libxmlsec and the schemas.
func (j *samlJourney) judge() {
	j.t.Helper()
	documents, seen := map[string][]byte{}, map[string]bool{}
	var certificates [][]byte
	for i, metadata := range j.documents {
		documents["metadata "+strconv.Itoa(i)] = metadata
		for _, der := range certificatesIn(j.t, metadata) {
			if !seen[string(der)] {
				seen[string(der)] = true
				certificates = append(certificates, der)
			}
		}
	}
	for i, x := range j.taps {
		for n, c := range x.all {
			if c.Parameter == "SAMLResponse" {
				documents["response "+strconv.Itoa(i)+"."+strconv.Itoa(n)] = c.XML
			}
		}
	}
	if len(documents) < len(j.documents)+2 {
		j.t.Errorf("%d documents to judge", len(documents))
	}
	judged(j.t, certificates, j.sp.key, documents)
}

// everything is what a service provider is asked that can do all of it.
func (j *samlJourney) everything() {
	j.t.Helper()
	j.signIns()
	j.relayed()
	j.unasked()
	j.passively("/login?passive=true")
	j.forced()
	j.unreachable()
	j.rolled()
	j.judge()
}

// TestSAMLModAuthMellon is a service provider of other people's making and language, as a customer would run it.
func TestSAMLModAuthMellon(t *testing.T) {
	t.Parallel()
	j := startJourney(t, mellon)
	j.signIns()
	j.unasked()
	j.passively("/mellon/login?IsPassive=true&ReturnTo=" + url.QueryEscape(j.sp.base+"/protected"))
	j.rolled()
	j.judge()
}

// TestSAMLSimpleSAMLphp is the one that most universities run.
func TestSAMLSimpleSAMLphp(t *testing.T) {
	t.Parallel()
	j := startJourney(t, simplesamlphp)
	j.signIns()
	j.unasked()
	j.passively("/login?passive=true")
	j.forced()
	j.unreachable()
	j.rolled()
	j.judge()
}

// TestSAMLPysaml2 is the one of Python; its requests come by both bindings.
func TestSAMLPysaml2(t *testing.T) {
	t.Parallel()
	startJourney(t, pysaml2).everything()
}

// TestSAMLNode are the two of npm's; one installation of packages serves both.
func TestSAMLNode(t *testing.T) {
	t.Parallel()
	packages := installed(t, "saml-judges")
	t.Run("node-saml", func(t *testing.T) {
		t.Parallel()
		startJourney(t, func(t *testing.T, idp string) *party { return npmParty(t, "node-saml", packages, idp) }).everything()
	})
	t.Run("samlify", func(t *testing.T) { // asks neither passively nor for classes
		t.Parallel()
		j := startJourney(t, func(t *testing.T, idp string) *party { return npmParty(t, "samlify", packages, idp) })
		j.signIns()
		j.relayed()
		j.unasked()
		j.forced()
		j.rolled()
		j.judge()
	})
}

// relayed sends the request by POST, and RelayState there and back.
func (j *samlJourney) relayed() {
	j.t.Helper()
	const state = `/a?b=c&d="<ø>"`
	for _, wishes := range []string{"?relay=", "?post=true&relay="} {
		l := j.in(wishes, j.enter(j.person(), wishes+url.QueryEscape(state)))
		if l.RelayState != state {
			j.t.Errorf("%s: RelayState came back as %q", wishes, l.RelayState)
		}
	}
	if c := j.taps[len(j.taps)-1].last("SAMLRequest"); c.Method != http.MethodPost {
		j.t.Errorf("the request came by %s", c.Method)
	}
}

func pemCertificate(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
