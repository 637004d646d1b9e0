package saml_test

import (
	"crypto/x509"
	"encoding/base64"
	"net/url"
	"strings"
	"testing"

	crewjam "github.com/crewjam/saml"
	dsig "github.com/russellhaering/goxmldsig"
)

// form is a request by POST, not signed.
func (d *door) form(q ask) url.Values {
	q = d.fill(q)
	v := url.Values{"SAMLRequest": {base64.StdEncoding.EncodeToString([]byte(q.xml()))}}
	if q.relay != "" {
		v.Set("RelayState", q.relay)
	}
	return v
}

// signedInCopy is another window of the browser.
func (d *door) signedInCopy(b *browser) *browser {
	c := d.browser()
	for name, value := range b.cookies {
		c.cookies[name] = value
	}
	return c
}

// crewjamSP is the service provider of another library.
func (d *door) crewjamSP(t testing.TB) *crewjam.ServiceProvider {
	t.Helper()
	at := must(url.Parse(acs))(t)
	return &crewjam.ServiceProvider{EntityID: spID, Key: must(spKey())(t), Certificate: must(x509.ParseCertificate(spCertificate(t)))(t), AcsURL: *at, SignatureMethod: dsig.RSASHA256SignatureMethod,
		IDPMetadata: &crewjam.EntityDescriptor{EntityID: idpID}}
}

func (d *door) signedRedirect(t testing.TB, relay string) string {
	t.Helper()
	sp := d.crewjamSP(t)
	q := must(sp.MakeAuthenticationRequest(issuer+"/saml/sso", crewjam.HTTPRedirectBinding, crewjam.HTTPPostBinding))(t)
	q.IssueInstant = d.db.Now()
	u := must(q.Redirect(relay, sp))(t)
	return strings.TrimPrefix(u.String(), issuer)
}
