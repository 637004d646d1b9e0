package saml_test

import (
	"bytes"
	"compress/flate"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"portvakt/idp/saml/wire"
	"portvakt/internal/directory"
	"portvakt/internal/outbox"
	"portvakt/internal/outgoing"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

const (
	byRedirect = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
	bySOAP     = "urn:oasis:names:tc:SAML:2.0:bindings:SOAP"
)

// peer is a service provider that signs out.
type peer struct {
	d      *door
	entity string
	base   string // of the identity provider that it knows
	sp     directory.ServiceProvider
	issuer wire.Issuer
	trust  wire.Trust
}

// peer registers a service provider with addresses to sign out at, and the common key.
func (d *door) peer(name string, bindings ...string) *peer {
	return d.peerOf(name, directory.Organization{}, nil, bindings...)
}

func (d *door) peerOf(name string, owner directory.Organization, edit func(*directory.ServiceProvider), bindings ...string) *peer {
	t := d.t
	t.Helper()
	p := &peer{d: d, entity: "https://" + name + ".example/metadata", base: "/saml"}
	if owner.Slug != "" {
		p.base += "/o/" + owner.Slug
	}
	p.sp = d.register(directory.ServiceProvider{EntityID: p.entity, Application: directory.Application{Organization: owner.ID}}, func(r *directory.ServiceProvider) {
		no := true
		r.Application.Name, r.Application.Metadata.SkipConsent = strings.ToUpper(name), &no
		r.Metadata.ACS = []directory.SAMLEndpoint{{Binding: byPOST, Location: "https://" + name + ".example/acs"}}
		for _, b := range bindings {
			r.Metadata.SLO = append(r.Metadata.SLO, directory.SAMLEndpoint{Binding: b, Location: "https://" + name + ".example/slo"})
		}
		if edit != nil {
			edit(r)
		}
	})
	p.issuer = wire.Issuer{EntityID: p.entity, Key: must(wire.NewSigningKey(must(spKey())(t), spCertificate(t)))(t)}
	known := must(d.certificates.Of(ctx, issuer+p.base+"/metadata"))(t)
	key := must(wire.NewKey(wire.UseSigning, known.Published[0]))(t)
	p.trust = wire.Trust{Keys: must(wire.VerificationKeys([]wire.Key{key}))(t), Required: true}
	return p
}

// known is what a service provider knows of who is signed in there.
type known struct {
	name  wire.NameID
	index string
}

func (p *peer) signIn(b *browser) known {
	p.d.t.Helper()
	p.d.clock.Advance(time.Second) // they are visited in the order in which they came
	a := b.ask(ask{from: p.entity, base: p.base}).answer(p.d.t)
	return known{wire.NameID{Value: a.text("//NameID"), Format: a.at("//NameID", "Format"), NameQualifier: a.at("//NameID", "NameQualifier"), SPNameQualifier: a.at("//NameID", "SPNameQualifier")},
		a.at("//AuthnStatement", "SessionIndex")}
}

func (p *peer) request(k known, edit func(*wire.LogoutRequest)) *wire.Message {
	p.d.t.Helper()
	q := wire.LogoutRequest{Subject: k.name, NotOnOrAfter: p.d.db.Now().Add(time.Minute)}
	if k.index != "" {
		q.SessionIndexes = []string{k.index}
	}
	q.Destination, q.IssueInstant = issuer+p.base+"/slo", p.d.db.Now()
	if edit != nil {
		edit(&q)
	}
	return must(p.issuer.LogoutRequest(q))(p.d.t)
}

// carry takes a message to us in the browser.
func (b *browser) carry(m *wire.Message, binding, relay string) *reply {
	t := b.d.t
	t.Helper()
	if binding == byRedirect {
		return b.get(strings.TrimPrefix(must(m.RedirectURL(relay))(t), issuer))
	}
	form := must(m.Form(relay))(t)
	values := url.Values{form.Parameter: {form.Value}}
	if relay != "" {
		values.Set("RelayState", relay)
	}
	return b.follow(b.post(strings.TrimPrefix(form.Action, issuer), values))
}

// raw takes a message to us that nobody has signed.
func (b *browser) raw(text, binding string) *reply {
	b.d.t.Helper()
	if binding == byPOST {
		return b.follow(b.post("/saml/slo", url.Values{"SAMLRequest": {base64.StdEncoding.EncodeToString([]byte(text))}}))
	}
	var packed bytes.Buffer
	w, _ := flate.NewWriter(&packed, flate.BestCompression)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.get("/saml/slo?" + url.Values{"SAMLRequest": {base64.StdEncoding.EncodeToString(packed.Bytes())}}.Encode())
}

// strangerIssuer signs with a key that is in no registration.
func (d *door) strangerIssuer(t testing.TB, entity string) wire.Issuer {
	t.Helper()
	key := must(strangerKey())(t)
	i := wire.Issuer{EntityID: entity}
	i.Key = must(wire.NewSigningKey(key, must(i.SelfSigned(key, testenv.Start, testenv.Start.AddDate(1, 0, 0)))(t)))(t)
	return i
}

var strangerKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

type roundPrefix struct{}

func (roundPrefix) Prefix() string { return "slo" }

type roundID = sqldb.ID[roundPrefix]

func (p *peer) signOut(b *browser, k known, binding, relay string) *reply {
	p.d.t.Helper()
	return b.follow(b.carry(p.request(k, nil), binding, relay))
}

// message is the message for the service provider that a reply holds, in its address or in a form.
func (p *peer) message(r *reply) *wire.Received {
	t := p.d.t
	t.Helper()
	host := strings.TrimSuffix(p.entity, "/metadata")
	if to := r.Header.Get("Location"); r.StatusCode == http.StatusSeeOther && strings.HasPrefix(to, host+"/") {
		u := must(url.Parse(to))(t)
		return must(wire.DecodeRedirect(u.RawQuery))(t)
	}
	if !strings.Contains(r.body, `data-page="form-post"`) {
		t.Fatalf("nothing for %s: %d, Location %q: %.1500s", p.entity, r.StatusCode, r.Header.Get("Location"), r.body)
	}
	action, values := r.fields(t)
	if !strings.HasPrefix(action, host+"/") {
		t.Fatalf("the form is for %s, not for %s", action, p.entity)
	}
	return must(wire.DecodePOST(values))(t)
}

func (p *peer) expect() wire.Expect {
	return wire.Expect{Now: p.d.db.Now(), Destinations: []string{strings.TrimSuffix(p.entity, "metadata") + "slo"}, Trust: p.trust}
}

// asked is our request in a reply, proven.
func (p *peer) asked(r *reply) *wire.LogoutRequest {
	p.d.t.Helper()
	q := must(p.message(r).LogoutRequest(p.expect()))(p.d.t)
	if q.Issuer != issuer+p.base+"/metadata" || !q.Signed || q.NotOnOrAfter.IsZero() {
		p.d.t.Errorf("the request %+v", q)
	}
	return q
}

// told is our answer in a reply, proven.
func (p *peer) told(r *reply) *wire.LogoutResponse {
	p.d.t.Helper()
	a := must(p.message(r).LogoutResponse(p.expect()))(p.d.t)
	if a.Issuer != issuer+p.base+"/metadata" || !a.Signed {
		p.d.t.Errorf("the answer %+v", a)
	}
	return a
}

func (p *peer) response(to string, status wire.Status) *wire.Message {
	p.d.t.Helper()
	a := wire.LogoutResponse{Status: status}
	a.InResponseTo, a.Destination, a.IssueInstant = to, issuer+p.base+"/slo", p.d.db.Now()
	return must(p.issuer.LogoutResponse(a))(p.d.t)
}

// answer answers our request in the browser.
func (p *peer) answer(b *browser, q *wire.LogoutRequest, status wire.Status, binding string) *reply {
	p.d.t.Helper()
	return b.follow(b.carry(p.response(q.ID, status), binding, ""))
}

// soap sends a request without a browser.
func (p *peer) soap(m *wire.Message) *reply {
	t := p.d.t
	t.Helper()
	r := httptest.NewRequest("POST", p.base+"/slo", bytes.NewReader(must(m.SOAP())(t)))
	r.Header.Set("Content-Type", "text/xml; charset=utf-8")
	return p.d.browser().do(r)
}

func (p *peer) soapTold(r *reply) *wire.LogoutResponse {
	t := p.d.t
	t.Helper()
	if r.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
	return must(must(wire.DecodeSOAP([]byte(r.body)))(t).LogoutResponse(p.expect()))(t)
}

// alive reports whether the browser is signed in with us.
func (b *browser) alive() bool {
	b.d.t.Helper()
	r := httptest.NewRequest("GET", "/", nil)
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	_, ok, err := b.d.sessions.Current(r)
	if err != nil {
		b.d.t.Fatal(err)
	}
	return ok
}

func httpCookie(name, value string) *http.Cookie { return &http.Cookie{Name: name, Value: value} }

// round is the address at which the browser's sign-out goes on.
func (b *browser) round() string {
	b.d.t.Helper()
	var id roundID
	if err := b.d.db.QueryRow(ctx, `select id from saml_logouts where browser_hash = $1`, secret.HashToken(b.cookies["__Host-portvakt-browser"])).Scan(&id); err != nil {
		b.d.t.Fatal(err)
	}
	return "/saml/slo?logout=" + id.String()
}

// backs are the service providers that take sign-outs by SOAP.
type backs struct {
	d      *door
	outbox *outbox.Outbox
	mu     sync.Mutex
	peers  map[string]*peer // by host
	asked  []*wire.LogoutRequest
	status wire.Status
	code   int
	body   []byte // instead of the answer
}

// backs has the outbox run and the peers answer.
func (d *door) backs(t *testing.T, peers ...*peer) *backs {
	b := &backs{d: d, outbox: outbox.New(d.db, slog.New(slog.DiscardHandler)), peers: map[string]*peer{}, status: wire.StatusSuccess, code: http.StatusOK}
	for _, p := range peers {
		b.peers[strings.TrimSuffix(strings.TrimPrefix(p.entity, "https://"), "/metadata")] = p
	}
	d.saml.Outside = b
	d.saml.Subscribe(b.outbox)
	d.sessions.Subscribe(b.outbox)
	return b
}

func (b *backs) drain() {
	b.d.t.Helper()
	if err := b.outbox.Drain(ctx); err != nil {
		b.d.t.Fatal(err)
	}
}

// names are the service providers that were told, in order.
func (b *backs) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.asked)
}

// Do answers for a service provider.
func (b *backs) Do(r *http.Request) (*outgoing.Response, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.peers[r.URL.Host]
	if p == nil {
		return nil, outgoing.ErrRefused
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	received, err := wire.DecodeSOAP(body)
	if err != nil {
		return nil, err
	}
	q, err := received.LogoutRequest(p.expect())
	if err != nil {
		return nil, err
	}
	b.asked = append(b.asked, q)
	a := wire.LogoutResponse{Status: b.status}
	a.InResponseTo, a.IssueInstant = q.ID, b.d.db.Now()
	m, err := p.issuer.LogoutResponse(a)
	if err != nil {
		return nil, err
	}
	answer, err := m.SOAP()
	if b.body != nil {
		answer = b.body
	}
	return &outgoing.Response{Status: b.code, Body: answer}, err
}
