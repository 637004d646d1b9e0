package wire

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/beevik/etree"
)

var signatureText = regexp.MustCompile(`(?s)<ds:Signature .*</ds:Signature>`)

// TestWall039_SignatureWrapping: the eight known ways to put a forged message beside a signed one (Somorovsky and others,
// 2012), and some more. good is signed; evil is what the attacker wants to be read.
func TestWall039_SignatureWrapping(t *testing.T) {
	t.Parallel()
	plain := authnRequest(`ProviderName="good"`, "")
	good := signed(t, plain, "sp")
	signature := signatureText.FindString(good)
	bare := strings.Replace(good, signature, "", 1)
	e := expect(Trust{Keys: trust(t, "sp").Keys, Required: true})
	if q, err := readRequest(good, e); err != nil || q.ProviderName != "good" || !q.Signed {
		t.Fatal(q, err)
	}
	evilWith := func(id, inner string) string { // forged request that holds something
		doc := strings.NewReplacer(`ProviderName="good"`, `ProviderName="evil"`, `"_req1"`, `"`+id+`"`).Replace(plain)
		return strings.Replace(doc, "</saml:Issuer>", "</saml:Issuer>"+inner, 1)
	}
	inside := func(where, content string) string {
		return strings.Replace(signature, where, where+content, 1)
	}
	object := func(content string) string {
		return strings.Replace(signature, "</ds:Signature>", "<ds:Object>"+content+"</ds:Object></ds:Signature>", 1)
	}
	extensions := func(content string) string { return "<samlp:Extensions>" + content + "</samlp:Extensions>" }
	for name, doc := range map[string]string{
		"XSW1 forged around, good beside the signature":    evilWith("_evil", signature+bare),
		"XSW2 good before the detached signature":          evilWith("_evil", bare+signature),
		"XSW3 good as first child":                         evilWith("_evil", good),
		"XSW4 forged wraps all of the good":                evilWith("_evil", extensions(good)),
		"XSW5 same ID, signature taken over":               evilWith("_req1", signature),
		"XSW6 good inside of the signature":                evilWith("_evil", inside("</ds:SignatureValue>", bare)),
		"XSW7 good in the extensions":                      evilWith("_evil", signature+extensions(bare)),
		"XSW8 good in an object of the signature":          evilWith("_evil", object(bare)),
		"XSW8b the object, with the same ID":               evilWith("_req1", object(bare)),
		"forged in the good one's extensions":              strings.Replace(good, "</ds:Signature>", "</ds:Signature>"+extensions(evilWith("_evil", "")), 1),
		"two signatures":                                   strings.Replace(good, signature, signature+signature, 1),
		"two references":                                   strings.Replace(good, "</ds:Reference>", `</ds:Reference><ds:Reference URI="#_x"><ds:Transforms><ds:Transform Algorithm="`+transformEnveloped+`"/><ds:Transform Algorithm="`+transformExclusive+`"/></ds:Transforms><ds:DigestMethod Algorithm="`+digestSHA256+`"/><ds:DigestValue>AAAA</ds:DigestValue></ds:Reference>`, 1),
		"reference to the document":                        strings.Replace(good, `URI="#_req1"`, `URI=""`, 1),
		"reference to elsewhere":                           strings.Replace(good, `URI="#_req1"`, `URI="#_other"`, 1),
		"two SignedInfo":                                   strings.Replace(good, "<ds:SignatureValue>", regexp.MustCompile(`(?s)<ds:SignedInfo>.*</ds:SignedInfo>`).FindString(good)+"<ds:SignatureValue>", 1),
		"two digest values":                                strings.Replace(good, "</ds:DigestValue>", "</ds:DigestValue><ds:DigestValue>AAAA</ds:DigestValue>", 1),
		"comment in the digest":                            strings.Replace(good, "<ds:DigestValue>", "<ds:DigestValue><!--AAAA-->", 1),
		"changed":                                          strings.Replace(good, `"good"`, `"evil"`, 1),
		"attribute added":                                  strings.Replace(good, "<samlp:AuthnRequest ", `<samlp:AuthnRequest ForceAuthn="true" `, 1),
		"signature of nothing":                             strings.Replace(good, regexp.MustCompile(`<ds:SignatureValue>[^<]*`).FindString(good), "<ds:SignatureValue>", 1),
		"ID taken away":                                    strings.Replace(good, ` ID="_req1"`, "", 1),
		"signature of another message of the same sender":  strings.Replace(strings.Replace(good, `"_req1"`, `"_req2"`, 1), `"good"`, `"evil"`, 1),
		"signature in another namespace":                   strings.ReplaceAll(strings.Replace(good, `"good"`, `"evil"`, 1), `xmlns:ds="`+nsSignature+`"`, `xmlns:ds="u:other"`),
		"signed element inside of a forged SOAP-like root": "<x>" + good + "</x>",
	} {
		q, err := readRequest(doc, e)
		if err == nil {
			t.Errorf("%s: accepted, and %q is read", name, q.ProviderName)
			continue
		}
		wantCode(t, err, codeSignature+"|"+codeXML+"|"+codeMessage+"|"+codeUnsigned)
	}
}

// TestWall043_KeysComeFromTheRegistration: unsigned, signed by somebody else, with somebody else's certificate inside, or for a
// registration that has no key.
func TestWall043_KeysComeFromTheRegistration(t *testing.T) {
	t.Parallel()
	plain := authnRequest("", "")
	required := Trust{Keys: trust(t, "sp").Keys, Required: true}
	_, err := readRequest(plain, expect(required))
	wantCode(t, err, codeUnsigned)
	if q, err := readRequest(plain, expect(trust(t, "sp"))); err != nil || q.Signed {
		t.Errorf("an unsigned request where none is required: %+v %v", q, err)
	}
	_, err = readRequest(signed(t, plain, "other"), expect(required)) // its KeyInfo holds the certificate that fits
	wantCode(t, err, codeSignature)
	_, err = readRequest(signed(t, plain, "other"), expect(trust(t, "sp"))) // though none is required
	wantCode(t, err, codeSignature)
	_, err = readRequest(signed(t, plain, "sp"), expect(Trust{}))
	wantCode(t, err, codeKey)
	_, err = readRequest(signed(t, plain, "sp"), expect(Trust{Required: true}))
	wantCode(t, err, codeKey)

	keys := must(VerificationKeys(registered(t, UseEncryption, "sp")))(t)
	if len(keys) != 0 {
		t.Error("a key for encryption verifies")
	}
	for _, order := range [][]string{{"other", "sp"}, {"sp", "other"}, {"ec", "sp"}} { // rollover
		if _, err := readRequest(signed(t, plain, "sp"), expect(trust(t, order...))); err != nil {
			t.Error(order, err)
		}
	}
	if _, err := readRequest(signed(t, plain, "ec"), expect(trust(t, "ec"))); err != nil {
		t.Error(err)
	}
	_, err = NewKey(UseSigning, nil)
	wantCode(t, err, codeKey)
}

// TestWall044_AlgorithmsOutsideTheListAreRefused, in messages and in queries.
func TestWall044_AlgorithmsOutsideTheListAreRefused(t *testing.T) {
	t.Parallel()
	good := signed(t, authnRequest("", ""), "sp")
	for _, name := range []string{
		algRSASHA1, nsSignature + "dsa-sha1", nsSignature + "hmac-sha1", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256", "http://www.w3.org/2001/04/xmldsig-more#rsa-md5",
		"http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1", "none", "",
	} {
		_, err := readRequest(strings.Replace(good, algRSASHA256, name, 1), expect(trust(t, "sp")))
		wantCode(t, err, codeAlgorithm)
		r := must(DecodeRedirect("SAMLRequest=" + deflated(t, []byte(authnRequest("", ""))) + "&SigAlg=" + url.QueryEscape(name) + "&Signature=AAAA"))(t)
		_, err = r.AuthnRequest(expect(trust(t, "sp")))
		wantCode(t, err, codeAlgorithm)
	}
	for _, digest := range []string{digestSHA1, "http://www.w3.org/2001/04/xmldsig-more#md5", ""} {
		_, err := readRequest(strings.Replace(good, digestSHA256, digest, 1), expect(trust(t, "sp")))
		wantCode(t, err, codeAlgorithm)
	}
	// A real SHA-1 signature counts by the option alone.
	old := sha1Signed(t, authnRequest("", ""))
	_, err := readRequest(old, expect(trust(t, "sp")))
	wantCode(t, err, codeAlgorithm)
	if q, err := readRequest(old, expect(Trust{Keys: trust(t, "sp").Keys, InsecureSHA1: true})); err != nil || !q.Signed {
		t.Error(err)
	}
	// An RSA signature under a name of ECDSA, and the other way round.
	_, err = readRequest(strings.Replace(good, algRSASHA256, algECDSASHA256, 1), expect(trust(t, "sp", "ec")))
	wantCode(t, err, codeSignature)
}

// sha1Signed is a message with a signature of RSA-SHA1.
func sha1Signed(t *testing.T, doc string) string {
	t.Helper()
	key, _ := keyPair(t, "sp")
	k := *signingKey(t, "sp")
	k.hash = crypto.SHA1
	k.before = strings.Replace(k.before, algRSASHA256, algRSASHA1, 1)
	k.between = strings.Replace(k.between, digestSHA256, digestSHA1, 1)
	k.signer = key.(*rsa.PrivateKey)
	tree := etree.NewDocument()
	if err := tree.ReadFromString(doc); err != nil {
		t.Fatal(err)
	}
	signature := must(k.enveloped(rand.Reader, "_req1", must(canonical(tree.Root(), ""))(t), nil))(t)
	return strings.Replace(doc, "</saml:Issuer>", "</saml:Issuer>"+string(signature), 1)
}

// TestWall044_TransformsOutsideTheListAreRefused: whatever could make the digest cover something else than what is read.
func TestWall044_TransformsOutsideTheListAreRefused(t *testing.T) {
	t.Parallel()
	good := signed(t, authnRequest("", ""), "sp")
	exclusive := `<ds:Transform Algorithm="` + transformExclusive + `"></ds:Transform>`
	enveloped := `<ds:Transform Algorithm="` + transformEnveloped + `"></ds:Transform>`
	for name, doc := range map[string]string{
		"xpath":                strings.Replace(good, exclusive, `<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><ds:XPath>false</ds:XPath></ds:Transform>`, 1),
		"xslt":                 strings.Replace(good, exclusive, exclusive+`<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"/>`, 1),
		"base64":               strings.Replace(good, exclusive, `<ds:Transform Algorithm="`+nsSignature+`base64"/>`, 1),
		"inclusive":            strings.Replace(good, exclusive, `<ds:Transform Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"/>`, 1),
		"with comments":        strings.Replace(good, exclusive, `<ds:Transform Algorithm="`+transformExclusive+`WithComments"/>`, 1),
		"none":                 strings.Replace(strings.Replace(good, exclusive, "", 1), enveloped, "", 1),
		"not enveloped":        strings.Replace(good, enveloped, "", 1),
		"three":                strings.Replace(good, exclusive, exclusive+exclusive, 1),
		"order":                strings.Replace(good, enveloped+exclusive, exclusive+enveloped, 1),
		"canonicalization":     strings.Replace(good, `<ds:CanonicalizationMethod Algorithm="`+transformExclusive, `<ds:CanonicalizationMethod Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315`, 1),
		"output length":        strings.Replace(good, `rsa-sha256"></ds:SignatureMethod>`, `rsa-sha256"><ds:HMACOutputLength>0</ds:HMACOutputLength></ds:SignatureMethod>`, 1),
		"stranger in c14n":     strings.Replace(good, exclusive, `<ds:Transform Algorithm="`+transformExclusive+`"><x:InclusiveNamespaces xmlns:x="u:x" PrefixList="a"/></ds:Transform>`, 1),
		"element in enveloped": strings.Replace(good, enveloped, `<ds:Transform Algorithm="`+transformEnveloped+`"><ds:XPath>x</ds:XPath></ds:Transform>`, 1),
	} {
		if doc == good {
			t.Fatal(name, "changes nothing")
		}
		_, err := readRequest(doc, expect(trust(t, "sp")))
		wantCode(t, err, codeSignature)
	}
}

// TestWall044_WeakKeys: RSA of 1024 bits verifies nothing, encrypts nothing, signs nothing.
func TestWall044_WeakKeys(t *testing.T) {
	t.Parallel()
	_, err := NewKey(UseSigning, pemOf(t, "weak.crt"))
	wantCode(t, err, codeKey)
	stored := []Key{{Certificate: pemOf(t, "weak.crt")}} // past NewKey, from somewhere
	_, err = VerificationKeys(stored)
	wantCode(t, err, codeKey)
	_, err = NewEncryption(stored, EncryptionOptions{})
	wantCode(t, err, codeKey)
	if _, err := NewSigningKey(keyPair(t, "weak")); err == nil {
		t.Error("a weak key signs")
	}
	signer, _ := keyPair(t, "idp")
	if _, err := NewSigningKey(signer, pemOf(t, "other.crt")); err == nil {
		t.Error("a certificate of another key is taken")
	}
}

// TestRedirectSignatures: over the raw octets, whatever way the sender encodes; nothing added, taken away or exchanged.
func TestRedirectSignatures(t *testing.T) {
	t.Parallel()
	key, _ := keyPair(t, "sp")
	sign := func(octets string) string {
		value := must(rsa.SignPKCS1v15(nil, key.(*rsa.PrivateKey), crypto.SHA256, sum(crypto.SHA256, []byte(octets))))(t)
		return octets + "&Signature=" + url.QueryEscape(base64.StdEncoding.EncodeToString(value))
	}
	message := "SAMLRequest=" + deflated(t, []byte(authnRequest("", "")))
	algorithm := "&SigAlg=" + url.QueryEscape(algRSASHA256)
	e := expect(Trust{Keys: trust(t, "sp").Keys, Required: true})
	lower := regexp.MustCompile(`%[0-9A-F]{2}`).ReplaceAllStringFunc(message+algorithm, strings.ToLower)
	good := sign(message + "&RelayState=a%2Fb+c%20d" + algorithm)
	for name, query := range map[string]string{
		"plain": sign(message + algorithm), "lower case": sign(lower), "relay": good, "empty relay": sign(message + "&RelayState=" + algorithm), "other parameters": "x=1&" + good + "&y=2",
	} {
		r, err := DecodeRedirect(query)
		if err != nil {
			t.Error(name, err)
			continue
		}
		if q, err := r.AuthnRequest(e); err != nil || !q.Signed || name == "relay" && q.RelayState != "a/b c d" {
			t.Error(name, q, err)
		}
	}
	other := "SAMLRequest=" + deflated(t, []byte(authnRequest(`ForceAuthn="1"`, "")))
	for name, query := range map[string]string{
		"no signature": message + algorithm, "no algorithm": strings.Replace(good, algorithm, "", 1), "message twice": good + "&" + message, "relay twice": good + "&RelayState=x",
		"signature twice": good + "&Signature=AAAA", "name encoded": strings.Replace(good, "RelayState", "Relay%53tate", 1), "request and response": good + "&SAMLResponse=AAAA",
		"relay exchanged": strings.Replace(good, "a%2Fb", "a%2Fc", 1), "relay encoded anew": strings.Replace(good, "+c", "%20c", 1), "relay taken": strings.Replace(good, "&RelayState=a%2Fb+c%20d", "", 1),
		"message exchanged": strings.Replace(good, message, other, 1), "other encoding": good + "&SAMLEncoding=urn:x", "empty message": "SAMLRequest=&RelayState=x", "nothing": "", "not base64": "SAMLRequest=%00",
		"not deflated": "SAMLRequest=QUJD", "signature inside too": "SAMLRequest=" + deflated(t, []byte(signed(t, authnRequest("", ""), "sp"))), "broken escape": "SAMLRequest=%zz",
		"response as request": "SAMLRequest=" + deflated(t, []byte(`<samlp:LogoutResponse xmlns:samlp="`+nsProtocol+`"/>`)), "empty signature": message + algorithm + "&Signature=",
		"long relay": "SAMLRequest=x&RelayState=" + strings.Repeat("x", 64<<10),
	} {
		r, err := DecodeRedirect(query)
		if err == nil {
			_, err = r.AuthnRequest(e)
		}
		if err == nil {
			t.Errorf("%s is accepted", name)
		} else {
			wantCode(t, err, codeSignature+"|"+codeParameters+"|"+codeEncoding+"|"+codeMessage)
		}
	}
}
