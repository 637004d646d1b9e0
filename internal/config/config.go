// Package config reads configuration strictly and reports every mistake at once.
//
// Decode reads YAML (the server's configuration, seed files) into structs, Env the environment into the same structs,
// Example writes the commented example file from them. The structs say everything: `yaml:"name"` names an option,
// `doc:"…"` explains it, the values of a defaults struct are its defaults. The package knows no option itself; the
// composed configuration stands in cmd.
//
// Invariants: an unknown, repeated or mistyped key is a problem with its file, line and column, never ignored
// (TestDecodeProblems). No problem ever quotes the value of a secret (TestSecretsAreNotQuoted): a type that has a
// method Reveal counts as one.
package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Position is where something stands. A struct field of this type without a yaml tag is filled in by Decode with the
// place of the struct's mapping, so that later checks can say where the mistake is.
type Position struct {
	Source       string // the file, or the environment variable
	Line, Column int    // from 1; 0 where there are none
}

// String is the position as compilers write it: file:line:column.
func (p Position) String() string {
	switch {
	case p.Line == 0:
		return p.Source
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.Source, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.Source, p.Line, p.Column)
}

// Problem makes a problem at this position; the sentence has no final full stop and holds no secret.
func (p Position) Problem(format string, args ...any) Problem {
	return Problem{Position: p, Text: fmt.Sprintf(format, args...)}
}

// Problem is one mistake in what somebody configured.
type Problem struct {
	Position
	Text string
}

// String is the problem as one line.
func (p Problem) String() string {
	if p.Source == "" && p.Line == 0 {
		return p.Text
	}
	return p.Position.String() + ": " + p.Text
}

// Problems is every mistake that was found; it is an error that prints one a line.
type Problems []Problem

// maxPrinted keeps the report of a file that is no configuration at all readable.
const maxPrinted = 50

// Error is all problems, one a line.
func (ps Problems) Error() string {
	lines := make([]string, 0, min(len(ps), maxPrinted+1))
	for i, p := range ps {
		if i == maxPrinted {
			lines = append(lines, fmt.Sprintf("… and %d more", len(ps)-i))
			break
		}
		lines = append(lines, p.String())
	}
	return strings.Join(lines, "\n")
}

// Err is the problems as an error, nil where there are none. (A nil Problems in an error variable would not be nil.)
func (ps Problems) Err() error {
	if len(ps) == 0 {
		return nil
	}
	return ps
}

// sorted puts the problems in the order of the file.
func (ps Problems) sorted() Problems {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return ps
}
