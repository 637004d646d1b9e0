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
	roleTruth       // of those who have a role
	moment          // may be NULL
	identifier      // a membership's id, may be NULL
	groupIdentifier // a group's id, may be NULL
	managerRef      // manager_id or manager_text
	roleKey         // the key of the role that role_id names
	number64        // a whole number that everybody has; sorted by, not compared
	perhaps64       // one that may be NULL; likewise
)

// column is where a field stands. The SQL texts are constants; values are only ever bound.
type column struct {
	kind columnKind
	sql  string
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

// memberFields is the closed list of what a member can be compared by, and sorted by.
var memberFields = map[Field]column{
	FieldID:                {identifier, "m.id"},
	FieldUserName:          {foldedText, "m.user_name_key"},
	FieldExternalID:        {exactText, "m.external_id"},
	FieldActive:            {truth, activeSQL},
	FieldKind:              {foldedText, "m.kind"},
	FieldAdministrator:     {truth, "m.administrator"},
	FieldStart:             {moment, "m.start_at"},
	FieldEnd:               {moment, "m.end_at"},
	FieldCreated:           {moment, "m.created_at"},
	FieldChanged:           {moment, "m.changed_at"},
	FieldDisplayName:       {foldedText, "m.display_name_key"},
	FieldFormattedName:     {foldedText, "m.formatted_name_key"},
	FieldGivenName:         {foldedText, "m.given_name_key"},
	FieldFamilyName:        {foldedText, "m.family_name_key"},
	FieldNickName:          {foldedText, "m.nick_name_key"},
	FieldTitle:             {foldedText, "m.title_key"},
	FieldUserType:          {foldedText, "m.user_type_key"},
	FieldLocale:            {foldedText, "m.locale_key"},
	FieldTimezone:          {foldedText, "m.timezone_key"},
	FieldPreferredLanguage: {foldedText, "m.preferred_language_key"},
	FieldProfileURL:        {foldedText, "m.profile_url_key"},
	FieldEmployeeNumber:    {foldedText, "m.employee_number_key"},
	FieldCostCenter:        {foldedText, "m.cost_center_key"},
	FieldCompany:           {foldedText, "m.company_key"},
	FieldDivision:          {foldedText, "m.division_key"},
	FieldDepartment:        {foldedText, "m.department_key"},
	FieldManager:           {managerRef, ""},
	FieldSuccessor:         {identifier, "m.successor_id"},
	FieldVersion:           {number64, "m.version"},
	FieldMiddleName:        {foldedText, "m.middle_name_key"},
	FieldNamePrefix:        {foldedText, "m.name_prefix_key"},
	FieldNameSuffix:        {foldedText, "m.name_suffix_key"},
	FieldState:             {word, stateSQL},
	FieldResellerRole:      {word, "(case when m.kind = 'reseller' then coalesce(m.reseller_role, '') else '' end)"},
	FieldResellerBank:      {resellerTruth, "m.bank_access"},
	FieldResellerUsers:     {resellerTruth, "m.user_administration"},
	FieldRole:              {roleKey, "(select r.key from roles r where r.id = m.role_id)"},
	FieldRoleName:          {shortText, "coalesce((select r.name from roles r where r.id = m.role_id), '')"},
	FieldRolePrimary:       {roleTruth, "(1 = 1)"},
}
