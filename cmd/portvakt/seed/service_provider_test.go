package seed_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portvakt/cmd/portvakt/seed"
	"portvakt/idp/application"
	"portvakt/idp/saml"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

var dev = seed.Options{AllowPlainSecrets: true, CheckApplication: application.Check, CheckTOTP: checkTOTP, CheckHash: checkHash,
	AttributeTemplates: saml.Templates(), ReadMetadata: func(doc []byte, entityID string, signedBy []byte) (string, directory.SAMLMetadata, error) {
		return saml.ReadMetadata(doc, saml.Reading{Now: testenv.Start, EntityID: entityID, SignedBy: signedBy})
	}}

// samlFolder holds a certificate and metadata with it.
func samlFolder(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sp"}, NotBefore: testenv.Start, NotAfter: testenv.Start.AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	metadata := `<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://sp.example/metadata"><md:SPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">` +
		`<md:KeyDescriptor><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>` + base64.StdEncoding.EncodeToString(der) + `</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>` +
		`<md:AssertionConsumerService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://sp.example/acs" index="0"/></md:SPSSODescriptor></md:EntityDescriptor>`
	for name, data := range map[string][]byte{"sp.xml": []byte(metadata), "sp.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})} {
		if err := os.WriteFile(filepath.Join(folder, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// TestServiceProvidersOfAFile: by metadata or by hand, of the installation or of an organization; the same again writes
// nothing, absent keys keep their value, and one that is removed goes.
func TestServiceProvidersOfAFile(t *testing.T) {
	t.Parallel()
	folder := samlFolder(t)
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		p := newPlace(t, db)
		apply := func(text, want string) {
			t.Helper()
			f, problems := seed.Parse(filepath.Join(folder, "seed.yaml"), []byte("organizations: [{slug: nordlys, name: Nordlys}, {slug: fjord, name: Fjord}]\nservice_providers:\n"+text), dev)
			if err := problems.Err(); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if report := p.apply(t, f).String(); !strings.Contains(report, want) {
				t.Errorf("%s: %q, want %q", text, report, want)
			}
		}
		of := func(slug, entity string) directory.ServiceProvider {
			t.Helper()
			owner := directory.OrganizationID{}
			if slug != "" {
				o, err := p.Directory.Organizations.BySlug(ctx, slug)
				if err != nil {
					t.Fatal(err)
				}
				owner = o.ID
			}
			found, err := p.Directory.ServiceProviders.ByEntityID(ctx, owner, entity)
			if err != nil && !fault.Is(err, fault.NotFound) {
				t.Fatal(err)
			}
			return found
		}
		const nothingNew = "everything is as the file says already"
		whole := `  - {entity_id: "https://sp.example/metadata", metadata_file: sp.xml, attributes: {mail: email, groups: groups}, organizations: [nordlys]}` + "\n"
		apply(whole, "installation: 1 service provider made")
		sp := of("", "https://sp.example/metadata")
		if len(sp.Metadata.ACS) != 1 || len(sp.Metadata.Keys) != 1 || len(sp.Settings.Attributes) != 2 || sp.Settings.Attributes[0].Source != "email" || len(sp.Application.Organizations) != 1 {
			t.Errorf("registered %+v", sp)
		}
		apply(whole, nothingNew)
		apply(`  - {metadata_file: sp.xml}`, nothingNew)
		apply(`  - {entity_id: "https://sp.example/metadata", sign: both, encrypt: true, slug: wiki, name: Wiki}`, "1 service provider changed")
		if sp = of("", "https://sp.example/metadata"); sp.Settings.Sign != directory.SignBoth || !sp.Settings.Encrypt || sp.Slug != "wiki" || len(sp.Settings.Attributes) != 2 || len(sp.Metadata.Keys) != 1 {
			t.Errorf("changed to %+v", sp)
		}
		byHand := `  - {entity_id: "https://sp.example/metadata", organization: nordlys, acs: [{url: "https://own.example/acs", index: 3}, {url: "https://own.example/art", binding: artifact, index: 4, default: true}],
     slo: [{url: "https://own.example/slo", binding: soap}], certificates: [sp.pem, {use: encryption, file: sp.pem}], attribute_template: slack,
     attributes: {first_name: none, role: {source: roles, prefix: "x:", values: [], groups: [books]}, tier: {values: [gold]}}, name_id_format: email, idp_initiated: true, relay_state: "/start",
     second_factor: required, require_signed_requests: true, session_seconds: 3600, insecure_sha1: true, metadata_url: none}` + "\n"
		apply(byHand, "organization nordlys: 1 service provider made")
		apply(byHand, nothingNew)
		own := of("nordlys", "https://sp.example/metadata")
		if own.ID() == sp.ID() || own.Metadata.ACS[1].Index != 4 || !own.Metadata.ACS[1].Default || own.Metadata.Keys[1].Use != "encryption" || own.Settings.Template != "slack" ||
			!own.Settings.Attributes[0].Omit || own.Settings.Attributes[1].Groups[0] != "books" || own.Application.Metadata.SecondFactor != directory.SecondFactorRequired || !own.Settings.InsecureSHA1 {
			t.Errorf("by hand %+v", own)
		}
		apply(`  - {entity_id: "https://far.example", metadata_url: "https://far.example/metadata", metadata_signed_by: sp.pem}`, "1 service provider made")
		if far := of("", "https://far.example"); !far.Pending() || far.Refresh.NextAt.IsZero() || len(far.Refresh.SignedBy) == 0 {
			t.Errorf("by address %+v", far)
		}
		if of("fjord", "https://sp.example/metadata").EntityID != "" {
			t.Error("the neighbour has it too")
		}
		apply(`  - {entity_id: "https://sp.example/metadata", removed: true}`, "1 service provider removed")
		apply(`  - {entity_id: "https://sp.example/metadata", removed: true}`, nothingNew)
		if of("", "https://sp.example/metadata").EntityID != "" || of("nordlys", "https://sp.example/metadata").EntityID == "" {
			t.Error("the wrong one was removed")
		}
	})
}

// TestServiceProvidersRefused: what the directory refuses is told where it stands.
func TestServiceProvidersRefused(t *testing.T) {
	t.Parallel()
	folder := samlFolder(t)
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		p := newPlace(t, db)
		for text, want := range map[string]string{
			"  - entity_id: \"https://a.example\"\n    acs: [\"http://a.example/acs\"]\n":                                                  "seed.yaml:3:11: service provider \"https://a.example\": an address of a service provider is a plain https address",
			"  - entity_id: \"https://a.example\"\n    acs: [\"https://a.example/acs\"]\n    encrypt: true\n":                              "seed.yaml:2:5: service provider \"https://a.example\": without an RSA certificate",
			"  - entity_id: \"https://a.example\"\n    acs: [{url: \"https://a.example/acs\", index: 70000}]\n":                            "seed.yaml:3:11: service provider \"https://a.example\": each assertion consumer service",
			"  - {entity_id: \"https://a.example\", acs: [\"https://a.example/acs\"], relay_state: \"" + strings.Repeat("x", 81) + "\"}\n": "a relay state has at most 80 bytes",
		} {
			f, problems := seed.Parse(filepath.Join(folder, "seed.yaml"), []byte("service_providers:\n"+text), dev)
			if err := problems.Err(); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			_, err := seed.Apply(ctx, p.Deps, f)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %s", text, err, want)
			}
		}
	})
}
