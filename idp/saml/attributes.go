package saml

import (
	"context"
	"slices"
	"strings"

	"portvakt/idp/saml/wire"
	"portvakt/internal/directory"
)

// facts are what attributes are made of, each read when it is first asked for.
type facts struct {
	h      *Handler
	t      *target
	st     directory.Standing
	access map[string][]string // by source; nil: not read yet
	member *directory.Member
}

// attributes are what the service provider is told of the member, in the order of its registration. What has no value is
// left out; several attributes of one name are told as one.
func (h *Handler) attributes(ctx context.Context, t *target, st directory.Standing) ([]wire.Attribute, error) {
	f := facts{h: h, t: t, st: st}
	var out []wire.Attribute
	for i := range t.provider.Attributes {
		a := &t.provider.Attributes[i]
		if a.Omit {
			continue
		}
		values, err := f.told(ctx, a)
		if err != nil {
			return nil, err
		}
		if len(values) > 0 {
			out = join(out, wire.Attribute{Name: a.Name, NameFormat: nameFormat(a), FriendlyName: a.FriendlyName, Values: values})
		}
	}
	return t.wanted(out), nil
}

// join adds an attribute, or its values to one of its name.
func join(list []wire.Attribute, a wire.Attribute) []wire.Attribute {
	i := slices.IndexFunc(list, func(b wire.Attribute) bool { return b.Name == a.Name && b.NameFormat == a.NameFormat })
	if i < 0 {
		return append(list, a)
	}
	for _, v := range a.Values {
		if !slices.Contains(list[i].Values, v) {
			list[i].Values = append(list[i].Values, v)
		}
	}
	return list
}

// wanted narrows what is told to the set of attributes that the request names, where the metadata has it.
//
// Invariant: a request has nothing told that the registration does not say (TestARequestNarrowsAttributes).
func (t *target) wanted(list []wire.Attribute) []wire.Attribute {
	if t.Service == nil {
		return list
	}
	requested := t.provider.Wire.Requested(t.Service)
	if len(requested) == 0 {
		return list
	}
	return slices.DeleteFunc(list, func(a wire.Attribute) bool {
		return !slices.ContainsFunc(requested, func(r wire.RequestedAttribute) bool { return r.Name == a.Name })
	})
}

// told are the values of one attribute, for this member.
func (f *facts) told(ctx context.Context, a *directory.SAMLAttribute) ([]string, error) {
	if len(a.Groups) > 0 {
		groups, err := f.accessOf(ctx, string(directory.ClaimGroups))
		if err != nil || !slices.ContainsFunc(a.Groups, func(g string) bool { return slices.Contains(groups, g) }) {
			return nil, err
		}
	}
	if a.Source == "" {
		return prefixed(a.Prefix, a.Values), nil
	}
	values, err := f.values(ctx, a.Source)
	if err != nil {
		return nil, err
	}
	if len(a.Values) > 0 {
		chosen := make(map[string]bool, len(a.Values)) // both lists can be long
		for _, v := range a.Values {
			chosen[v] = true
		}
		values = slices.DeleteFunc(slices.Clone(values), func(v string) bool { return !chosen[v] })
	}
	return prefixed(a.Prefix, values), nil
}

func prefixed(prefix string, values []string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = prefix + v
	}
	return out
}

// values are those of a source; none where it has none.
func (f *facts) values(ctx context.Context, source string) ([]string, error) {
	if slices.Contains(directory.ClaimSources, directory.ClaimSource(source)) {
		return f.accessOf(ctx, source)
	}
	value := ""
	switch source {
	case "user_name", "external_id":
		if f.member == nil {
			m, err := f.h.Directory.Memberships.ByID(ctx, f.st.Organization, f.st.Membership)
			if err != nil {
				return nil, err
			}
			f.member = &m
		}
		value = f.member.UserName
		if source == "external_id" {
			value = f.member.ExternalID
		}
	default:
		value = f.text(source)
	}
	if value == "" {
		return nil, nil
	}
	return []string{value}, nil
}

// text is a source of one value that the standing has.
func (f *facts) text(source string) string {
	st := &f.st
	switch source {
	case "user_id":
		return st.User.String()
	case "membership_id":
		return st.Membership.String()
	case "pairwise_id":
		return f.h.names.pairwise(f.t.provider, st.User)
	case "subject_id":
		return f.h.names.subject(st.User)
	case "email":
		if !st.EmailVerified { // nothing beside it could say so, as email_verified does
			return ""
		}
		return st.Email
	case "kind":
		return string(st.Kind)
	case "organization_id":
		return st.Organization.String()
	case "organization":
		return st.Slug
	case "organization_name":
		return st.Name
	}
	return detail(st.Shown(), source)
}

// detail is a source that is one of the member's details, as the organization sees them.
func detail(d directory.Details, source string) string {
	switch source {
	case "name":
		return d.Name()
	case "given_name":
		return d.GivenName
	case "family_name":
		return d.FamilyName
	case "middle_name":
		return d.MiddleName
	case "nickname":
		return d.NickName
	case "phone":
		return d.Phone()
	case "title":
		return d.Title
	case "locale":
		if d.Locale == "" {
			return d.PreferredLanguage
		}
		return d.Locale
	case "zoneinfo":
		return d.Timezone
	case "employee_number":
		return d.EmployeeNumber
	case "department":
		return d.Department
	case "division":
		return d.Division
	case "cost_center":
		return d.CostCenter
	}
	return ""
}

// accessOf is one of the lists of access, as OpenID Connect applications are told them: of the application's modules alone.
func (f *facts) accessOf(ctx context.Context, source string) ([]string, error) {
	if f.access == nil {
		f.access = map[string][]string{}
		if f.h.Claims == nil {
			return nil, nil
		}
		claims, err := f.h.Claims.Of(ctx, f.st, f.t.provider.Application.Metadata.Modules, nil)
		if err != nil {
			return nil, err
		}
		for _, c := range claims {
			f.access[c.Name] = c.Values
		}
	}
	return f.access[source], nil
}

// nameFormats are the formats of attributes' names, as registrations call them.
var nameFormats = map[string]string{"uri": wire.AttributeURI, "basic": wire.AttributeBasic, "unspecified": wire.AttributeUnspecified}

// nameFormat is the format of an attribute's name: a name with a colon is a URI where nobody says otherwise.
func nameFormat(a *directory.SAMLAttribute) string {
	if format, ok := nameFormats[a.NameFormat]; ok {
		return format
	}
	if strings.Contains(a.Name, ":") {
		return wire.AttributeURI
	}
	return wire.AttributeBasic
}
