package config

import (
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
)

const maxSecretFile = 64 << 10

// Env sets options from environment variables: PORTVAKT_SERVER_READ_TIMEOUT sets read_timeout of server where prefix is
// PORTVAKT. Lists are separated by commas. A secret may stand in a file instead, named by the variable with _FILE at its
// end; one line break at the file's end is dropped. Any other variable with the prefix is a problem. Mappings and lists
// of sections can only be set in the file.
func Env(prefix string, environ []string, into any) Problems {
	e := &environment{prefix: prefix + "_", settable: map[string]reflect.Value{}, set: map[string]string{}}
	e.collect(prefix, reflect.ValueOf(into).Elem())
	sorted := slices.Clone(environ)
	slices.Sort(sorted)
	for _, entry := range sorted {
		name, text, ok := strings.Cut(entry, "=")
		if ok && strings.HasPrefix(name, e.prefix) {
			e.assign(name, text)
		}
	}
	return e.problems
}

type environment struct {
	prefix   string
	names    []string // in the order of the structs
	settable map[string]reflect.Value
	set      map[string]string // option → the variable that set it
	problems Problems
}

// collect lists the options below v.
func (e *environment) collect(path string, v reflect.Value) {
	for _, o := range optionsOf(v.Type()) {
		name := path + "_" + strings.ToUpper(strings.ReplaceAll(o.name, "-", "_"))
		field := v.FieldByIndex(o.index)
		if isSection(o.typ) {
			e.collect(name, field)
			continue
		}
		e.names = append(e.names, name)
		e.settable[name] = field
	}
}

func (e *environment) problem(name, format string, args ...any) {
	e.problems = append(e.problems, Position{Source: name}.Problem(format, args...))
}

func (e *environment) assign(name, text string) {
	option := name
	field, known := e.settable[name]
	if !known {
		option = strings.TrimSuffix(name, "_FILE")
		field, known = e.settable[option]
		if !known || option == name || !isSecret(base(field.Type())) {
			e.unknown(name)
			return
		}
		var ok bool
		if text, ok = e.readSecret(name, text); !ok {
			return
		}
	}
	if other, twice := e.set[option]; twice {
		e.problem(name, "%s sets the same option; keep one of them", other)
		return
	}
	e.set[option] = name
	e.setValue(name, field, text)
}

func (e *environment) unknown(name string) {
	if near := nearest(strings.TrimPrefix(name, e.prefix), e.shortNames()); near != "" {
		e.problem(name, "no option has this name; did you mean %s%s?", e.prefix, near)
		return
	}
	e.problem(name, "no option has this name")
}

func (e *environment) shortNames() []string {
	out := make([]string, len(e.names))
	for i, n := range e.names {
		out[i] = strings.TrimPrefix(n, e.prefix)
	}
	return out
}

func base(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}

func (e *environment) setValue(name string, field reflect.Value, text string) {
	t := base(field.Type())
	fresh := reflect.New(t).Elem()
	switch {
	case isScalar(t):
		if err := setText(fresh, text); err != nil {
			e.problem(name, "%v", err)
			return
		}
	case t.Kind() == reflect.Slice && isScalar(t.Elem()):
		if !e.setList(name, fresh, text) {
			return
		}
	default:
		e.problem(name, "this option can only be set in the configuration file")
		return
	}
	if field.Kind() == reflect.Pointer {
		fresh = fresh.Addr()
	}
	field.Set(fresh)
}

func (e *environment) setList(name string, list reflect.Value, text string) bool {
	words := strings.FieldsFunc(text, func(r rune) bool { return r == ',' })
	list.Set(reflect.MakeSlice(list.Type(), len(words), len(words)))
	for i, word := range words {
		if err := setText(list.Index(i), strings.TrimSpace(word)); err != nil {
			e.problem(name, "%v", err)
			return false
		}
	}
	return true
}

func (e *environment) readSecret(name, path string) (string, bool) {
	f, err := os.Open(path)
	if err != nil {
		e.problem(name, "the file %s cannot be read: %v", clip(path), plain(err))
		return "", false
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
	switch {
	case err != nil:
		e.problem(name, "the file %s cannot be read: %v", clip(path), plain(err))
		return "", false
	case len(data) > maxSecretFile:
		e.problem(name, "the file %s is too large for a secret", clip(path))
		return "", false
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r"), true
}
