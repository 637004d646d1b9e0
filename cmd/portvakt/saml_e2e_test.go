//go:build e2e

package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crewjam/saml"
	"github.com/crewjam/saml/samlsp"
	dsig "github.com/russellhaering/goxmldsig"
)

// relyingSP is a service provider of another library, as an application has it: every page of it demands a sign-in.
type relyingSP struct {
	*samlsp.Middleware
	url string

	mu      sync.Mutex
	refused error // what the library said of the last answer
}

var spPair = sync.OnceValue(func() (pair struct {
	key         *rsa.PrivateKey
	certificate *x509.Certificate
}) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sp"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	pair.key = key
	pair.certificate, _ = x509.ParseCertificate(der)
	return pair
})

// newSP starts a service provider that goes by the metadata of the identity provider at root, and registers it.
func newSP(w *wall, root, registration string, options samlsp.Options, edit func(*samlsp.Middleware)) *relyingSP {
	t := w.t
	t.Helper()
	sp := &relyingSP{}
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	sp.url = server.URL
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	pair := spPair()
	options.URL, options.Key, options.Certificate, options.SignRequest = *u, pair.key, pair.certificate, true
	if sp.Middleware, err = samlsp.New(options); err != nil {
		t.Fatal(err)
	}
	sp.ServiceProvider.SignatureMethod = dsig.RSASHA256SignatureMethod // its own choice is SHA-1
	if edit != nil {
		edit(sp.Middleware)
	}
	sp.OnError = func(w http.ResponseWriter, _ *http.Request, err error) {
		sp.mu.Lock()
		defer sp.mu.Unlock()
		if invalid, ok := err.(*saml.InvalidResponseError); ok {
			err = invalid.PrivateErr
		}
		sp.refused = err
		http.Error(w, "refused", http.StatusForbidden)
	}
	page := sp.RequireAccount(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session := samlsp.SessionFromContext(r.Context()).(samlsp.JWTSessionClaims)
		_ = json.NewEncoder(w).Encode(map[string]any{"subject": session.Subject, "attributes": session.Attributes})
	}))
	handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/saml/slo" || r.URL.Path == "/saml/leave" {
			sp.signOut(w, r)
			return
		}
		if strings.HasPrefix(r.URL.Path, "/saml/") {
			sp.ServeHTTP(w, r)
			return
		}
		page.ServeHTTP(w, r)
	})
	metadata, err := xml.Marshal(sp.ServiceProvider.Metadata())
	if err != nil {
		t.Fatal(err)
	}
	w.settle("service_providers:\n  - metadata: |\n      " + string(metadata) + "\n" + registration)
	sp.trust(w, root)
	return sp
}

// trust reads the identity provider's metadata.
func (sp *relyingSP) trust(w *wall, root string) {
	w.t.Helper()
	got := w.ask("GET", root+"/metadata", "")
	parsed, err := samlsp.ParseMetadata([]byte(got.body))
	if got.status != http.StatusOK || err != nil {
		w.t.Fatalf("metadata: %d %v %s", got.status, err, got.body)
	}
	sp.ServiceProvider.IDPMetadata = parsed
}

// seen is what the service provider shows to whoever has signed in.
func (p *person) seen(sp *relyingSP) (subject string, attributes map[string][]string) {
	p.t.Helper()
	var out struct {
		Subject    string
		Attributes map[string][]string
	}
	if err := json.Unmarshal([]byte(p.text), &out); err != nil || !strings.HasPrefix(p.at.String(), sp.url) {
		sp.mu.Lock()
		defer sp.mu.Unlock()
		p.t.Fatalf("the application shows no account: %s (%d), it said %v:\n%.2000s", p.at, p.status, sp.refused, p.text)
	}
	return out.Subject, out.Attributes
}

const samlAttributes = `    name_id_format: email
    attributes: {mail: email, given: given_name, org: organization, member: membership_id, groups: groups,
      desk: {values: ["yes"], groups: [accounting]}, boss: {values: ["yes"], groups: [board]}}
`

// TestSAMLSignIn: a real application, by redirect and by POST, with attributes; then without a word.
func TestSAMLSignIn(t *testing.T) {
	for _, binding := range []string{saml.HTTPRedirectBinding, saml.HTTPPostBinding} {
		t.Run(binding[strings.LastIndex(binding, ":")+1:], func(t *testing.T) {
			eachWall(t, func(t *testing.T, w *wall) {
				sp := newSP(w, "/saml", samlAttributes, samlsp.Options{}, func(m *samlsp.Middleware) {
					m.Binding, m.ServiceProvider.AuthnNameIDFormat = binding, saml.EmailAddressNameIDFormat
				})
				walk := func(p *person) *person {
					p.open(sp.url + "/desk?x=1")
					if binding == saml.HTTPPostBinding {
						p.press("SAMLSubmitButton")
					}
					return p
				}
				p := walk(newPerson(t)).signIn("anna@nordlys.example", annaPassword).on("form-post").press("continue")
				subject, told := p.seen(sp)
				if subject != "anna@nordlys.example" || p.at.RequestURI() != "/desk?x=1" {
					t.Errorf("%s is at %s", subject, p.at)
				}
				for name, want := range map[string]string{"mail": "anna@nordlys.example", "given": "Anna", "org": "nordlys", "groups": "accounting", "desk": "yes"} {
					if got := told[name]; len(got) != 1 || got[0] != want {
						t.Errorf("%s: %q, want %q", name, got, want)
					}
				}
				if len(told["boss"]) != 0 || len(told["member"]) != 1 || !strings.HasPrefix(told["member"][0], "mbr_") || len(told["SessionIndex"]) != 1 {
					t.Errorf("told %v", told)
				}
				other := newSP(w, "/saml", "    slug: other\n"+samlAttributes, samlsp.Options{EntityID: "other"}, nil)
				p.open(other.url).on("form-post").press("continue")            // signed in already
				if again, _ := p.seen(other); !strings.HasPrefix(again, "_") { // it asks for a transient name
					t.Errorf("the other application sees %q", again)
				}
			})
		})
	}
}

// TestSAMLForceAuthnAndIsPassive: as the request says.
func TestSAMLForceAuthnAndIsPassive(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		sp := newSP(w, "/saml", samlAttributes, samlsp.Options{ForceAuthn: true}, nil)
		p := w.signedIn("anna@nordlys.example", annaPassword)
		p.open(sp.url).on("password").press("continue", "password", annaPassword).on("form-post").press("continue")
		p.seen(sp)

		passive := func(p *person) (string, error) {
			to, id := sp.request(t, func(q *saml.AuthnRequest) {
				yes := true
				q.ForceAuthn, q.IsPassive = nil, &yes
			})
			said := p.open(to).on("form-post").samlAnswer()
			_, err := sp.ServiceProvider.ParseXMLResponse([]byte(said), []string{id}, sp.ServiceProvider.AcsURL)
			if invalid, ok := err.(*saml.InvalidResponseError); ok {
				err = invalid.PrivateErr
			}
			return said, err
		}
		got, err := passive(newPerson(t))
		var refused saml.ErrBadStatus
		if !strings.Contains(got, "status:NoPassive") || strings.Contains(got, "Assertion") || !errors.As(err, &refused) {
			t.Errorf("nobody signed in: %s; the library says %v", got, err)
		}
		if got, err := passive(p); !strings.Contains(got, "status:Success") || err != nil {
			t.Errorf("signed in: %s; the library says %v", got, err)
		}
	})
}

// samlAnswer is the message that the page posts.
func (p *person) samlAnswer() string {
	p.t.Helper()
	_, rest, _ := strings.Cut(p.text, `name="SAMLResponse" value="`)
	value, _, _ := strings.Cut(rest, `"`)
	raw, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(value, "&#43;", "+"))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(raw)
}

// TestSAMLInitiatedHere: only where the registration allows it, and to where it says.
func TestSAMLInitiatedHere(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		sp := newSP(w, "/saml", "    slug: sp\n"+samlAttributes, samlsp.Options{AllowIDPInitiated: true}, nil)
		p := w.signedIn("anna@nordlys.example", annaPassword)
		if p.open(w.issuer + "/saml/init/sp"); p.status != http.StatusNotFound {
			t.Errorf("off, and answered %d", p.status)
		}
		w.settle("service_providers:\n  - {entity_id: \"" + sp.url + "/saml/metadata\", idp_initiated: true, relay_state: /start}\n")
		eventually(t, "the registration counts", func() bool { return w.ask("GET", "/saml/init/sp", "").status != http.StatusNotFound })
		p.open(w.issuer + "/saml/init/sp?RelayState=https://evil.example").on("form-post").press("continue")
		if p.seen(sp); p.at.Path != "/start" {
			t.Errorf("led to %s", p.at)
		}
		fresh := newPerson(t)
		fresh.open(w.issuer+"/saml/init/sp").signIn("anna@nordlys.example", annaPassword).on("form-post").press("continue").seen(sp)
	})
}

// TestSAMLOfAnOrganization: its own service provider at its own address, for its members alone.
func TestSAMLOfAnOrganization(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		if got := w.ask("GET", "/saml/o/nordlys/metadata", ""); got.status != http.StatusNotFound {
			t.Errorf("an organization without service providers has metadata: %d", got.status)
		}
		sp := newSP(w, "/saml/o/nordlys", "    organization: nordlys\n"+samlAttributes, samlsp.Options{EntityID: "https://own.example"}, nil)
		if id := sp.ServiceProvider.IDPMetadata.EntityID; id != w.issuer+"/saml/o/nordlys/metadata" {
			t.Errorf("the entity is %s", id)
		}
		p := newPerson(t).open(sp.url).signIn("anna@nordlys.example", annaPassword).on("consent").press("accept").on("form-post").press("continue")
		if _, told := p.seen(sp); len(told["org"]) != 1 || told["org"][0] != "nordlys" {
			t.Errorf("told %v", told)
		}
		stranger := newPerson(t).open(sp.url).signIn("erik@bjorkvik.example", erikPassword).on("form-post")
		if got := stranger.samlAnswer(); !strings.Contains(got, "status:RequestDenied") || strings.Contains(got, "Assertion") {
			t.Errorf("a stranger: %s", got)
		}
		// Under the installation's address nobody knows it.
		sp.ServiceProvider.IDPMetadata.IDPSSODescriptors[0].SingleSignOnServices[0].Location = w.issuer + "/saml/sso"
		if stranger.open(sp.url + "/x"); stranger.status != http.StatusBadRequest || !strings.Contains(stranger.text, "saml_unknown_issuer") {
			t.Errorf("under the installation's address: %d %s", stranger.status, stranger.page())
		}
	})
}

// TestSAMLWhoMayNotComeIn: an ended membership, and a service provider that was disabled in the middle.
func TestSAMLWhoMayNotComeIn(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		sp := newSP(w, "/saml", samlAttributes, samlsp.Options{}, nil)
		entity := "service_providers:\n  - {entity_id: \"" + sp.url + "/saml/metadata\", disabled: "
		waiting := newPerson(t).open(sp.url).on("sign-in")
		asked := func() int {
			to, _ := sp.request(t, nil)
			return w.ask("GET", to, "").status
		}
		w.settle(entity + "true}\n")
		eventually(t, "nobody is sent there", func() bool { return asked() == http.StatusBadRequest })
		if waiting.signIn("anna@nordlys.example", annaPassword); strings.Contains(waiting.text, "SAMLResponse") || waiting.status < 400 {
			t.Errorf("disabled in the middle: %d %s", waiting.status, waiting.page())
		}
		if waiting.open(sp.url); waiting.status != http.StatusBadRequest {
			t.Errorf("disabled: %d", waiting.status)
		}
		w.settle(entity + "false}\n")
		eventually(t, "people are sent there again", func() bool { return asked() == http.StatusSeeOther })
		waiting.open(sp.url).on("form-post").press("continue").seen(sp)

		id := w.hire("vera@nordlys.example", "Vera", "Vik", nil)
		newPerson(t).setUp(w.setupMails("vera@nordlys.example", 1)[0].setupLink(t))
		in := newPerson(t).open(sp.url).signIn("vera@nordlys.example", newPassword).on("form-post")
		in.press("continue").seen(sp)
		w.setActive(id, false)
		to, _ := sp.request(t, nil)
		if in.open(to); strings.Contains(in.text, "SAMLResponse") {
			t.Errorf("an ended membership was let in: %d %s", in.status, in.page())
		}
	})
}

// request is a request by redirect that the application's pages do not know of: its address, and its ID.
func (sp *relyingSP) request(t *testing.T, edit func(*saml.AuthnRequest)) (target, id string) {
	t.Helper()
	q, err := sp.ServiceProvider.MakeAuthenticationRequest(sp.ServiceProvider.GetSSOBindingLocation(saml.HTTPRedirectBinding), saml.HTTPRedirectBinding, saml.HTTPPostBinding)
	if err != nil {
		t.Fatal(err)
	}
	if edit != nil {
		edit(q)
	}
	to, err := q.Redirect("r", &sp.ServiceProvider)
	if err != nil {
		t.Fatal(err)
	}
	return to.String(), q.ID
}
