package wire

import (
	"crypto/rand"
	"strings"
	"testing"

	"github.com/beevik/etree"
)

// oddlySigned is a message whose signature is good, made with the right key, and of an odd form: change rewrites what
// stands before the reference's ID and after it.
func oddlySigned(t *testing.T, change func(k *SigningKey)) string {
	t.Helper()
	doc := authnRequest("", "")
	k := *signingKey(t, "sp")
	change(&k)
	tree := etree.NewDocument()
	if err := tree.ReadFromString(doc); err != nil {
		t.Fatal(err)
	}
	signature := must(k.enveloped(rand.Reader, "_req1", must(canonical(tree.Root(), ""))(t), nil))(t)
	return strings.Replace(doc, "</saml:Issuer>", "</saml:Issuer>"+string(signature), 1)
}

// TestWall044_OddFormsAreRefusedThoughTheKeyIsRight: the holder of the key may not sign in another form either, since a
// signature made elsewhere for something else could be carried here.
func TestWall044_OddFormsAreRefusedThoughTheKeyIsRight(t *testing.T) {
	t.Parallel()
	if _, err := readRequest(oddlySigned(t, func(*SigningKey) {}), expect(trust(t, "sp"))); err != nil {
		t.Fatal(err)
	}
	inclusive := func(k *SigningKey) { // libraries of Shibboleth's family write this
		k.between = strings.Replace(k.between, `exc-c14n#"></ds:Transform>`, `exc-c14n#"><ec:InclusiveNamespaces xmlns:ec="`+transformExclusive+`" PrefixList="xs"></ec:InclusiveNamespaces></ds:Transform>`, 1)
	}
	if q, err := readRequest(oddlySigned(t, inclusive), expect(trust(t, "sp"))); err != nil || !q.Signed {
		t.Error(err)
	}
	transform := func(name string) string { return `<ds:Transform Algorithm="` + name + `"></ds:Transform>` }
	both := transform(transformEnveloped) + transform(transformExclusive)
	between := func(old, with string) func(*SigningKey) {
		return func(k *SigningKey) { k.between = strings.Replace(k.between, old, with, 1) }
	}
	before := func(old, with string) func(*SigningKey) {
		return func(k *SigningKey) { k.before = strings.Replace(k.before, old, with, 1) }
	}
	for name, change := range map[string]func(*SigningKey){
		"another ID":       before(`URI="#`, `URI="#x`),
		"the document":     before(`URI="#`, `URI="" Type="`),
		"no URI":           before(`URI="#`, `Type="`),
		"by XPointer":      before(`URI="#`, `URI="#xpointer(/)" Type="`),
		"order":            between(both, transform(transformExclusive)+transform(transformEnveloped)),
		"twice":            between(both, both+transform(transformExclusive)),
		"only enveloped":   between(both, transform(transformEnveloped)),
		"only exclusive":   between(both, transform(transformExclusive)),
		"with comments":    between(transformExclusive, transformExclusive+"WithComments"),
		"inclusive":        between(transformExclusive, "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"),
		"xpath":            between(transformEnveloped, "http://www.w3.org/TR/1999/REC-xpath-19991116"),
		"canonicalization": before(transformExclusive, "http://www.w3.org/2006/12/xml-c14n11"),
		"two references":   before(`<ds:Reference URI="#`, `<ds:Reference URI="#_y"></ds:Reference><ds:Reference URI="#`),
		"output length":    before(`rsa-sha256">`, `rsa-sha256"><ds:HMACOutputLength>8</ds:HMACOutputLength>`),
	} {
		_, err := readRequest(oddlySigned(t, change), expect(trust(t, "sp")))
		if err == nil {
			t.Error(name)
			continue
		}
		wantCode(t, err, codeSignature)
	}
}

// TestWall039_NothingHidesInAMessage: second signatures and messages inside of one, signed as a whole.
func TestWall039_NothingHidesInAMessage(t *testing.T) {
	t.Parallel()
	for name, inner := range map[string]string{
		"a signature in the policy":      `<samlp:NameIDPolicy><ds:Signature xmlns:ds="` + nsSignature + `"/></samlp:NameIDPolicy>`,
		"a signature in the extensions":  `<samlp:Extensions><x:y xmlns:x="u:x"><ds:Signature xmlns:ds="` + nsSignature + `"/></x:y></samlp:Extensions>`,
		"a request in the extensions":    `<samlp:Extensions><samlp:AuthnRequest/></samlp:Extensions>`,
		"a policy in another namespace":  `<saml:NameIDPolicy/><samlp:NameIDPolicy/>`,
		"a subject in another namespace": `<samlp:Subject/><saml:Subject/>`,
	} {
		for _, doc := range []string{authnRequest("", inner), signed(t, authnRequest("", inner), "sp")} {
			_, err := readRequest(doc, expect(trust(t, "sp")))
			if err == nil {
				t.Error(name)
				continue
			}
			wantCode(t, err, codeSignature+"|"+codeMessage)
		}
	}
}
