package token

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// object writes one JSON object. Claims are written on the hot path, where reflection costs more than the rest together.
type object struct{ b []byte }

func newObject(size int) object { return object{append(make([]byte, 0, size), '{')} }

// name begins a member; names are constants or claims of ours and need no escaping.
func (o *object) name(name string) {
	if len(o.b) > 1 {
		o.b = append(o.b, ',')
	}
	o.b = append(o.b, '"')
	o.b = append(o.b, name...)
	o.b = append(o.b, '"', ':')
}

func (o *object) text(name, value string) {
	o.name(name)
	o.b = appendText(o.b, value)
}

// some is text where there is one.
func (o *object) some(name, value string) {
	if value != "" {
		o.text(name, value)
	}
}

func (o *object) number(name string, value int64) {
	o.name(name)
	o.b = strconv.AppendInt(o.b, value, 10)
}

func (o *object) truth(name string, value bool) {
	o.name(name)
	o.b = strconv.AppendBool(o.b, value)
}

func (o *object) texts(name string, values []string) {
	o.name(name)
	o.b = appendTexts(o.b, values)
}

// member is a claim that is written already: its name, escaped, and its value.
type member struct {
	name string
	json []byte
}

func newMember(name string, value []byte) member {
	b := appendText(make([]byte, 0, len(name)+3+len(value)), name)
	return member{name, append(append(b, ':'), value...)}
}

// member adds a written claim.
func (o *object) member(m member) {
	if len(o.b) > 1 {
		o.b = append(o.b, ',')
	}
	o.b = append(o.b, m.json...)
}

// members adds what is between the braces of another object.
func (o *object) members(other []byte) {
	if len(other) <= 2 {
		return
	}
	if len(o.b) > 1 {
		o.b = append(o.b, ',')
	}
	o.b = append(o.b, other[1:len(other)-1]...)
}

func (o *object) raw(name string, value []byte) {
	o.name(name)
	o.b = append(o.b, value...)
}

func (o *object) end() []byte { return append(o.b, '}') }

func appendTexts(b []byte, values []string) []byte {
	b = append(b, '[')
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, v)
	}
	return append(b, ']')
}

func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return appendEscaped(b, s)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func appendEscaped(b []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil { // a string always marshals
		return append(b, '"', '"')
	}
	return append(b, quoted...)
}
