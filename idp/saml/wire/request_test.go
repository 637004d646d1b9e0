package wire

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestAuthnRequestView reads everything that a request can say.
func TestAuthnRequestView(t *testing.T) {
	t.Parallel()
	doc := authnRequest(`ForceAuthn="true" IsPassive="0" ProviderName="Ex &amp; Co" ProtocolBinding="`+string(BindingArtifact)+`" AssertionConsumerServiceURL="`+acs+`" AttributeConsumingServiceIndex="3" Consent="urn:c" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="a b"`,
		`<samlp:Extensions><x:y xmlns:x="u:x" a="1">z</x:y></samlp:Extensions>
		<saml:Subject><saml:NameID Format="`+FormatEmail+`"> kari@example.no
		</saml:NameID></saml:Subject>
		<samlp:NameIDPolicy Format="`+FormatPersistent+`" SPNameQualifier="q" AllowCreate="1"/>
		<samlp:RequestedAuthnContext Comparison="minimum"><saml:AuthnContextClassRef>`+classPPT+`</saml:AuthnContextClassRef><saml:AuthnContextClassRef>`+acrMFA+`</saml:AuthnContextClassRef></samlp:RequestedAuthnContext>
		<samlp:Scoping ProxyCount="0"><samlp:IDPList><samlp:IDPEntry ProviderID="https://other.example/"/></samlp:IDPList><samlp:RequesterID>urn:r</samlp:RequesterID></samlp:Scoping>`)
	n := func(i int) *int { return &i }
	want := &AuthnRequest{
		Header: Header{ID: "_req1", Issuer: spID, Destination: sso, IssueInstant: now.Add(-2 * time.Second), Binding: BindingPOST, Signed: true},
		ACSURL: acs, ProtocolBinding: BindingArtifact, AttributeService: n(3), ForceAuthn: true, ProviderName: "Ex & Co",
		NameIDPolicy: NameIDPolicy{Format: FormatPersistent, SPNameQualifier: "q", AllowCreate: true},
		Context:      &RequestedAuthnContext{Comparison: Minimum, Classes: []string{classPPT, acrMFA}},
		Subject:      &NameID{Value: "kari@example.no", Format: FormatEmail},
		Scoping:      &Scoping{ProxyCount: n(0), IDPs: []string{"https://other.example/"}, Requesters: []string{"urn:r"}},
	}
	got, err := readRequest(signed(t, doc, "sp"), expect(trust(t, "sp")))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\n got %+v\nwant %+v", err, got, want)
	}
	want.Signed = false
	if got, err = readRequest(doc, expect(Trust{})); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("unsigned: %v\n got %+v\nwant %+v", err, got, want)
	}
	if !got.Scoping.Excludes(idpID) || got.Scoping.Excludes("https://other.example/") || (*Scoping)(nil).Excludes(idpID) || (&Scoping{Requesters: []string{"x"}}).Excludes(idpID) {
		t.Error("scoping")
	}
	got = must(readRequest(authnRequest(`AssertionConsumerServiceIndex="0"`, `<saml:Subject><saml:EncryptedID><xenc:EncryptedData xmlns:xenc="`+nsXenc+`"/></saml:EncryptedID><saml:SubjectConfirmation Method="m"/></saml:Subject>`), expect(Trust{})))(t)
	if got.ACS == nil || *got.ACS != 0 || !reflect.DeepEqual(got.Unsupported, []string{"EncryptedID", "SubjectConfirmation"}) {
		t.Errorf("%+v", got)
	}
}

// TestRequestsThatAreRefused: one thing wrong at a time, named by the code.
func TestRequestsThatAreRefused(t *testing.T) {
	t.Parallel()
	good := authnRequest("", "")
	replace := func(old, with string) string { return strings.Replace(good, old, with, 1) }
	at := func(d time.Duration) string { return replace("2027-03-01T09:29:58Z", instant(now.Add(d))) }
	for name, tc := range map[string]struct{ doc, code string }{
		"version 1.1":          {replace(`"2.0"`, `"1.1"`), codeVersion},
		"no version":           {replace(`Version="2.0"`, ""), codeVersion},
		"no ID":                {replace(`ID="_req1"`, ""), codeMessage},
		"ID begins with digit": {replace(`"_req1"`, `"1req"`), codeMessage},
		"ID with markup":       {replace(`"_req1"`, `"_&quot;&gt;"`), codeMessage},
		"ID with line break":   {replace(`"_req1"`, `"_a&#10;b"`), codeMessage},
		"long ID":              {replace(`"_req1"`, `"_`+strings.Repeat("a", 300)+`"`), codeMessage},
		"no issuer":            {replace("<saml:Issuer>"+spID+"</saml:Issuer>", ""), codeMessage},
		"empty issuer":         {replace(spID, " "), codeMessage},
		"issuer of a person":   {replace("<saml:Issuer>", `<saml:Issuer Format="`+FormatEmail+`">`), codeMessage},
		"no instant":           {replace(`IssueInstant="2027-03-01T09:29:58Z"`, ""), codeTime},
		"instant in words":     {replace("2027-03-01T09:29:58Z", "yesterday"), codeTime},
		"instant without zone": {replace("2027-03-01T09:29:58Z", "2027-03-01T09:29:58"), codeTime},
		"too old":              {at(-8*time.Minute - time.Second), codeTime},
		"from the future":      {at(3*time.Minute + time.Second), codeTime},
		"another address":      {replace(sso, "https://evil.example/sso"), codeDestination},
		"almost the address":   {replace(sso, sso+"/"), codeDestination},
		"signed, no address":   {signed(t, replace(` Destination="`+sso+`"`, ""), "sp"), codeDestination},
		"index and address":    {authnRequest(`AssertionConsumerServiceIndex="1" AssertionConsumerServiceURL="`+acs+`"`, ""), codeMessage},
		"index too large":      {authnRequest(`AssertionConsumerServiceIndex="65536"`, ""), codeMessage},
		"bad boolean":          {authnRequest(`IsPassive="maybe"`, ""), codeMessage},
		"empty NameID":         {authnRequest("", `<saml:Subject><saml:NameID/></saml:Subject>`), codeMessage},
		"bad comparison":       {authnRequest("", `<samlp:RequestedAuthnContext Comparison="most"><saml:AuthnContextClassRef>x</saml:AuthnContextClassRef></samlp:RequestedAuthnContext>`), codeMessage},
		"empty context":        {authnRequest("", `<samlp:RequestedAuthnContext/>`), codeMessage},
		"another message":      {strings.ReplaceAll(good, "AuthnRequest", "AttributeQuery"), codeMessage},
		"a sign-out":           {strings.ReplaceAll(good, "AuthnRequest", "LogoutRequest"), codeMessage},
		"a resolve by POST":    {strings.ReplaceAll(good, "AuthnRequest", "ArtifactResolve"), codeMessage},
		"a response":           {strings.ReplaceAll(good, "AuthnRequest", "Response"), codeMessage},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readRequest(tc.doc, expect(trust(t, "sp")))
			wantCode(t, err, tc.code)
		})
	}
	for _, doc := range []string{at(-8 * time.Minute), at(3 * time.Minute), replace(` Destination="`+sso+`"`, "")} {
		if _, err := readRequest(doc, expect(Trust{})); err != nil {
			t.Error(err)
		}
	}
	form := posted(good)
	form.Add("SAMLRequest", "x")
	_, err := DecodePOST(form)
	wantCode(t, err, codeParameters)
	form = posted(good)
	form.Set("RelayState", strings.Repeat("r", 81))
	if r := must(DecodePOST(form))(t); !r.LongRelayState() || len(r.RelayState) != 81 || r.Signed() {
		t.Error("RelayState")
	}
}

// TestSignOutMessages go both ways by all three bindings, and come back as they were said.
func TestSignOutMessages(t *testing.T) {
	t.Parallel()
	sp := theirs(t, "sp")
	header := Header{Destination: slo, IssueInstant: now}
	request := must(sp.LogoutRequest(LogoutRequest{Header: header, Subject: NameID{Value: "x1", Format: FormatTransient, SPNameQualifier: spID}, SessionIndexes: []string{"_s1", "_s2"}, Reason: ReasonUser, NotOnOrAfter: now.Add(time.Minute)}))(t)
	header.InResponseTo = "_lr9"
	response := must(sp.LogoutResponse(LogoutResponse{Header: header, Status: StatusPartialLogout.Saying("two of three")}))(t)
	e := expect(Trust{Keys: trust(t, "sp").Keys, Required: true})
	for _, binding := range []Binding{BindingRedirect, BindingPOST, BindingSOAP} {
		r := travel(t, request, binding)
		q := must(r.LogoutRequest(e))(t)
		if q.Subject != (NameID{Value: "x1", Format: FormatTransient, SPNameQualifier: spID}) || !reflect.DeepEqual(q.SessionIndexes, []string{"_s1", "_s2"}) || q.Reason != ReasonUser || !q.Signed || q.Binding != binding || q.ID != request.ID || q.NotOnOrAfter != now.Add(time.Minute) {
			t.Errorf("%s: %+v", binding, q)
		}
		late := e
		late.Now = now.Add(4*time.Minute + time.Second)
		_, err := r.LogoutRequest(late)
		wantCode(t, err, codeTime)
		_, err = r.LogoutResponse(e)
		wantCode(t, err, codeMessage)
		a := must(travel(t, response, binding).LogoutResponse(e))(t)
		if a.InResponseTo != "_lr9" || !a.Status.Partial() || a.Status.Succeeded() || a.Status.Message != "two of three" || !a.Signed {
			t.Errorf("%s: %+v", binding, a)
		}
		_, err = travel(t, response, binding).LogoutResponse(expect(Trust{Keys: trust(t, "other").Keys}))
		wantCode(t, err, codeSignature)
	}
	header.InResponseTo = ""
	_, err := travel(t, must(sp.LogoutResponse(LogoutResponse{Header: header, Status: StatusSuccess}))(t), BindingPOST).LogoutResponse(e)
	wantCode(t, err, codeMessage)
	_, err = travel(t, must(sp.LogoutRequest(LogoutRequest{Header: header, Subject: NameID{Value: "x"}, EncryptName: encryptTo(t, EncryptionOptions{})}))(t), BindingPOST).LogoutRequest(e)
	wantCode(t, err, codeMessage)
}

// travel packs a message for a binding and decodes it at the other end.
func travel(t *testing.T, m *Message, binding Binding) *Received {
	t.Helper()
	switch binding {
	case BindingRedirect:
		_, query, _ := strings.Cut(must(m.RedirectURL("relay & state"))(t), "?")
		r := must(DecodeRedirect(query))(t)
		if r.RelayState != "relay & state" {
			t.Error(r.RelayState)
		}
		return r
	case BindingPOST:
		f := must(m.Form("relay & state"))(t)
		return must(DecodePOST(map[string][]string{f.Parameter: {f.Value}, "RelayState": {f.RelayState}}))(t)
	}
	return must(DecodeSOAP(must(m.SOAP())(t)))(t)
}

// TestArtifacts: made, sent, asked for and answered.
func TestArtifacts(t *testing.T) {
	t.Parallel()
	i := ours(t)
	a := must(i.NewArtifact(3))(t)
	if b := must(i.NewArtifact(3))(t); a == b || !i.Issues(a) || (Issuer{EntityID: "x"}).Issues(a) {
		t.Error("artifacts")
	}
	if got := must(ParseArtifact(a.String()))(t); got != a || got.Endpoint != 3 {
		t.Error(got)
	}
	for _, bad := range []string{"", "AAQ=", a.String() + "AAAA", strings.Replace(a.String(), "AAQ", "AAE", 1), a.String()[:59], "%", "AAQA" + strings.Repeat("A", 60)} {
		_, err := ParseArtifact(bad)
		wantCode(t, err, codeMessage)
	}
	resolve := `<e:Envelope xmlns:e="` + nsEnvelope + `" xmlns:saml="` + nsAssertion + `"><e:Header/><e:Body>` + signed(t, `<samlp:ArtifactResolve xmlns:samlp="`+nsProtocol+`" xmlns:saml="`+nsAssertion+`" ID="_ar1" Version="2.0" IssueInstant="2027-03-01T09:29:58Z"><saml:Issuer>`+spID+`</saml:Issuer><samlp:Artifact>`+a.String()+`</samlp:Artifact></samlp:ArtifactResolve>`, "sp") + `</e:Body></e:Envelope>`
	e := expect(Trust{Keys: trust(t, "sp").Keys, Required: true})
	q, err := must(DecodeSOAP([]byte(resolve)))(t).ArtifactResolve(e)
	if err != nil || q.Artifact != a || !q.Signed || q.Issuer != spID {
		t.Errorf("%+v %v", q, err)
	}
	for name, doc := range map[string]string{
		"header that must be understood": strings.Replace(resolve, "<e:Header/>", `<e:Header><x e:mustUnderstand="1" xmlns="u:x"/></e:Header>`, 1),
		"two messages":                   strings.Replace(resolve, "</e:Body>", "<x/></e:Body>", 1),
		"two bodies":                     strings.Replace(resolve, "</e:Body>", "</e:Body><e:Body/>", 1),
		"no body":                        `<e:Envelope xmlns:e="` + nsEnvelope + `"/>`,
		"SOAP 1.2":                       strings.ReplaceAll(resolve, nsEnvelope, "http://www.w3.org/2003/05/soap-envelope"),
		"a request to sign in":           `<e:Envelope xmlns:e="` + nsEnvelope + `"><e:Body>` + authnRequest("", "") + `</e:Body></e:Envelope>`,
	} {
		if _, err := DecodeSOAP([]byte(doc)); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if _, err := DecodeSOAP(SOAPFault("a <b>")); err == nil || !strings.Contains(string(SOAPFault("a <b>")), "a &lt;b&gt;") {
		t.Error("a fault")
	}
	if u := a.URL(acs+"?x=1", "a b"); !strings.HasPrefix(u, acs+"?x=1&SAMLart=AAQAA") || !strings.HasSuffix(u, "&RelayState=a+b") {
		t.Error(u)
	}
}

// TestWhatIsNeverSent: responses by redirect, and what would have to be signed without a key.
func TestWhatIsNeverSent(t *testing.T) {
	t.Parallel()
	m := must(ours(t).Response(signIn()))(t)
	if _, err := m.RedirectURL(""); err != errNoRedirect {
		t.Error(err)
	}
	keyless := Issuer{EntityID: idpID}
	if _, err := keyless.Response(signIn()); err != errNoKey {
		t.Error(err)
	}
	refusal := must(keyless.Refuse(Refusal{Destination: acs, Now: now, Status: StatusAuthnFailed}))(t)
	if _, err := refusal.Form(""); err != errNoKey {
		t.Error(err)
	}
	request := must(keyless.LogoutRequest(LogoutRequest{Header: Header{Destination: acs, IssueInstant: now}, Subject: NameID{Value: "x"}}))(t)
	if _, err := request.RedirectURL(""); err != errNoKey {
		t.Error(err)
	}
}

// TestWall047_RelayStateIsHandedBackAsItCame, whatever is in it, and never grows our memory.
func TestWall047_RelayStateIsHandedBackAsItCame(t *testing.T) {
	t.Parallel()
	m := must(theirs(t, "sp").LogoutRequest(LogoutRequest{Header: Header{Destination: slo, IssueInstant: now}, Subject: NameID{Value: "x"}}))(t)
	for _, relay := range []string{"https://evil.example/", `{"a":"b'c"}`, "a\r\nSet-Cookie: x", `"><script>`, "\u2028å+ %41&SigAlg=x", strings.Repeat("r", 300)} {
		address := must(m.RedirectURL(relay))(t)
		if strings.ContainsAny(address, "\r\n\"<>' ") {
			t.Errorf("%q stands in %s", relay, address)
		}
		_, query, _ := strings.Cut(address, "?")
		r := must(DecodeRedirect(query))(t)
		if r.RelayState != relay || r.LongRelayState() != (len(relay) > 80) {
			t.Errorf("%q became %q", relay, r.RelayState)
		}
		if q, err := r.LogoutRequest(expect(trust(t, "sp"))); err != nil || !q.Signed || q.RelayState != relay {
			t.Error(q, err)
		}
		if f := must(m.Form(relay))(t); f.RelayState != relay {
			t.Error(f.RelayState)
		}
	}
	form := posted(authnRequest("", ""))
	form.Set("RelayState", strings.Repeat("x", 64<<10))
	_, err := DecodePOST(form)
	wantCode(t, err, codeParameters)
}

// TestOurCertificate: what we make for a key signs, verifies, and is bound to it.
func TestOurCertificate(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"idp", "ec"} {
		signer, _ := keyPair(t, name)
		i := ours(t)
		i.EntityID += strings.Repeat("/long", 20)
		der := must(i.SelfSigned(signer, now, now.AddDate(2, 0, 0)))(t)
		i.Key = must(NewSigningKey(signer, der))(t)
		i.EntityID = idpID
		keys := must(VerificationKeys([]Key{must(NewKey(UseSigning, der))(t)}))(t)
		m := must(i.LogoutRequest(LogoutRequest{Header: Header{Destination: slo, IssueInstant: now}, Subject: NameID{Value: "x"}}))(t)
		if _, err := travel(t, m, BindingPOST).LogoutRequest(expect(Trust{Keys: keys, Required: true})); err != nil {
			t.Error(err)
		}
	}
}
