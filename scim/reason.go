package scim

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// shownReason is a refusal's sentence without what the client has sent: its texts whole, whatever stands in quotes and is no
// name, and what looks like an address or a number of somebody. Some sentences repeat what they refuse.
func (x *exchange) shownReason(detail string) string {
	values := x.sent()
	quoted := strings.Split(detail, `"`)
	for i := 1; i < len(quoted); i += 2 {
		cut := quoted[i]
		// What is long may have been cut.
		if !isShownName(cut) || slices.ContainsFunc(values, func(v string) bool { return v == cut || len(cut) >= 40 && strings.HasPrefix(v, cut) }) {
			quoted[i] = "…"
		}
	}
	detail = strings.Join(quoted, `"`)
	for _, v := range values {
		if strings.Contains(detail, v) { // hardly any does, and there may be many
			detail = without(detail, v)
		}
	}
	words := strings.Split(detail, " ")
	for i, w := range words {
		if strings.Contains(w, "@") || len(w) > 6 && strings.Trim(w, "0123456789+-.()") == "" {
			words[i] = "…"
		}
	}
	return shorten(strings.Join(words, " "), maxReason)
}

// without replaces a value where it stands as a whole word or words.
func without(text, value string) string {
	var b strings.Builder
	for {
		i := strings.Index(text, value)
		if i < 0 {
			b.WriteString(text)
			return b.String()
		}
		end := i + len(value)
		before, _ := utf8.DecodeLastRuneInString(text[:i])
		after, _ := utf8.DecodeRuneInString(text[end:])
		b.WriteString(text[:i])
		if isWordRune(before) || isWordRune(after) {
			b.WriteString(value)
		} else {
			b.WriteString("…")
		}
		text = text[end:]
	}
}

func isWordRune(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

// sent are the texts that the client has sent as values, the longest first. Names of attributes are none, wherever they stand;
// what a path or a filter compares with is one.
func (x *exchange) sent() []string {
	var all []string
	var walk func(name string, v any)
	walk = func(name string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, inner := range v {
				walk(name, inner)
			}
		case []any:
			for _, inner := range v {
				walk(name, inner)
			}
		case string:
			before, inner, filtered := strings.Cut(v, "[")
			if !strings.EqualFold(name, "path") || !isShownName(before) {
				all = append(all, v)
			}
			if filtered {
				all = append(all, comparedIn(inner[:max(0, strings.LastIndexByte(inner, ']'))])...)
			}
		case json.Number:
			all = append(all, v.String())
		}
	}
	walk("", map[string]any(x.body))
	for name, values := range x.query {
		for _, v := range values {
			if name != "sortBy" || !isShownName(v) {
				all = append(all, v)
			}
			all = append(all, comparedIn(v)...)
		}
	}
	all = slices.DeleteFunc(all, func(s string) bool { return strings.TrimSpace(s) == "" })
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	return all
}

func comparedIn(filter string) []string {
	e, err := parseFilter(filter)
	if err != nil {
		return nil
	}
	return compared(e)
}

// compared are the texts that a filter compares with.
func compared(e expression) (all []string) {
	switch e := e.(type) {
	case conjunction:
		for _, inner := range e {
			all = append(all, compared(inner)...)
		}
	case disjunction:
		for _, inner := range e {
			all = append(all, compared(inner)...)
		}
	case negation:
		return compared(e.of)
	case valuePath:
		return compared(e.inner)
	case comparison:
		if s, ok := e.value.(string); ok {
			return []string{s}
		}
	}
	return all
}
