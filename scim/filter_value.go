package scim

import (
	"strconv"
	"strings"
	"time"

	"portvakt/internal/directory"
)

// typed gives the value the attribute's type: clients write booleans and dates as strings, and numbers without quotes.
func typed(v comparison, attr *attribute, field directory.Field) (directory.Condition, error) {
	c := directory.Compare{Field: field, Op: v.op, Value: v.value}
	kind := "string"
	if attr != nil {
		kind = attr.kind
	}
	equality := v.op == directory.Equal || v.op == directory.NotEqual
	word := v.op == directory.Contains || v.op == directory.StartsWith || v.op == directory.EndsWith
	if v.value == nil && !equality || kind == "boolean" && !equality || kind == "dateTime" && word {
		return nil, badFilter("%.100s cannot be compared by %s", v.name, v.op)
	}
	switch value := v.value.(type) {
	case string:
		switch kind {
		case "boolean":
			b, ok := readBool(value)
			if !ok {
				return nil, badFilter("%s has to be compared with true or false", v.name)
			}
			c.Value = b
		case "dateTime":
			t, ok := readTime(value)
			if !ok {
				return nil, badFilter("%s has to be compared with a date and time", v.name)
			}
			c.Value = t
		}
	case bool:
		if kind == "dateTime" {
			return nil, badFilter("%s has to be compared with a date and time", v.name)
		}
		if kind != "boolean" {
			c.Value = strconv.FormatBool(value)
		}
	}
	return c, nil
}

func readBool(s string) (value, ok bool) {
	switch strings.ToLower(s) {
	case "true":
		return true, true
	case "false":
		return false, true
	}
	return false, false
}

// readTime reads an xsd:dateTime; one without a zone is UTC, as clients mean it.
func readTime(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		t, err := time.Parse(layout, s)
		if t = t.UTC(); err == nil && t.Year() >= 1 && t.Year() < 10000 {
			return t.Truncate(time.Microsecond), true
		}
	}
	return time.Time{}, false
}

func writeTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999999Z07:00") }
