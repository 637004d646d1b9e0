package config

import (
	"encoding"
	"reflect"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// option is one field of a configuration struct.
type option struct {
	name    string
	doc     string
	example string // shown where the default is empty
	index   []int
	typ     reflect.Type
}

var (
	durationType    = reflect.TypeFor[time.Duration]()
	timeType        = reflect.TypeFor[time.Time]()
	positionType    = reflect.TypeFor[Position]()
	unmarshalerType = reflect.TypeFor[yaml.Unmarshaler]()
	textType        = reflect.TypeFor[encoding.TextUnmarshaler]()
	secretType      = reflect.TypeFor[interface{ Reveal() string }]()
)

// optionsOf lists the options of a struct in its order; `yaml:",inline"` structs count as part of it. Fields without a
// name in a yaml tag are no options.
func optionsOf(t reflect.Type) []option {
	var out []option
	for i := range t.NumField() {
		f := t.Field(i)
		name, flags, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if strings.Contains(flags, "inline") && f.Type.Kind() == reflect.Struct {
			for _, inner := range optionsOf(f.Type) {
				inner.index = append([]int{i}, inner.index...)
				out = append(out, inner)
			}
			continue
		}
		if name == "" || name == "-" || !f.IsExported() {
			continue
		}
		out = append(out, option{name: name, doc: f.Tag.Get("doc"), example: f.Tag.Get("example"), index: []int{i}, typ: f.Type})
	}
	return out
}

// implements reports whether t or a pointer to it has the methods.
func implements(t, methods reflect.Type) bool {
	return t.Implements(methods) || reflect.PointerTo(t).Implements(methods)
}

func isSecret(t reflect.Type) bool { return implements(t, secretType) }

// isScalar reports whether a value of the type is written as one word.
func isScalar(t reflect.Type) bool {
	if t == timeType || implements(t, textType) {
		return true
	}
	switch t.Kind() {
	case reflect.String, reflect.Bool:
		return true
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	}
	return false
}

// isSection reports whether the type is a struct with options of its own.
func isSection(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !isScalar(t) && !implements(t, unmarshalerType)
}

// nearest gives the candidate that somebody probably meant, "" if none is near.
func nearest(word string, candidates []string) string {
	best, bestLikeness := "", 59
	for _, c := range candidates {
		if l := likeness(strings.ToLower(word), strings.ToLower(c)); l > bestLikeness {
			best, bestLikeness = c, l
		}
	}
	return best
}

// likeness is how much of both words is one common sequence of letters, in percent.
func likeness(a, b string) int {
	if a == "" || len(a) > 64 || len(b) > 64 {
		return 0
	}
	last, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for i := range len(a) {
		for j := range len(b) {
			if a[i] == b[j] {
				row[j+1] = last[j] + 1
			} else {
				row[j+1] = max(last[j+1], row[j])
			}
		}
		last, row = row, last
	}
	return 200 * last[len(b)] / (len(a) + len(b))
}
