package directory

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"portvakt/internal/sqldb"
)

// compiler turns conditions into SQL. Every value becomes an argument; every SQL text is a constant of this package.
type compiler struct {
	text  strings.Builder
	args  []any
	now   time.Time
	cols  map[Field]column
	sorts map[Field]column
	lists map[List][]source
	nowP  string // the argument that holds now, once asked for
	walk  bool   // members come in their order and are looked at one by one; else those who are meant are gathered first
}

func (s Memberships) compiler(q Query) *compiler {
	return &compiler{now: s.now(), cols: memberFields, sorts: memberSorts, lists: memberLists, walk: q.way == walkAsking}
}

func (c *compiler) write(parts ...string) {
	for _, p := range parts {
		c.text.WriteString(p)
	}
}

func (c *compiler) arg(v any) string {
	c.args = append(c.args, v)
	return "$" + strconv.Itoa(len(c.args))
}

// place is the column's SQL with the present bound where it needs it.
func (c *compiler) place(col column) string {
	if !strings.Contains(col.sql, "{now}") {
		return col.sql
	}
	if c.nowP == "" {
		c.nowP = c.arg(sqldb.Micros(c.now))
	}
	return strings.ReplaceAll(col.sql, "{now}", c.nowP)
}

func (c *compiler) condition(cond Condition) error {
	switch v := cond.(type) {
	case And:
		return c.join(v, " and ", "(1 = 1)")
	case Or:
		return c.join(v, " or ", "(1 = 0)")
	case Not:
		c.write("not (")
		err := c.condition(v.Condition)
		c.write(")")
		return err
	case Compare:
		return c.compare(v)
	case Present:
		return c.present(v.Field)
	case Some:
		return c.some(v)
	}
	return badQuery("The filter cannot be read")
}

func (c *compiler) join(list []Condition, word, none string) error {
	if len(list) == 0 {
		c.write(none)
		return nil
	}
	c.write("(")
	for i, inner := range list {
		if i > 0 {
			c.write(word)
		}
		if err := c.condition(inner); err != nil {
			return err
		}
	}
	c.write(")")
	return nil
}

func (c *compiler) column(f Field) (column, error) {
	col, ok := c.cols[f]
	if !ok {
		return col, badQuery("This field cannot be compared").On(string(f))
	}
	return col, nil
}

func (c *compiler) some(s Some) error {
	before, after := "m.id in (", ")"
	if walk := c.walk; walk {
		before, after = "((select count(*) from (", ") x) > 0)"
		if slices.ContainsFunc(c.lists[s.List], source.ofAll) { // in words that keep the walk, as inSet's
			before, after, c.walk = "case when m.id in (", ") then 1 else 0 end = 1", false
		}
		defer func() { c.walk = walk }()
	}
	c.write(before)
	err := c.elements(s)
	c.write(after)
	return err
}

// elements writes a statement that selects whose elements are meant; of one member, where each is asked alone.
func (c *compiler) elements(s Some) error {
	arms, ok := c.lists[s.List]
	if !ok {
		return badQuery("This list cannot be searched").On(string(s.List))
	}
	outer := c.cols
	defer func() { c.cols = outer }()
	for i, arm := range arms {
		switch {
		case i > 0 && c.walk:
			c.write(") x) > 0 or (select count(*) from (")
		case i > 0:
			c.write(" union all ")
		}
		from, behind, _ := strings.Cut(c.place(column{sql: arm.from}), whereHere)
		c.write(from)
		if c.walk {
			c.write(" and ", arm.id, " = m.id")
		}
		if s.Where != nil {
			c.cols = arm.fields
			c.write(" and (")
			if err := c.condition(s.Where); err != nil {
				return err
			}
			c.write(")")
		}
		c.write(behind)
	}
	return nil
}

// presence is the SQL that is true where the column has a value.
func (c *compiler) presence(col column) string {
	switch col.kind {
	case foldedText, addressKey, shortText, word:
		return c.place(col) + " <> ''"
	case resellerTruth:
		return "m.kind = 'reseller'"
	case managerRef:
		return "(m.manager_id is not null or m.manager_text is not null)"
	case roleKey, roleTruth:
		return "m.role_id is not null"
	case truth, number64:
		return "(1 = 1)"
	}
	return c.place(col) + " is not null"
}

func (c *compiler) present(f Field) error {
	col, err := c.column(f)
	if err == nil {
		c.write(c.presence(col))
	}
	return err
}
