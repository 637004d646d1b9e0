package client

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	inlined   = 50    // values that are written as placeholders where a database can take a list as one argument
	chunk     = 1_000 // placeholders in one list: what the most cautious databases take
	nothing   = "1 = 0"
	unlimited = "1 = 1"
)

// Style is how a database writes the places of arguments.
type Style struct {
	prefix   string // before the number; "" for ? without numbers
	after    int    // arguments that stand in the statement before ours
	manyFrom string // a query that makes rows of a list that is one argument, around %s; "" where there is none
}

// PostgreSQL writes $1, $2, …; after is how many arguments the statement has before them. Long lists are one argument.
func PostgreSQL(after int) Style {
	return Style{prefix: "$", after: after, manyFrom: "select jsonb_array_elements_text(cast(%s as text)::jsonb)"}
}

// SQLite writes ?1, ?2, …; after is how many arguments the statement has before them. Long lists are one argument.
func SQLite(after int) Style {
	return Style{prefix: "?", after: after, manyFrom: "select value from json_each(%s)"}
}

// Numbered writes placeholders with any prefix, such as @p or :, and a number. Long lists are many arguments: where
// len(Filter.Owners) comes near what the database takes (SQL Server: 2,100), fill a temporary table with Filter.Owners
// and join it.
func Numbered(prefix string, after int) Style { return Style{prefix: prefix, after: after} }

// QuestionMarks writes ?, as MySQL does. For long lists see Numbered.
func QuestionMarks() Style { return Style{} }

// column is a name as it may stand in the statement: segments of letters, digits and underscores, quoted or not.
var column = regexp.MustCompile(`^(?:[A-Za-z_][A-Za-z0-9_]*|"[A-Za-z0-9_ -]+")(?:\.(?:[A-Za-z_][A-Za-z0-9_]*|"[A-Za-z0-9_ -]+"))*$`)

// SQL makes a condition of the filter, in parentheses, and its arguments in the order of their places. ownerColumn holds
// owners in the form of Party, segmentColumn the key of the record's segment or null; segmentColumn may be empty where
// records have no segments. It panics on what is no name of a column, since no request may decide that.
//
// Invariants:
//   - Whatever comes from the service is an argument, never a part of the text (TestFilterSQLHoldsNoValues).
//   - A filter that says nothing shows nothing (TestZeroFilterShowsNothing). A record without owner is shown only where
//     everybody's are.
func (f Filter) SQL(ownerColumn, segmentColumn string, style Style) (where string, args []any) {
	for _, name := range []string{ownerColumn, segmentColumn} {
		if !column.MatchString(name) && (name != "" || ownerColumn == "") {
			panic(fmt.Sprintf("client: %q is no name of a column", name))
		}
	}
	if f.None || !f.Everyone && len(f.Owners) == 0 {
		return "(" + nothing + ")", nil
	}
	w := &writer{style: style}
	parts := []string{unlimited}
	if !f.Everyone {
		parts[0] = w.among(ownerColumn, texts(f.Owners))
	}
	if segmentColumn != "" && !f.everySegment() {
		free := segmentColumn + " is null or " + segmentColumn + " = ''"
		if keys := slices.DeleteFunc(slices.Clone(f.Segments), func(s string) bool { return s == EverySegment }); len(keys) > 0 {
			free += " or " + w.among(segmentColumn, keys)
		}
		parts = append(parts, "("+free+")")
	}
	return "(" + strings.Join(parts, " and ") + ")", w.args
}

func texts(owners []Party) []string {
	out := make([]string, len(owners))
	for i, o := range owners {
		out[i] = string(o)
	}
	return out
}

// writer collects arguments as their places are written.
type writer struct {
	style Style
	args  []any
}

func (w *writer) place(value any) string {
	w.args = append(w.args, value)
	if w.style.prefix == "" {
		return "?"
	}
	return w.style.prefix + strconv.Itoa(w.style.after+len(w.args))
}

// among says that a column holds one of the values, of which there is at least one.
func (w *writer) among(name string, values []string) string {
	if len(values) > inlined && w.style.manyFrom != "" {
		list, err := json.Marshal(values)
		if err != nil { // texts always can be
			return nothing
		}
		return name + " in (" + fmt.Sprintf(w.style.manyFrom, w.place(string(list))) + ")"
	}
	var lists []string
	for some := range slices.Chunk(values, chunk) {
		places := make([]string, len(some))
		for i, v := range some {
			places[i] = w.place(v)
		}
		lists = append(lists, name+" in ("+strings.Join(places, ", ")+")")
	}
	if len(lists) == 1 {
		return lists[0]
	}
	return "(" + strings.Join(lists, " or ") + ")"
}
