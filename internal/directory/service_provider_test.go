package directory_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

const (
	post = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
	soap = "urn:oasis:names:tc:SAML:2.0:bindings:SOAP"
)

// samlKeys are made once: RSA keys take long.
var samlKeys = sync.OnceValue(func() (out struct{ strong, other, weak, curve []byte }) {
	certificate := func(public, private any) []byte {
		template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sp"}, NotBefore: testenv.Start, NotAfter: testenv.Start.AddDate(1, 0, 0)}
		der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
		if err != nil {
			panic(err)
		}
		return der
	}
	for bits, to := range map[int]*[]byte{2048: &out.strong, 2049: &out.other, 1024: &out.weak} {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			panic(err)
		}
		*to = certificate(&key.PublicKey, key)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	out.curve = certificate(&key.PublicKey, key)
	return out
})

// registered is a service provider as somebody would register it.
func registered(owner directory.OrganizationID, entity string) directory.ServiceProvider {
	return directory.ServiceProvider{
		EntityID:    entity,
		Application: directory.Application{Organization: owner, Name: "Wiki", AllOrganizations: true},
		Metadata: directory.SAMLMetadata{
			ACS:  []directory.SAMLEndpoint{{Binding: post, Location: "https://sp.example/acs"}},
			SLO:  []directory.SAMLEndpoint{{Binding: soap, Location: "https://sp.example/slo"}},
			Keys: []directory.SAMLKey{{Certificate: samlKeys().strong}},
		},
	}
}

const wiki = "https://wiki.example/metadata"

// TestWall056_AnEntityIsItsOwners: the installation and each organization have their own entity ids; nobody finds, changes or
// removes another's, and of thirty registrations at once one succeeds.
func TestWall056_AnEntityIsItsOwners(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		none := directory.OrganizationID{}
		made := map[directory.OrganizationID]directory.ServiceProvider{}
		for _, owner := range []directory.OrganizationID{none, h.home.ID, h.another.ID} {
			wantCounts(t, atOnce(30, func(int) error {
				_, err := h.ServiceProviders.Register(ctx, registered(owner, wiki))
				return err
			}), map[string]int{"": 1, "entity_id_taken": 29})
			p := must(h.ServiceProviders.ByEntityID(ctx, owner, wiki))(t)
			made[owner] = must(h.ServiceProviders.Change(ctx, owner, p.ID(), func(p *directory.ServiceProvider) error { p.Slug = "wiki"; return nil }))(t)
			other := registered(owner, wiki+"/other")
			other.Slug = "wiki"
			if _, err := h.ServiceProviders.Register(ctx, other); codeOf(err) != "provider_slug_taken" {
				t.Errorf("a slug twice: %v", err)
			}
		}
		for owner, p := range made {
			if byName := must(h.ServiceProviders.ByName(ctx, owner, "wiki"))(t); byName.ID() != p.ID() || p.Owner() != owner {
				t.Errorf("by name: %v, want %v", byName.ID(), p.ID())
			}
			if byID := must(h.ServiceProviders.ByName(ctx, owner, p.ID().String()))(t); byID.ID() != p.ID() {
				t.Errorf("by identifier: %v", byID.ID())
			}
			if all := must(h.ServiceProviders.List(ctx, owner))(t); len(all) != 1 || all[0].ID() != p.ID() {
				t.Errorf("list: %+v", all)
			}
			for other := range made {
				if other == owner {
					continue
				}
				_, byName := h.ServiceProviders.ByName(ctx, other, p.ID().String())
				_, changed := h.ServiceProviders.Change(ctx, other, p.ID(), func(*directory.ServiceProvider) error { t.Error("it was shown"); return nil })
				for _, err := range []error{byName, changed, h.ServiceProviders.Remove(ctx, other, p.ID())} {
					if !fault.Is(err, fault.NotFound) {
						t.Errorf("a neighbour's: %v", err)
					}
				}
			}
		}
		if p := made[h.home.ID]; p.Application.AllOrganizations || !slices.Equal(p.Application.Organizations, []directory.OrganizationID{h.home.ID}) {
			t.Errorf("an organization's own lets in %+v", p.Application)
		}
		if err := h.ServiceProviders.Remove(ctx, h.home.ID, made[h.home.ID].ID()); err != nil {
			t.Fatal(err)
		}
		if _, err := h.ServiceProviders.ByEntityID(ctx, h.home.ID, wiki); !fault.Is(err, fault.NotFound) {
			t.Errorf("removed: %v", err)
		}
		again := must(h.ServiceProviders.Register(ctx, registered(h.home.ID, wiki)))(t)
		if again.ID() == made[h.home.ID].ID() {
			t.Error("another registration is the same application")
		}
		if a := must(h.Applications.ByID(ctx, made[h.home.ID].ID()))(t); !a.Disabled || a.Kind != directory.KindSAML {
			t.Errorf("what is left of a removed one: %+v", a)
		}
	})
}

// TestServiceProviderKeepsItsOwner: neither owner, entity id nor kind can be changed, and disabled stays found.
func TestServiceProviderKeepsItsOwner(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		p := must(h.ServiceProviders.Register(ctx, registered(h.home.ID, wiki)))(t)
		for name, edit := range map[string]func(*directory.ServiceProvider){
			"owner":        func(p *directory.ServiceProvider) { p.Application.Organization = h.another.ID },
			"installation": func(p *directory.ServiceProvider) { p.Application.Organization = directory.OrganizationID{} },
			"entity":       func(p *directory.ServiceProvider) { p.EntityID += "2" },
			"id":           func(p *directory.ServiceProvider) { p.Application.ID = directory.ApplicationID{1} },
		} {
			if _, err := h.ServiceProviders.Change(ctx, h.home.ID, p.ID(), func(p *directory.ServiceProvider) error { edit(p); return nil }); codeOf(err) != "provider_fixed" {
				t.Errorf("%s: %v", name, err)
			}
		}
		is := must(h.ServiceProviders.Change(ctx, h.home.ID, p.ID(), func(p *directory.ServiceProvider) error {
			p.Application.Kind, p.Application.ClientID, p.Application.Disabled = directory.KindOIDC, "wiki", true
			p.Application.Organizations = append(p.Application.Organizations, h.another.ID)
			return nil
		}))(t)
		if is.Application.Kind != directory.KindSAML || is.Application.ClientID != p.ID().String() || !is.Application.Disabled || len(is.Application.Organizations) != 1 {
			t.Errorf("changed to %+v", is.Application)
		}
	})
}

// TestServiceProvidersAreNoClients: no client id leads to a service provider, and none can be given that would.
func TestServiceProvidersAreNoClients(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		p := must(h.ServiceProviders.Register(ctx, registered(directory.OrganizationID{}, wiki)))(t)
		for _, id := range []string{p.ID().String(), wiki, "wiki", "Wiki"} {
			if _, err := h.Applications.ByClientID(ctx, id); !fault.Is(err, fault.NotFound) {
				t.Errorf("%s is a client: %v", id, err)
			}
		}
		if _, err := h.Applications.Save(ctx, directory.Application{ClientID: p.ID().String(), AllOrganizations: true}); codeOf(err) != "bad_client_id" {
			t.Errorf("a client takes its place: %v", err)
		}
		if all := must(h.Applications.Serving(ctx, h.home.ID))(t); len(all) != 0 {
			t.Errorf("it is told of transfers and events: %+v", all)
		}
		client := must(h.Applications.Save(ctx, directory.Application{ClientID: "demo", AllOrganizations: true}))(t)
		if _, err := h.ServiceProviders.ByApplication(ctx, client.ID); !fault.Is(err, fault.NotFound) {
			t.Errorf("a client is a service provider: %v", err)
		}
		if _, err := h.ServiceProviders.Change(ctx, directory.OrganizationID{}, client.ID, func(*directory.ServiceProvider) error { return nil }); !fault.Is(err, fault.NotFound) {
			t.Errorf("a client is changed as one: %v", err)
		}
		if client.Kind != directory.KindOIDC {
			t.Errorf("kind %q", client.Kind)
		}
	})
}

// TestWall056_WhatARegistrationRefuses: addresses, keys and needs that would make it unsafe or useless. An expired certificate
// is none of them.
func TestWall056_WhatARegistrationRefuses(t *testing.T) {
	t.Parallel()
	type sp = directory.ServiceProvider
	rows := map[string]func(*sp){
		"":                            func(p *sp) { p.Metadata.Keys[0].Certificate = samlKeys().curve },
		"bad_entity_id":               func(p *sp) { p.EntityID = " x" },
		"acs_missing":                 func(p *sp) { p.Metadata.ACS = nil },
		"bad_acs":                     func(p *sp) { p.Metadata.ACS[0].Binding = soap },
		"bad_slo":                     func(p *sp) { p.Metadata.SLO[0].Binding = "x" },
		"bad_saml_key":                func(p *sp) { p.Metadata.Keys[0].Certificate = samlKeys().weak },
		"saml_key_missing":            func(p *sp) { p.Metadata.Keys, p.Settings.RequireSignedRequests = nil, true },
		"saml_encryption_key_missing": func(p *sp) { p.Metadata.Keys[0].Certificate, p.Settings.Encrypt = samlKeys().curve, true },
		"bad_saml_sign":               func(p *sp) { p.Settings.Sign = "nothing" },
		"bad_name_id_format":          func(p *sp) { p.Settings.NameIDFormat = "kerberos" },
		"bad_relay_state":             func(p *sp) { p.Settings.RelayState = strings.Repeat("x", 81) },
		"bad_session_seconds":         func(p *sp) { p.Settings.SessionSeconds = 1 },
		"bad_saml_attribute":          func(p *sp) { p.Settings.Attributes = []directory.SAMLAttribute{{Name: "mail", Source: "password"}} },
		"bad_id":                      func(p *sp) { p.Slug = "Wiki/.." },
	}
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		clock.Advance(3 * 365 * 24 * time.Hour) // past the end of every certificate
		n := 0
		for want, edit := range rows {
			p := registered(directory.OrganizationID{}, fmt.Sprintf("%s/%d", wiki, n))
			n++
			edit(&p)
			if _, err := h.ServiceProviders.Register(ctx, p); codeOf(err) != want {
				t.Errorf("%s: %v", want, err)
			}
		}
		for name, edit := range map[string]func(*sp){
			"two of one index":          func(p *sp) { p.Metadata.ACS = append(p.Metadata.ACS, p.Metadata.ACS[0]) },
			"signed, no key":            func(p *sp) { p.Metadata.Keys[0].Use, p.Metadata.AuthnRequestsSigned = "encryption", true },
			"encrypt to signing":        func(p *sp) { p.Metadata.Keys[0].Use, p.Settings.EncryptNameID = "signing", true },
			"no certificate":            func(p *sp) { p.Metadata.Keys[0].Certificate = []byte("x") },
			"nine keys":                 func(p *sp) { p.Metadata.Keys = slices.Repeat(p.Metadata.Keys, 9) },
			"neither source nor values": func(p *sp) { p.Settings.Attributes = []directory.SAMLAttribute{{Name: "mail"}} },
			"no such owner":             func(p *sp) { p.Application.Organization = directory.OrganizationID{9} },
		} {
			p := registered(directory.OrganizationID{}, wiki)
			edit(&p)
			if _, err := h.ServiceProviders.Register(ctx, p); err == nil || fault.Of(err).Kind == fault.Internal {
				t.Errorf("%s: %v", name, err)
			}
		}
		if all := must(h.ServiceProviders.Everything(ctx))(t); len(all) != 1 {
			t.Errorf("%d were registered", len(all))
		}
	})
}

// TestWall046_ARegistrationHoldsNoScript: what a browser is sent to is https, wherever it stands; http of this machine in
// development alone.
func TestWall046_ARegistrationHoldsNoScript(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		dev := h.In(directory.Installation{Local: true})
		for _, address := range []string{"javascript:alert(1)", "data:text/html,x", "http://sp.example/acs", "https://a:b@sp.example/", "https://sp.example/#x",
			"https://sp.example/\"><script>", "//sp.example/acs", "", "https:///acs", "https://sp.example/a\nb"} {
			for name, put := range map[string]func(*directory.ServiceProvider){
				"acs":          func(p *directory.ServiceProvider) { p.Metadata.ACS[0].Location = address },
				"slo":          func(p *directory.ServiceProvider) { p.Metadata.SLO[0].Location = address },
				"slo response": func(p *directory.ServiceProvider) { p.Metadata.SLO[0].ResponseLocation = address },
				"metadata":     func(p *directory.ServiceProvider) { p.Refresh.URL = address },
			} {
				p := registered(directory.OrganizationID{}, wiki)
				put(&p)
				if _, err := dev.ServiceProviders.Register(ctx, p); codeOf(err) != "bad_saml_address" && (address != "" || name == "acs" || name == "slo") {
					t.Errorf("%s %q: %v", name, address, err)
				}
			}
			for _, p := range must(h.ServiceProviders.Everything(ctx))(t) {
				if err := h.ServiceProviders.Remove(ctx, p.Owner(), p.ID()); err != nil {
					t.Fatal(err)
				}
			}
		}
		p := registered(directory.OrganizationID{}, wiki)
		p.Metadata.ACS[0].Location = "http://localhost:8080/acs"
		if _, err := h.ServiceProviders.Register(ctx, p); codeOf(err) != "bad_saml_address" {
			t.Errorf("http on this machine: %v", err)
		}
		must(dev.ServiceProviders.Register(ctx, p))(t)
	})
}

// TestServiceProviderHistory: each change has its line with before and after, and an event; what is left as it was has none,
// and metadata that was only signed anew is nobody's news.
func TestServiceProviderHistory(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		p := must(h.ServiceProviders.Register(ctx, registered(h.home.ID, wiki)))(t)
		change := func(edit func(*directory.ServiceProvider)) directory.ServiceProvider {
			t.Helper()
			clock.Advance(time.Second)
			return must(h.ServiceProviders.Change(ctx, h.home.ID, p.ID(), func(p *directory.ServiceProvider) error { edit(p); return nil }))(t)
		}
		lines := func() (out []string) {
			t.Helper()
			rows := must(sqldb.All(ctx, db, func(r sqldb.Row) (s [2]string, err error) { return s, r.Scan(&s[0], &s[1]) },
				`select action, detail from audit_entries where object = $1 order by at, id`, p.ID().String()))(t)
			for _, r := range rows {
				out = append(out, r[0]+" "+r[1])
			}
			return out
		}
		if got := change(func(*directory.ServiceProvider) {}); got.Version() != 1 || len(lines()) != 1 {
			t.Errorf("nothing was changed: version %d, %v", got.Version(), lines())
		}
		change(func(p *directory.ServiceProvider) {
			p.Settings.Sign, p.Application.Name = directory.SignBoth, "Encyclopedia"
		})
		got := change(func(p *directory.ServiceProvider) { p.Metadata.ValidUntil = clock.Now().AddDate(0, 0, 9) })
		if !got.Metadata.ValidUntil.Equal(clock.Now().AddDate(0, 0, 9)) {
			t.Errorf("valid until %v", got.Metadata.ValidUntil)
		}
		change(func(p *directory.ServiceProvider) { p.Metadata.Keys[0].Certificate = samlKeys().other })
		change(func(p *directory.ServiceProvider) {
			p.Application.Metadata.SecondFactor = directory.SecondFactorRequired
		})
		all := strings.Join(lines(), "\n")
		for _, want := range []string{"service_provider.created", `"sign":["","both"]`, `"name":["Wiki","Encyclopedia"]`, "service_provider.keys_changed", `"keys":[["any:`, `"second_factor":["","required"]`} {
			if !strings.Contains(all, want) {
				t.Errorf("the history lacks %s:\n%s", want, all)
			}
		}
		if n := len(lines()); n != 5 || strings.Contains(all, "valid_until") {
			t.Errorf("%d lines:\n%s", n, all)
		}
		var events int64
		if err := db.QueryRow(ctx, `select count(*) from events where subject = $1`, p.ID().String()).Scan(&events); err != nil || events != 5 {
			t.Errorf("%d events, %v", events, err)
		}
	})
}

// TestServiceProviderEveryFieldIsCompared: a field that is added stands in the history, or in what is left out on purpose.
func TestServiceProviderEveryFieldIsCompared(t *testing.T) {
	t.Parallel()
	compared := map[string]bool{"Application": true, "EntityID": true, "Slug": true, "Settings": true, "Metadata": true, "Refresh": true}
	for f := range reflect.TypeFor[directory.ServiceProvider]().Fields() {
		if !compared[f.Name] {
			t.Errorf("ServiceProvider.%s is not compared", f.Name)
		}
	}
}

// TestServiceProviderEnds: owners hear once of an end that is near, and again of the next one.
func TestServiceProviderEnds(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		p := must(h.ServiceProviders.Register(ctx, registered(h.home.ID, wiki)))(t)
		near := func() []directory.ServiceProvider {
			t.Helper()
			return must(h.ServiceProviders.Ending(ctx, clock.Now().Add(directory.ServiceProviderNotice), 10))(t)
		}
		if len(near()) != 0 {
			t.Fatal("a year is not near")
		}
		clock.Advance(345 * 24 * time.Hour)
		for _, want := range []int{1, 0} {
			all := near()
			if len(all) != want {
				t.Fatalf("%d end, want %d", len(all), want)
			}
			if want == 1 {
				told := atOnce(30, func(int) error {
					if told, err := h.ServiceProviders.Warn(ctx, all[0]); err != nil || !told {
						return fault.New(fault.Conflict, "told_before", "x")
					}
					return nil
				})
				wantCounts(t, told, map[string]int{"": 1, "told_before": 29})
			}
		}
		must(h.ServiceProviders.Change(ctx, h.home.ID, p.ID(), func(p *directory.ServiceProvider) error {
			p.Metadata.ValidUntil = clock.Now().Add(time.Hour)
			return nil
		}))(t)
		if len(near()) != 1 {
			t.Error("of another end nobody hears")
		}
	})
}
