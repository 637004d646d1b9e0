package directory

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

// loadAccess reads packages, grants, functions and segments of members in one statement, however many members.
func loadAccess(ctx context.Context, q sqldb.Queryer, members []Member) error {
	if len(members) == 0 {
		return nil
	}
	at := make(map[MembershipID]*Member, len(members))
	ids := make([]any, len(members))
	for i := range members {
		members[i].Grants = map[string]Grade{}
		at[members[i].ID], ids[i] = &members[i], members[i].ID
	}
	ids = atLeast(ids)
	each := func(sql string, add func(m *Member, what, a, b string)) error {
		rows, err := q.Query(ctx, sql, ids...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id MembershipID
			var what, a, b string
			if err := rows.Scan(&id, &what, &a, &b); err != nil {
				return err
			}
			add(at[id], what, a, b)
		}
		return rows.Err()
	}
	err := each(accessText(len(ids)),
		func(m *Member, what, a, b string) {
			switch what {
			case "package":
				m.Packages = append(m.Packages, a)
			case "function":
				m.Functions = append(m.Functions, Function(a))
			case "segment":
				m.Segments = append(m.Segments, a)
			case "grant":
				m.Grants[a] = Grade(b)
			}
		})
	for i := range members {
		members[i].settle()
	}
	return err
}

func accessText(members int) string {
	in := placeholders(1, members)
	return `select membership_id, 'package', package_key, '' from member_packages where membership_id in (` + in + `)
		union all select membership_id, 'function', function, '' from member_functions where membership_id in (` + in + `)
		union all select membership_id, 'segment', segment_key, '' from member_segments where membership_id in (` + in + `)
		union all select membership_id, 'grant', module_key, grade from member_grants where membership_id in (` + in + `)`
}

func placeholders(from, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("$" + strconv.Itoa(from+i))
	}
	return b.String()
}

// saveAccess writes what of the access and contacts differs from what it was; was is nil for a new member. Both are settled.
func saveAccess(ctx context.Context, tx *sqldb.Tx, m, was *Member) error {
	if was == nil {
		was = &Member{}
	}
	saveContacts(tx, m, was)
	saveAddresses(tx, m, was)
	if m.SecondFactor != was.SecondFactor {
		saveSecondFactor(tx, m)
	}
	if !slices.Equal(m.Packages, was.Packages) {
		if err := savePackages(ctx, tx, m, was); err != nil {
			return err
		}
	}
	if !maps.Equal(m.Grants, was.Grants) {
		if err := saveGrants(ctx, tx, m, was); err != nil {
			return err
		}
	}
	if !slices.Equal(m.Segments, was.Segments) {
		if err := saveSegments(ctx, tx, m, was); err != nil {
			return err
		}
	}
	if !slices.Equal(m.Functions, was.Functions) {
		return saveFunctions(ctx, tx, m, was)
	}
	return nil
}

func savePackages(ctx context.Context, tx *sqldb.Tx, m, was *Member) error {
	if len(was.Packages) > 0 {
		tx.Later(`delete from member_packages where membership_id = $1`, m.ID)
	}
	for _, p := range m.Packages {
		n, err := tx.Exec(ctx, `insert into member_packages (membership_id, organization_id, package_key) select $1, $2, key from packages where key = $3`,
			m.ID, m.Organization, p)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Newf(fault.Invalid, "unknown_package", "There is no package %q", p).On("packages")
		}
	}
	return checkBase(ctx, tx, m)
}

func saveGrants(ctx context.Context, tx *sqldb.Tx, m, was *Member) error {
	if len(was.Grants) > 0 {
		tx.Later(`delete from member_grants where membership_id = $1`, m.ID)
	}
	for _, module := range slices.Sorted(maps.Keys(m.Grants)) {
		n, err := tx.Exec(ctx, `insert into member_grants (membership_id, organization_id, module_key, grade) select $1, $2, key, $3 from modules where key = $4`,
			m.ID, m.Organization, string(m.Grants[module]), module)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Newf(fault.Invalid, "unknown_module", "There is no module %q", module).On("grants")
		}
	}
	return nil
}

func saveSegments(ctx context.Context, tx *sqldb.Tx, m, was *Member) error {
	if len(was.Segments) > 0 {
		tx.Later(`delete from member_segments where membership_id = $1`, m.ID)
	}
	for _, key := range m.Segments {
		n, err := tx.Exec(ctx, `insert into member_segments (membership_id, organization_id, segment_key)
			select $1, organization_id, key from segments where organization_id = $2 and key = $3`, m.ID, m.Organization, key)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Newf(fault.Invalid, "unknown_segment", "There is no segment %q", key).On("segments")
		}
	}
	return nil
}

// saveFunctions gives the member its functions. One of a single holder is refused while somebody else has it; whose
// membership is over has it no longer. The caller has locked the organization where a single one is new.
func saveFunctions(ctx context.Context, tx *sqldb.Tx, m, was *Member) error {
	if len(was.Functions) > 0 {
		tx.Later(`delete from member_functions where membership_id = $1`, m.ID)
	}
	for _, f := range m.Functions {
		if f.isSingle() && !slices.Contains(was.Functions, f) {
			tx.Later(`delete from member_functions where organization_id = $1 and function = $2 and membership_id in (select id from memberships
				where organization_id = $1 and (ended_at is not null or deleted_at is not null or end_at <= $3))`,
				m.Organization, string(f), sqldb.Micros(tx.Now()))
			var holders int64
			if err := tx.QueryRow(ctx, `select count(*) from member_functions where organization_id = $1 and function = $2`,
				m.Organization, string(f)).Scan(&holders); err != nil {
				return err
			}
			if holders > 0 {
				return ErrFunctionTaken
			}
			fillVacancy(tx, m.Organization, f)
		}
		tx.Later(`insert into member_functions (organization_id, function, membership_id) values ($1, $2, $3)`, m.Organization, string(f), m.ID)
	}
	return nil
}

// saveContacts keeps the rows by which members are found by their addresses and numbers.
func saveContacts(tx *sqldb.Tx, m, was *Member) {
	lists := []struct {
		kind     string
		now, old []Contact
	}{
		{"email", m.Details.Emails, was.Details.Emails}, {"phone", m.Details.Phones, was.Details.Phones},
		{"photo", m.Details.Photos, was.Details.Photos}, {"im", m.Details.IMs, was.Details.IMs},
	}
	for _, l := range lists {
		if slices.Equal(l.now, l.old) {
			continue
		}
		if len(l.old) > 0 {
			tx.Later(`delete from member_contacts where membership_id = $1 and kind = $2`, m.ID, l.kind)
		}
		for i, c := range l.now {
			tx.Later(`insert into member_contacts (membership_id, organization_id, kind, position, value, value_key, type, display, is_primary)
				values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
				m.ID, m.Organization, l.kind, i, c.Value, Fold(c.Value), Fold(c.Type), c.Display, c.Primary)
		}
	}
}
