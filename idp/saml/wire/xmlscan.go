package wire

import (
	"bytes"
	"regexp"
	"unicode/utf8"
)

// maxOctets is how large a document may be, inflated and decoded. Whole metadata of one service provider fits many times.
const maxOctets = 256 << 10

// maxDepth is how deep elements may nest.
const maxDepth = 64

// limits are what a document may cost before anything is built of it.
type limits struct {
	elements   int
	attributes int // all together
	own        int // on one element
	namespaces int // in scope at one place
	comments   bool
}

// messageLimits are for what strangers send; metadataLimits for what an administrator hands in or had fetched.
var (
	messageLimits  = limits{elements: 1000, attributes: 1000, own: 32, namespaces: 32}
	metadataLimits = limits{elements: 8000, attributes: 16000, own: 32, namespaces: 64, comments: true}
)

var (
	byteOrderMark  = []byte("\uFEFF")
	xmlDeclaration = regexp.MustCompile(`^<\?xml\s+version\s*=\s*["']1\.[0-9]["'](\s+encoding\s*=\s*["'](?i:utf-8|us-ascii)["'])?(\s+standalone\s*=\s*["'](yes|no)["'])?\s*\?>`)
)

// scan measures a document without building anything, and returns it without byte order mark and XML declaration.
//
// Invariant: nothing is parsed that is too large, too deep or too many, or that holds a document type, an entity, CDATA or
// a processing instruction (TestWall050_NothingIsBuiltOfAHostileDocument).
func (l limits) scan(doc []byte) ([]byte, error) {
	if len(doc) > maxOctets {
		return nil, refusef(codeSize, "The document is larger than %d octets", maxOctets)
	}
	if !utf8.Valid(doc) || bytes.IndexByte(doc, 0) >= 0 {
		return nil, refuse(codeEncoding, "The document is not UTF-8")
	}
	doc = bytes.TrimPrefix(doc, byteOrderMark)
	doc = doc[len(xmlDeclaration.Find(doc)):]
	if bytes.Contains(doc, []byte("<?")) {
		return nil, refuse(codeXML, "The document holds a processing instruction, or an XML declaration of another encoding")
	}
	return doc, l.count(doc)
}

// count walks over the tags; scope holds how many namespaces are declared down to each depth.
func (l limits) count(doc []byte) error {
	var scope [maxDepth + 1]int
	depth, elements, attributes := 0, 0, 0
	for {
		at := bytes.IndexByte(doc, '<')
		if at < 0 || at+1 == len(doc) {
			return nil // whether it is complete, the parser says
		}
		doc = doc[at+1:]
		switch doc[0] {
		case '!':
			end := -1
			if l.comments && bytes.HasPrefix(doc, []byte("!--")) {
				end = bytes.Index(doc[3:], []byte("-->"))
			}
			if end < 0 {
				return refuse(codeXML, "The document holds a document type, CDATA or a comment")
			}
			doc = doc[3+end+3:]
		case '/':
			depth = max(depth-1, 0)
		default:
			tag, ok := scanTag(doc)
			if !ok {
				return refuse(codeXML, "The document is not well-formed")
			}
			if depth == maxDepth {
				return refusef(codeXML, "The document nests deeper than %d elements", maxDepth)
			}
			elements, attributes = elements+1, attributes+tag.attributes
			scope[depth+1] = scope[depth] + tag.namespaces
			if elements > l.elements || attributes > l.attributes || tag.attributes > l.own || scope[depth+1] > l.namespaces {
				return refuse(codeXML, "The document has too many elements, attributes or namespaces")
			}
			if !tag.closed {
				depth++
			}
			doc = doc[tag.length:]
		}
	}
}

// scannedTag is what scanTag saw.
type scannedTag struct {
	length, attributes, namespaces int
	closed                         bool // <like-this/>
}

// scanTag measures a start tag; doc begins after its "<".
func scanTag(doc []byte) (tag scannedTag, ok bool) {
	for i := 0; i < len(doc); i++ {
		switch doc[i] {
		case '"', '\'':
			end := bytes.IndexByte(doc[i+1:], doc[i])
			if end < 0 {
				return tag, false
			}
			tag.attributes++
			i += end + 1
		case 'x':
			if bytes.HasPrefix(doc[i:], []byte("xmlns")) {
				tag.namespaces++
				i += len("xmlns") - 1
			}
		case '<':
			return tag, false
		case '>':
			tag.length, tag.closed = i+1, i > 0 && doc[i-1] == '/'
			return tag, true
		}
	}
	return tag, false
}
