package scim

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"portvakt/internal/directory"
)

// expression is a filter as written (RFC 7644 §3.4.2.2): one of the five types below. Names are not resolved yet.
type expression interface{ expression() }

type (
	conjunction []expression // and
	disjunction []expression // or
	negation    struct{ of expression }
	comparison  struct {
		name  string
		op    directory.Op
		value any // string, bool, or nil for null; a number is its text
	}
	presence  struct{ name string }
	valuePath struct {
		name  string
		inner expression
	}
)

func (conjunction) expression() {}
func (disjunction) expression() {}
func (negation) expression()    {}
func (comparison) expression()  {}
func (presence) expression()    {}
func (valuePath) expression()   {}

// Limits on a filter, checked before and while parsing.
const (
	maxFilter      = 8 << 10
	maxFilterDepth = 12 // below the directory's own, which counts what we add
	maxFilterTerms = 50
)

// parseFilter reads a whole filter.
func parseFilter(s string) (expression, error) {
	p, err := newScanner(s)
	if err != nil {
		return nil, err
	}
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.skip(); p.pos < len(p.s) {
		return nil, p.bad()
	}
	return e, nil
}

func newScanner(s string) (*scanner, error) {
	if len(s) > maxFilter {
		return nil, badFilter("The filter is longer than %d bytes", maxFilter)
	}
	if !utf8.ValidString(s) {
		return nil, badFilter("The filter is not valid UTF-8")
	}
	return &scanner{s: s}, nil
}

// scanner is a recursive-descent parser over the text of a filter.
type scanner struct {
	s      string
	pos    int
	depth  int
	terms  int
	within bool // inside the brackets of a value path
}

func (p *scanner) bad() error {
	return badFilter("The filter cannot be read (byte %d)", p.pos+1)
}

func (p *scanner) skip() {
	for p.pos < len(p.s) && p.s[p.pos] == ' ' {
		p.pos++
	}
}

// take goes past c if it comes next.
func (p *scanner) take(c byte) bool {
	p.skip()
	if p.pos < len(p.s) && p.s[p.pos] == c {
		p.pos++
		return true
	}
	return false
}

// word reads up to a blank, a bracket or a quote.
func (p *scanner) word() string {
	p.skip()
	start := p.pos
	for p.pos < len(p.s) && !strings.ContainsRune(` ()[]"`, rune(p.s[p.pos])) {
		p.pos++
	}
	return p.s[start:p.pos]
}

// keyword goes past the word if it comes next, whatever its letter case.
func (p *scanner) keyword(want string) bool {
	start := p.pos
	if strings.EqualFold(p.word(), want) {
		return true
	}
	p.pos = start
	return false
}

func (p *scanner) or() (expression, error) {
	if p.depth++; p.depth > maxFilterDepth {
		return nil, badFilter("The filter is nested too deeply")
	}
	defer func() { p.depth-- }()
	list, err := p.joined("or", p.and)
	if err != nil || len(list) > 1 {
		return disjunction(list), err
	}
	return list[0], nil
}

func (p *scanner) and() (expression, error) {
	list, err := p.joined("and", p.term)
	if err != nil || len(list) > 1 {
		return conjunction(list), err
	}
	return list[0], nil
}

// joined reads expressions with a word between them.
func (p *scanner) joined(word string, read func() (expression, error)) ([]expression, error) {
	first, err := read()
	if err != nil {
		return nil, err
	}
	list := []expression{first}
	for p.keyword(word) {
		next, err := read()
		if err != nil {
			return nil, err
		}
		list = append(list, next)
	}
	return list, nil
}

func (p *scanner) term() (expression, error) {
	if p.terms++; p.terms > maxFilterTerms {
		return nil, badFilter("The filter has more than %d terms", maxFilterTerms)
	}
	if p.take('(') {
		return p.closed(')')
	}
	name := p.word()
	if strings.EqualFold(name, "not") && p.take('(') {
		of, err := p.closed(')')
		return negation{of}, err
	}
	if name == "" || !isName(name) {
		return nil, p.bad()
	}
	if p.take('[') {
		return p.valuePath(name)
	}
	return p.comparison(name)
}

// closed reads a filter up to the bracket that ends it.
func (p *scanner) closed(end byte) (expression, error) {
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	if !p.take(end) {
		return nil, p.bad()
	}
	return e, nil
}

// valuePath reads behind the opening bracket. Some clients go on with ".sub op value", which means the same element.
func (p *scanner) valuePath(name string) (expression, error) {
	if p.within {
		return nil, p.bad()
	}
	p.within = true
	inner, err := p.closed(']')
	p.within = false
	if err != nil {
		return nil, err
	}
	if p.pos < len(p.s) && p.s[p.pos] == '.' {
		p.pos++
		sub := p.word()
		if !isName(sub) {
			return nil, p.bad()
		}
		also, err := p.comparison(sub)
		if err != nil {
			return nil, err
		}
		inner = conjunction{inner, also}
	}
	return valuePath{name, inner}, nil
}

func (p *scanner) comparison(name string) (expression, error) {
	op := directory.Op(strings.ToLower(p.word()))
	switch op {
	case "pr":
		return presence{name}, nil
	case directory.Equal, directory.NotEqual, directory.Contains, directory.StartsWith, directory.EndsWith,
		directory.Greater, directory.GreaterOrEqual, directory.Less, directory.LessOrEqual:
		value, err := p.value()
		return comparison{name, op, value}, err
	}
	return nil, p.bad()
}

// value reads a JSON string, true, false, null, a number, or, as clients exist that forget the quotes, a bare word.
func (p *scanner) value() (any, error) {
	p.skip()
	if p.pos < len(p.s) && p.s[p.pos] == '"' {
		return p.quoted()
	}
	w := p.word()
	if w == "" || p.pos < len(p.s) && p.s[p.pos] == '"' {
		return nil, p.bad()
	}
	switch strings.ToLower(w) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	case "null":
		return nil, nil
	}
	if strings.ContainsFunc(w, func(r rune) bool { return r < ' ' || r == '\\' }) {
		return nil, p.bad()
	}
	return w, nil
}

func (p *scanner) quoted() (string, error) {
	end := p.pos + 1
	for end < len(p.s) && p.s[end] != '"' {
		if p.s[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(p.s) {
		return "", p.bad()
	}
	var s string
	text := []byte(p.s[p.pos : end+1])
	if err := json.Unmarshal(text, &s); err != nil || strings.ContainsRune(s, 0) || holdsLoneSurrogate(text) {
		return "", p.bad()
	}
	p.pos = end + 1
	if p.pos < len(p.s) && !strings.ContainsRune(" )]", rune(p.s[p.pos])) {
		return "", p.bad()
	}
	return s, nil
}

// isName reports whether it may be an attribute's name, with a URN before and a sub-attribute behind it.
func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_$.:", c) >= 0) {
			return false
		}
	}
	return s != "" && (s[0] == '$' || s[0] >= 'A')
}
