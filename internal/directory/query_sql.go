package directory

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"portvakt/internal/sqldb"
)

// compiler turns conditions into SQL. Every value becomes an argument; every SQL text is a constant of this file.
type compiler struct {
	text  strings.Builder
	args  []any
	now   time.Time
	cols  map[Field]column
	lists map[List][]source
	nowP  string // the argument that holds now, once asked for
	walk  bool   // members come in their order and are looked at one by one; else those who are meant are gathered first
}

func (s Memberships) compiler(q Query) *compiler {
	return &compiler{now: s.now(), cols: memberFields, lists: memberLists, walk: q.way == walkAsking}
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
	if c.walk {
		before, after = "((select count(*) from (", ") x) > 0)"
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
		c.write(c.place(column{sql: arm.from}))
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
	case roleKey:
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
		if col.kind == resellerTruth && v.Op == Equal {
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
		switch { // what is not written takes no parameter: PostgreSQL refuses one that nothing stands for
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

// order writes the order by clause; members without the value come last, descending first (RFC 7644 §3.4.2.3).
func (c *compiler) order(q Query) error {
	way := ""
	if q.Descending {
		way = " desc"
	}
	if q.SortBy == "" {
		c.write(" order by m.created_at", way, ", m.id", way)
		return nil
	}
	col, ok := c.cols[q.SortBy]
	if !ok || !col.sortable {
		return badQuery("Nothing can be sorted by this field").On(string(q.SortBy))
	}
	c.write(" order by case when ", c.presence(col), " then 0 else 1 end", way, ", ", c.sortKey(col), way, ", m.id", way)
	return nil
}

// where writes the condition that all listings have, the organization's first, and then the query's own.
func (c *compiler) where(organization OrganizationID, q Query) error {
	if err := checkCondition(q.Where); err != nil {
		return err
	}
	c.write(" where m.organization_id = ", c.arg(organization), " and m.deleted_at is null")
	if q.Where == nil {
		return nil
	}
	c.write(" and (")
	condition := c.condition
	if q.way == walkSet {
		condition = c.inSet
	}
	err := condition(q.Where)
	c.write(")")
	return err
}

// List answers one page of an organization's members. All of the filter runs in the database.
func (s Memberships) List(ctx context.Context, organization OrganizationID, q Query) (Page, error) {
	if s.tx != nil {
		return s.list(ctx, organization, q)
	}
	var page Page
	err := s.db.View(ctx, func(tx *sqldb.Tx) error { // total and members of one state
		var err error
		page, err = Memberships{store{db: s.db, tx: tx}}.list(ctx, organization, q)
		return err
	})
	return page, err
}

func (s Memberships) list(ctx context.Context, organization OrganizationID, q Query) (Page, error) {
	if q.SortBy == FieldCreated {
		q.SortBy = "" // the same order
	}
	offered := q.SortBy == "" || keyedSorts[q.SortBy] != ""
	if q.After != nil && q.Offset != 0 || q.Limit < 0 || q.Offset < 0 {
		return Page{}, badQuery("The page cannot be read")
	}
	if q.Where != nil && q.Limit > 0 && offered {
		return s.filteredPage(ctx, organization, q)
	}
	var page Page
	var err error
	if q.Limit > 0 {
		read := s.sortedPage
		if offered {
			read = s.offeredPage
		}
		if page.Members, err = read(ctx, organization, q); err != nil {
			return Page{}, err
		}
		if offered {
			page = page.following(q)
		}
		if n := len(page.Members); q.After == nil && n < q.Limit && (n > 0 || q.Offset == 0) {
			page.Total = int64(q.Offset + n) // the page is the end of the list, so it tells how long the list is
			return page, nil
		}
	}
	if q.Uncounted {
		return page, nil
	}
	n, err := s.count(ctx, organization, q, "")
	return page.counting(q, n), err
}

// gathers reports whether finding whom the condition means, and then sorting them, may be much work: what is asked of lists
// and of ends is not known to the index of an order.
func gathers(c Condition) bool {
	switch v := c.(type) {
	case And:
		return slices.ContainsFunc(v, gathers)
	case Or:
		return slices.ContainsFunc(v, gathers)
	case Not:
		return gathers(v.Condition)
	case Some:
		return true
	case Compare:
		return v.Field == FieldActive && v.Value == false
	}
	return false
}

// sortedPage reads a page in the order of creation, or by looking at every member.
func (s Memberships) sortedPage(ctx context.Context, organization OrganizationID, q Query) ([]Member, error) {
	c := s.compiler(q)
	if err := c.where(organization, q); err != nil {
		return nil, err
	}
	switch {
	case q.After != nil && q.SortBy != "":
		if err := c.behindPosition(q, memberFields[q.SortBy]); err != nil {
			return nil, err
		}
	case q.After != nil:
		c.write(" and (m.created_at, m.id) ", behind(q), " (", c.arg(sqldb.Micros(q.After.Created)), ", ", c.arg(q.After.ID), ")")
	}
	from := c.text.Len()
	if err := c.order(q); err != nil {
		return nil, err
	}
	order := c.text.String()[from:]
	c.write(" limit ", c.arg(q.Limit), " offset ", c.arg(q.Offset))
	return s.listedPage(ctx, q, c, order)
}

// listed reads members with all their access; where is everything behind the from clause.
func (s Memberships) listed(ctx context.Context, where string, args []any) ([]Member, error) {
	return s.filled(ctx, len(args), `select `+memberColumns+memberFrom+where, args)
}

// filled reads members and all their access.
func (s Memberships) filled(ctx context.Context, expected int, text string, args []any) ([]Member, error) {
	members, err := scanMembers(ctx, s.q(), expected, text, args...)
	if err != nil {
		return nil, err
	}
	return members, loadAccess(ctx, s.q(), members)
}
