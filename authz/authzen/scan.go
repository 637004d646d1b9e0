package authzen

import (
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"portvakt/internal/fault"
)

// maxDepth is how deep values may be nested; what we know is at most five deep.
const maxDepth = 32

// What is wrong with a body as a whole.
var (
	errJSON  = fault.New(fault.Invalid, "bad_json", "The body has to be one JSON object")
	errTwice = fault.New(fault.Invalid, "duplicate_name", "The body has the same name twice in one object")
	errDepth = fault.New(fault.Invalid, "too_deep", "The body is nested too deeply")
)

// scanner reads JSON (RFC 8259) strictly, once and forwards: no name twice in an object, no text that is not Unicode, nothing
// behind the end. Texts without escapes are parts of the body and cost nothing.
type scanner struct {
	text  string
	at    int
	depth int
	names []string // of the objects that are open
}

// peek is the next byte that is not white space, 0 at the end.
func (s *scanner) peek() byte {
	for ; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

func (s *scanner) take(c byte) error {
	if s.peek() != c {
		return errJSON
	}
	s.at++
	return nil
}

// end reports that nothing but white space is left.
func (s *scanner) end() error {
	if s.peek() != 0 || s.at < len(s.text) {
		return errJSON
	}
	return nil
}

func (s *scanner) enter(c byte) error {
	if s.depth++; s.depth > maxDepth {
		return errDepth
	}
	return s.take(c)
}

// linear is how many names of an object are compared one by one; more are looked up.
const linear = 16

// object calls member for each name, which has to read or skip the value. The names of the objects that are open stand in one
// list behind each other.
func (s *scanner) object(member func(name string) error) error {
	if err := s.enter('{'); err != nil {
		return err
	}
	begin := len(s.names)
	var many map[string]struct{}
	for first := true; ; first = false {
		if s.peek() == '}' && first {
			break
		}
		name, err := s.string()
		if err != nil {
			return err
		}
		if many, err = s.note(name, begin, many); err != nil {
			return err
		}
		if err := s.take(':'); err != nil {
			return err
		}
		if err := member(name); err != nil {
			return err
		}
		if s.peek() != ',' {
			break
		}
		s.at++
	}
	s.names = s.names[:begin]
	s.depth--
	return s.take('}')
}

// note refuses a name that the object whose names begin there has already.
func (s *scanner) note(name string, begin int, many map[string]struct{}) (map[string]struct{}, error) {
	if many == nil {
		if slices.Contains(s.names[begin:], name) {
			return nil, errTwice
		}
		if len(s.names)-begin < linear {
			s.names = append(s.names, name)
			return nil, nil
		}
		many = make(map[string]struct{}, 4*linear)
		for _, old := range s.names[begin:] {
			many[old] = struct{}{}
		}
	}
	if _, twice := many[name]; twice {
		return nil, errTwice
	}
	many[name] = struct{}{}
	return many, nil
}

// array calls element before each element, which has to read or skip it.
func (s *scanner) array(element func() error) error {
	if err := s.enter('['); err != nil {
		return err
	}
	for first := true; ; first = false {
		if s.peek() == ']' && first {
			break
		}
		if err := element(); err != nil {
			return err
		}
		if s.peek() != ',' {
			break
		}
		s.at++
	}
	s.depth--
	return s.take(']')
}

// skip reads a value of any kind and forgets it.
func (s *scanner) skip() error {
	switch c := s.peek(); c {
	case '{':
		return s.object(func(string) error { return s.skip() })
	case '[':
		return s.array(s.skip)
	case '"':
		_, err := s.string()
		return err
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	default:
		_, err := s.number()
		return err
	}
}

func (s *scanner) word(w string) error {
	if !strings.HasPrefix(s.text[s.at:], w) {
		return errJSON
	}
	s.at += len(w)
	return nil
}

// number is a number as it was written.
func (s *scanner) number() (string, error) {
	s.peek()
	from := s.at
	s.accept("-")
	if s.accept("0") == 0 && s.digits() == 0 {
		return "", errJSON
	}
	if s.accept(".") == 1 && s.digits() == 0 {
		return "", errJSON
	}
	if s.accept("eE") == 1 {
		s.accept("+-")
		if s.digits() == 0 {
			return "", errJSON
		}
	}
	return s.text[from:s.at], nil
}

// accept takes one byte if it is among these.
func (s *scanner) accept(set string) int {
	if s.at < len(s.text) && strings.IndexByte(set, s.text[s.at]) >= 0 {
		s.at++
		return 1
	}
	return 0
}

func (s *scanner) digits() (n int) {
	for s.accept("0123456789") == 1 {
		n++
	}
	return n
}

// string is a text. The body was checked to be UTF-8.
func (s *scanner) string() (string, error) {
	if err := s.take('"'); err != nil {
		return "", err
	}
	for i := s.at; i < len(s.text); i++ {
		switch c := s.text[i]; {
		case c == '"':
			out := s.text[s.at:i]
			s.at = i + 1
			return out, nil
		case c == '\\':
			return s.escaped(i)
		case c < ' ':
			return "", errJSON
		}
	}
	return "", errJSON
}

// escaped goes on at the first backslash.
func (s *scanner) escaped(i int) (string, error) {
	var b strings.Builder
	b.WriteString(s.text[s.at:i])
	for s.at = i; s.at < len(s.text); {
		c := s.text[s.at]
		s.at++
		switch {
		case c == '"':
			return b.String(), nil
		case c < ' ':
			return "", errJSON
		case c != '\\':
			b.WriteByte(c)
		default:
			r, err := s.escape()
			if err != nil {
				return "", err
			}
			b.WriteRune(r)
		}
	}
	return "", errJSON
}

const (
	escapes   = `"\/bfnrt`
	meantByIt = "\"\\/\b\f\n\r\t"
)

// escape reads what follows a backslash. Half a surrogate pair is no character.
func (s *scanner) escape() (rune, error) {
	if s.at == len(s.text) {
		return 0, errJSON
	}
	c := s.text[s.at]
	s.at++
	if c != 'u' {
		if i := strings.IndexByte(escapes, c); i >= 0 {
			return rune(meantByIt[i]), nil
		}
		return 0, errJSON
	}
	r, ok := s.hex()
	if !ok {
		return 0, errJSON
	}
	if utf16.IsSurrogate(r) {
		if !strings.HasPrefix(s.text[s.at:], `\u`) {
			return 0, errJSON
		}
		s.at += 2
		low, ok := s.hex()
		if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
			return 0, errJSON
		}
	}
	return r, nil
}

func (s *scanner) hex() (r rune, ok bool) {
	if len(s.text)-s.at < 4 {
		return 0, false
	}
	for range 4 {
		c := s.text[s.at]
		s.at++
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}
