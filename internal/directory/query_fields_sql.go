package directory

// columnKind is how a field is compared.
type columnKind uint8

const (
	foldedText columnKind = iota + 1 // a key column; "" means absent
	addressKey                       // the key of a sign-in address, whose domain has two spellings; "" means absent
	exactText                        // letter for letter; NULL means absent
	shortText                        // letter for letter; "" means absent
	word                             // one of a few of our own, without regard to letter case; "" means absent. No index leads to it
	truth
	resellerTruth   // of resellers alone
	moment          // may be NULL
	identifier      // a membership's id, may be NULL
	groupIdentifier // a group's id, may be NULL
	managerRef      // manager_id or manager_text
	roleKey         // the key of the role that role_id names
	number64        // a whole number that everybody has; sorted by, not compared
)

// column is where a field stands. The SQL texts are constants; values are only ever bound.
type column struct {
	kind     columnKind
	sql      string
	sortable bool
}

// activeSQL is Member.ListedActive as SQL (TestActiveAgrees), of members that are not deleted, as all that are listed;
// {now} is the bound present.
const activeSQL = `(m.archived_at is null and m.ended_at is null and (m.end_at is null or m.end_at > {now})
	and (m.accepted_at is not null or m.accept_by is null or m.accept_by > {now}) and (m.kind = 'contact' or m.suspended_at is null))`

// stateSQL is Member.StateAt as SQL (TestActiveAgrees), of members that are not deleted.
const stateSQL = `(case when m.archived_at is not null then 'archived'
	when m.ended_at is not null or m.end_at <= {now} or m.accepted_at is null and m.accept_by <= {now} then 'ended'
	when m.kind = 'contact' then 'contact' when m.suspended_at is not null then 'suspended' when m.accepted_at is null then 'invited'
	when m.start_at > {now} then 'scheduled' else 'active' end)`

// perhapsInactiveSQL holds of everybody of whom activeSQL does not, and of few others: the words of the index
// memberships_perhaps_inactive, by which those are found.
const perhapsInactiveSQL = `(m.archived_at is not null or m.ended_at is not null or m.end_at is not null or m.suspended_at is not null
	or m.accept_by is not null and m.accepted_at is null)`

// memberFields is the closed list of what a member can be compared and sorted by.
var memberFields = map[Field]column{
	FieldID:                {identifier, "m.id", true},
	FieldUserName:          {foldedText, "m.user_name_key", true},
	FieldExternalID:        {exactText, "m.external_id", true},
	FieldActive:            {truth, activeSQL, true},
	FieldKind:              {foldedText, "m.kind", true},
	FieldAdministrator:     {truth, "m.administrator", true},
	FieldStart:             {moment, "m.start_at", true},
	FieldEnd:               {moment, "m.end_at", true},
	FieldCreated:           {moment, "m.created_at", true},
	FieldChanged:           {moment, "m.changed_at", true},
	FieldDisplayName:       {foldedText, "m.display_name_key", true},
	FieldFormattedName:     {foldedText, "m.formatted_name_key", true},
	FieldGivenName:         {foldedText, "m.given_name_key", true},
	FieldFamilyName:        {foldedText, "m.family_name_key", true},
	FieldNickName:          {foldedText, "m.nick_name_key", true},
	FieldTitle:             {foldedText, "m.title_key", true},
	FieldUserType:          {foldedText, "m.user_type_key", true},
	FieldLocale:            {foldedText, "m.locale_key", true},
	FieldTimezone:          {foldedText, "m.timezone_key", true},
	FieldPreferredLanguage: {foldedText, "m.preferred_language_key", true},
	FieldProfileURL:        {foldedText, "m.profile_url_key", true},
	FieldEmployeeNumber:    {foldedText, "m.employee_number_key", true},
	FieldCostCenter:        {foldedText, "m.cost_center_key", true},
	FieldCompany:           {foldedText, "m.company_key", true},
	FieldDivision:          {foldedText, "m.division_key", true},
	FieldDepartment:        {foldedText, "m.department_key", true},
	FieldManager:           {managerRef, "", false},
	FieldSuccessor:         {identifier, "m.successor_id", true},
	FieldVersion:           {number64, "m.version", true},
	FieldEmail:             {foldedText, "coalesce(" + firstContactSQL("email", "value_key") + ", (select u.email_key from users u where u.id = m.user_id), '')", true},
	FieldPhone:             {foldedText, "coalesce(" + firstContactSQL("phone", "value_key") + ", '')", true},
	FieldIM:                {foldedText, "coalesce(" + firstContactSQL("im", "value_key") + ", '')", true},
	FieldPhoto:             {shortText, "coalesce(" + firstContactSQL("photo", "value") + ", '')", true},
	FieldMiddleName:        {foldedText, "m.middle_name_key", true},
	FieldNamePrefix:        {foldedText, "m.name_prefix_key", true},
	FieldNameSuffix:        {foldedText, "m.name_suffix_key", true},
	FieldState:             {word, stateSQL, true},
	FieldResellerRole:      {word, "(case when m.kind = 'reseller' then coalesce(m.reseller_role, '') else '' end)", true},
	FieldResellerBank:      {resellerTruth, "m.bank_access", true},
	FieldResellerUsers:     {resellerTruth, "m.user_administration", true},
	FieldRole:              {roleKey, "(select r.key from roles r where r.id = m.role_id)", true},
}

// source is one arm of a list: which rows, and where an element's fields stand in them.
type source struct {
	from   string // selects membership ids; $1 is the organization; ends so that "and (condition)" can follow
	fields map[Field]column
	id     string // whose element it is
}

var (
	contactFields = map[Field]column{
		ElementValue: {kind: foldedText, sql: "e.value_key"}, ElementType: {kind: foldedText, sql: "e.type"},
		ElementDisplay: {kind: shortText, sql: "e.display"}, ElementPrimary: {kind: truth, sql: "e.is_primary"},
	}
	photoFields = map[Field]column{
		ElementValue: {kind: shortText, sql: "e.value"}, ElementType: {kind: foldedText, sql: "e.type"},
		ElementDisplay: {kind: shortText, sql: "e.display"}, ElementPrimary: {kind: truth, sql: "e.is_primary"},
	}
	signInFields = map[Field]column{ // how the sign-in address is shown where the organization keeps no other
		ElementValue: {kind: addressKey, sql: "u.email_key"}, ElementType: {kind: foldedText, sql: "'work'"},
		ElementDisplay: {kind: shortText, sql: "''"}, ElementPrimary: {kind: truth, sql: "(1 = 1)"},
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
		map[Field]column{ElementValue: {kind: shortText, sql: "e.package_key"}}, ofElement}},
	ListFunctions: {{`select e.membership_id from member_functions e where e.organization_id = $1`,
		map[Field]column{ElementValue: {kind: foldedText, sql: "e.function"}}, ofElement}},
	ListSegments: {
		{`select e.membership_id from member_segments e where e.organization_id = $1`, map[Field]column{ElementValue: {kind: shortText, sql: "e.segment_key"}}, ofElement},
		{`select s.id from memberships s where s.organization_id = $1 and s.all_segments = true`,
			map[Field]column{ElementValue: {kind: shortText, sql: "'" + EverySegment + "'"}}, "s.id"},
	},
	ListGrants: {{`select e.membership_id from member_grants e where e.organization_id = $1`,
		map[Field]column{ElementModule: {kind: shortText, sql: "e.module_key"}, ElementGrade: {kind: foldedText, sql: "e.grade"}}, ofElement}},
}

const ofElement = "e.membership_id"

func contactsSQL(kind string) string {
	return `select e.membership_id from member_contacts e where e.organization_id = $1 and e.kind = '` + kind + `'`
}

// firstContactSQL is the primary of a member's contacts of the kind, or the first where none is.
func firstContactSQL(kind, column string) string {
	return `(select e.` + column + ` from member_contacts e where e.membership_id = m.id and e.kind = '` + kind + `' order by case when e.is_primary then 0 else 1 end, e.position limit 1)`
}
