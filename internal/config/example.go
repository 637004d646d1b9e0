package config

import (
	"bytes"
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Example writes every option of a struct with its explanation (tag doc) and its value, which is the default. What has
// no default, and every secret, stands commented out, with the words of its tag example. Decode reads the result back into the same values.
func Example(cfg any) []byte {
	var w writer
	w.section(reflect.Indirect(reflect.ValueOf(cfg)), 0, false)
	return w.Bytes()
}

type writer struct{ bytes.Buffer }

// line writes one line; off writes it as a comment.
func (w *writer) line(depth int, off bool, text string) {
	w.WriteString(strings.Repeat("  ", depth))
	if off {
		w.WriteString("# ")
	}
	w.WriteString(text)
	w.WriteByte('\n')
}

func (w *writer) section(v reflect.Value, depth int, off bool) {
	for i, o := range optionsOf(v.Type()) {
		if depth == 0 && i > 0 {
			w.WriteByte('\n')
		}
		for _, text := range wrap(o.doc, 110-2*depth) {
			w.line(depth, true, text)
		}
		w.option(o, v.FieldByIndex(o.index), depth, off)
	}
}

func (w *writer) option(o option, v reflect.Value, depth int, off bool) {
	if v.Kind() == reflect.Pointer {
		if off = off || v.IsNil(); v.IsNil() {
			v = reflect.New(o.typ.Elem())
		}
		v = v.Elem()
	}
	if isSection(v.Type()) {
		w.line(depth, off, o.name+":")
		w.section(v, depth+1, off)
		return
	}
	if v.Kind() == reflect.Slice && v.Len() > 0 && isSection(v.Type().Elem()) {
		w.sections(o, v, depth, off)
		return
	}
	if isSecret(v.Type()) {
		w.line(depth, true, strings.TrimRight(o.name+": "+o.example, " "))
		return
	}
	text := inline(v)
	if v.IsZero() && (o.example != "" || isText(v.Type()) && v.Type() != durationType) {
		off, text = true, o.example
	}
	w.line(depth, off, strings.TrimRight(o.name+": "+text, " "))
}

// sections writes a list of sections that is not empty.
func (w *writer) sections(o option, v reflect.Value, depth int, off bool) {
	w.line(depth, off, o.name+":")
	for i := range v.Len() {
		var item writer
		item.section(v.Index(i), 0, false)
		first := true
		for text := range strings.SplitSeq(strings.TrimRight(item.String(), "\n"), "\n") {
			if text == "" {
				continue
			}
			lead := "  "
			if first && !strings.HasPrefix(text, "#") {
				lead, first = "- ", false
			}
			w.line(depth+1, off, lead+text)
		}
	}
}

// inline is a value on one line.
func inline(v reflect.Value) string {
	switch {
	case isScalar(v.Type()):
		return word(v)
	case v.Kind() == reflect.Slice:
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = inline(v.Index(i))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case v.Kind() == reflect.Map:
		parts := map[string]string{}
		for _, k := range v.MapKeys() {
			parts[k.String()] = quoted(k.String()) + ": " + inline(v.MapIndex(k))
		}
		var sorted []string
		for _, k := range slices.Sorted(maps.Keys(parts)) {
			sorted = append(sorted, parts[k])
		}
		return "{" + strings.Join(sorted, ", ") + "}"
	}
	panic(fmt.Sprintf("config: an example cannot show the type %s", v.Type()))
}

// word writes a scalar.
func word(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case time.Duration:
		return shortDuration(x)
	case time.Time:
		return x.UTC().Format(time.RFC3339Nano)
	case encoding.TextMarshaler:
		if text, err := x.MarshalText(); err == nil {
			return quoted(string(text))
		}
	}
	switch {
	case v.Kind() == reflect.String:
		return quoted(v.String())
	case v.Kind() == reflect.Bool:
		return strconv.FormatBool(v.Bool())
	case v.CanInt():
		return strconv.FormatInt(v.Int(), 10)
	case v.CanUint():
		return strconv.FormatUint(v.Uint(), 10)
	}
	return quoted(fmt.Sprint(v.Interface()))
}

// shortDuration drops the zero parts that time.Duration prints: 15m, not 15m0s.
func shortDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// quoted leaves a word alone that every YAML reader takes for this text, also within [a, b].
func quoted(s string) string {
	plainWord := s != "" && !strings.ContainsAny(s, " ,[]{}:#&*!|>'\"%@`\\\n\t")
	if plainWord {
		var n yaml.Node
		if yaml.Unmarshal([]byte(s), &n) == nil && len(n.Content) == 1 && n.Content[0].Tag == "!!str" && n.Content[0].Value == s {
			return s
		}
	}
	return strconv.Quote(s)
}

// wrap breaks a text into lines.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for w := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(w) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += w
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
