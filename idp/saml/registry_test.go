package saml_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"portvakt/idp/application"
	"portvakt/idp/saml"
	"portvakt/idp/saml/wire"
	"portvakt/idp/signing"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/outgoing"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// registryCertificate is a certificate of a key that is made for it.
func registryCertificate(t testing.TB) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sp"}, NotBefore: testenv.Start, NotAfter: testenv.Start.AddDate(9, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

const registryEntity = "https://wiki.example/metadata"

// registryMetadata is a service provider's metadata.
func registryMetadata(entity, attributes string, certificates ...[]byte) string {
	var keys strings.Builder
	for _, der := range certificates {
		keys.WriteString(`<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>` +
			base64.StdEncoding.EncodeToString(der) + `</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>`)
	}
	return `<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="` + entity + `" ` + attributes + `>` +
		`<md:SPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">` + keys.String() +
		`<md:AssertionConsumerService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://wiki.example/acs" index="0"/>` +
		`</md:SPSSODescriptor></md:EntityDescriptor>`
}

// registryPage is an address that answers what it is told.
type registryPage struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	body   string
	asked  atomic.Int32
}

func newRegistryPage(t testing.TB) *registryPage {
	p := &registryPage{status: 200}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.asked.Add(1)
		p.mu.Lock()
		defer p.mu.Unlock()
		w.WriteHeader(p.status)
		_, _ = w.Write([]byte(p.body))
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *registryPage) say(status int, body string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status, p.body = status, body
}

// TestWall056_RefreshedMetadata: metadata at an address is read when it is due; what is broken, hostile, expired or another's
// leaves what there is, and is asked for again later. Owner, entity id and settings stay; new keys are told of.
func TestWall056_RefreshedMetadata(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		ctx := context.Background()
		dir := directory.New(db).In(directory.Installation{Local: true})
		page := newRegistryPage(t)
		client, err := outgoing.New(outgoing.Config{AllowLoopback: true, MaxBody: 1 << 20, Timeout: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		r := saml.NewRefresher(db, dir, client, slog.New(slog.DiscardHandler))
		p, err := dir.ServiceProviders.Register(ctx, directory.ServiceProvider{EntityID: registryEntity, Application: directory.Application{AllOrganizations: true},
			Settings: directory.SAMLSettings{Sign: directory.SignBoth}, Refresh: directory.MetadataRefresh{URL: page.URL}})
		if err != nil {
			t.Fatal(err)
		}
		providers := saml.NewProviders(db, dir)
		if _, err := providers.ByEntityID(ctx, p.Owner(), registryEntity); !fault.Is(err, fault.NotFound) {
			t.Errorf("whose metadata nobody has read is answered: %v", err)
		}
		tick := func(want int) directory.ServiceProvider {
			t.Helper()
			if n, err := r.Tick(ctx); err != nil || n != want {
				t.Fatalf("%d were due, %v; want %d", n, err, want)
			}
			is, err := dir.ServiceProviders.ByApplication(ctx, p.ID())
			if err != nil {
				t.Fatal(err)
			}
			return is
		}
		first, second := registryCertificate(t), registryCertificate(t)
		page.say(200, registryMetadata(registryEntity, `cacheDuration="PT2H"`, first))
		is := tick(1)
		if len(is.Metadata.ACS) != 1 || len(is.Metadata.Keys) != 1 || !is.Refresh.NextAt.Equal(clock.Now().Add(2*time.Hour)) || is.Refresh.Failure != "" {
			t.Fatalf("read: %+v", is)
		}
		tick(0)
		good := is
		for i, row := range []struct {
			status int
			body   string
		}{
			{404, "no"}, {200, "<x"}, {200, ""},
			{200, registryMetadata("https://other.example/metadata", "", first)},
			{200, registryMetadata(registryEntity, `validUntil="2001-01-01T00:00:00Z"`, first)},
			{200, strings.Replace(registryMetadata(registryEntity, "", first), "https://wiki.example/acs", "javascript:alert(1)", 1)},
			{200, `<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>` + registryMetadata(registryEntity, "", first)},
			{200, strings.Repeat(" ", 2<<20)},
		} {
			page.say(row.status, row.body)
			clock.Advance(25 * time.Hour)
			is = tick(1)
			if !reflect.DeepEqual(is.Metadata, good.Metadata) || is.Refresh.Failures != int64(i+1) || is.Refresh.Failure == "" || !is.Refresh.NextAt.After(clock.Now()) {
				t.Errorf("after %.40q: %+v", row.body, is.Refresh)
			}
			if strings.Contains(is.Refresh.Failure, "127.0.0.1") {
				t.Errorf("the failure tells of the network: %s", is.Refresh.Failure)
			}
		}
		page.say(200, registryMetadata(registryEntity, "", second))
		clock.Advance(25 * time.Hour)
		is = tick(1)
		if is.Refresh.Failures != 0 || is.Refresh.Failure != "" || !bytes.Equal(is.Metadata.Keys[0].Certificate, second) || is.Settings.Sign != directory.SignBoth || is.EntityID != registryEntity {
			t.Errorf("new keys: %+v", is)
		}
		found, err := providers.ByEntityID(ctx, p.Owner(), registryEntity)
		if err != nil || !bytes.Equal(found.Wire.Keys[0].Certificate, second) {
			t.Errorf("the cache has other keys: %v", err)
		}
		var told int64
		if err := db.QueryRow(ctx, `select count(*) from events where kind = $1 and subject = $2`, directory.EventServiceProviderKeys, p.ID().String()).Scan(&told); err != nil || told != 2 {
			t.Errorf("told of keys %d times, %v", told, err)
		}
	})
}

// TestWall056_AddressesAreGuarded: an address on a private network is never asked, in whatever way it gets there.
func TestWall056_AddressesAreGuarded(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		ctx := context.Background()
		dir := directory.New(db)
		canary := newRegistryPage(t)
		client, err := outgoing.New(outgoing.Config{MaxBody: 1 << 20, Timeout: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		r := saml.NewRefresher(db, dir, client, slog.New(slog.DiscardHandler))
		if _, err := dir.ServiceProviders.Register(ctx, directory.ServiceProvider{EntityID: registryEntity, Refresh: directory.MetadataRefresh{URL: canary.URL}}); err == nil {
			t.Error("plain http is registered")
		}
		port := canary.URL[strings.LastIndex(canary.URL, ":"):]
		p, err := dir.ServiceProviders.Register(ctx, directory.ServiceProvider{EntityID: registryEntity, Refresh: directory.MetadataRefresh{URL: "https://127.0.0.1" + port}})
		if err != nil {
			t.Fatal(err)
		}
		if n, err := r.Tick(ctx); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		is, err := dir.ServiceProviders.ByApplication(ctx, p.ID())
		if err != nil || is.Refresh.Failure != "the address is not allowed" || canary.asked.Load() != 0 {
			t.Errorf("%+v, %v; asked %d times", is.Refresh, err, canary.asked.Load())
		}
	})
}

// TestWall056_AnEntityIsItsOwners: the same entity id of three owners is three service providers, and the cache keeps them
// apart; a client of OIDC is none, and neither does a client id lead to one.
func TestWall056_AnEntityIsItsOwners(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		ctx := context.Background()
		dir := directory.New(db)
		_, m, err := saml.ReadMetadata([]byte(registryMetadata(registryEntity, "", registryCertificate(t))), saml.Reading{Now: clock.Now()})
		if err != nil {
			t.Fatal(err)
		}
		owners := []directory.OrganizationID{{}}
		for _, slug := range []string{"nordlys", "fjord"} {
			o, err := dir.Organizations.Create(ctx, directory.Organization{Slug: slug, Name: slug, Seats: directory.UnlimitedSeats})
			if err != nil {
				t.Fatal(err)
			}
			owners = append(owners, o.ID)
		}
		providers, clients := saml.NewProviders(db, dir), application.NewClients(db, dir)
		seen := map[directory.ApplicationID]bool{}
		for i, owner := range owners {
			if _, err := providers.ByEntityID(ctx, owner, registryEntity); !fault.Is(err, fault.NotFound) {
				t.Errorf("owner %d has somebody else's: %v", i, err)
			}
			p, err := dir.ServiceProviders.Register(ctx, directory.ServiceProvider{EntityID: registryEntity, Slug: "wiki", Metadata: m,
				Application: directory.Application{Organization: owner, AllOrganizations: true}})
			if err != nil {
				t.Fatal(err)
			}
			for _, ask := range []func() (*saml.Provider, error){
				func() (*saml.Provider, error) { return providers.ByEntityID(ctx, owner, registryEntity) },
				func() (*saml.Provider, error) { return providers.ByName(ctx, owner, "wiki") },
				func() (*saml.Provider, error) { return providers.ByApplication(ctx, p.ID()) },
			} {
				if got, err := ask(); err != nil || got.ID() != p.ID() || got.Owner() != owner {
					t.Errorf("owner %d: %v, %v", i, got, err)
				}
			}
			seen[p.ID()] = true
			if _, err := clients.ByClientID(ctx, p.ID().String()); !errors.Is(err, application.ErrUnknown) {
				t.Errorf("it is a client: %v", err)
			}
			c, err := clients.ByID(ctx, p.ID())
			if err != nil || fmt.Sprint(c.Gate.Grants) != "[assertion]" || c.Method != "" || c.Public() || len(c.Scopes) > 0 || c.Gate.Serves(directory.OrganizationID{7}) != owner.IsZero() {
				t.Errorf("the gate sees %+v, %v", c, err)
			}
		}
		if len(seen) != 3 {
			t.Errorf("%d service providers", len(seen))
		}
		for range 2 { // once read, once known
			for i, owner := range owners {
				byEntity, err := providers.ByEntityID(ctx, owner, registryEntity)
				byName, err2 := providers.ByName(ctx, owner, "wiki")
				if err != nil || err2 != nil || byEntity.Owner() != owner || byName.Owner() != owner {
					t.Errorf("owner %d is given another's, %v, %v", i, err, err2)
				}
				if _, err := providers.ByName(ctx, owners[(i+1)%3], byEntity.ID().String()); !fault.Is(err, fault.NotFound) {
					t.Errorf("the neighbour finds it by its identifier: %v", err)
				}
			}
		}
	})
}

// TestCertificatesAreTheSameOnAllNodes: two nodes that ask at once show the same certificates; another entity has its own; the
// next key is shown before it signs, and after a rotation it is the one that does.
func TestCertificatesAreTheSameOnAllNodes(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		ctx := context.Background()
		keys, err := secret.NewKeys([]byte("0123456789abcdef0123456789abcdef"))
		if err != nil {
			t.Fatal(err)
		}
		ring, err := signing.Open(ctx, db, keys, signing.Config{Algorithms: []string{signing.RS256}}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		const entity = "https://id.example/saml/metadata"
		got := make([]*saml.Keys, 8)
		var group sync.WaitGroup
		for i := range got {
			group.Go(func() {
				var err error
				if got[i], err = saml.NewCertificates(db, ring).Of(ctx, entity); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if t.Failed() {
			return
		}
		for _, k := range got[1:] {
			if !reflect.DeepEqual(k.Published, got[0].Published) || len(k.Published) != 2 {
				t.Error("nodes show different certificates")
			}
		}
		one := saml.NewCertificates(db, ring)
		before, err := one.Of(ctx, entity)
		if again, err2 := one.Of(ctx, entity); err != nil || err2 != nil || again != before {
			t.Error("asked twice, made twice", err, err2)
		}
		other, err := one.Of(ctx, entity+"/other")
		if err != nil || bytes.Equal(other.Published[0], before.Published[0]) {
			t.Error("two entities share a certificate", err)
		}
		if err := ring.Rotate(ctx); err != nil {
			t.Fatal(err)
		}
		after, err := one.Of(ctx, entity)
		if err != nil || !bytes.Equal(after.Published[0], before.Published[1]) || after.KeyID == before.KeyID {
			t.Error("the next key was not the one that was shown", err)
		}
		certificate, err := x509.ParseCertificate(after.Published[0])
		if err != nil || certificate.NotAfter.Before(clock.Now().AddDate(15, 0, 0)) || certificate.PublicKey.(*rsa.PublicKey).N.BitLen() < 2048 {
			t.Errorf("%v, %+v", err, certificate)
		}
		if _, err := (wire.Issuer{EntityID: entity, Key: after.Present}).Metadata(wire.Metadata{Certificates: after.Published}); err != nil {
			t.Errorf("it does not sign: %v", err)
		}
	})
}

// TestTemplates: every template can be registered, says each thing once, and gives way to what the registration says.
func TestTemplates(t *testing.T) {
	t.Parallel()
	if names := strings.Join(saml.Templates(), " "); names != "basic edu-person google-workspace microsoft-365 salesforce slack ws-federation zoom" {
		t.Errorf("templates %s", names)
	}
	for _, name := range saml.Templates() {
		all := saml.Attributes(&directory.SAMLSettings{Template: name})
		if err := directory.CheckSAMLAttributes(all); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		seen := map[string]bool{}
		for _, a := range all {
			if seen[a.Name] || a.NameFormat == "" || a.Source == "" {
				t.Errorf("%s: %+v", name, a)
			}
			seen[a.Name] = true
		}
	}
	s := directory.SAMLSettings{Template: "zoom", Attributes: []directory.SAMLAttribute{{Name: "email", Source: "user_name"}, {Name: "phoneNumber", Omit: true}, {Name: "role", Source: "roles", Prefix: "x:"}}}
	got := map[string]string{}
	for _, a := range saml.Attributes(&s) {
		got[a.Name] = a.Source
	}
	if fmt.Sprint(got) != "map[department:department email:user_name firstName:given_name lastName:family_name role:roles]" {
		t.Errorf("laid over: %v", got)
	}
	if m := directory.AccessMappings(saml.Attributes(&s)); len(m) != 1 || m[0].Source != directory.ClaimRoles || m[0].Name != "role" || m[0].Prefix != "x:" {
		t.Errorf("mappings %+v", m)
	}
	if len(saml.Attributes(&directory.SAMLSettings{})) != 0 {
		t.Error("who decided nothing tells something")
	}
	if saml.NameIDOf(&s) != directory.NameIDEmail || saml.NameIDOf(&directory.SAMLSettings{Template: "zoom", NameIDFormat: directory.NameIDTransient}) != directory.NameIDTransient {
		t.Error("names of people")
	}
}

// TestMetadataComesBack: what the wire read is what it is given again.
func TestMetadataComesBack(t *testing.T) {
	t.Parallel()
	doc := []byte(registryMetadata(registryEntity, `validUntil="2099-01-01T00:00:00Z" cacheDuration="PT6H"`, registryCertificate(t)))
	want, err := wire.ReadServiceProvider(doc, wire.MetadataOptions{Now: testenv.Start})
	if err != nil {
		t.Fatal(err)
	}
	if got := saml.WireOf(&directory.ServiceProvider{EntityID: want.EntityID, Metadata: saml.MetadataOf(want)}); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\n%+v", got, want)
	}
}
