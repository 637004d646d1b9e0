package directory

import (
	"slices"
	"time"
	"unicode/utf8"

	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

// Field is something of a member that can be asked for. The list is closed: what does not stand here cannot be compared,
// sorted by or guessed at from outside.
type Field string

// The fields of a member. Texts are compared folded, except for the external id, the role, the manager and identifiers.
const (
	FieldID                Field = "id"
	FieldUserName          Field = "user_name"
	FieldExternalID        Field = "external_id"
	FieldActive            Field = "active"
	FieldKind              Field = "kind"
	FieldAdministrator     Field = "administrator"
	FieldStart             Field = "start"
	FieldEnd               Field = "end"
	FieldCreated           Field = "created"
	FieldChanged           Field = "changed"
	FieldDisplayName       Field = "display_name"
	FieldFormattedName     Field = "formatted_name"
	FieldGivenName         Field = "given_name"
	FieldFamilyName        Field = "family_name"
	FieldNickName          Field = "nick_name"
	FieldTitle             Field = "title"
	FieldUserType          Field = "user_type"
	FieldLocale            Field = "locale"
	FieldTimezone          Field = "timezone"
	FieldPreferredLanguage Field = "preferred_language"
	FieldProfileURL        Field = "profile_url"
	FieldEmployeeNumber    Field = "employee_number"
	FieldCostCenter        Field = "cost_center"
	FieldCompany           Field = "company"
	FieldDivision          Field = "division"
	FieldDepartment        Field = "department"
	FieldManager           Field = "manager" // a membership's id, or a word of the provisioning system's own
	FieldSuccessor         Field = "successor"
	FieldRole              Field = "role" // its key
	FieldRoleName          Field = "role_name"
	FieldRolePrimary       Field = "role_primary" // true of whoever has one
	FieldState             Field = "state"
	FieldResellerRole      Field = "reseller_role" // of resellers alone, as the two below
	FieldResellerBank      Field = "reseller_bank"
	FieldResellerUsers     Field = "reseller_users"
	FieldMiddleName        Field = "middle_name"
	FieldNamePrefix        Field = "name_prefix"
	FieldNameSuffix        Field = "name_suffix"
	FieldVersion           Field = "version"
)

// The fields of an element of a list; which of them a list has is written beside it.
const (
	ElementValue   Field = "value"
	ElementType    Field = "type"
	ElementDisplay Field = "display"
	ElementPrimary Field = "primary"
	ElementModule  Field = "module"
	ElementGrade   Field = "grade"

	ElementFormatted  Field = "formatted"
	ElementStreet     Field = "street"
	ElementLocality   Field = "locality"
	ElementRegion     Field = "region"
	ElementPostalCode Field = "postal_code"
	ElementCountry    Field = "country"
)

// List is one of a member's lists, asked for with Some.
type List string

// The lists of a member.
const (
	ListEmails    List = "emails"    // value, type, display, primary; the sign-in address where there is no other
	ListPhones    List = "phones"    // value, type, display, primary
	ListPhotos    List = "photos"    // value, type, display, primary
	ListIMs       List = "ims"       // value, type, display, primary
	ListPackages  List = "packages"  // value
	ListFunctions List = "functions" // value
	ListSegments  List = "segments"  // value; "*" for all
	ListGrants    List = "grants"    // module, grade
	ListAddresses List = "addresses" // formatted, street, locality, region, postal code, country, type, primary
	ListGroups    List = "groups"    // value, display, type ("direct" or "indirect"); as Access.GroupsOf has them
)

// FirstOf is what members can be sorted by of a list: a part of its primary element, or of its first where none is primary
// (RFC 7644 §3.4.2.3). Nothing is compared with it. ListGroups has no such order.
func FirstOf(list List, element Field) Field { return Field(string(list) + "." + string(element)) }

// EverySegment stands in the list of segments for all of them.
const EverySegment = "*"

// Op is a comparison.
type Op string

// The comparisons, in the words of RFC 7644.
const (
	Equal          Op = "eq"
	NotEqual       Op = "ne"
	Contains       Op = "co"
	StartsWith     Op = "sw"
	EndsWith       Op = "ew"
	Greater        Op = "gt"
	GreaterOrEqual Op = "ge"
	Less           Op = "lt"
	LessOrEqual    Op = "le"
)

// Condition says which members are meant. Every condition is true or false of every member, never unknown: an absent
// value equals nothing, is unequal to everything, and is neither greater nor less than anything.
type Condition interface{ condition() }

// And is true where all of its conditions are.
type And []Condition

// Or is true where one of its conditions is.
type Or []Condition

// Not is true where its condition is false.
type Not struct{ Condition Condition }

// Compare compares a field with a value: string, bool, time.Time, or nil for "no value" (Equal and NotEqual only).
type Compare struct {
	Field Field
	Op    Op
	Value any
}

// Present is true where the field has a value.
type Present struct{ Field Field }

// Some is true where the list has an element of which Where, over the element's fields, is true; nil means any element.
type Some struct {
	List  List
	Where Condition
}

func (And) condition()     {}
func (Or) condition()      {}
func (Not) condition()     {}
func (Compare) condition() {}
func (Present) condition() {}
func (Some) condition()    {}

// Query says which members to list, in what order, and which page. Deleted members are never listed.
type Query struct {
	Where      Condition // nil: all
	SortBy     Field     // "": by creation
	Descending bool
	Offset     int
	Limit      int       // 0: only the total
	After      *Position // go on behind this member; not with Offset
	CountTo    int64     // count no further than this; 0: all
	Uncounted  bool      // how many there are is known: Page.Total of members says nothing

	way findWay
}

// Sorts are the orders in which an index gives members, however many there are, so that pages of them are offered to
// people. Other fields can be sorted by, at the price of a look at every member.
var Sorts = []Field{FieldCreated, FieldUserName, FieldFamilyName, FieldDisplayName}

// Position is a place in an order: of creation, or of the key that is sorted by, "" where the member has none. Numbers and
// times (microseconds) are written in digits, identifiers as outside.
type Position struct {
	Created time.Time
	Text    string
	ID      MembershipID
}

// Page is one page of members and how many there are in all.
type Page struct {
	Members []Member
	Total   int64
	More    bool      // there are more than Total: counting stopped at CountTo
	Next    *Position // behind the last of the page, in an order that has positions; nil where the page ends the list
}

// Limits on what a query may ask for, so that its cost is bounded by what it finds.
const (
	maxConditionDepth = 16
	maxConditionTerms = 50
	maxCompareText    = 1000 // characters; nothing longer is stored
)

func badQuery(text string) *fault.Fault { return fault.New(fault.Invalid, "bad_query", text) }

// checkCondition refuses what is too deep or too long before anything is compiled.
func checkCondition(c Condition) error {
	terms := 0
	var walk func(c Condition, depth int) error
	walk = func(c Condition, depth int) error {
		if depth > maxConditionDepth {
			return badQuery("The filter is nested too deeply")
		}
		var inner []Condition
		switch v := c.(type) {
		case And:
			inner = v
		case Or:
			inner = v
		case Not:
			inner = []Condition{v.Condition}
		case Some:
			terms++
			if v.Where != nil {
				inner = []Condition{v.Where}
			}
		default:
			terms++
		}
		if terms > maxConditionTerms {
			return badQuery("The filter has too many terms")
		}
		for _, i := range inner {
			if err := walk(i, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	if c == nil {
		return nil
	}
	return walk(c, 1)
}

// checkCompareText refuses what a database cannot take as text.
func checkCompareText(s string) error {
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > maxCompareText {
		return badQuery("The filter compares with a text that cannot be stored")
	}
	for i := range len(s) {
		if s[i] == 0 {
			return badQuery("The filter compares with a text that cannot be stored")
		}
	}
	return nil
}

// Asks reports whether the condition asks for elements of the list.
func Asks(c Condition, list List) bool {
	of := func(c Condition) bool { return Asks(c, list) }
	switch v := c.(type) {
	case And:
		return slices.ContainsFunc(v, of)
	case Or:
		return slices.ContainsFunc(v, of)
	case Not:
		return of(v.Condition)
	case Some:
		return v.List == list
	}
	return false
}

// ParseGroupID reads a group's outside identifier.
func ParseGroupID(s string) (GroupID, error) { return sqldb.ParseID[groupPrefix](s) }
