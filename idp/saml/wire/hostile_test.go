package wire

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"fmt"
	"math"
	"net/url"
	"runtime"
	"strings"
	"testing"
)

// deflated packs a document as the redirect binding does.
func deflated(t testing.TB, doc []byte) string {
	t.Helper()
	var b bytes.Buffer
	w := must(flate.NewWriter(&b, flate.BestCompression))(t)
	if _, err := w.Write(doc); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return url.QueryEscape(base64.StdEncoding.EncodeToString(b.Bytes()))
}

// bomb deflates to a gigabyte.
func bomb(t testing.TB) string {
	t.Helper()
	var b bytes.Buffer
	w := must(flate.NewWriter(&b, flate.BestCompression))(t)
	zeros := make([]byte, 1<<20)
	for range 16 { // the rest would only make the test slow: the limit is hit long before
		if _, err := w.Write(zeros); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	return url.QueryEscape(base64.StdEncoding.EncodeToString(b.Bytes()))
}

// allocated runs f a few times and tells how many octets it took at the least.
func allocated(f func()) uint64 {
	least := uint64(math.MaxUint64)
	for range 5 { // the race detector throws away what is pooled, now and then
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		least = min(least, after.TotalAlloc-before.TotalAlloc)
	}
	return least
}

// TestWall049_BombsAreRefusedInLittleMemory: what inflates without end, and what is too large before it is decoded.
// (Not parallel: it counts the memory of the process.)
func TestWall049_BombsAreRefusedInLittleMemory(t *testing.T) {
	query := "SAMLRequest=" + bomb(t)
	var err error
	if n := allocated(func() { _, err = DecodeRedirect(query) }); n > 4<<20 {
		t.Errorf("a bomb of %d octets took %d", len(query), n)
	}
	wantCode(t, err, codeSize)

	form := url.Values{"SAMLRequest": {strings.Repeat("A", 50<<20)}}
	if n := allocated(func() { _, err = DecodePOST(form) }); n > 64<<10 {
		t.Errorf("50 MB of base64 took %d", n)
	}
	wantCode(t, err, codeSize)
	_, err = DecodeRedirect("SAMLRequest=" + strings.Repeat("A", maxQuery))
	wantCode(t, err, codeSize)
	body := bytes.Repeat([]byte("<a>"), 20<<20)
	if n := allocated(func() { _, err = DecodeSOAP(body) }); n > 64<<10 {
		t.Errorf("60 MB of SOAP took %d", n)
	}
	wantCode(t, err, codeSize)
}

// hostile are documents that are refused before anything is built of them.
func hostile() map[string]string {
	root := `<samlp:AuthnRequest xmlns:samlp="` + nsProtocol + `" ID="_a" `
	many := func(n int, f func(int) string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(f(i))
		}
		return b.String()[:min(b.Len(), 200<<10)]
	}
	return map[string]string{
		"external entity":  `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>` + root + `>&x;</samlp:AuthnRequest>`,
		"remote type":      `<!DOCTYPE a SYSTEM "http://canary.example/x.dtd">` + root + `/>`,
		"billion laughs":   `<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>` + root + `>&b;</samlp:AuthnRequest>`,
		"depth":            many(50000, func(int) string { return "<a>" }),
		"elements":         root + ">" + many(20000, func(int) string { return "<a></a>" }),
		"empty elements":   root + ">" + many(20000, func(int) string { return "<a/>" }),
		"attributes":       root + many(20000, func(i int) string { return fmt.Sprintf(` a%d=""`, i) }) + "/>",
		"many attributes":  root + ">" + many(5000, func(i int) string { return `<a b="" c="" d="" e="" f=""/>` }),
		"forty attributes": root + many(40, func(i int) string { return fmt.Sprintf(` a%d=""`, i) }) + "/>",
		"namespaces":       root + many(20000, func(i int) string { return fmt.Sprintf(` xmlns:a%d="u:"`, i) }) + "/>",
		"deep namespaces":  root + ">" + many(50, func(i int) string { return fmt.Sprintf(`<a xmlns:b%d="u:">`, i) }),
		"no end of quote":  root + `a="` + strings.Repeat("x", 200<<10),
		"no end of tag":    root + strings.Repeat(" ", 200<<10),
		"comment":          root + `><!-- c --></samlp:AuthnRequest>`,
		"cdata":            root + `><![CDATA[x]]></samlp:AuthnRequest>`,
		"instruction":      root + `><?php echo 1 ?></samlp:AuthnRequest>`,
		"other encoding":   `<?xml version="1.0" encoding="UTF-16"?>` + root + `/>`,
		"not UTF-8":        root + ">\xff\xfe</samlp:AuthnRequest>",
		"a zero":           root + ">\x00</samlp:AuthnRequest>",
		"late declaration": ` <?xml version="1.0"?>` + root + `/>`,
	}
}

// TestWall050_NothingIsBuiltOfAHostileDocument: document types, entities and documents that are too deep or too many are
// refused by a scan that takes next to no memory.
func TestWall050_NothingIsBuiltOfAHostileDocument(t *testing.T) {
	for name, doc := range hostile() {
		form, octets := posted(doc), []byte(doc)
		_, err := DecodePOST(form)
		wantCode(t, err, codeXML+"|"+codeEncoding)
		if n := allocated(func() { _, err = messageLimits.scan(octets) }); n > 8<<10 {
			t.Errorf("%s took %d octets before it was refused", name, n)
		}
		if err == nil {
			t.Errorf("%s: the scan lets it pass", name)
		}
		_, err = ReadServiceProvider(octets, MetadataOptions{Now: now})
		wantCode(t, err, codeXML+"|"+codeEncoding+"|"+codeMetadata)
	}
}

// TestWall040_ParserDifferentials: what some parsers read in one way and others in another is refused.
func TestWall040_ParserDifferentials(t *testing.T) {
	t.Parallel()
	root := `<samlp:AuthnRequest xmlns:samlp="` + nsProtocol + `" xmlns:saml="` + nsAssertion + `" ID="_req1" Version="2.0" IssueInstant="2027-03-01T09:29:58Z"`
	issuer := `<saml:Issuer>` + spID + `</saml:Issuer>`
	end := `</samlp:AuthnRequest>`
	if _, err := readRequest(root+">"+issuer+end, expect(Trust{})); err != nil {
		t.Fatal(err)
	}
	for name, doc := range map[string]string{
		"colon first":            root + ` :attr="x">` + issuer + end,
		"colon last":             root + `>` + issuer + `<x: />` + end,
		"three parts":            root + ` a:b:c="x">` + issuer + end,
		"undeclared prefix":      root + `>` + issuer + `<x:y/>` + end,
		"undeclared attribute":   root + ` x:y="">` + issuer + end,
		"attribute twice":        root + ` ID="_other">` + issuer + end,
		"attribute twice, space": root + ` xmlns:a="u:x" xmlns:b="u:x" a:k="1" b:k="2">` + issuer + end,
		"prefix twice":           root + ` xmlns:a="u:x" xmlns:a="u:y">` + issuer + end,
		"undeclared to nothing":  root + ` xmlns:a="">` + issuer + end,
		"xml redeclared":         root + ` xmlns:xml="u:x">` + issuer + end,
		"xmlns redeclared":       root + ` xmlns:xmlns="u:x">` + issuer + end,
		"xml by another name":    root + ` xmlns:x="` + nsXML + `">` + issuer + end,
		"two roots":              root + `>` + issuer + end + root + `>` + issuer + end,
		"text before":            `x` + root + `>` + issuer + end,
		"text after":             root + `>` + issuer + end + `x`,
		"wrong end":              root + `>` + issuer + `</samlp:LogoutRequest>`,
		"end of another prefix":  root + ` xmlns:p="` + nsProtocol + `">` + issuer + `</p:AuthnRequest>`,
		"no end":                 root + `>` + issuer,
		"unknown entity":         root + `>` + issuer + `&nbsp;` + end,
		"nothing":                "",
		"only text":              "hello",
		"foreign ID attribute":   root + ` xmlns:e="u:e" e:ID="_x">` + issuer + end,
		"foreign element":        root + `>` + issuer + `<e:NameIDPolicy xmlns:e="u:e" Format="x"/>` + end,
		"long name":              root + `>` + issuer + `<samlp:` + strings.Repeat("a", 129) + `/>` + end,
		"long attribute":         root + ` ` + strings.Repeat("a", 129) + `="">` + issuer + end,
		"policy twice":           root + `>` + issuer + `<samlp:NameIDPolicy/><samlp:NameIDPolicy/>` + end,
		"issuer twice":           root + `>` + issuer + issuer + end,
		"issuer with element":    root + `><saml:Issuer>a<saml:b/>b</saml:Issuer>` + end,
		"other namespace":        strings.Replace(root, nsProtocol, "urn:oasis:names:tc:SAML:1.0:protocol", 1) + ">" + issuer + end,
		"same ID twice":          root + `>` + issuer + `<samlp:Extensions><e:x xmlns:e="u:e" ID="_req1"/></samlp:Extensions>` + end,
	} {
		_, err := readRequest(doc, expect(Trust{}))
		if err == nil {
			t.Errorf("%s is accepted", name)
			continue
		}
		wantCode(t, err, codeXML+"|"+codeMessage+"|"+codeParameters)
	}
}

// TestWall041_CommentsNeverSplitAName: a name with a comment in it is refused in messages, and read whole in metadata; and a
// canonical form that does not exist is an error.
func TestWall041_CommentsNeverSplitAName(t *testing.T) {
	t.Parallel()
	doc := authnRequest("", `<saml:Subject><saml:NameID>admin@example.no<!-- -->.evil.example</saml:NameID></saml:Subject>`)
	_, err := readRequest(doc, expect(Trust{}))
	wantCode(t, err, codeXML)
	_, err = readRequest(strings.Replace(authnRequest("", ""), spID, spID+"<!-- x -->", 1), expect(Trust{}))
	wantCode(t, err, codeXML)

	md := strings.Replace(spMetadata(t, ""), `<md:NameIDFormat>`, `<md:NameIDFormat>urn:<!-- split -->`, 1)
	sp := must(ReadServiceProvider([]byte(md), MetadataOptions{Now: now}))(t)
	if len(sp.NameIDFormats) != 1 || sp.NameIDFormats[0] != "urn:"+FormatPersistent {
		t.Errorf("read %q", sp.NameIDFormats)
	}
	for name, doc := range map[string]string{
		"relative namespace":           authnRequest(`xmlns:r="relative/path"`, ""),
		"relative namespace, unsigned": strings.Replace(signed(t, authnRequest("", ""), "sp"), `Version="2.0"`, `Version="2.0" xmlns:r="x"`, 1),
	} {
		_, err := readRequest(doc, expect(trust(t, "sp")))
		if err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
