package wire

import (
	"encoding/base64"
	"unicode/utf8"
)

// writer writes XML that is in exclusive canonical form as it stands: attributes in order, namespaces declared where they
// are first used, nothing abbreviated. Its callers name attributes in canonical order (declarations, then by name);
// TestWeWriteCanonicalForm holds them to it.
type writer struct{ b []byte }

// start opens an element. attributes are names and values in turn; one without value is left out.
func (w *writer) start(name string, attributes ...string) {
	w.b = append(append(w.b, '<'), name...)
	for i := 0; i+1 < len(attributes); i += 2 {
		if attributes[i+1] == "" {
			continue
		}
		w.b = append(append(append(w.b, ' '), attributes[i]...), '=', '"')
		w.escape(attributes[i+1], true)
		w.b = append(w.b, '"')
	}
	w.b = append(w.b, '>')
}

// end closes an element.
func (w *writer) end(name string) {
	w.b = append(append(append(w.b, '<', '/'), name...), '>')
}

// leaf writes an element that holds text only.
func (w *writer) leaf(name, text string, attributes ...string) {
	w.start(name, attributes...)
	w.escape(text, false)
	w.end(name)
}

// base64 writes an element that holds octets.
func (w *writer) base64(name string, octets []byte) {
	w.start(name)
	w.b = base64.StdEncoding.AppendEncode(w.b, octets)
	w.end(name)
}

// raw takes what is canonical already.
func (w *writer) raw(s string) { w.b = append(w.b, s...) }

// escape writes characters as canonical XML wants them (c14n §2.3). What XML 1.0 cannot hold becomes U+FFFD.
//
// Invariant: no value ends its element or attribute, whatever is in it (FuzzWriter).
func (w *writer) escape(s string, attribute bool) {
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError || r == 0xFFFE || r == 0xFFFF {
				w.raw("\uFFFD")
			} else {
				w.raw(s[i : i+size])
			}
			i += size
			continue
		}
		i++
		switch {
		case c == '&':
			w.raw("&amp;")
		case c == '<':
			w.raw("&lt;")
		case c == '>' && !attribute:
			w.raw("&gt;")
		case c == '"' && attribute:
			w.raw("&quot;")
		case c == '\r':
			w.raw("&#xD;")
		case c == '\n' && attribute:
			w.raw("&#xA;")
		case c == '\t' && attribute:
			w.raw("&#x9;")
		case c < 0x20 && c != '\n' && c != '\t':
			w.raw("\uFFFD")
		default:
			w.b = append(w.b, c)
		}
	}
}
