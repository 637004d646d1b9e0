package saml_test

import (
	"bytes"
	"crypto"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"

	"portvakt/idp/saml"
	"portvakt/internal/directory"
	"portvakt/internal/outgoing"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// federation signs metadata, as an operator of a federation does.
func federation(t testing.TB, doc string) string {
	t.Helper()
	signer := must(dsig.NewSigningContext(crypto.Signer(must(spKey())(t)), [][]byte{spCertificate(t)}))(t)
	signer.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	tree := etree.NewDocument()
	if err := tree.ReadFromString(doc); err != nil {
		t.Fatal(err)
	}
	tree.SetRoot(must(signer.SignEnveloped(tree.Root()))(t))
	return must(tree.WriteToString())(t)
}

// refreshed registers a service provider at an address and answers what reading it makes of it.
func refreshed(t testing.TB, db *sqldb.DB, address string, signedBy []byte) (*directory.Directory, func() directory.ServiceProvider) {
	t.Helper()
	dir := directory.New(db).In(directory.Installation{Local: true})
	client := must(outgoing.New(outgoing.Config{AllowLoopback: true, MaxBody: 1 << 20, Timeout: 5 * time.Second}))(t)
	r := saml.NewRefresher(db, dir, client, slog.New(slog.DiscardHandler))
	p := must(dir.ServiceProviders.Register(ctx, directory.ServiceProvider{EntityID: registryEntity, Application: directory.Application{AllOrganizations: true},
		Refresh: directory.MetadataRefresh{URL: address, SignedBy: signedBy}}))(t)
	return dir, func() directory.ServiceProvider {
		t.Helper()
		must(r.Tick(ctx))(t)
		return must(dir.ServiceProviders.ByApplication(ctx, p.ID()))(t)
	}
}

// TestWall056_SignedMetadata: where somebody must have signed, an address that answers with anything else changes nothing,
// however good the rest is.
func TestWall056_SignedMetadata(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		page := newRegistryPage(t)
		_, read := refreshed(t, db, page.URL, spCertificate(t))
		theirs := registryCertificate(t)
		plain := registryMetadata(registryEntity, `ID="_m1"`, theirs)
		signed := federation(t, plain)
		evil := strings.Replace(registryMetadata(registryEntity, `ID="_m2"`, registryCertificate(t)), "https://wiki.example/acs", "https://evil.example/acs", 1)
		hostile := map[string]string{
			"not signed":           plain,
			"by a key of its own":  strings.Replace(plain, `<md:SPSSODescriptor`, `<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"/><md:SPSSODescriptor`, 1),
			"changed afterwards":   strings.Replace(signed, "https://wiki.example/acs", "https://evil.example/acs", 1),
			"wrapped in a list":    `<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata">` + evil + signed + `</md:EntitiesDescriptor>`,
			"around the good one":  strings.Replace(evil, `<md:SPSSODescriptor`, `<md:Extensions>`+signed+`</md:Extensions><md:SPSSODescriptor`, 1),
			"signature moved over": evilWith(t, evil, signed),
		}
		for name, body := range hostile {
			page.say(200, body)
			if is := read(); !is.Pending() || is.Refresh.Failure == "" {
				t.Errorf("%s, the first time: %+v", name, is.Metadata)
			}
			clock.Advance(25 * time.Hour)
		}
		page.say(200, signed)
		good := read()
		if good.Refresh.Failure != "" || !good.Metadata.Signed || good.Metadata.ACS[0].Location != "https://wiki.example/acs" || !bytes.Equal(good.Metadata.Keys[0].Certificate, theirs) {
			t.Fatalf("signed: %+v", good)
		}
		for name, body := range hostile {
			clock.Advance(25 * time.Hour)
			page.say(200, body)
			if is := read(); is.Metadata.ACS[0].Location != "https://wiki.example/acs" || !bytes.Equal(is.Metadata.Keys[0].Certificate, theirs) || is.Refresh.Failure == "" {
				t.Errorf("%s, later: %+v", name, is)
			}
		}
	})
}

// evilWith puts the signature of a good document into another one.
func evilWith(t testing.TB, evil, signed string) string {
	t.Helper()
	from, to := etree.NewDocument(), etree.NewDocument()
	if err := from.ReadFromString(signed); err != nil {
		t.Fatal(err)
	}
	if err := to.ReadFromString(evil); err != nil {
		t.Fatal(err)
	}
	to.Root().AddChild(from.FindElement("//Signature").Copy())
	return must(to.WriteToString())(t)
}

// TestWall056_WhoMustSignIsAskedAgain: a document without a signature that was on its way when one was demanded is not stored,
// and what was read before is read anew.
func TestWall056_WhoMustSignIsAskedAgain(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		body := registryMetadata(registryEntity, `ID="_m1"`, registryCertificate(t))
		var meanwhile func()
		page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if meanwhile != nil {
				meanwhile()
			}
			_, _ = w.Write([]byte(body))
		}))
		t.Cleanup(page.Close)
		dir, read := refreshed(t, db, page.URL, nil)
		first := read()
		body = strings.ReplaceAll(body, "https://wiki.example/acs", "https://evil.example/acs")
		meanwhile = func() {
			meanwhile = nil
			must(dir.ServiceProviders.Change(ctx, first.Owner(), first.ID(), func(p *directory.ServiceProvider) error {
				p.Refresh.SignedBy = spCertificate(t)
				return nil
			}))(t)
		}
		clock.Advance(25 * time.Hour)
		is := read()
		if is.Metadata.ACS[0].Location != "https://wiki.example/acs" || is.Refresh.SignedBy == nil {
			t.Fatalf("what was not signed is stored: %+v", is.Metadata)
		}
		if !is.Refresh.FetchedAt.IsZero() || is.Refresh.NextAt.After(clock.Now()) {
			t.Errorf("it is not read anew: %+v", is.Refresh)
		}
		if is = read(); is.Refresh.Failures != 1 || is.Metadata.ACS[0].Location != "https://wiki.example/acs" {
			t.Errorf("unsigned, once a signature is demanded: %+v", is)
		}
		body = federation(t, strings.ReplaceAll(body, "https://evil.example/acs", "https://wiki.example/acs2"))
		clock.Advance(25 * time.Hour)
		if is = read(); is.Refresh.Failure != "" || is.Metadata.ACS[0].Location != "https://wiki.example/acs2" {
			t.Errorf("signed: %+v", is)
		}
	})
}
