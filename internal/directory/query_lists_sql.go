package directory

import "strings"

// source is one arm of a list: which rows, and where an element's fields stand in them.
type source struct {
	// from selects membership ids; $1 is the organization, {now} the moment. "and (condition)" follows, or stands at
	// whereHere: such a source is asked of all members at once, never of each.
	from   string
	fields map[Field]column
	id     string // whose element it is
}

const whereHere = "{where}"

// ofAll reports whether the source cannot be asked of one member.
func (s source) ofAll() bool { return strings.Contains(s.from, whereHere) }

var (
	contactFields = map[Field]column{
		ElementValue: {foldedText, "e.value_key"}, ElementType: {foldedText, "e.type"},
		ElementDisplay: {shortText, "e.display"}, ElementPrimary: {truth, "e.is_primary"},
	}
	photoFields = map[Field]column{
		ElementValue: {shortText, "e.value"}, ElementType: {foldedText, "e.type"},
		ElementDisplay: {shortText, "e.display"}, ElementPrimary: {truth, "e.is_primary"},
	}
	addressFields = map[Field]column{
		ElementFormatted: {foldedText, "e.formatted_key"}, ElementStreet: {foldedText, "e.street_key"}, ElementLocality: {foldedText, "e.locality_key"},
		ElementRegion: {foldedText, "e.region_key"}, ElementPostalCode: {foldedText, "e.postal_code_key"}, ElementCountry: {foldedText, "e.country_key"},
		ElementType: {foldedText, "e.type_key"}, ElementPrimary: {truth, "e.is_primary"},
	}
	signInFields = map[Field]column{ // how the sign-in address is shown where the organization keeps no other
		ElementValue: {addressKey, "u.email_key"}, ElementType: {foldedText, "'work'"},
		ElementDisplay: {shortText, "''"}, ElementPrimary: {truth, "(1 = 1)"},
	}
)

// memberLists is the closed list of a member's lists. Each arm is driven by the organization, so that an index serves it.
var memberLists = map[List][]source{
	ListEmails: {
		{contactsSQL("email"), contactFields, ofElement},
		{`select s.id from memberships s join users u on u.id = s.user_id where s.organization_id = $1 and s.deleted_at is null
			and not exists (select 1 from member_contacts c where c.membership_id = s.id and c.kind = 'email')`, signInFields, "s.id"},
	},
	ListPhones: {{contactsSQL("phone"), contactFields, ofElement}},
	ListPhotos: {{contactsSQL("photo"), photoFields, ofElement}},
	ListIMs:    {{contactsSQL("im"), contactFields, ofElement}},
	ListPackages: {{`select e.membership_id from member_packages e where e.organization_id = $1`,
		map[Field]column{ElementValue: {shortText, "e.package_key"}}, ofElement}},
	ListFunctions: {{`select e.membership_id from member_functions e where e.organization_id = $1`,
		map[Field]column{ElementValue: {foldedText, "e.function"}}, ofElement}},
	ListSegments: {
		{`select e.membership_id from member_segments e where e.organization_id = $1`, map[Field]column{ElementValue: {shortText, "e.segment_key"}}, ofElement},
		{`select s.id from memberships s where s.organization_id = $1 and s.all_segments = true`,
			map[Field]column{ElementValue: {shortText, "'" + EverySegment + "'"}}, "s.id"},
	},
	ListGrants: {{`select e.membership_id from member_grants e where e.organization_id = $1`,
		map[Field]column{ElementModule: {shortText, "e.module_key"}, ElementGrade: {foldedText, "e.grade"}}, ofElement}},
	ListAddresses: {{`select e.membership_id from member_addresses e where e.organization_id = $1`, addressFields, ofElement}},
	ListGroups:    {{inDirectly, directFields, "d.member_id"}, {inIndirectly, indirectFields, "s.id"}},
}

const ofElement = "e.membership_id"

func contactsSQL(kind string) string {
	return `select e.membership_id from member_contacts e where e.organization_id = $1 and e.kind = '` + kind + `'`
}
