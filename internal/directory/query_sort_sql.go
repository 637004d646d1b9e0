package directory

import "maps"

// memberSorts is the closed list of what members can be sorted by: whatever they are compared by, and an element of their lists.
var memberSorts = sortColumns()

// first is the element of a list that members are sorted by.
type first struct {
	from      string // which of the member's elements
	fields    map[Field]column
	otherwise map[Field]string // what a member without elements has
}

// Contacts and addresses are shown in the order of their positions, everything else in that of its keys.
var memberFirsts = map[List]first{
	ListEmails: {firstContact("email"), contactFields, map[Field]string{ // signInFields
		ElementValue: "(select u.email_key from users u where u.id = m.user_id)", ElementType: "case when m.user_id is not null then 'work' end",
		ElementPrimary: "case when m.user_id is not null then 1 end",
	}},
	ListPhones:    {firstContact("phone"), contactFields, nil},
	ListPhotos:    {firstContact("photo"), photoFields, nil},
	ListIMs:       {firstContact("im"), contactFields, nil},
	ListAddresses: {` from member_addresses e where e.membership_id = m.id` + primaryFirst, addressFields, nil},
	ListPackages:  {` from member_packages e where e.membership_id = m.id order by e.package_key limit 1`, memberLists[ListPackages][0].fields, nil},
	ListFunctions: {` from member_functions e where e.membership_id = m.id order by e.function limit 1`, memberLists[ListFunctions][0].fields, nil},
	ListSegments: {` from member_segments e where e.membership_id = m.id order by e.segment_key limit 1`, memberLists[ListSegments][0].fields,
		map[Field]string{ElementValue: "case when m.all_segments = true then '" + EverySegment + "' end"}},
	ListGrants: {` from member_grants e where e.membership_id = m.id order by e.module_key limit 1`, memberLists[ListGrants][0].fields, nil},
}

const primaryFirst = ` order by case when e.is_primary then 0 else 1 end, e.position limit 1`

func firstContact(kind string) string {
	return ` from member_contacts e where e.membership_id = m.id and e.kind = '` + kind + `'` + primaryFirst
}

func sortColumns() map[Field]column {
	sorts := maps.Clone(memberFields)
	for list, f := range memberFirsts {
		for part, col := range f.fields {
			sorts[FirstOf(list, part)] = f.column(part, col)
		}
	}
	return sorts
}

func (f first) column(part Field, col column) column {
	of, absent := col.sql, ", '')"
	if col.kind == truth {
		col.kind, of, absent = perhaps64, "case when "+of+" then 1 else 0 end", ", null)"
	}
	if otherwise := f.otherwise[part]; otherwise != "" {
		absent = ", " + otherwise + absent
	}
	col.sql = "coalesce((select " + of + f.from + ")" + absent
	return col
}
