package seed

import (
	"errors"
	"strings"

	"go.yaml.in/yaml/v3"

	"portvakt/internal/config"
)

// Word is a text that remembers where it stands, so that a later check can say so. The zero Word is an absent key.
type Word struct {
	Text string
	at   config.Position
}

// UnmarshalYAML reads a text.
func (w *Word) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" || n.Tag == "!!bool" || n.Value == "" {
		return errors.New("expected text")
	}
	w.Text, w.at = n.Value, positionOf(n)
	return nil
}

// Agency is the organization that manages another one; "" ends that.
type Agency struct {
	Word
	none bool
}

// UnmarshalYAML reads a slug, or "".
func (a *Agency) UnmarshalYAML(n *yaml.Node) error {
	if a.none = n.Kind == yaml.ScalarNode && n.Tag == "!!str" && n.Value == ""; a.none {
		return nil
	}
	return a.Word.UnmarshalYAML(n)
}

// present reports whether the key stands in the file.
func (w Word) present() bool { return w.at.Line > 0 }

// positionOf leaves the file's name out; it is filled in where the problem is reported.
func positionOf(n *yaml.Node) config.Position { return config.Position{Line: n.Line, Column: n.Column} }

// Entries is a mapping whose keys remember where they stand; nil for an absent key.
type Entries[T any] []Entry[T]

// Entry is one key with its value.
type Entry[T any] struct {
	Key   Word
	Value T
}

// UnmarshalYAML reads a mapping.
func (e *Entries[T]) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		return errors.New("expected keys with values")
	}
	out := make(Entries[T], 0, len(n.Content)/2)
	var problems config.Problems
	for i := 0; i+1 < len(n.Content); i += 2 {
		var entry Entry[T]
		if err := entry.Key.UnmarshalYAML(n.Content[i]); err != nil {
			problems = append(problems, positionOf(n.Content[i]).Problem("expected a key"))
			continue
		}
		problems = append(problems, nested(n.Content[i+1], &entry.Value, entry.Key.Text)...)
		out = append(out, entry)
	}
	*e = out
	return problems.Err()
}

// nested decodes a value of a mapping; its problems name the key instead of the top level.
func nested(n *yaml.Node, into any, key string) config.Problems {
	err := config.DecodeNode(n, into)
	problems, ok := errors.AsType[config.Problems](err)
	if err != nil && !ok {
		return config.Problems{positionOf(n).Problem("%s: %v", key, err)}
	}
	for i := range problems {
		p := &problems[i]
		p.Text = strings.Replace(p.Text, " at the top level", " in "+key, 1)
		if strings.HasPrefix(p.Text, ": ") {
			p.Text = key + p.Text
		}
	}
	return problems
}

// OrganizationList is a list of slugs, or "*" for every organization.
type OrganizationList struct {
	All   bool
	Slugs []Word
	given bool
}

// UnmarshalYAML reads "*" or a list.
func (o *OrganizationList) UnmarshalYAML(n *yaml.Node) error {
	switch {
	case n.Kind == yaml.ScalarNode && n.Value == "*":
		o.All, o.given = true, true
		return nil
	case n.Kind == yaml.SequenceNode:
		o.given = true
		return config.DecodeNode(n, &o.Slugs)
	}
	return errors.New(`expected "*" for every organization, or a list of slugs`)
}

// Segment is a division of an organization's data: its id, or id and name.
type Segment struct {
	ID      Word    `yaml:"id"`
	Name    *string `yaml:"name"`
	Removed bool    `yaml:"removed"`
}

// UnmarshalYAML reads an id or a mapping.
func (s *Segment) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		return s.ID.UnmarshalYAML(n)
	}
	type plain Segment
	err := config.DecodeNode(n, (*plain)(s))
	if err == nil && !s.ID.present() {
		return errors.New("id is missing")
	}
	return err
}
