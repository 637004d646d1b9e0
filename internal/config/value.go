package config

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// value sets v from the node; path names it in sentences. Where the node says nothing (null), pointers, lists, mappings
// and sections keep what they hold; a word with nothing after its colon is a mistake.
func (d *decoder) value(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind == yaml.AliasNode {
		return // inspect has reported it
	}
	t := v.Type()
	null := n.Kind == yaml.ScalarNode && n.Tag == "!!null"
	if t.Kind() == reflect.Pointer {
		if !null {
			fresh := reflect.New(t.Elem())
			d.value(n, fresh.Elem(), path)
			v.Set(fresh)
		}
		return
	}
	switch {
	case implements(t, unmarshalerType):
		d.custom(n, v, path)
	case isScalar(t):
		d.scalar(n, v, path)
	case null:
	case t.Kind() == reflect.Struct:
		d.section(n, v, path)
	case t.Kind() == reflect.Slice:
		d.list(n, v, path)
	case t.Kind() == reflect.Map:
		d.mapping(n, v, path)
	default:
		panic(fmt.Sprintf("config: %s has the type %s, which no configuration can set", path, t))
	}
}

// custom hands the node to the type's own UnmarshalYAML.
func (d *decoder) custom(n *yaml.Node, v reflect.Value, path string) {
	if d.refused {
		return // it might expand an alias
	}
	err := v.Addr().Interface().(yaml.Unmarshaler).UnmarshalYAML(n)
	if err == nil {
		return
	}
	if ps, ok := errors.AsType[Problems](err); ok {
		for _, p := range ps {
			if p.Source == "" {
				p.Source = d.source
			}
			d.problems = append(d.problems, p)
		}
		return
	}
	d.problem(n, "%s: %v", path, err)
}

// section sets the options of a struct from a mapping.
func (d *decoder) section(n *yaml.Node, v reflect.Value, path string) {
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.Type == positionType && f.Tag.Get("yaml") == "" && f.IsExported() {
			v.Field(i).Set(reflect.ValueOf(d.at(n)))
		}
	}
	if n.Kind != yaml.MappingNode {
		d.problem(n, "expected keys with values%s, found %s", within(path), describe(n))
		return
	}
	options := optionsOf(v.Type())
	seen := make(map[string]bool, len(options))
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			if key.Kind != yaml.AliasNode {
				d.problem(key, "expected a key%s, found %s", within(path), describe(key))
			}
			continue
		}
		if seen[key.Value] {
			continue // inspect has reported it
		}
		seen[key.Value] = true
		if o, known := find(options, key.Value); known {
			d.value(value, v.FieldByIndex(o.index), join(path, o.name))
		} else {
			d.problem(key, "%s", unknownKey(key.Value, options, path))
		}
	}
}

func find(options []option, name string) (option, bool) {
	for _, o := range options {
		if o.name == name {
			return o, true
		}
	}
	return option{}, false
}

func unknownKey(key string, options []option, path string) string {
	names := make([]string, len(options))
	for i, o := range options {
		names[i] = o.name
	}
	text := fmt.Sprintf("unknown key %q%s", clip(key), within(path))
	if near := nearest(key, names); near != "" {
		text += fmt.Sprintf("; did you mean %q?", near)
	}
	return text
}

func (d *decoder) list(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.SequenceNode {
		d.problem(n, "%s is a list; found %s", path, describe(n))
		return
	}
	out := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		at := fmt.Sprintf("%s[%d]", path, i)
		if item.Kind == yaml.ScalarNode && item.Tag == "!!null" {
			d.problem(item, "%s is empty", at)
			continue
		}
		d.value(item, out.Index(i), at)
	}
	v.Set(out)
}

func (d *decoder) mapping(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.MappingNode {
		d.problem(n, "%s has keys with values; found %s", path, describe(n))
		return
	}
	t := v.Type()
	out := reflect.MakeMapWithSize(t, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, item := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
			if key.Kind != yaml.AliasNode {
				d.problem(key, "expected a key%s, found %s", within(path), describe(key))
			}
			continue
		}
		value := reflect.New(t.Elem()).Elem()
		d.value(item, value, join(path, clip(key.Value)))
		out.SetMapIndex(reflect.ValueOf(key.Value).Convert(t.Key()), value)
	}
	v.Set(out)
}

// scalar sets one word. Text may be written without quotes where YAML takes it for a number or a date: a phone number, a
// birth date and a postal code keep every character.
func (d *decoder) scalar(n *yaml.Node, v reflect.Value, path string) {
	t := v.Type()
	found := describe(n)
	if isSecret(t) && n.Kind == yaml.ScalarNode && n.Tag != "!!null" {
		found = "something else"
	}
	switch {
	case n.Kind != yaml.ScalarNode:
		d.problem(n, "%s is %s; found %s", path, expectation(t), found)
	case n.Tag == "!!null":
		d.problem(n, "%s has no value; it is %s", path, expectation(t))
	case !tagFits(t, n.Tag):
		hint := ""
		if n.Tag == "!!bool" {
			hint = "; put it in quotes"
		}
		d.problem(n, "%s is %s; found %s%s", path, expectation(t), found, hint)
	default:
		if err := setText(v, n.Value); err != nil {
			d.problem(n, "%s: %v", path, err)
		}
	}
}

// tagFits compares what YAML took the word for with what the option is.
func tagFits(t reflect.Type, tag string) bool {
	switch {
	case isText(t):
		return tag != "!!bool"
	case t.Kind() == reflect.Bool:
		return tag == "!!bool"
	}
	return tag == "!!int"
}

// isText reports whether a scalar type is written as text (also times and durations), not as a number or true and false.
func isText(t reflect.Type) bool {
	return t == durationType || t == timeType || implements(t, textType) || t.Kind() == reflect.String
}

func expectation(t reflect.Type) string {
	switch {
	case t == durationType:
		return `a duration such as "15m" or "36h"`
	case t == timeType:
		return "a time such as 2026-01-31T12:00:00Z, or a date"
	case isText(t):
		return "text"
	case t.Kind() == reflect.Bool:
		return "true or false"
	}
	return "a whole number"
}

// setText sets a scalar from its text. The error is a clause that never quotes a secret.
func setText(v reflect.Value, text string) error {
	t := v.Type()
	wrong := fmt.Errorf("expected %s, found %q", expectation(t), clip(text))
	switch {
	case t == durationType:
		dur, ok := parseDuration(text)
		if !ok {
			return wrong
		}
		v.SetInt(int64(dur))
		return nil
	case t == timeType:
		at, ok := parseTime(text)
		if !ok {
			return wrong
		}
		v.Set(reflect.ValueOf(at))
		return nil
	case implements(t, textType):
		err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text))
		if err != nil && isSecret(t) {
			return errors.New("this is no usable secret")
		}
		return err
	}
	switch t.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(strings.ToLower(text))
		if err != nil {
			return wrong
		}
		v.SetBool(b)
	default:
		return setNumber(v, text, wrong)
	}
	return nil
}

func setNumber(v reflect.Value, text string, wrong error) error {
	if digits := strings.TrimLeft(text, "+-"); len(digits) > 1 && digits[0] == '0' {
		return wrong // 0755 and 0x10 mean different numbers to different readers
	}
	var err error
	if v.CanInt() {
		var n int64
		if n, err = strconv.ParseInt(text, 10, v.Type().Bits()); err == nil {
			v.SetInt(n)
		}
	} else {
		var n uint64
		if n, err = strconv.ParseUint(text, 10, v.Type().Bits()); err == nil {
			v.SetUint(n)
		}
	}
	if errors.Is(err, strconv.ErrRange) {
		return fmt.Errorf("the number %s is too large or too small", clip(text))
	}
	if err != nil {
		return wrong
	}
	return nil
}

// parseDuration reads Go's durations, and days ("30d"). No option means anything by a negative one.
func parseDuration(text string) (time.Duration, bool) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err == nil
	}
	dur, err := time.ParseDuration(text)
	return dur, err == nil && dur >= 0
}

// parseTime reads RFC 3339, and a date as the midnight in UTC that begins it.
func parseTime(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}
