package directory

import (
	"strings"
	"time"
	"unicode/utf8"
)

func (c *compiler) compare(v Compare) error {
	col, err := c.column(v.Field)
	if err != nil {
		return err
	}
	switch v.Op {
	case NotEqual:
		c.write("not (")
		err := c.compare(Compare{v.Field, Equal, v.Value})
		c.write(")")
		return err
	case Equal, Contains, StartsWith, EndsWith, Greater, GreaterOrEqual, Less, LessOrEqual:
	default:
		return badQuery("There is no such comparison").On(string(v.Field))
	}
	if v.Value == nil {
		if v.Op != Equal {
			return badQuery("Nothing can be compared with null but by eq and ne").On(string(v.Field))
		}
		c.write("not (", c.presence(col), ")")
		return nil
	}
	switch value := v.Value.(type) {
	case string:
		if err := checkCompareText(value); err != nil {
			return err
		}
		switch col.kind {
		case foldedText, addressKey, exactText, shortText, roleKey, word:
			return c.compareText(col, v.Op, value)
		case identifier, groupIdentifier, managerRef:
			if v.Op == Equal {
				c.compareID(col, value)
				return nil
			}
		}
	case bool:
		if col.kind == truth && v.Op == Equal {
			c.compareTruth(col, value)
			return nil
		}
		if (col.kind == resellerTruth || col.kind == roleTruth) && v.Op == Equal {
			c.write("(", c.presence(col), " and ", col.sql, " = ", c.arg(value), ")")
			return nil
		}
	case time.Time:
		if col.kind == moment && !wordOp(v.Op) {
			p := c.arg(value.UnixMicro())
			c.write("(", col.sql, " is not null and ", col.sql, signs[v.Op], p, ")")
			return nil
		}
	}
	return badQuery("The field cannot be compared in this way").On(string(v.Field))
}

var signs = map[Op]string{Equal: " = ", Greater: " > ", GreaterOrEqual: " >= ", Less: " < ", LessOrEqual: " <= "}

func wordOp(o Op) bool { return o == Contains || o == StartsWith || o == EndsWith }

func (c *compiler) compareTruth(col column, want bool) {
	if !want {
		c.write("not ")
	}
	place := c.place(col)
	if !want && col.sql == activeSQL && !c.walk {
		c.write(place, " and ", perhapsInactiveSQL)
		return
	}
	if strings.HasPrefix(place, "(") { // an expression
		c.write(place)
		return
	}
	c.write("(", place, " = true)")
}

func (c *compiler) compareID(col column, text string) {
	if text == "" { // as with texts: absent
		c.write("not (", c.presence(col), ")")
		return
	}
	if group, err := ParseGroupID(text); err == nil && col.kind == groupIdentifier {
		p := c.arg(group)
		c.write("(", col.sql, " is not null and ", col.sql, " = ", p, ")")
		return
	}
	id, err := ParseMembershipID(text)
	switch {
	case err == nil && col.kind == managerRef:
		p := c.arg(id)
		c.write("(m.manager_id is not null and m.manager_id = ", p, ")")
	case err == nil && col.kind == identifier:
		p := c.arg(id)
		c.write("(", col.sql, " is not null and ", col.sql, " = ", p, ")")
	case col.kind == managerRef:
		p := c.arg(text)
		c.write("(m.manager_text is not null and m.manager_text = ", p, ")")
	default: // no id at all, so nobody's
		c.write("(1 = 0)")
	}
}

// compareText compares texts, by their bytes on both engines. What begins with a text lies in a span of the order, so that
// an index finds it. Patterns are used on folded columns only: LIKE minds letter case on one engine and not on the other,
// which makes no difference between folded texts.
func (c *compiler) compareText(col column, op Op, value string) error {
	folded := col.kind == foldedText || col.kind == addressKey || col.kind == word
	if folded {
		value = Fold(value)
	}
	if e, err := ParseEmail(value); err == nil && col.kind == addressKey {
		value = e.Key
	}
	if value == "" {
		switch { // what is bound has to be in the text, or PostgreSQL does not know its type
		case op == Equal: // stored texts are never empty but absent
			c.write("not (", c.presence(col), ")")
		case wordOp(op), op == GreaterOrEqual, op == Greater:
			c.write("(", c.presence(col), ")")
		default:
			c.write("(1 = 0)")
		}
		return nil
	}
	x, present := c.place(col), c.presence(col)
	c.write("(", present, " and ")
	switch {
	case col.kind == roleKey && op == Equal:
		c.write("m.role_id in (select r.id from roles r where r.organization_id = $1 and r.key = ", c.arg(value), ")")
	case !wordOp(op):
		c.write(x, signs[op], c.arg(value))
	case op == StartsWith:
		c.write(x, " >= ", c.arg(value))
		if end := behindPrefix(value); end != "" {
			c.write(" and ", x, " < ", c.arg(end))
		}
	case folded:
		c.write(x, " like ", c.arg(pattern(op, value)), ` escape '\'`)
	case op == Contains:
		c.write("replace(", x, ", ", c.arg(value), ", '') <> ", x)
	default: // EndsWith
		n := c.arg(utf8.RuneCountInString(value))
		c.write("length(", x, ") >= ", n, " and substr(", x, ", length(", x, ") - ", n, " + 1) = ", c.arg(value))
	}
	c.write(")")
	return nil
}

var likeEscapes = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

func pattern(op Op, value string) string {
	value = likeEscapes.Replace(value)
	if op == EndsWith {
		return "%" + value
	}
	return "%" + value + "%"
}

// behindPrefix is the first text behind all that begin with the prefix, in the order of bytes, which is that of code
// points; "" where nothing lies behind them.
func behindPrefix(prefix string) string {
	for prefix != "" {
		last, size := utf8.DecodeLastRuneInString(prefix)
		prefix = prefix[:len(prefix)-size]
		switch {
		case last == utf8.MaxRune: // has no next, so the one before it is raised
		case last == 0xd7ff: // surrogates are no characters
			return prefix + "\ue000"
		default:
			return prefix + string(last+1)
		}
	}
	return ""
}
