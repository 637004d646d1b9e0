package scim

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// bodyLimits bound a JSON body; what real clients send stays far below.
type bodyLimits struct {
	bytes  int64
	depth  int
	values int
}

// oneResource bounds the body of a single operation. The largest that makes sense, a group with as many members as the bytes
// hold, has 48,000 values.
var oneResource = bodyLimits{bytes: 1 << 20, depth: 12, values: 50_000}

// readJSON reads one JSON object strictly: valid UTF-8, no NUL, no name twice (whatever its letter case), bounded depth and
// number of values, nothing behind it. Numbers stay json.Number.
func readJSON(raw []byte, limits bodyLimits) (map[string]any, error) {
	if !utf8.Valid(raw) {
		return nil, badSyntax("The body is not valid UTF-8")
	}
	if holdsLoneSurrogate(raw) {
		return nil, badSyntax("The body holds half a surrogate pair, which is no character")
	}
	raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
	p := &jsonReader{d: json.NewDecoder(bytes.NewReader(raw)), limits: limits}
	p.d.UseNumber()
	v, err := p.value(1)
	if err != nil {
		return nil, err
	}
	if _, err := p.d.Token(); !errors.Is(err, io.EOF) {
		return nil, badSyntax("Something stands behind the JSON value of the body")
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, badSyntax("The body has to be a JSON object")
	}
	return object, nil
}

// holdsLoneSurrogate finds an escape that is half a character (RFC 8259 §8.2). The decoder would put another character in its
// place, and a name would come back as nobody wrote it.
func holdsLoneSurrogate(raw []byte) bool {
	for i := 0; i < len(raw)-1; i++ {
		if raw[i] != '\\' {
			continue
		}
		r := escapedUnit(raw[i:])
		i++ // an escaped backslash begins no escape
		if !utf16.IsSurrogate(r) {
			continue
		}
		if utf16.DecodeRune(r, escapedUnit(raw[min(i+5, len(raw)):])) == utf8.RuneError {
			return true
		}
		i += 10
	}
	return false
}

// escapedUnit is the UTF-16 unit that an escape such as \ud83d at the beginning of b stands for, else 0.
func escapedUnit(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	if err != nil {
		return 0
	}
	return rune(n)
}

type jsonReader struct {
	d      *json.Decoder
	limits bodyLimits
	values int
}

func (p *jsonReader) token() (json.Token, error) {
	t, err := p.d.Token()
	if err != nil {
		return nil, badSyntax("The body is not JSON (byte %d)", p.d.InputOffset())
	}
	if s, ok := t.(string); ok && strings.ContainsRune(s, 0) {
		return nil, badValue("A text holds the character U+0000")
	}
	return t, nil
}

func (p *jsonReader) value(depth int) (any, error) {
	if p.values++; p.values > p.limits.values {
		return nil, badSyntax("The body has more than %d values", p.limits.values)
	}
	t, err := p.token()
	if err != nil {
		return nil, err
	}
	delim, ok := t.(json.Delim)
	if !ok {
		return t, nil
	}
	if depth > p.limits.depth {
		return nil, badSyntax("The body is nested more than %d levels deep", p.limits.depth)
	}
	if delim == '[' {
		return p.array(depth)
	}
	return p.object(depth)
}

func (p *jsonReader) array(depth int) (any, error) {
	list := []any{}
	for p.d.More() {
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := p.token()
	return list, err
}

// maxObjectNames bounds the names in one object.
const maxObjectNames = 1_000

func (p *jsonReader) object(depth int) (any, error) {
	object := map[string]any{}
	seen := map[string]bool{}
	for p.d.More() {
		if len(seen) == maxObjectNames {
			return nil, badSyntax("An object has more than %d names", maxObjectNames)
		}
		t, err := p.token()
		if err != nil {
			return nil, err
		}
		name, ok := t.(string)
		if !ok {
			return nil, badSyntax("The body is not JSON (byte %d)", p.d.InputOffset())
		}
		if folded := strings.ToLower(name); seen[folded] {
			return nil, badSyntax("The name %.40q stands twice in one object", name)
		} else {
			seen[folded] = true
		}
		if object[name], err = p.value(depth + 1); err != nil {
			return nil, err
		}
	}
	_, err := p.token()
	return object, err
}
