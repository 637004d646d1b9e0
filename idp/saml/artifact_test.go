package saml_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	crewjam "github.com/crewjam/saml"

	"portvakt/internal/directory"
)

// artifact is an answer that waits for the service provider.
func (d *door) artifact(t testing.TB, b *browser) string {
	t.Helper()
	res := b.ask(ask{id: freshID(), attributes: `AssertionConsumerServiceIndex="1"`})
	u := must(url.Parse(res.Header.Get("Location")))(t)
	if u.Query().Get("SAMLart") == "" {
		t.Fatalf("no artifact: %d %.300s", res.StatusCode, res.body)
	}
	return u.Query().Get("SAMLart")
}

// fetch asks for the answer as the service provider, signed.
func (d *door) fetch(t testing.TB, artifact string) *reply {
	t.Helper()
	return d.fetchAs(t, artifact, d.crewjamSP(t))
}

func (d *door) fetchAs(t testing.TB, artifact string, sp *crewjam.ServiceProvider) *reply {
	t.Helper()
	unsigned := sp.SignatureMethod
	sp.SignatureMethod = ""
	q := must(sp.MakeArtifactResolveRequest(artifact))(t)
	q.IssueInstant = d.db.Now()
	if sp.SignatureMethod = unsigned; unsigned != "" {
		if err := sp.SignArtifactResolve(q); err != nil {
			t.Fatal(err)
		}
	}
	doc := etree.NewDocument()
	doc.SetRoot(q.SoapRequest())
	body := must(doc.WriteToBytes())(t)
	r := httptest.NewRequest("POST", "/saml/artifact", bytes.NewReader(body))
	r.Header.Set("Content-Type", "text/xml")
	return d.browser().do(r)
}

func TestArtifactsAreFetchedOnce(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		b := d.signedIn()
		artifact := d.artifact(t, b)
		unsigned := d.crewjamSP(t)
		unsigned.SignatureMethod = ""
		if res := d.fetchAs(t, artifact, unsigned); res.StatusCode != http.StatusOK || strings.Contains(res.body, "Assertion") || !strings.Contains(res.body, "status:Requester") {
			t.Errorf("unsigned: %d %s", res.StatusCode, res.body)
		}
		other := d.register(directory.ServiceProvider{EntityID: "https://erp.example"}, nil)
		stranger := d.crewjamSP(t)
		stranger.EntityID = other.EntityID
		if res := d.fetchAs(t, artifact, stranger); res.StatusCode != http.StatusOK || strings.Contains(res.body, "Assertion>") || !strings.Contains(res.body, "status:Success") {
			t.Errorf("another service provider: %d %s", res.StatusCode, res.body)
		}
		first := d.fetch(t, artifact)
		a := readAnswer(t, []byte(first.body))
		if first.StatusCode != http.StatusOK || first.Header.Get("Cache-Control") != "no-store" || a.text("//Audience") != spID || a.text("//NameID") == "" {
			t.Fatalf("%d %v %s", first.StatusCode, first.Header, first.body)
		}
		if again := d.fetch(t, artifact); again.StatusCode != http.StatusOK || strings.Contains(again.body, "Assertion>") || !strings.Contains(again.body, "status:Success") {
			t.Errorf("a second time: %d %s", again.StatusCode, again.body)
		}
		artifact = d.artifact(t, b)
		got := make(chan bool, 30)
		for range 30 {
			go func() { got <- strings.Contains(d.fetch(t, artifact).body, "Assertion>") }()
		}
		n := 0
		for range 30 {
			if <-got {
				n++
			}
		}
		if n != 1 {
			t.Errorf("of 30 at once %d got the answer", n)
		}
		res := b.ask(ask{attributes: `IsPassive="true" ForceAuthn="true" AssertionConsumerServiceIndex="1"`})
		refusal := must(url.Parse(res.Header.Get("Location")))(t).Query().Get("SAMLart")
		if got := d.fetch(t, refusal); !strings.Contains(got.body, "status:NoPassive") || strings.Contains(got.body, "Assertion>") {
			t.Errorf("a refusal by artifact: %d %s", got.StatusCode, got.body)
		}
		artifact = d.artifact(t, b)
		d.clock.Advance(time.Minute)
		if late := d.fetch(t, artifact); strings.Contains(late.body, "Assertion>") {
			t.Error("an artifact was fetched too late")
		}
		for _, body := range []string{"", "<x/>", `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body/></soap:Envelope>`} {
			if res := d.browser().do(httptest.NewRequest("POST", "/saml/artifact", strings.NewReader(body))); res.StatusCode != http.StatusInternalServerError || !strings.Contains(res.body, "Fault>") {
				t.Errorf("%q: %d %s", body, res.StatusCode, res.body)
			}
		}
	})
}
