package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// question is something that the directory is asked about a member.
type question struct {
	name string
	ask  func(ctx context.Context, p picked) error
	few  bool // slow by nature, asked a tenth as often
}

func questions(db *sqldb.DB) []question {
	dir := directory.New(db)
	out := append(lookups(db, dir), lists(dir)...)
	return append(append(out, filters(dir)...), unbounded(dir)...)
}

func lookups(db *sqldb.DB, dir *directory.Directory) []question {
	return []question{
		{name: "user by e-mail", ask: func(ctx context.Context, p picked) error {
			e, err := directory.ParseEmail(p.email)
			if err == nil {
				_, err = dir.Users.ByEmail(ctx, e)
			}
			return err
		}},
		{name: "member by user and organization", ask: func(ctx context.Context, p picked) error {
			e, err := directory.ParseEmail(p.email)
			if err == nil {
				_, err = dir.Memberships.ByEmail(ctx, p.organization, e)
			}
			return err
		}},
		{name: "member by user name", ask: func(ctx context.Context, p picked) error {
			_, err := dir.Memberships.ByUserName(ctx, p.organization, p.name)
			return err
		}},
		{name: "standing", ask: func(ctx context.Context, p picked) error { _, err := dir.Memberships.Standing(ctx, p.id); return err }},
		{name: "standings of a person", ask: func(ctx context.Context, p picked) error {
			_, err := dir.Memberships.StandingsOf(ctx, p.user)
			return err
		}},
		{name: "ending a member, undone again", ask: func(ctx context.Context, p picked) error {
			return undone(ctx, db, p, nil)
		}},
	}
}

const (
	pageSize = 50
	countTo  = 1000 // how far a page's total is counted for people
)

// lists are pages in every offered order, counted to as many as a page of a list says.
func lists(dir *directory.Directory) (out []question) {
	for _, sort := range directory.Sorts {
		for _, way := range []struct {
			name string
			put  func(q *directory.Query, p picked)
		}{
			{"", func(*directory.Query, picked) {}},
			{", last first", func(q *directory.Query, _ picked) { q.Descending = true }},
			{", behind a member", func(q *directory.Query, p picked) { q.After = p.position(sort) }},
		} {
			out = append(out, listing(dir, fmt.Sprintf("list by %s%s", sort, way.name), func(p picked) directory.Query {
				q := directory.Query{SortBy: sort, Limit: pageSize, CountTo: countTo}
				way.put(&q, p)
				return q
			}))
		}
	}
	return append(out, listing(dir, "exact total", func(picked) directory.Query { return directory.Query{} }))
}

func listing(dir *directory.Directory, name string, of func(p picked) directory.Query) question {
	return question{name: name, ask: func(ctx context.Context, p picked) error {
		_, err := dir.Memberships.List(ctx, p.organization, of(p))
		return err
	}}
}

// filtered is the first page by family name of those whom the condition means.
func filtered(dir *directory.Directory, name string, of func(p picked) directory.Condition) question {
	return listing(dir, "filter "+name, func(p picked) directory.Query {
		return directory.Query{Where: of(p), Limit: pageSize, CountTo: countTo, SortBy: directory.FieldFamilyName}
	})
}

func comparison(f directory.Field, op directory.Op, value any) func(picked) directory.Condition {
	return func(picked) directory.Condition { return directory.Compare{Field: f, Op: op, Value: value} }
}

func among(l directory.List, f directory.Field, value any) func(picked) directory.Condition {
	return func(picked) directory.Condition {
		return directory.Some{List: l, Where: directory.Compare{Field: f, Op: directory.Equal, Value: value}}
	}
}

// filters ask for values that many have, few have, and nobody has.
func filters(dir *directory.Directory) (out []question) {
	add := func(name string, of func(p picked) directory.Condition) { out = append(out, filtered(dir, name, of)) }
	own := func(f directory.Field, of func(p picked) any) func(picked) directory.Condition {
		return func(p picked) directory.Condition {
			return directory.Compare{Field: f, Op: directory.Equal, Value: of(p)}
		}
	}
	add("user_name eq", own(directory.FieldUserName, func(p picked) any { return p.name }))
	add("external_id eq", own(directory.FieldExternalID, func(p picked) any { return p.external }))
	add("employee_number eq", own(directory.FieldEmployeeNumber, func(p picked) any { return p.number() }))
	add("emails.value eq", func(p picked) directory.Condition {
		return among(directory.ListEmails, directory.ElementValue, p.email)(p)
	})
	add("family_name eq, many", comparison(directory.FieldFamilyName, directory.Equal, "Holm"))
	add("family_name sw, many", comparison(directory.FieldFamilyName, directory.StartsWith, "nordm"))
	add("display_name sw, many", comparison(directory.FieldDisplayName, directory.StartsWith, "kari n"))
	add("user_name sw, few", func(p picked) directory.Condition {
		return directory.Compare{Field: directory.FieldUserName, Op: directory.StartsWith, Value: p.name[:len(p.name)-len("pany0.example")]}
	})
	add("given_name eq, many", comparison(directory.FieldGivenName, directory.Equal, "Åse"))
	add("department eq, many", comparison(directory.FieldDepartment, directory.Equal, "Legal"))
	add("title eq, many", comparison(directory.FieldTitle, directory.Equal, "Nurse"))
	for _, f := range []directory.Field{directory.FieldGivenName, directory.FieldFamilyName, directory.FieldDisplayName, directory.FieldFormattedName, directory.FieldTitle,
		directory.FieldDepartment, directory.FieldLocale, directory.FieldUserType, directory.FieldRole, directory.FieldManager} {
		add(string(f)+" eq, nobody", comparison(f, directory.Equal, "nobody has this"))
	}
	add("active eq true", comparison(directory.FieldActive, directory.Equal, true))
	add("active eq false, few", comparison(directory.FieldActive, directory.Equal, false))
	add("administrator eq true, few", comparison(directory.FieldAdministrator, directory.Equal, true))
	add("kind eq external, few", comparison(directory.FieldKind, directory.Equal, "external"))
	add("kind eq reseller, nobody", comparison(directory.FieldKind, directory.Equal, "reseller"))
	add("end lt, few", comparison(directory.FieldEnd, directory.Less, time.Now().AddDate(2, 0, 0)))
	add("packages.value eq, few", among(directory.ListPackages, directory.ElementValue, "crowd"))
	add("grants.module eq, few", among(directory.ListGrants, directory.ElementModule, "crowd"))
	add("segments.value eq, few", among(directory.ListSegments, directory.ElementValue, "crowd"))
	return out
}

// unbounded are the questions that look at every member of the organization, whatever they find.
func unbounded(dir *directory.Directory) (out []question) {
	for _, q := range []question{
		filtered(dir, "family_name co, nobody (looks at everybody)", comparison(directory.FieldFamilyName, directory.Contains, "nobody has this")),
		filtered(dir, "user_name ew, nobody (looks at everybody)", comparison(directory.FieldUserName, directory.EndsWith, "nobody has this")),
		filtered(dir, "changed gt, nobody (looks at everybody)", comparison(directory.FieldChanged, directory.Greater, time.Now().AddDate(1, 0, 0))),
		listing(dir, "list by title (looks at everybody)", func(picked) directory.Query {
			return directory.Query{SortBy: directory.FieldTitle, Limit: pageSize, CountTo: countTo}
		}),
	} {
		q.few = true
		out = append(out, q)
	}
	return out
}

// position is the member's place in an order that is offered.
func (p picked) position(sort directory.Field) *directory.Position {
	at := &directory.Position{ID: p.id, Created: p.created}
	switch sort {
	case directory.FieldUserName:
		at.Text = directory.Fold(p.name)
	case directory.FieldFamilyName:
		at.Text = p.family
	case directory.FieldDisplayName:
		at.Text = p.display
	}
	return at
}

// number is the employee number that the crowd gave the member.
func (p picked) number() string {
	n, _ := strconv.Atoi(p.external[1:])
	return fmt.Sprint(10000 + n)
}

var errUndone = errors.New("bench: undone")

// undone ends a member, looks before and after, and takes it back.
func undone(ctx context.Context, db *sqldb.DB, p picked, look func(tx *sqldb.Tx) error) error {
	err := db.Update(ctx, func(tx *sqldb.Tx) error {
		if look != nil {
			if err := look(tx); err != nil {
				return err
			}
		}
		if err := directory.New(db).WithTx(tx).Memberships.End(ctx, p.organization, p.id, directory.Ending{Choice: directory.EndPending}); err != nil {
			return err
		}
		if look != nil {
			if err := look(tx); err != nil {
				return err
			}
		}
		return errUndone
	})
	if errors.Is(err, errUndone) {
		return nil
	}
	return err
}
