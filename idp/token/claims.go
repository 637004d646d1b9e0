package token

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"portvakt/internal/directory"
)

const (
	scopeOpenID        = "openid"
	scopeProfile       = "profile"
	scopeEmail         = "email"
	scopePhone         = "phone"
	scopeAddress       = "address"
	scopeOrganization  = "organization"
	scopeOrganizations = "organizations"
	scopeAccess        = "access"
	scopeSCIM          = "scim"
	scopeAuthZEN       = "authzen"
	scopeTransfers     = directory.ScopeTransfers
	scopeMail          = "mail"
	scopeAccessAdmin   = "access_admin"
)

// resources are the APIs of ours, by the scopes that open them: a token for one is refused by the others. The address of one
// that is each organization's own ends with its slug.
var resources = []struct {
	scope, path  string
	organization bool
}{
	{scopeSCIM, "/scim/v2/", true},
	{scopeAuthZEN, "/access/v1", false},
	{scopeTransfers, "/api/v1", false},
	{scopeMail, "/api/v1", false},
	{scopeAccessAdmin, "/api/v1", false},
}

// wantsOrganization: organization:<slug> asks for one organization and hears which it is.
func wantsOrganization(scope []string) bool {
	return slices.ContainsFunc(scope, func(s string) bool {
		return s == scopeOrganization || strings.HasPrefix(s, scopeOrganization+":")
	})
}

// memberClaims are the claims of the scopes organization, organizations and access, as an object.
func (s *Service) memberClaims(ctx context.Context, c Client, st directory.Standing, scope []string, f fit) ([]byte, error) {
	o := newObject(256)
	if wantsOrganization(scope) {
		o.text("org_id", st.Organization.String())
		o.text("org_slug", st.Slug)
		o.text("org_name", st.Name)
		o.text("membership_id", st.Membership.String())
		o.text("membership_kind", string(st.Kind))
		if !st.End.IsZero() {
			o.number("membership_end", st.End.Unix())
		}
	}
	var list []member
	if slices.Contains(scope, scopeAccess) && s.Claims != nil {
		o.number("access_version", st.AccessVersion)
		told, err := s.accessClaims(ctx, c, st)
		if err != nil {
			return nil, err
		}
		list = told
	}
	if slices.Contains(scope, scopeOrganizations) {
		body, err := s.organizationsClaim(ctx, c, st.User)
		if err != nil {
			return nil, err
		}
		list = append(list, newMember("organizations", body))
	}
	if f != whole {
		list = s.within(s.budgetOf(c, f), list, &o)
	}
	for _, m := range list {
		o.member(m)
	}
	return o.end(), nil
}

// shortMembership is one entry of the claim organizations.
type shortMembership struct {
	ID         string `json:"org_id"`
	Slug       string `json:"org_slug"`
	Name       string `json:"org_name"`
	Membership string `json:"membership_id"`
	Kind       string `json:"membership_kind"`
}

// organizationsClaim lists the person's organizations that the application serves: of the others it is told nothing.
func (s *Service) organizationsClaim(ctx context.Context, c Client, user directory.UserID) ([]byte, error) {
	standings, err := s.Directory.Memberships.StandingsOf(ctx, user)
	if err != nil {
		return nil, err
	}
	now := s.DB.Now()
	list := make([]shortMembership, 0, len(standings))
	for _, st := range standings {
		if st.ActiveAt(now) && c.Gate.Serves(st.Organization) {
			list = append(list, shortMembership{st.Organization.String(), st.Slug, st.Name, st.Membership.String(), string(st.Kind)})
		}
	}
	return json.Marshal(list)
}

// personClaims are the standard claims of the scopes profile, email, phone and address (OpenID Connect Core §5.4): the
// details as the organization sees the member, the sign-in address always the person's.
func personClaims(st directory.Standing, scope []string, o *object) {
	d := st.Shown()
	if slices.Contains(scope, scopeProfile) {
		o.some("name", d.Name())
		o.some("given_name", d.GivenName)
		o.some("family_name", d.FamilyName)
		o.some("middle_name", d.MiddleName)
		o.some("nickname", d.NickName)
		o.some("preferred_username", st.Email)
		o.some("profile", d.ProfileURL)
		o.some("picture", d.Picture)
		o.some("website", d.Website)
		o.some("gender", d.Gender)
		o.some("birthdate", d.Birthdate)
		o.some("zoneinfo", d.Timezone)
		if d.Locale == "" {
			d.Locale = d.PreferredLanguage
		}
		o.some("locale", d.Locale)
		o.number("updated_at", st.ChangedAt.Unix())
	}
	if slices.Contains(scope, scopeEmail) {
		o.some("email", st.Email)
		o.truth("email_verified", st.EmailVerified)
	}
	if phone := d.Phone(); phone != "" && slices.Contains(scope, scopePhone) {
		o.text("phone_number", phone)
		o.truth("phone_number_verified", false)
	}
	if slices.Contains(scope, scopeAddress) {
		if a, ok := primaryAddress(d.Addresses); ok {
			o.raw("address", addressClaim(a))
		}
	}
}

func primaryAddress(list []directory.Address) (directory.Address, bool) {
	for _, a := range list {
		if a.Primary {
			return a, true
		}
	}
	if len(list) > 0 {
		return list[0], true
	}
	return directory.Address{}, false
}

// addressClaim is OpenID Connect Core §5.1.1.
func addressClaim(a directory.Address) []byte {
	o := newObject(256)
	o.some("formatted", a.Formatted)
	o.some("street_address", a.Street)
	o.some("locality", a.Locality)
	o.some("region", a.Region)
	o.some("postal_code", a.PostalCode)
	o.some("country", a.Country)
	return o.end()
}

// seconds is a moment as claims have it (RFC 7519 §2), rounded down: nothing becomes valid for longer.
func seconds(t time.Time) int64 { return t.Unix() }
