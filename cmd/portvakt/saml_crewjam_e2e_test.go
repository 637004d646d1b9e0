//go:build e2e

package main

import (
	"crypto"
	"crypto/tls"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crewjam/saml"
)

// crewjam is a service provider of crewjam's library with the settings that its package samlsp makes; it runs in the test.
func crewjam(t *testing.T, idp string) *party {
	t.Helper()
	p := newParty(t, "crewjam", idp)
	p.lands = "" // its application keeps no session: TestSAMLSignOut has one that does
	p.can = abilities{passively: "/login?passive=true", relays: true, forces: true, choosesClass: true}
	c := &crewjamSP{t: t, p: p}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	p.base = server.URL
	mux.HandleFunc("GET /metadata", func(w http.ResponseWriter, _ *http.Request) {
		_ = xml.NewEncoder(w).Encode(c.provider().Metadata())
	})
	mux.HandleFunc("GET /login", c.login)
	mux.HandleFunc("POST /acs", c.accept)
	p.reread = p.download
	return p
}

type crewjamSP struct {
	t     *testing.T
	p     *party
	mu    sync.Mutex
	asked []string
}

// provider is made anew with our metadata as it was last read.
func (c *crewjamSP) provider() *saml.ServiceProvider {
	known, err := os.ReadFile(c.p.known)
	if err != nil {
		c.t.Error(err)
	}
	metadata := &saml.EntityDescriptor{}
	if err := xml.Unmarshal(known, metadata); err != nil {
		c.t.Error(err)
	}
	pair, err := tls.LoadX509KeyPair(c.p.certificate, c.p.key)
	if err != nil {
		c.t.Error(err)
		return &saml.ServiceProvider{}
	}
	at := func(path string) url.URL {
		u, err := url.Parse(c.p.base + path)
		if err != nil {
			c.t.Error(err)
			return url.URL{}
		}
		return *u
	}
	return &saml.ServiceProvider{
		EntityID: c.p.base + "/metadata", MetadataURL: at("/metadata"), AcsURL: at("/acs"), SloURL: at("/slo"), IDPMetadata: metadata,
		Key: pair.PrivateKey.(crypto.Signer), Certificate: pair.Leaf, SignatureMethod: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
		AuthnNameIDFormat: saml.PersistentNameIDFormat, AllowIDPInitiated: true,
	}
}

func (c *crewjamSP) login(w http.ResponseWriter, r *http.Request) {
	sp, yes, wishes := c.provider(), true, r.URL.Query()
	if class := wishes.Get("context"); class != "" {
		sp.RequestedAuthnContext = &saml.RequestedAuthnContext{Comparison: "exact", AuthnContextClassRef: class}
	}
	binding := saml.HTTPRedirectBinding
	if wishes.Get("post") != "" {
		binding = saml.HTTPPostBinding
	}
	if wishes.Get("force") != "" {
		sp.ForceAuthn = &yes
	}
	q, err := sp.MakeAuthenticationRequest(sp.GetSSOBindingLocation(binding), binding, saml.HTTPPostBinding)
	if err != nil {
		c.t.Error(err)
		return
	}
	c.mu.Lock()
	c.asked = append(c.asked, q.ID)
	c.mu.Unlock()
	if wishes.Get("passive") != "" {
		q.IsPassive = &yes
	}
	if binding == saml.HTTPPostBinding {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write(q.Post(wishes.Get("relay")))
		return
	}
	address, err := q.Redirect(url.QueryEscape(wishes.Get("relay")), sp) // crewjam puts it into the query as it is
	if err != nil {
		c.t.Error(err)
		return
	}
	http.Redirect(w, r, address.String(), http.StatusFound)
}

func (c *crewjamSP) accept(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	c.mu.Lock()
	asked := append([]string{""}, c.asked...)
	c.mu.Unlock()
	l := landed{RelayState: r.PostForm.Get("RelayState"), Attributes: map[string]texts{}}
	assertion, err := c.provider().ParseResponse(r, asked)
	var refused *saml.InvalidResponseError
	switch {
	case errors.As(err, &refused):
		l.Error = refused.PrivateErr.Error()
	case err != nil:
		l.Error = err.Error()
	default:
		statement := assertion.AuthnStatements[0]
		l.Issuer, l.NameID, l.Format = assertion.Issuer.Value, assertion.Subject.NameID.Value, assertion.Subject.NameID.Format
		l.SessionIndex, l.Instant, l.Class = statement.SessionIndex, statement.AuthnInstant.Format(time.RFC3339Nano), statement.AuthnContext.AuthnContextClassRef.Value
		for _, a := range assertion.AttributeStatements[0].Attributes {
			for _, v := range a.Values {
				l.Attributes[a.Name] = append(l.Attributes[a.Name], v.Value)
			}
		}
	}
	var out strings.Builder
	_ = json.NewEncoder(&out).Encode(l)
	_, _ = io.WriteString(w, out.String())
}
