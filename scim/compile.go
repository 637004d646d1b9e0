package scim

import (
	"strconv"
	"strings"
	"time"

	"portvakt/internal/directory"
)

// fields says which attribute is which of the directory's fields. What does not stand here cannot be filtered or sorted
// by: the list of what may be asked for is apart from the list of what is shown (TestWall067_HiddenAttributesAreNoOracle).
var fields = map[string]directory.Field{
	"id": directory.FieldID, "externalId": directory.FieldExternalID, "userName": directory.FieldUserName, "active": directory.FieldActive,
	"meta.created": directory.FieldCreated, "meta.lastModified": directory.FieldChanged,
	"name.formatted": directory.FieldFormattedName, "name.familyName": directory.FieldFamilyName, "name.givenName": directory.FieldGivenName,
	"displayName": directory.FieldDisplayName, "nickName": directory.FieldNickName, "profileUrl": directory.FieldProfileURL,
	"title": directory.FieldTitle, "userType": directory.FieldUserType, "preferredLanguage": directory.FieldPreferredLanguage,
	"locale": directory.FieldLocale, "timezone": directory.FieldTimezone, "roles": directory.FieldRole, "roles.value": directory.FieldRole,
	enterpriseURN + ":employeeNumber": directory.FieldEmployeeNumber, enterpriseURN + ":costCenter": directory.FieldCostCenter,
	enterpriseURN + ":organization": directory.FieldCompany, enterpriseURN + ":division": directory.FieldDivision,
	enterpriseURN + ":department": directory.FieldDepartment, enterpriseURN + ":manager": directory.FieldManager,
	enterpriseURN + ":manager.value": directory.FieldManager,
	membershipURN + ":kind":          directory.FieldKind, membershipURN + ":start": directory.FieldStart, membershipURN + ":end": directory.FieldEnd,
	membershipURN + ":administrator": directory.FieldAdministrator, membershipURN + ":successor": directory.FieldSuccessor,
}

// lists says which multi-valued attribute is which of the directory's lists.
var lists = map[string]directory.List{
	"emails": directory.ListEmails, "phoneNumbers": directory.ListPhones, "photos": directory.ListPhotos, "ims": directory.ListIMs,
	"entitlements": directory.ListPackages, membershipURN + ":functions": directory.ListFunctions,
	membershipURN + ":segments": directory.ListSegments, membershipURN + ":grants": directory.ListGrants,
}

var elementFields = map[string]directory.Field{
	"value": directory.ElementValue, "type": directory.ElementType, "display": directory.ElementDisplay, "primary": directory.ElementPrimary,
	"module": directory.ElementModule, "grade": directory.ElementGrade,
}

// condition turns a filter into the directory's words.
func (r *registry) condition(e expression) (directory.Condition, error) {
	switch v := e.(type) {
	case conjunction:
		list, err := r.conditions(v)
		return directory.And(list), err
	case disjunction:
		list, err := r.conditions(v)
		return directory.Or(list), err
	case negation:
		of, err := r.condition(v.of)
		return directory.Not{Condition: of}, err
	case presence:
		return r.present(v)
	case comparison:
		return r.compare(v)
	case valuePath:
		return r.some(v)
	}
	return nil, badFilter("The filter cannot be read")
}

func (r *registry) conditions(list []expression) ([]directory.Condition, error) {
	out := make([]directory.Condition, len(list))
	for i, e := range list {
		var err error
		if out[i], err = r.condition(e); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func unknownFilter(name string) error {
	return badFilter("Users cannot be filtered by %.100q", name)
}

// listOf finds the list that a name points into, and the element's field.
func listOf(p place) (directory.List, directory.Field, *attribute, bool) {
	list, ok := lists[place{urn: p.urn, attr: p.attr}.String()]
	if !ok {
		return "", "", nil, false
	}
	if p.sub != nil {
		return list, elementFields[p.sub.name], p.sub, true
	}
	return list, directory.ElementValue, p.attr.subs["value"], true
}

func (r *registry) present(v presence) (directory.Condition, error) {
	p, ok := r.find(v.name)
	if !ok || p.attr == nil {
		return nil, unknownFilter(v.name)
	}
	if list, field, _, ok := listOf(p); ok {
		if p.sub == nil {
			return directory.Some{List: list}, nil
		}
		return directory.Some{List: list, Where: directory.Present{Field: field}}, nil
	}
	if field, ok := fields[p.String()]; ok {
		return directory.Present{Field: field}, nil
	}
	switch p.String() {
	case "name":
		return directory.Or{directory.Present{Field: directory.FieldFormattedName}, directory.Present{Field: directory.FieldFamilyName},
			directory.Present{Field: directory.FieldGivenName}}, nil
	case "meta", "meta.resourceType", "schemas":
		return directory.And{}, nil
	}
	return nil, unknownFilter(v.name)
}

func (r *registry) compare(v comparison) (directory.Condition, error) {
	p, ok := r.find(v.name)
	if !ok || p.attr == nil {
		return nil, unknownFilter(v.name)
	}
	if list, field, attr, ok := listOf(p); ok {
		if v.value == nil { // no value at all
			return nullList(list, v)
		}
		c, err := typed(v, attr, field)
		return directory.Some{List: list, Where: c}, err
	}
	if p.String() == "meta.resourceType" {
		return constant(v, "User")
	}
	field, ok := fields[p.String()]
	if !ok {
		return nil, unknownFilter(v.name)
	}
	attr := p.attr
	if p.sub != nil {
		attr = p.sub
	}
	return typed(v, attr, field)
}

func nullList(list directory.List, v comparison) (directory.Condition, error) {
	switch v.op {
	case directory.Equal:
		return directory.Not{Condition: directory.Some{List: list}}, nil
	case directory.NotEqual:
		return directory.Some{List: list}, nil
	}
	return nil, badFilter("%s can be compared with null by eq and ne only", v.name)
}

// constant compares with what is the same for every user.
func constant(v comparison, is string) (directory.Condition, error) {
	same := v.value == is
	switch {
	case v.op == directory.Equal && same, v.op == directory.NotEqual && !same:
		return directory.And{}, nil
	case v.op == directory.Equal, v.op == directory.NotEqual:
		return directory.Or{}, nil
	}
	return nil, unknownFilter(v.name)
}

// some reads attribute[…]: of a list the conditions hold for one element together; of anything else the brackets are a prefix.
func (r *registry) some(v valuePath) (directory.Condition, error) {
	p, ok := r.find(v.name)
	if !ok || p.attr == nil || p.sub != nil {
		return nil, unknownFilter(v.name)
	}
	list, ok := lists[p.String()]
	if !ok {
		return r.condition(prefixed(v.name, v.inner))
	}
	where, err := element(p.attr, v.inner)
	return directory.Some{List: list, Where: where}, err
}

// prefixed writes name[a eq 1 and b pr] as name.a eq 1 and name.b pr.
func prefixed(name string, e expression) expression {
	switch v := e.(type) {
	case conjunction:
		out := make(conjunction, len(v))
		for i, inner := range v {
			out[i] = prefixed(name, inner)
		}
		return out
	case disjunction:
		out := make(disjunction, len(v))
		for i, inner := range v {
			out[i] = prefixed(name, inner)
		}
		return out
	case negation:
		return negation{prefixed(name, v.of)}
	case comparison:
		v.name = name + "." + v.name
		return v
	case presence:
		return presence{name + "." + v.name}
	}
	return e
}

// element turns what stands in a value path's brackets into a condition on one element.
func element(attr *attribute, e expression) (directory.Condition, error) {
	many := func(list []expression) ([]directory.Condition, error) {
		out := make([]directory.Condition, len(list))
		for i, inner := range list {
			var err error
			if out[i], err = element(attr, inner); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	switch v := e.(type) {
	case conjunction:
		list, err := many(v)
		return directory.And(list), err
	case disjunction:
		list, err := many(v)
		return directory.Or(list), err
	case negation:
		of, err := element(attr, v.of)
		return directory.Not{Condition: of}, err
	case presence:
		if _, field, ok := subOf(attr, v.name); ok {
			return directory.Present{Field: field}, nil
		}
		return nil, unknownFilter(attr.name + "." + v.name)
	case comparison:
		if sub, field, ok := subOf(attr, v.name); ok {
			return typed(v, sub, field)
		}
		return nil, unknownFilter(attr.name + "." + v.name)
	}
	return nil, badFilter("The filter cannot be read")
}

// subOf finds a sub-attribute; the elements of a simple list have the one "value".
func subOf(attr *attribute, name string) (*attribute, directory.Field, bool) {
	sub := attr.subs[strings.ToLower(name)]
	if sub == nil && !attr.complex() && strings.EqualFold(name, "value") {
		return attr, directory.ElementValue, true
	}
	if sub == nil {
		return nil, "", false
	}
	field, ok := elementFields[sub.name]
	return sub, field, ok
}

// typed gives the value the attribute's type: clients write booleans and dates as strings, and numbers without quotes.
func typed(v comparison, attr *attribute, field directory.Field) (directory.Condition, error) {
	c := directory.Compare{Field: field, Op: v.op, Value: v.value}
	kind := "string"
	if attr != nil {
		kind = attr.kind
	}
	switch value := v.value.(type) {
	case string:
		switch kind {
		case "boolean":
			b, ok := readBool(value)
			if !ok {
				return nil, badFilter("%s has to be compared with true or false", v.name)
			}
			c.Value = b
		case "dateTime":
			t, ok := readTime(value)
			if !ok {
				return nil, badFilter("%s has to be compared with a date and time", v.name)
			}
			c.Value = t
		}
	case bool:
		if kind == "dateTime" {
			return nil, badFilter("%s has to be compared with a date and time", v.name)
		}
		if kind != "boolean" {
			c.Value = strconv.FormatBool(value)
		}
	}
	return c, nil
}

func readBool(s string) (value, ok bool) {
	switch strings.ToLower(s) {
	case "true":
		return true, true
	case "false":
		return false, true
	}
	return false, false
}

// readTime reads an xsd:dateTime; one without a zone is UTC, as clients mean it.
func readTime(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		t, err := time.Parse(layout, s)
		if t = t.UTC(); err == nil && t.Year() >= 1 && t.Year() < 10000 {
			return t.Truncate(time.Microsecond), true
		}
	}
	return time.Time{}, false
}

func writeTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999999Z07:00") }
