package wire

import (
	"encoding/base64"
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
)

// spMetadata is a service provider's metadata with everything in it; more goes into the role, before its end.
func spMetadata(t testing.TB, more string) string {
	t.Helper()
	key := func(use, name, methods string) string {
		return `<md:KeyDescriptor` + use + `><ds:KeyInfo xmlns:ds="` + nsSignature + `"><ds:X509Data><ds:X509Certificate>
` + base64.StdEncoding.EncodeToString(pemOf(t, name+".crt")) + `
</ds:X509Certificate></ds:X509Data></ds:KeyInfo>` + methods + `</md:KeyDescriptor>`
	}
	return `<?xml version="1.0" encoding="UTF-8"?>
<!-- made by hand -->
<md:EntityDescriptor xmlns:md="` + nsMetadata + `" xmlns:saml="` + nsAssertion + `" ID="_md1" entityID="` + spID + `" validUntil="2027-03-08T00:00:00Z" cacheDuration="PT6H">
 <md:Extensions><mdattr:EntityAttributes xmlns:mdattr="` + nsEntityAtt + `"><saml:Attribute Name="http://macedir.org/entity-category" NameFormat="` + AttributeURI + `"><saml:AttributeValue>http://refeds.org/category/research-and-scholarship</saml:AttributeValue></saml:Attribute></mdattr:EntityAttributes></md:Extensions>
 <md:SPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:1.1:protocol ` + nsProtocol + `" AuthnRequestsSigned="1" WantAssertionsSigned="true" validUntil="2027-03-05T00:00:00+00:00">
  <md:Extensions><mdui:UIInfo xmlns:mdui="` + nsUI + `"><mdui:DisplayName xml:lang="nb">Eksempel</mdui:DisplayName><mdui:DisplayName xml:lang="en">Example</mdui:DisplayName></mdui:UIInfo></md:Extensions>
  ` + key(` use="signing"`, "sp", "") + key(` use="encryption"`, "other", `<md:EncryptionMethod Algorithm="`+string(AES128GCM)+`"/>`) + key("", "idp-next", "") + `
  <md:SingleLogoutService Binding="` + string(BindingSOAP) + `" Location="https://sp.example.com/soap"/>
  <md:SingleLogoutService Binding="` + string(BindingRedirect) + `" Location="https://sp.example.com/slo" ResponseLocation="https://sp.example.com/slo/done"/>
  <md:NameIDFormat>` + FormatPersistent + `</md:NameIDFormat>
  <md:AssertionConsumerService Binding="` + string(BindingPOST) + `" Location="` + acs + `" index="1" isDefault="false"/>
  <md:AssertionConsumerService Binding="` + string(BindingArtifact) + `" Location="https://sp.example.com/art" index="2"/>
  <md:AssertionConsumerService Binding="` + string(BindingPOST) + `" Location="` + acs + `/two?x=1" index="7" isDefault="true"/>
  <md:AssertionConsumerService Binding="urn:oasis:names:tc:SAML:2.0:bindings:PAOS" Location="whatever:" index="9"/>
  <md:AttributeConsumingService index="3" isDefault="true"><md:ServiceName xml:lang="en">Svc</md:ServiceName><md:RequestedAttribute Name="mail" NameFormat="` + AttributeBasic + `" isRequired="true"/><md:RequestedAttribute Name="role"><saml:AttributeValue>admin</saml:AttributeValue></md:RequestedAttribute></md:AttributeConsumingService>
` + more + ` </md:SPSSODescriptor>
</md:EntityDescriptor>`
}

func TestServiceProvidersMetadata(t *testing.T) {
	t.Parallel()
	sp := must(ReadServiceProvider([]byte("\uFEFF"+spMetadata(t, "")), MetadataOptions{Now: now}))(t)
	golden(t, "service-provider", must(json.MarshalIndent(sp, "", " "))(t))
	var back ServiceProvider
	if err := json.Unmarshal(must(json.Marshal(sp))(t), &back); err != nil || !reflect.DeepEqual(&back, sp) {
		t.Errorf("JSON does not bring it back: %v\n%+v\n%+v", err, back, sp)
	}
	if sp.ValidUntil != time.Date(2027, 3, 5, 0, 0, 0, 0, time.UTC) || sp.CacheDuration != 6*time.Hour || !sp.Expired(sp.ValidUntil) || sp.Expired(now) {
		t.Error(sp.ValidUntil, sp.CacheDuration)
	}
	if keys := must(VerificationKeys(sp.Keys))(t); len(keys) != 2 {
		t.Errorf("%d keys verify", len(keys))
	}
	e := must(NewEncryption(sp.Keys, EncryptionOptions{}))(t)
	if !e.public.Equal(certificate(t, "other").PublicKey) || e.cipher != AES128GCM {
		t.Error("the wrong key or cipher is chosen")
	}
	if _, err := NewEncryption(registered(t, UseSigning, "sp"), EncryptionOptions{}); err != ErrNoEncryptionKey {
		t.Error("a key for signing encrypts", err)
	}
	if _, err := NewEncryption(registered(t, UseAny, "ec"), EncryptionOptions{}); err != ErrNoEncryptionKey {
		t.Error("a curve encrypts", err)
	}
	silent := registered(t, UseAny, "sp")
	if e := must(NewEncryption(silent, EncryptionOptions{}))(t); e.cipher != AES128GCM {
		t.Error(e.cipher)
	}
	silent[0].Methods = []string{string(InsecureAES256CBC), string(AES256GCM), string(AES128GCM)}
	if e := must(NewEncryption(silent, EncryptionOptions{}))(t); e.cipher != AES256GCM {
		t.Error(e.cipher)
	}
}

// TestWall045_OnlyRegisteredAddresses: where a request is answered is an address of the metadata, byte for byte.
func TestWall045_OnlyRegisteredAddresses(t *testing.T) {
	t.Parallel()
	sp := must(ReadServiceProvider([]byte(spMetadata(t, "")), MetadataOptions{Now: now}))(t)
	n := func(i int) *int { return &i }
	for _, tc := range []struct {
		q    AuthnRequest
		want string
	}{
		{AuthnRequest{}, acs + "/two?x=1"}, {AuthnRequest{ACS: n(1)}, acs}, {AuthnRequest{ACS: n(2)}, "https://sp.example.com/art"}, {AuthnRequest{ACS: n(9)}, ""}, {AuthnRequest{ACS: n(0)}, ""},
		{AuthnRequest{ACSURL: acs}, acs}, {AuthnRequest{ACSURL: acs, ProtocolBinding: BindingPOST}, acs}, {AuthnRequest{ACSURL: acs, ProtocolBinding: BindingArtifact}, ""},
		{AuthnRequest{ProtocolBinding: BindingArtifact}, "https://sp.example.com/art"}, {AuthnRequest{ProtocolBinding: BindingRedirect}, ""},
		{AuthnRequest{ACSURL: acs + "/"}, ""}, {AuthnRequest{ACSURL: acs + "?x"}, ""}, {AuthnRequest{ACSURL: strings.ToUpper(acs)}, ""}, {AuthnRequest{ACSURL: "https://sp.example.com"}, ""},
		{AuthnRequest{ACSURL: "https://sp.example.com/saml/acs/../acs"}, ""}, {AuthnRequest{ACSURL: "https://evil.example/"}, ""}, {AuthnRequest{ACSURL: "whatever:"}, ""},
	} {
		got, ok := sp.Answer(&tc.q)
		if got.Location != tc.want || ok != (tc.want != "") {
			t.Errorf("%+v: %q", tc.q, got.Location)
		}
	}
	sp.ACS = []Endpoint{{Location: "a", Declined: true}, {Location: "b"}, {Location: "c"}}
	if e, _ := sp.DefaultACS(""); e.Location != "b" {
		t.Error("the first that does not deny it is the default", e)
	}
	if e, ok := sp.Logout(BindingPOST, BindingRedirect); !ok || e.Answers() != "https://sp.example.com/slo/done" {
		t.Error(e)
	}
}

// TestWall046_NoScriptAsAddress: addresses that are not plain https are refused with the whole document.
func TestWall046_NoScriptAsAddress(t *testing.T) {
	t.Parallel()
	o := MetadataOptions{Now: now}
	for _, address := range []string{
		"javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "http://sp.example.com/acs", "//sp.example.com/acs", "/acs", "", "https:/x", "https:x", "https://", "https://u:p@sp.example.com/", "https://sp.example.com/#f",
		" https://sp.example.com/", "https://sp.example.com/&quot;&gt;&lt;script&gt;", "https://sp.example.com\\@evil.example/", "http://localhost/acs", "https://sp.example.com/\u00a0x y", "https://" + strings.Repeat("a", 3000) + ".no/",
	} {
		for _, where := range []string{acs + `" index="1"`, "https://sp.example.com/slo\"", "https://sp.example.com/slo/done\"", "https://sp.example.com/soap\""} {
			old, _, _ := strings.Cut(where, `"`)
			if address == "" && strings.HasSuffix(old, "done") {
				continue // an empty ResponseLocation is none
			}
			doc := strings.Replace(spMetadata(t, ""), where, strings.Replace(where, old, address, 1), 1)
			_, err := ReadServiceProvider([]byte(doc), o)
			wantCode(t, err, codeMetadata)
		}
	}
	o.InsecureLocalhost = true
	for address, fine := range map[string]bool{
		"http://localhost:8080/acs": true, "http://127.0.0.1/acs": true, "http://[::1]:1/acs": true, "http://app.localhost/": true,
		"http://localhost.evil.example/": false, "http://127.0.0.1.nip.io/": false, "http://10.0.0.1/": false, "http://evil.example/": false, "ftp://localhost/": false,
	} {
		if err := o.CheckAddress(address); (err == nil) != fine {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// TestWall056_MetadataThatIsRefused: expired, ambiguous, somebody else's, without keys, or simply wrong.
func TestWall056_MetadataThatIsRefused(t *testing.T) {
	t.Parallel()
	good := spMetadata(t, "")
	inner := regexp.MustCompile(`(?s)<md:EntityDescriptor.*`).FindString(good)
	many := func(valid string, entities ...string) string {
		return `<md:EntitiesDescriptor xmlns:md="` + nsMetadata + `"` + valid + `>` + strings.Join(entities, "") + `</md:EntitiesDescriptor>`
	}
	other := strings.NewReplacer(`entityID="`+spID, `entityID="https://two.example/`, `_md1`, `_md2`).Replace(inner)
	replace := func(old, with string) string {
		if !strings.Contains(good, old) {
			t.Fatal(old)
		}
		return strings.Replace(good, old, with, 1)
	}
	for name, tc := range map[string]struct{ doc, code string }{
		"expired entity":       {replace(`validUntil="2027-03-08T00:00:00Z"`, `validUntil="2027-03-01T09:29:59Z"`), codeExpired},
		"expired role":         {replace(`validUntil="2027-03-05T00:00:00+00:00"`, `validUntil="2027-03-01T10:29:59+01:00"`), codeExpired},
		"expired around":       {many(` validUntil="2020-01-01T00:00:00Z"`, inner), codeExpired},
		"bad time":             {replace(`validUntil="2027-03-08T00:00:00Z"`, `validUntil="never"`), codeTime},
		"bad duration":         {replace("PT6H", "6 hours"), codeMetadata},
		"endless duration":     {replace("PT6H", "P9999Y"), codeMetadata},
		"two":                  {many("", inner, other), codeMetadata},
		"none":                 {many(""), codeMetadata},
		"an identity provider": {strings.ReplaceAll(good, "SPSSODescriptor", "IDPSSODescriptor"), codeMetadata},
		"SAML 1.1 only":        {replace(" "+nsProtocol+`"`, `"`), codeMetadata},
		"two roles":            {replace("</md:EntityDescriptor>", regexp.MustCompile(`(?s)<md:SPSSODescriptor.*</md:SPSSODescriptor>`).FindString(good)+"</md:EntityDescriptor>"), codeMetadata},
		"no entity ID":         {replace(`entityID="`+spID+`"`, ""), codeMetadata},
		"no ACS":               {strings.ReplaceAll(good, "AssertionConsumerService", "SingleLogoutService"), codeMetadata},
		"index twice":          {replace(`index="2"`, `index="1"`), codeMetadata},
		"index missing":        {replace(`index="2"`, ``), codeMetadata},
		"index negative":       {replace(`index="2"`, `index="-1"`), codeMessage},
		"bad boolean":          {replace(`AuthnRequestsSigned="1"`, `AuthnRequestsSigned="yes"`), codeMessage},
		"unknown use":          {replace(`use="signing"`, `use="all"`), codeMetadata},
		"weak key":             {replace(base64.StdEncoding.EncodeToString(pemOf(t, "sp.crt")), base64.StdEncoding.EncodeToString(pemOf(t, "weak.crt"))), codeKey},
		"no certificate":       {regexp.MustCompile(`(?s)<ds:X509Data>.*?</ds:X509Data>`).ReplaceAllString(good, ""), codeMetadata},
		"empty certificate":    {regexp.MustCompile(`(?s)<ds:X509Certificate>.*?</ds:X509Certificate>`).ReplaceAllString(good, "<ds:X509Certificate/>"), codeMetadata},
		"no key info":          {regexp.MustCompile(`(?s)<ds:KeyInfo.*?</ds:KeyInfo>`).ReplaceAllString(good, ""), codeMetadata},
		"signs without key":    {strings.ReplaceAll(regexp.MustCompile(`(?s)<md:KeyDescriptor.*</md:KeyDescriptor>`).ReplaceAllString(good, ""), "\n\n", "\n"), codeMetadata},
		"50 MB":                {good + strings.Repeat(" ", 50<<20), codeSize},
		"XXE":                  {`<!DOCTYPE a [<!ENTITY x SYSTEM "http://canary.example/">]>` + good, codeXML},
		"a page":               {"<html><body>Sign in</body></html>", codeMetadata},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ReadServiceProvider([]byte(tc.doc), MetadataOptions{Now: now})
			wantCode(t, err, tc.code)
		})
	}
	o := MetadataOptions{Now: now, EntityID: spID}
	if sp, err := ReadServiceProvider([]byte(many(` validUntil="2027-03-02T00:00:00Z"`, many("", other), inner)), o); err != nil || sp.EntityID != spID || sp.ValidUntil.Day() != 2 {
		t.Error("picked by entity ID:", sp, err)
	}
	_, err := ReadServiceProvider([]byte(many("", inner, strings.ReplaceAll(inner, "_md1", "_md3"))), o)
	wantCode(t, err, codeMetadata)
	_, err = ReadServiceProvider([]byte(good), MetadataOptions{Now: now, EntityID: "https://two.example/"})
	wantCode(t, err, codeMetadata)
}

// TestMetadataSignatures: whoever vouches for a document is asked for; the root or the entity itself may be signed.
func TestMetadataSignatures(t *testing.T) {
	t.Parallel()
	sign := func(doc, id string) string {
		tree := etree.NewDocument()
		if err := tree.ReadFromString(doc); err != nil {
			t.Fatal(err)
		}
		el := tree.FindElement("//[@ID='" + id + "']")
		signature := must(signingKey(t, "other").enveloped(&counting{}, id, must(canonical(el, ""))(t), nil))(t)
		at := regexp.MustCompile(`<[^>]* ID="` + id + `"[^>]*>`).FindStringIndex(doc)
		return doc[:at[1]] + string(signature) + doc[at[1]:]
	}
	good := spMetadata(t, "")
	inner := regexp.MustCompile(`(?s)<md:EntityDescriptor.*`).FindString(good)
	around := `<md:EntitiesDescriptor xmlns:md="` + nsMetadata + `" ID="_all">` + inner + `</md:EntitiesDescriptor>`
	o := MetadataOptions{Now: now, SignedBy: trust(t, "other").Keys}
	for name, doc := range map[string]string{"entity": sign(good, "_md1"), "around": sign(around, "_all"), "entity inside": sign(around, "_md1")} {
		sp, err := ReadServiceProvider([]byte(doc), o)
		if err != nil || !sp.Signed || sp.EntityID != spID {
			t.Error(name, sp, err)
		}
		_, err = ReadServiceProvider([]byte(strings.Replace(doc, acs, acs+"x", 1)), o)
		wantCode(t, err, codeSignature)
		_, err = ReadServiceProvider([]byte(doc), MetadataOptions{Now: now, SignedBy: trust(t, "sp").Keys})
		wantCode(t, err, codeSignature)
		if sp, err := ReadServiceProvider([]byte(doc), MetadataOptions{Now: now}); err != nil || sp.Signed {
			t.Error("without anybody who vouches a signature means nothing:", err)
		}
	}
	_, err := ReadServiceProvider([]byte(good), o)
	wantCode(t, err, codeUnsigned)
}
