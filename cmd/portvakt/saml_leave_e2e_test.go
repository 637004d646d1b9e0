//go:build e2e

package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
)

// knows asks the service provider whether it still has a session of the person's; nobody is sent to us for that.
func (p *party) knows(who *person) bool {
	p.t.Helper()
	asks := *who.client
	asks.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := asks.Get(p.base + p.lands)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	if p.name == "mod_auth_mellon" {
		return res.StatusCode == http.StatusOK
	}
	var l landed
	if err := json.Unmarshal(body, &l); err != nil {
		p.t.Fatalf("%s shows %d %s", p.name, res.StatusCode, body)
	}
	return l.Error == ""
}

// signedIn reports whether the person has a session with us.
func (g *samlGround) signedIn(p *person) bool {
	p.t.Helper()
	asks := *p.client
	asks.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := asks.Get(g.s.issuer + "/account")
	if err != nil {
		p.t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// gone fails unless nobody knows the person any more.
func (g *samlGround) gone(what string, p *person, at ...*samlJourney) {
	p.t.Helper()
	if g.signedIn(p) {
		p.t.Errorf("%s: signed in with us", what)
	}
	for _, j := range at {
		if j.sp.knows(p) {
			p.t.Errorf("%s: signed in at %s", what, j.sp.name)
		}
	}
}

// entered is somebody with a session of their own who stands in the service provider.
func (j *samlJourney) entered() *person {
	j.t.Helper()
	p := j.person()
	j.in("before the sign-out", j.enter(p, ""))
	if !j.sp.knows(p) {
		j.t.Fatalf("%s does not know who has just come in", j.sp.name)
	}
	return p
}

// leaves are sign-outs that begin at either side, and nobody else is in the session.
func (j *samlJourney) leaves() {
	j.t.Helper()
	j.leavesAlone()
	j.leftByUs(j.entered())
}

// leavesAlone begins at the service provider.
func (j *samlJourney) leavesAlone() {
	j.t.Helper()
	p := j.entered()
	p.open(j.sp.base + j.sp.leaves).carried()
	if !strings.HasPrefix(p.at.String(), j.sp.base) || p.status != http.StatusOK && j.sp.name != "mod_auth_mellon" {
		j.t.Errorf("led to %s (%d): %s", p.at, p.status, p.text)
	}
	x := j.taps[len(j.taps)-1]
	if request := x.last("SAMLRequest"); request.root(j.t).Tag != "LogoutRequest" || !strings.HasPrefix(request.To.String(), j.s.issuer) {
		j.t.Errorf("asked %s of %s", request.root(j.t).Tag, request.To)
	}
	j.confirmed(x, "Success")
	j.gone("begun there", p, j)
}

// confirmed fails unless our last response is a signed one to a sign-out, with the status.
func (j *samlJourney) confirmed(x *tap, status string) {
	j.t.Helper()
	response := x.last("SAMLResponse")
	root := response.root(j.t)
	if root.Tag != "LogoutResponse" || !strings.HasPrefix(response.To.String(), j.sp.base) || value1(root, "./Status/StatusCode/@Value") != statusOf+status {
		j.t.Errorf("answered to %s: %s", response.To, response.XML)
	}
	if response.Fields.Get("Signature") == "" && root.FindElement("./Signature") == nil {
		j.t.Error("the answer is not signed")
	}
}

// leftByUs begins at our page. Where the name is encrypted and the service provider cannot read that, the person is told who
// remains, or sees what the service provider makes of it; with us the session is over in any case.
func (j *samlJourney) leftByUs(p *person) {
	j.t.Helper()
	if !j.sp.knows(p) {
		j.t.Fatal("not signed in")
	}
	p.open(j.s.issuer + "/account").press("sign-out").carried()
	request := j.taps[len(j.taps)-1].last("SAMLRequest").root(j.t)
	hidden := request.FindElement("./EncryptedID") != nil
	if request.Tag != "LogoutRequest" || !hidden && request.FindElement("./NameID") == nil {
		j.t.Errorf("asked by %s", request.Tag)
	}
	if hidden && !j.sp.can.readsHidden {
		if j.gone("name not read", p); p.page() == "signed-out" && p.textOf("remaining") == "" {
			j.t.Error("nobody says that the person remains signed in")
		}
		return
	}
	if p.on("signed-out"); p.textOf("remaining") != "" {
		j.t.Errorf("remaining: %s", p.textOf("remaining"))
	}
	j.gone("begun here", p, j)
}

// inSession are those that keep sessions.
func (g *samlGround) inSession() (all []*samlJourney) {
	for _, j := range g.around {
		if j.sp.lands != "" {
			all = append(all, j)
		}
	}
	return all
}

// everywhere is somebody who is signed in at all of them in one session.
func (g *samlGround) everywhere(t *testing.T) *person {
	t.Helper()
	all := g.inSession()
	p := all[0].person()
	for _, j := range all {
		j.at(t)
		j.taps = append(j.taps, all[0].taps[len(all[0].taps)-1])
		p.t = t
		j.in("one after another", j.enter(p, ""))
	}
	for _, j := range all {
		if !j.sp.knows(p) {
			t.Fatalf("not in %s", j.sp.name)
		}
	}
	return p
}

// togetherOut ends a session in which all are, begun by us, by an application of OpenID Connect, and by one of them.
func (g *samlGround) togetherOut(t *testing.T) {
	all := g.inSession()
	for _, j := range all {
		j.at(t)
	}
	p := g.everywhere(t)
	p.open(g.s.issuer + "/account").press("sign-out").carried()
	if p.on("signed-out"); p.textOf("remaining") != "" {
		t.Errorf("remaining: %s", p.textOf("remaining"))
	}
	g.gone("begun here", p, all...)

	p = g.everywhere(t)
	service := *g.s
	service.t = t
	w := &wall{service: &service, database: g.database, witness: &witness{seen: map[string]string{}}, client: &http.Client{}}
	keys := w.tokens(p, "c1", "scope", "openid")
	hint := url.Values{"id_token_hint": {keys.id}, "post_logout_redirect_uri": {"https://c1.example/bye"}, "state": {"s"}}
	p.open(g.s.issuer + "/oauth2/logout?" + hint.Encode()).carried()
	if p.header.Get("Location") != "https://c1.example/bye?state=s" {
		t.Errorf("the application of OpenID Connect is returned to by %d %q at %s", p.status, p.header.Get("Location"), p.at)
	}
	g.gone("begun by OpenID Connect", p, all...)
	if w.active("c1", keys.access) {
		t.Error("its access token lives")
	}

	first := all[0]
	p = g.everywhere(t)
	p.open(first.sp.base + first.sp.leaves).carried()
	if p.at.String() != first.sp.base+"/left" {
		t.Errorf("led to %s (%d): %s", p.at, p.status, p.text)
	}
	first.confirmed(first.taps[len(first.taps)-1], "Success")
	g.gone("begun at "+first.sp.name, p, all...)
}

// partly begins a sign-out at each of them while somebody is in the session who takes none: what we then answer ends its own.
func (g *samlGround) partly(t *testing.T) {
	all := g.inSession()
	all[0].at(t)
	all[0].apply(`
service_providers:
  - {slug: silent, entity_id: "https://silent.example", acs: [{url: "https://silent.example/acs", binding: post}], idp_initiated: true}
`)
	g.each(t, "begun at", func(j *samlJourney) {
		if j.sp.lands == "" {
			return
		}
		p := j.entered()
		p.open(j.s.issuer + "/saml/init/silent").on("form-post")
		p.open(j.sp.base + j.sp.leaves).carried()
		x := j.taps[len(j.taps)-1]
		j.confirmed(x, "Success")
		if value1(x.last("SAMLResponse").root(j.t), "./Status/StatusCode/StatusCode/@Value") != statusOf+"PartialLogout" {
			j.t.Error("nobody says that somebody was not told")
		}
		j.gone("partly", p, j)
	})
}

// toldBySOAP ends sessions where no browser can be sent around.
func (g *samlGround) toldBySOAP(t *testing.T) {
	j := g.around[0] // mod_auth_mellon; the others offer no SOAP, or cannot verify what came in it
	j.at(t)
	p, other := j.entered(), newPerson(t)
	other.open(g.s.issuer+"/account").signIn(samlPerson, samlPassword).open(g.s.issuer + "/account/security").press("sign-out-everywhere")
	eventually(t, "it is told", func() bool { return !j.sp.knows(p) })
	j.gone("everywhere", p, j)
}

// fetches has mod_auth_mellon fetch its responses: no assertion passes the browser.
func (g *samlGround) fetches(t *testing.T) {
	j := g.around[0]
	j.at(t)
	j.apply(`
service_providers:
  - metadata_file: ` + filepath.Join(j.sp.dir, "artifact.xml") + `
    require_signed_requests: true
    attributes: {mail: email, displayName: name, sn: family_name, groups: groups, o: organization}
`)
	p := j.person()
	p.open(j.sp.base + "/artifact/protected")
	if p.signIn(samlPerson, samlPassword); p.at.Path != "/artifact/protected" {
		p.carried()
	}
	j.in("by artifact", j.sp.shown(p))
	x := j.taps[len(j.taps)-1]
	if x.last("SAMLart").Fields.Has("SAMLResponse") {
		t.Error("a response passed the browser")
	}
	for _, c := range x.all {
		if c.Parameter == "SAMLResponse" {
			t.Errorf("a response passed the browser: %s", c.XML)
		}
	}
	p.open(j.sp.base + "/artifact/mellon/logout?ReturnTo=" + url.QueryEscape(j.sp.base+"/left")).carried()
	j.confirmed(x, "Success")
	j.gone("after an artifact", p)
}
