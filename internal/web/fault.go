package web

import (
	"strconv"
	"strings"

	"portvakt/internal/fault"
)

// faultKey begins the keys of the sentences about faults: fault.<code>, and fault.<code>.<field> where the same code
// needs other words for one field. fault.kind.<kind> speaks for every code that has no sentence.
const faultKey = "fault."

// FaultText says to a person, in their language, what is wrong and what to do next. The sentence names the fault's own
// values ({1}, {2} in the order of its arguments). Programs get fault.Text instead, which is English and stays as it is.
//
// Invariant: what is no refusal tells a person nothing but that it was our own trouble (TestFaultTextTellsNoSecrets).
func (c *Catalogue) FaultText(l Language, err error) string {
	f := fault.Of(err)
	if f == nil {
		return ""
	}
	key, ok := c.faultKey(f)
	if !ok {
		return c.T(l, faultKey+"kind."+f.Kind.String())
	}
	args := make([]any, 0, 2*len(f.Values))
	for i, value := range f.Values {
		if words := f.Nouns(i); len(words) > 0 {
			value = c.nouns(l, words)
		}
		args = append(args, strconv.Itoa(i+1), value)
	}
	return c.T(l, key, args...)
}

// nouns are words of ours in the language.
func (c *Catalogue) nouns(l Language, words fault.Nouns) string {
	said := make([]string, len(words))
	for i, w := range words {
		switch name := w.Names[string(l)]; {
		case name != "":
			said[i] = name
		case c.Has(w.Key):
			said[i] = c.T(l, w.Key)
		default:
			said[i] = w.English
		}
	}
	return strings.Join(said, ", ")
}

// HasFault reports whether the fault has a sentence of its own.
func (c *Catalogue) HasFault(err error) bool {
	f := fault.Of(err)
	if f == nil {
		return false
	}
	_, ok := c.faultKey(f)
	return ok
}

// faultKey is the key of the fault's own sentence, if there is one that its values can fill.
func (c *Catalogue) faultKey(f *fault.Fault) (string, bool) {
	if f.Kind == fault.Internal {
		return "", false
	}
	for _, key := range []string{faultKey + f.Code + "." + f.Field, faultKey + f.Code} {
		if c.Has(key) && len(placeholders(c.texts[0][key])) <= len(f.Values) {
			return key, true
		}
	}
	return "", false
}

// FaultText is Catalogue.FaultText, for pages that show a refusal at its field.
func (r *Renderer) FaultText(l Language, err error) string { return r.texts.FaultText(l, err) }
