package scim

import (
	"fmt"
	"slices"

	"github.com/elimity-com/scim/schema"

	"portvakt/internal/directory"
)

// resourceType describes a kind of resource as data. All that reads a request for many or for some of its attributes, and
// all that answers with it, works from this description: filters (compile.go), orders and pages (list.go), projections
// (render.go), .search and the root (search.go).
//
// Another type is added by writing one like users below, naming it in the registry (schema.go, which reads its schema too) and
// giving it routes. Its find function answers directory.Query: Where in the order of SortBy ("" is the type's own), Descending,
// Offset and Limit (0: only the total), or After, a position that it gave itself (found.at); lists by cursor that go back ask in
// the opposite order, so the two orders have to be the exact reverse of one another. Single resources are answered by
// x.unchanged and x.writeResource, projected by x.projection(t).apply.
type resourceType struct {
	name     string   // as in meta.resourceType
	endpoint string   // "/Users"
	about    string   // for /ResourceTypes
	urns     []string // its own schema, then its extensions
	needs    permission

	// fields says which attribute is which of the directory's fields. What stands neither here nor in lists cannot be filtered
	// by: the list of what may be asked for is apart from the list of what is shown (TestWall067_HiddenAttributesAreNoOracle).
	fields map[string]directory.Field
	// lists says which multi-valued attribute is which of the directory's lists, and elements what the parts of their elements are.
	lists    map[string]directory.List
	elements map[string]directory.Field
	// rights are what a client needs besides, to be shown a list or to ask for it.
	rights map[directory.List]permission
	// always are attributes of which each resource has a value, not known to the directory.
	always []string
	// sorts says what can be sorted by besides the fields and lists; unsorted are lists of which nobody knows the first element
	// before all of them are read.
	sorts    map[string]directory.Field
	unsorted []string

	// find reads what the query means, a page of it in its order, and shows it. It reads members, or groups, of the
	// client's organization only.
	find func(*exchange, directory.Query, projection) (found, error)

	registry   *registry
	whole      schema.Schema // its own, with what every resource has besides; extensions are its others
	extensions []schema.Schema
	known      map[attributeKey]meaning
}

// found is a page as its resource type answers it.
type found struct {
	total     int64 // of all pages
	resources []any
	// at tells where the i-th resource stands in the order, so that a cursor can go on behind it; asked of one or two of a page.
	at func(i int) (directory.Position, error)
}

// attributeKey is a place without its schema, which the attribute is known by.
type attributeKey struct{ attr, sub *attribute }

func (p place) key() attributeKey { return attributeKey{p.attr, p.sub} }

// meaning is what of the directory an attribute stands for.
type meaning struct {
	field  directory.Field
	list   directory.List
	sort   directory.Field
	always bool
}

// elementFields are the parts of a list's elements.
var elementFields = map[string]directory.Field{
	"value": directory.ElementValue, "type": directory.ElementType, "display": directory.ElementDisplay, "primary": directory.ElementPrimary,
	"module": directory.ElementModule, "grade": directory.ElementGrade,
	"formatted": directory.ElementFormatted, "streetAddress": directory.ElementStreet, "locality": directory.ElementLocality,
	"region": directory.ElementRegion, "postalCode": directory.ElementPostalCode, "country": directory.ElementCountry,
}

// sameForAll are the orders by attributes that every resource has, of which some have the same value everywhere.
var sameForAll = map[string]directory.Field{
	"meta.version": directory.FieldVersion, "meta.location": directory.FieldID, "meta.resourceType": directory.FieldCreated, "schemas": directory.FieldCreated,
}

func users() *resourceType {
	return &resourceType{
		name: "User", endpoint: "/Users", about: "A member of the organization", urns: []string{coreURN, enterpriseURN, membershipURN}, needs: usersRight,
		fields: map[string]directory.Field{
			"id": directory.FieldID, "externalId": directory.FieldExternalID, "userName": directory.FieldUserName, "active": directory.FieldActive,
			"meta.created": directory.FieldCreated, "meta.lastModified": directory.FieldChanged,
			"name.formatted": directory.FieldFormattedName, "name.familyName": directory.FieldFamilyName, "name.givenName": directory.FieldGivenName,
			"name.middleName": directory.FieldMiddleName, "name.honorificPrefix": directory.FieldNamePrefix, "name.honorificSuffix": directory.FieldNameSuffix,
			"displayName": directory.FieldDisplayName, "nickName": directory.FieldNickName, "profileUrl": directory.FieldProfileURL,
			"title": directory.FieldTitle, "userType": directory.FieldUserType, "preferredLanguage": directory.FieldPreferredLanguage,
			"locale": directory.FieldLocale, "timezone": directory.FieldTimezone, "roles": directory.FieldRole, "roles.value": directory.FieldRole,
			"roles.display": directory.FieldRoleName, "roles.primary": directory.FieldRolePrimary,
			enterpriseURN + ":employeeNumber": directory.FieldEmployeeNumber, enterpriseURN + ":costCenter": directory.FieldCostCenter,
			enterpriseURN + ":organization": directory.FieldCompany, enterpriseURN + ":division": directory.FieldDivision,
			enterpriseURN + ":department": directory.FieldDepartment, enterpriseURN + ":manager": directory.FieldManager,
			enterpriseURN + ":manager.value": directory.FieldManager,
			membershipURN + ":kind":          directory.FieldKind, membershipURN + ":start": directory.FieldStart, membershipURN + ":end": directory.FieldEnd,
			membershipURN + ":administrator": directory.FieldAdministrator, membershipURN + ":successor": directory.FieldSuccessor,
			membershipURN + ":state": directory.FieldState, membershipURN + ":reseller.role": directory.FieldResellerRole,
			membershipURN + ":reseller.bankAccess": directory.FieldResellerBank, membershipURN + ":reseller.userAdministration": directory.FieldResellerUsers,
		},
		lists: map[string]directory.List{
			"emails": directory.ListEmails, "phoneNumbers": directory.ListPhones, "photos": directory.ListPhotos, "ims": directory.ListIMs,
			"addresses": directory.ListAddresses, "groups": directory.ListGroups, "entitlements": directory.ListPackages, membershipURN + ":functions": directory.ListFunctions,
			membershipURN + ":segments": directory.ListSegments, membershipURN + ":grants": directory.ListGrants,
		},
		elements: elementFields,
		always:   []string{"schemas", "meta", "meta.resourceType"},
		rights:   map[directory.List]permission{directory.ListGroups: groupsRight},
		sorts:    sameForAll,
		unsorted: []string{"groups"},
		find:     (*exchange).findUsers,
	}
}

func groups() *resourceType {
	return &resourceType{
		name: "Group", endpoint: "/Groups", about: "A group of the organization", urns: []string{groupURN}, needs: groupsRight,
		fields: map[string]directory.Field{
			"id": directory.FieldID, "externalId": directory.FieldExternalID, "displayName": directory.FieldDisplayName,
			"meta.created": directory.FieldCreated, "meta.lastModified": directory.FieldChanged,
		},
		lists:    map[string]directory.List{"members": directory.ListGroupMembers},
		elements: map[string]directory.Field{"value": directory.ElementValue, "type": directory.ElementType},
		always:   []string{"schemas", "meta", "meta.resourceType"},
		sorts:    sameForAll,
		unsorted: []string{"members"},
		find:     (*exchange).findGroups,
	}
}

// resolve finds the attributes that the description names, so that a misspelt one keeps us from starting.
func (t *resourceType) resolve(r *registry) error {
	t.registry, t.known = r, map[attributeKey]meaning{}
	for _, urn := range t.urns {
		if r.attributes[urn] == nil {
			return fmt.Errorf("SCIM resource type %s: there is no schema %s", t.name, urn)
		}
	}
	t.whole = r.whole(t.urn())
	for _, urn := range t.urns[1:] {
		t.extensions = append(t.extensions, r.schemas[urn])
	}
	var unknown error
	note := func(name string, edit func(*meaning)) {
		p, ok := t.place(name)
		if !ok || p.attr == nil {
			unknown = fmt.Errorf("SCIM resource type %s: its schemas have no attribute %s", t.name, name)
			return
		}
		was := t.known[p.key()]
		edit(&was)
		t.known[p.key()] = was
	}
	for name, field := range t.fields {
		note(name, func(is *meaning) { is.field, is.sort = field, field })
	}
	for name, list := range t.lists {
		note(name, func(is *meaning) { is.list = list })
		if !slices.Contains(t.unsorted, name) {
			t.sortList(name, list)
		}
	}
	for _, name := range t.always {
		note(name, func(is *meaning) { is.always = true })
	}
	for name, field := range t.sorts {
		note(name, func(is *meaning) { is.sort = field })
	}
	return unknown
}

// sortList makes a list sortable by the parts of its elements, and by itself where their value is meant.
func (t *resourceType) sortList(name string, list directory.List) {
	p, ok := t.place(name)
	if !ok || p.attr == nil {
		return // noted
	}
	note := func(sub *attribute, field directory.Field) {
		key := attributeKey{p.attr, sub}
		was := t.known[key]
		was.sort = directory.FirstOf(list, field)
		t.known[key] = was
	}
	for _, sub := range p.attr.sorted {
		if field := t.elements[sub.name]; field != "" {
			note(sub, field)
		}
	}
	if !p.attr.complex() || p.attr.subs["value"] != nil {
		note(nil, directory.ElementValue)
	}
}

// plural is how sentences call the resources.
func (t *resourceType) plural() string { return t.endpoint[1:] }

// urn is the type's own schema, whose attributes are named without it.
func (t *resourceType) urn() string { return t.urns[0] }
