package wire

import (
	"encoding/xml"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/crewjam/saml"

	"portvakt/internal/testenv"
)

// judge finds a program of Debian's. Where everything is tested (scripts/test) its absence is a failure, never a silence.
func judge(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err == nil && program == "xmllint" {
		_, err = os.Stat(testenv.OASISSchemas + "/opensaml/saml-schema-protocol-2.0.xsd")
	}
	switch {
	case err == nil:
		return path
	case os.Getenv("CI") != "" || os.Getenv("REQUIRE_POSTGRES") != "":
		t.Fatalf("%s or the schemas are missing: apt-get install xmlsec1 libxml2-utils opensaml-schemas xmltooling-schemas", program)
	}
	t.Skip(program + " is not installed")
	return ""
}

// written are all documents that we make, by name, signed with a key.
func written(t *testing.T, key string) map[string][]byte {
	t.Helper()
	i := ours(t)
	i.Key = signingKey(t, key)
	out := map[string][]byte{"metadata": must(i.Metadata(ownMetadata(t)))(t)}
	for name, build := range messages(t) {
		out[name] = must(must(build(i))(t).XML())(t)
	}
	return out
}

// run hands a document to a program as a file and wants it to be content.
func run(t *testing.T, name string, doc []byte, program string, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "document.xml")
	if err := os.WriteFile(path, doc, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(program, append(args, path)...).CombinedOutput()
	if err != nil {
		t.Errorf("%s: %s %v: %s", name, program, err, out)
	}
	return string(out)
}

// TestXmlsecVerifiesOurSignatures: libxmlsec agrees with every signature that we make, and sees when one letter was changed.
func TestXmlsecVerifiesOurSignatures(t *testing.T) {
	t.Parallel()
	xmlsec := judge(t, "xmlsec1")
	for _, key := range []string{"idp", "ec"} {
		for name, doc := range written(t, key) {
			if key == "ec" && name != "response-both" {
				continue
			}
			root := etree.NewDocument()
			if err := root.ReadFromBytes(doc); err != nil {
				t.Fatal(err)
			}
			for _, signature := range root.FindElements("//Signature") {
				parent := signature.Parent()
				args := []string{"--verify", "--pubkey-cert-pem", filepath.Join("testdata", key+".crt"), "--enabled-reference-uris", "same-doc",
					"--id-attr:ID", parent.NamespaceURI() + ":" + parent.Tag, "--node-xpath", "//*[@ID='" + attr(parent, "ID") + "']/*[local-name()='Signature']"}
				run(t, name+" with "+key, doc, xmlsec, args...)
				bad := strings.Replace(string(doc), idpID, idpID[:len(idpID)-1]+"b", 1)
				if parent.Tag == "Assertion" {
					bad = strings.Replace(string(doc), "<saml:Subject>", "<saml:Subject> ", 1)
				}
				path := filepath.Join(t.TempDir(), "bad.xml")
				if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
					t.Fatal(err)
				}
				if parent == root.Root() || parent.Tag == "Assertion" {
					if err := exec.Command(xmlsec, append(args, path)...).Run(); err == nil {
						t.Errorf("%s: xmlsec1 verifies what was changed", name)
					}
				}
			}
		}
	}
}

// TestXmlsecDecryptsOurEncryption: libxmlsec finds in what we encrypt exactly what we write in clear.
func TestXmlsecDecryptsOurEncryption(t *testing.T) {
	t.Parallel()
	xmlsec := judge(t, "xmlsec1")
	plain := etree.NewDocument()
	for _, cipher := range []Cipher{AES256GCM, AES128GCM, InsecureAES128CBC, InsecureAES256CBC} {
		r := signIn()
		r.Encrypt = encryptTo(t, EncryptionOptions{Cipher: cipher})
		m := must(ours(t).Response(r))(t)
		out := run(t, string(cipher), must(m.XML())(t), xmlsec, "--decrypt", "--privkey-pem", "testdata/sp.key")
		if err := plain.ReadFromString(out); err != nil {
			t.Fatal(cipher, err, out)
		}
		assertion := plain.FindElement("//EncryptedAssertion/Assertion")
		if assertion == nil || attr(assertion, "ID") != m.AssertionID {
			t.Fatalf("%s: no assertion in %s", cipher, out)
		}
		// And the signature inside outlived the encryption.
		if _, err := (Trust{Keys: trust(t, "idp").Keys}).verifyEnveloped(detached(assertion), messageLimits); err != nil {
			t.Error(cipher, err)
		}
	}
	r := signIn()
	r.EncryptName = encryptTo(t, EncryptionOptions{})
	out := run(t, "NameID", must(must(ours(t).Response(r))(t).XML())(t), xmlsec, "--decrypt", "--privkey-pem", "testdata/sp.key")
	if !strings.Contains(out, "ase@example.no&gt;") || strings.Contains(out, "CipherValue") {
		t.Errorf("NameID: %s", out)
	}
}

// TestOASISSchemasHoldOurMessages: every document of ours is valid by the schemas of the standard.
func TestOASISSchemasHoldOurMessages(t *testing.T) {
	t.Parallel()
	judge(t, "xmllint")
	documents := written(t, "idp")
	documents["by SOAP"] = must(must(messages(t)["logout-request"](ours(t)))(t).SOAP())(t)
	testenv.ValidSAML(t, documents)
}

// TestCrewjamServiceProviderTakesOurResponses: a service provider of another house reads our metadata, takes our responses
// in every form, and refuses one that was changed.
func TestCrewjamServiceProviderTakesOurResponses(t *testing.T) {
	was := saml.TimeNow // crewjam's clock is global: this test does not run beside others
	saml.TimeNow = func() time.Time { return now }
	defer func() { saml.TimeNow = was }()
	sp := crewjamSP(t)
	for name, change := range map[string]func(*Response){
		"assertion": func(r *Response) {}, "response": func(r *Response) { r.Sign = SignResponse }, "both": func(r *Response) { r.Sign = SignBoth },
		"gcm": func(r *Response) { r.Encrypt = encryptTo(t, EncryptionOptions{Cipher: AES128GCM}) },
		"cbc": func(r *Response) { r.Encrypt = encryptTo(t, EncryptionOptions{Cipher: InsecureAES128CBC}) },
	} {
		r := signIn()
		change(&r)
		doc := must(must(ours(t).Response(r))(t).XML())(t)
		assertion, err := sp.ParseXMLResponse(doc, []string{"_req1"}, sp.AcsURL)
		if err != nil {
			t.Errorf("%s: %v", name, err.(*saml.InvalidResponseError).PrivateErr)
			continue
		}
		if assertion.Subject.NameID.Value != r.Subject.Value || assertion.AttributeStatements[0].Attributes[0].Values[0].Value != "ase@example.no" {
			t.Errorf("%s: read %+v", name, assertion.Subject.NameID)
		}
		if _, err := sp.ParseXMLResponse([]byte(strings.Replace(string(doc), "_s1", "_s2", 1)), []string{"_req1"}, sp.AcsURL); err == nil && r.Encrypt == nil {
			t.Errorf("%s: crewjam takes what was changed", name)
		}
	}
}

// crewjamSP is crewjam's service provider, made of our metadata.
func crewjamSP(t *testing.T) *saml.ServiceProvider {
	t.Helper()
	var metadata saml.EntityDescriptor
	d := ownMetadata(t)
	if err := xml.Unmarshal(must(ours(t).Metadata(d))(t), &metadata); err != nil {
		t.Fatal(err)
	}
	address := *must(url.Parse(acs))(t)
	key, _ := keyPair(t, "sp")
	return &saml.ServiceProvider{EntityID: spID, AcsURL: address, IDPMetadata: &metadata, Key: key, Certificate: certificate(t, "sp"), SignatureMethod: algRSASHA256}
}

// TestCrewjamRequestsAreRead: requests that another house writes and signs are verified and read, by both bindings.
func TestCrewjamRequestsAreRead(t *testing.T) {
	was := saml.TimeNow
	saml.TimeNow = func() time.Time { return now }
	defer func() { saml.TimeNow = was }()
	sp := crewjamSP(t)
	if got, err := ReadServiceProvider(must(xml.Marshal(sp.Metadata()))(t), MetadataOptions{Now: now}); err != nil || got.EntityID != spID || len(got.Keys) != 2 {
		t.Errorf("crewjam's metadata: %+v %v", got, err)
	}
	sp.AuthnNameIDFormat = saml.PersistentNameIDFormat
	q := must(sp.MakeAuthenticationRequest(sso, saml.HTTPPostBinding, saml.HTTPPostBinding))(t)
	doc := must(writeElement(q.Element()))(t)
	view, err := readRequest(string(doc), expect(Trust{Keys: trust(t, "sp").Keys, Required: true}))
	if err != nil {
		t.Fatal(err)
	}
	if !view.Signed || view.ACSURL != acs || view.NameIDPolicy.Format != FormatPersistent || !view.NameIDPolicy.AllowCreate {
		t.Errorf("%+v", view)
	}
	q = must(sp.MakeAuthenticationRequest(sso, saml.HTTPRedirectBinding, saml.HTTPPostBinding))(t)
	address := must(q.Redirect("some state", sp))(t)
	r := must(DecodeRedirect(address.RawQuery))(t)
	if view, err = r.AuthnRequest(expect(Trust{Keys: trust(t, "sp").Keys, Required: true})); err != nil || !view.Signed || view.RelayState != "some state" {
		t.Errorf("%+v, %v", view, err)
	}
}

func writeElement(el *etree.Element) ([]byte, error) {
	doc := etree.NewDocument()
	doc.SetRoot(el)
	return doc.WriteToBytes()
}
