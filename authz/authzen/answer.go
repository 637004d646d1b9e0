package authzen

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"portvakt/authz"
	"portvakt/internal/directory"
)

// decide answers a question.
func (x *exchange) decide(q *authz.Question, c *asked) (allowed bool) {
	d := x.snapshot.Decide(*q)
	x.out = append(x.out, `{"decision":`...)
	x.out = strconv.AppendBool(x.out, d.Allowed)
	x.out = append(x.out, `,"context":{"reason":"`...)
	x.out = append(x.out, d.Reason.String()...)
	x.out = append(x.out, `",`...)
	x.freshness(x.snapshot.Until(*q))
	if c.fields.value && (q.Action == "view" || q.Action == "edit") {
		x.fields(q)
	}
	if c.explain.value {
		x.explain(q, c)
	}
	x.out = append(x.out, "}}"...)
	return d.Allowed
}

// freshness says which version answered, and until when the clock changes nothing.
func (x *exchange) freshness(until time.Time) {
	x.out = append(x.out, `"version":"`...)
	x.out = strconv.AppendInt(x.out, x.snapshot.Version(), 10)
	x.out = append(x.out, '"')
	if !until.IsZero() {
		x.out = append(x.out, `,"until":"`...)
		x.out = until.UTC().AppendFormat(x.out, time.RFC3339Nano)
		x.out = append(x.out, '"')
	}
}

// fields says of each field of the module how far it is open to the subject, so that an application asks once for a form.
//
// Invariant: no field is open further than the record that is asked about (TestFieldsAreNoMoreThanTheRecord).
func (x *exchange) fields(q *authz.Question) {
	open := x.snapshot.Fields(q.Subject, q.Module)
	x.cost++
	may := func(action string) bool {
		record := *q
		record.Action, record.Field = action, ""
		return x.snapshot.Decide(record).Allowed
	}
	view, edit := may("view"), may("edit")
	for field, access := range open {
		switch {
		case !view && !edit:
			open[field] = directory.FieldHidden
		case !edit && access == directory.FieldEditable:
			open[field] = directory.FieldReadOnly
		}
	}
	x.out = append(x.out, `,"fields":{`...)
	for i, field := range slices.Sorted(maps.Keys(open)) {
		if i > 0 {
			x.out = append(x.out, ',')
		}
		x.out = appendText(x.out, field)
		x.out = append(x.out, ':')
		x.out = appendText(x.out, string(open[field]))
	}
	x.out = append(x.out, '}')
}

// appendText writes a JSON text. Nearly all are plain; the others are left to the library.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf || c == '<' || c == '>' || c == '&' {
			quoted, err := json.Marshal(s)
			if err != nil { // a text always can
				return append(b, `""`...)
			}
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
