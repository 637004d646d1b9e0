package wire

import (
	"bytes"
	"encoding/xml"
	"io"
	"strings"

	"github.com/beevik/etree"
	validator "github.com/mattermost/xml-roundtrip-validator"
)

// parse builds the tree of a document that keeps the limits, and checks what encoding/xml lets pass.
func (l limits) parse(doc []byte) (*etree.Element, error) {
	doc, err := l.scan(doc)
	if err != nil {
		return nil, err
	}
	if err := roundTrips(doc); err != nil {
		return nil, refuse(codeXML, "The document is not well-formed").Because(err)
	}
	tree := etree.NewDocument()
	tree.ReadSettings = etree.ReadSettings{PreserveDuplicateAttrs: true, MaxDepth: maxDepth + 1}
	if err := tree.ReadFromBytes(doc); err != nil {
		return nil, refuse(codeXML, "The document is not well-formed").Because(err)
	}
	var root *etree.Element
	for _, token := range tree.Child {
		switch token := token.(type) {
		case *etree.Element:
			if root != nil {
				return nil, refuse(codeXML, "The document has two roots")
			}
			root = token
		case *etree.CharData:
			if strings.Trim(token.Data, " \t\r\n") != "" {
				return nil, refuse(codeXML, "The document has text outside its root")
			}
		}
	}
	if root == nil {
		return nil, refuse(codeXML, "The document is empty")
	}
	w := walker{ids: map[string]bool{}}
	return root, w.walk(root)
}

// roundTrips is validator.Validate without its reader, which takes memory for each octet: what encoding/xml reads and would
// write otherwise is refused.
func roundTrips(doc []byte) error {
	d := xml.NewDecoder(bytes.NewReader(doc)) // reads no further than the token
	d.Strict = false
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	for {
		token, err := d.RawToken()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = validator.CheckToken(token)
		}
		if err != nil {
			return err
		}
	}
}

// walker checks names, namespaces and identifiers of a whole tree.
type walker struct {
	scope []struct{ prefix, uri string }
	ids   map[string]bool
}

// walk refuses what makes two parsers see two documents: names with colons, undeclared prefixes, attributes twice, odd
// declarations, the same ID twice.
//
// Invariant: an ID stands for one element (TestWall039_SignatureWrapping).
func (w *walker) walk(el *etree.Element) error {
	before := len(w.scope)
	for _, a := range el.Attr {
		if err := w.declare(a, before); err != nil {
			return err
		}
	}
	if _, ok := w.lookup(el.Space); !plainName(el.Tag) || el.Space == "xmlns" || !ok && el.Space != "" {
		return refuse(codeXML, "An element has no proper name or namespace")
	}
	for i, a := range el.Attr {
		if declares(a) {
			continue
		}
		if err := w.attribute(el, i); err != nil {
			return err
		}
		if a.Space == "" && strings.EqualFold(a.Key, "ID") || a.Space == "xml" && a.Key == "id" {
			if w.ids[a.Value] {
				return refuse(codeXML, "Two elements have the same ID")
			}
			w.ids[a.Value] = true
		}
	}
	for _, child := range el.ChildElements() {
		if err := w.walk(child); err != nil {
			return err
		}
	}
	w.scope = w.scope[:before]
	return nil
}

// declare takes a namespace declaration into the scope; those of the same element begin at own.
func (w *walker) declare(a etree.Attr, own int) error {
	if !declares(a) {
		return nil
	}
	prefix := a.Key
	if a.Space == "" {
		prefix = ""
	}
	switch {
	case prefix == "xml" && a.Value == nsXML:
		return nil
	case prefix == "xml", prefix == "xmlns", a.Value == nsXML, a.Value == "http://www.w3.org/2000/xmlns/", prefix != "" && a.Value == "":
		return refuse(codeXML, "A namespace is declared that may not be")
	case a.Value != "" && !strings.Contains(a.Value, ":"):
		return refuse(codeXML, "A namespace is relative") // exclusive c14n says: an error
	}
	for _, other := range w.scope[own:] {
		if other.prefix == prefix {
			return refuse(codeXML, "An element declares the same prefix twice")
		}
	}
	w.scope = append(w.scope, struct{ prefix, uri string }{prefix, a.Value})
	return nil
}

// lookup finds what a prefix stands for.
func (w *walker) lookup(prefix string) (string, bool) {
	if prefix == "xml" {
		return nsXML, true
	}
	for i := len(w.scope) - 1; i >= 0; i-- {
		if w.scope[i].prefix == prefix {
			return w.scope[i].uri, true
		}
	}
	return "", false
}

// attribute checks one attribute's name against all before it; namespace declarations count too.
func (w *walker) attribute(el *etree.Element, i int) error {
	a := el.Attr[i]
	uri, ok := "", true
	if a.Space != "" {
		uri, ok = w.lookup(a.Space)
	}
	if !ok || !plainName(a.Key) {
		return refuse(codeXML, "An attribute has no proper name or namespace")
	}
	for _, other := range el.Attr[:i] {
		if other.Key != a.Key || declares(other) {
			continue
		}
		if same, _ := w.lookup(other.Space); other.Space == a.Space || other.Space != "" && a.Space != "" && same == uri {
			return refuse(codeXML, "An element has the same attribute twice")
		}
	}
	return nil
}

// declares reports whether an attribute is a namespace declaration.
func declares(a etree.Attr) bool { return a.Space == "xmlns" || a.Space == "" && a.Key == "xmlns" }

// maxName is how long a name may be: some are shown in refusals.
const maxName = 128

// plainName reports whether a local name is one; letters of every script are left to the parser.
func plainName(s string) bool {
	return s != "" && len(s) <= maxName && !strings.ContainsAny(s, ": \t\r\n")
}

// is reports an element's expanded name.
func is(el *etree.Element, namespace, tag string) bool {
	return el.Tag == tag && el.NamespaceURI() == namespace
}

// all are the children of a name.
func all(el *etree.Element, namespace, tag string) []*etree.Element {
	var out []*etree.Element
	for _, child := range el.ChildElements() {
		if is(child, namespace, tag) {
			out = append(out, child)
		}
	}
	return out
}

// only is the one child of a name, nil if there is none; two are refused.
func only(el *etree.Element, namespace, tag string) (*etree.Element, error) {
	found := all(el, namespace, tag)
	switch len(found) {
	case 0:
		return nil, nil
	case 1:
		return found[0], nil
	}
	return nil, refusef(codeMessage, "%s holds more than one %s", el.Tag, tag)
}

// attr is the value of an attribute without prefix, "" if there is none.
func attr(el *etree.Element, key string) string {
	value, _ := lookupAttr(el, key)
	return value
}

func lookupAttr(el *etree.Element, key string) (string, bool) {
	for _, a := range el.Attr {
		if a.Space == "" && a.Key == key {
			return a.Value, true
		}
	}
	return "", false
}

// text is what an element holds, all of it, without space around it.
//
// Invariant: neither a comment nor an element ends or splits a value (TestWall041_CommentsNeverSplitAName).
func text(el *etree.Element) (string, error) {
	var b strings.Builder
	for _, token := range el.Child {
		switch token := token.(type) {
		case *etree.CharData:
			b.WriteString(token.Data)
		case *etree.Comment:
		default:
			return "", refusef(codeMessage, "%s holds more than text", el.Tag)
		}
	}
	return strings.Trim(b.String(), " \t\r\n"), nil
}
