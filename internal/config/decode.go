package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	// MaxSize is the largest file that Decode reads.
	MaxSize  = 8 << 20
	maxDepth = 64 // nothing that is configured nests this deep; it bounds the recursion
)

// Decode reads one strict YAML document into the struct that into points at. Absent keys keep the struct's values, so
// defaults stand there before. Every problem is reported; with any, the struct is not to be used.
func Decode(name string, data []byte, into any) Problems {
	d := &decoder{source: name}
	if root := d.parse(data); root != nil {
		d.inspect(root, 0)
		d.value(root, reflect.ValueOf(into).Elem(), "")
	}
	return d.problems.sorted()
}

// DecodeFile is Decode of a file; a file that cannot be read is a problem.
func DecodeFile(path string, into any) Problems {
	f, err := os.Open(path)
	if err != nil {
		return Problems{Position{Source: path}.Problem("cannot be read: %v", plain(err))}
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return Problems{Position{Source: path}.Problem("cannot be read: %v", plain(err))}
	}
	return Decode(path, data, into)
}

// DecodeNode reads one node, for an UnmarshalYAML that takes several forms. Its error is a Problems; Decode completes
// it with the file's name.
func DecodeNode(node *yaml.Node, into any) error {
	d := &decoder{}
	d.value(node, reflect.ValueOf(into).Elem(), "")
	return d.problems.Err()
}

// plain drops the path that os errors repeat.
func plain(err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err
	}
	return err
}

type decoder struct {
	source   string
	problems Problems
	refused  bool // an alias or a tag was found: nobody else's code may expand it
}

func (d *decoder) at(n *yaml.Node) Position { return Position{d.source, n.Line, n.Column} }

func (d *decoder) problem(n *yaml.Node, format string, args ...any) {
	d.problems = append(d.problems, d.at(n).Problem(format, args...))
}

// parse gives the root of the only document, nil where there is none or the text is no YAML.
func (d *decoder) parse(data []byte) *yaml.Node {
	if len(data) > MaxSize {
		d.problems = append(d.problems, Position{Source: d.source}.Problem("is larger than %d MiB", MaxSize>>20))
		return nil
	}
	reader := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	switch err := reader.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		d.problems = append(d.problems, d.syntaxProblem(data, err))
		return nil
	}
	switch err := reader.Decode(&second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		d.problems = append(d.problems, d.syntaxProblem(data, err))
	default:
		d.problem(&second, "a second document begins here; one file holds one document")
	}
	if len(doc.Content) != 1 {
		return nil
	}
	return doc.Content[0]
}

var syntaxError = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// syntaxProblem turns the parser's error into a problem. The parser counts lines from 0 in errors of its grammar and from
// 1 in errors of its scanner, and tells no column: the first letter of the line is given.
func (d *decoder) syntaxProblem(data []byte, err error) Problem {
	line, text := 1, err.Error()
	if m := syntaxError.FindStringSubmatch(text); m != nil {
		text = m[2]
		if n, err := strconv.Atoi(m[1]); err == nil {
			line = n
			if strings.HasPrefix(text, "did not find expected") {
				line++
			}
		} else if name, found := strings.CutPrefix(text, "unknown anchor '"); found {
			name, _, _ = strings.Cut(name, "'")
			line = 1 + bytes.Count(data[:max(0, bytes.Index(data, []byte("*"+name)))], []byte("\n"))
		}
	}
	pos := Position{Source: d.source, Line: line, Column: 1}
	if lines := bytes.SplitN(data, []byte("\n"), line+1); len(lines) >= line {
		l := lines[line-1]
		pos.Column = 1 + len(l) - len(bytes.TrimLeft(l, " "))
		if strings.Contains(text, "cannot start any token") {
			if tab := bytes.IndexByte(l, '\t'); tab >= 0 {
				pos.Column, text = tab+1, "a tab stands here; indent with spaces"
			}
		}
	}
	return pos.Problem("this is not YAML: %s", text)
}

// inspect refuses, in the whole tree, what YAML allows and configuration does not need: aliases (a small file can expand
// to gigabytes), explicit tags, merge keys, repeated keys, endless depth.
func (d *decoder) inspect(n *yaml.Node, depth int) {
	switch {
	case depth > maxDepth:
		d.refused = true
		d.problem(n, "this is nested deeper than %d levels", maxDepth)
		return
	case n.Kind == yaml.AliasNode:
		d.refused = true
		d.problem(n, "aliases (*%s) are not allowed; write the value out", n.Value)
		return
	case n.Anchor != "":
		d.refused = true
		d.problem(n, "anchors (&%s) are not allowed; write the value out", n.Anchor)
	case n.Style&yaml.TaggedStyle != 0:
		d.refused = true
		d.problem(n, "tags (%s) are not allowed", n.Tag)
	}
	if n.Kind == yaml.MappingNode {
		d.inspectKeys(n)
	}
	for _, child := range n.Content {
		d.inspect(child, depth+1)
	}
}

func (d *decoder) inspectKeys(n *yaml.Node) {
	seen := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			continue // value says that it is no key
		}
		if line, again := seen[key.Value]; again {
			d.problem(key, "key %q stands here again; it is already on line %d", clip(key.Value), line)
		} else {
			seen[key.Value] = key.Line
		}
	}
}

// within is the end of a sentence that says where.
func within(path string) string {
	if path == "" {
		return " at the top level"
	}
	return " in " + path
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// clip keeps a quoted word short.
func clip(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}

// describe names what somebody wrote where something else was expected.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	switch n.Tag {
	case "!!null":
		return "nothing"
	case "!!int", "!!float":
		return fmt.Sprintf("the number %s", clip(n.Value))
	case "!!bool":
		return n.Value
	}
	return fmt.Sprintf("%q", clip(n.Value))
}
