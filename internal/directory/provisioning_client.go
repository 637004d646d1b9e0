package directory

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"portvakt/internal/fault"
)

// ProvisioningClient is who calls an organization's SCIM endpoint.
type ProvisioningClient struct {
	ID           ProvisioningClientID
	Organization OrganizationID
	Slug         string // the organization's
	Name         string
	ProvisioningSettings
	MayUsers          bool
	MayGroups         bool
	MayAccess         bool
	MayAdministrators bool
	Application       ApplicationID    // whose own access tokens are the client's; zero: no application's
	ServiceAccount    ServiceAccountID // likewise; at most one of the two is set
	Disabled          bool
	CreatedAt         time.Time
}

// Rights are the words of what the client may do, as seed files have them.
func (c ProvisioningClient) Rights() []string {
	names := []string{}
	for _, r := range []struct {
		has  bool
		name string
	}{{c.MayUsers, "users"}, {c.MayGroups, "groups"}, {c.MayAccess, "access"}, {c.MayAdministrators, "administrators"}} {
		if r.has {
			names = append(names, r.name)
		}
	}
	return names
}

// settingsChanged is what the history says of a change: what is so from now on, and what it was.
func settingsChanged(was, c *ProvisioningClient) map[string]any {
	detail := map[string]any{"name": c.Name}
	for name, v := range map[string][2]any{
		"profile": {was.Profile, c.Profile}, "unknown_attributes": {was.UnknownAttributes, c.UnknownAttributes}, "patch_answer": {was.PatchAnswer, c.PatchAnswer},
		"requests_per_minute": {was.RequestsPerMinute, c.RequestsPerMinute}, "rights": {was.Rights(), c.Rights()},
	} {
		if !reflect.DeepEqual(v[0], v[1]) {
			detail["former_"+name], detail[name] = v[0], v[1]
		}
	}
	return detail
}

// ProvisioningClients is the store of provisioning clients and their tokens.
type ProvisioningClients struct{ store }

// ProvisioningSettings are how a provisioning client is served. What is not said is as DefaultProvisioning has it.
type ProvisioningSettings struct {
	Profile           ProvisioningProfile
	UnknownAttributes UnknownAttributes
	PatchAnswer       PatchAnswer
	RequestsPerMinute int // 1 to MaxRequestsPerMinute; operations in a Bulk request count as requests
}

// ProvisioningProfile names the product whose habits are understood.
type ProvisioningProfile string

// The products.
const (
	ProvisioningGeneric  ProvisioningProfile = "generic"
	ProvisioningEntra    ProvisioningProfile = "entra"
	ProvisioningOkta     ProvisioningProfile = "okta"
	ProvisioningOneLogin ProvisioningProfile = "onelogin"
	ProvisioningGoogle   ProvisioningProfile = "google"
)

// UnknownAttributes is what becomes of a request with attributes that are in no schema.
type UnknownAttributes string

// What may become of it.
const (
	IgnoreUnknown UnknownAttributes = "ignore" // they are left out
	RefuseUnknown UnknownAttributes = "refuse" // the request is
)

// PatchAnswer is what a PATCH that succeeds answers (RFC 7644 §3.5.2).
type PatchAnswer string

// What it may answer.
const (
	PatchResource PatchAnswer = "resource" // 200 with the resource
	PatchEmpty    PatchAnswer = "empty"    // 204
)

// MaxRequestsPerMinute is the highest that can be allowed.
const MaxRequestsPerMinute = 1_000_000

// DefaultProvisioning is how a client is served for which nothing was said. Entra ID asks for 25 requests a second at least; this is
// 1000 on average, and a minute's may come at once, so that a first load of 60,000 by Bulk is never told to wait. That one client
// does not take a whole node is seen to where requests are large: an organization's Bulk requests have half of what there is for all.
var DefaultProvisioning = ProvisioningSettings{ProvisioningGeneric, IgnoreUnknown, PatchResource, 60_000}

// The words of the settings, as seed files have them.
var (
	ProvisioningProfiles = []ProvisioningProfile{ProvisioningGeneric, ProvisioningEntra, ProvisioningOkta, ProvisioningOneLogin, ProvisioningGoogle}
	UnknownAttributesAre = []UnknownAttributes{IgnoreUnknown, RefuseUnknown}
	PatchAnswers         = []PatchAnswer{PatchResource, PatchEmpty}
)

// orDefault fills in what was not said.
func (s ProvisioningSettings) orDefault() ProvisioningSettings {
	if s.Profile == "" {
		s.Profile = DefaultProvisioning.Profile
	}
	if s.UnknownAttributes == "" {
		s.UnknownAttributes = DefaultProvisioning.UnknownAttributes
	}
	if s.PatchAnswer == "" {
		s.PatchAnswer = DefaultProvisioning.PatchAnswer
	}
	if s.RequestsPerMinute == 0 {
		s.RequestsPerMinute = DefaultProvisioning.RequestsPerMinute
	}
	return s
}

func (s ProvisioningSettings) check() error {
	if s.RequestsPerMinute < 1 || s.RequestsPerMinute > MaxRequestsPerMinute {
		return fault.Newf(fault.Invalid, "bad_rate", "Between 1 and %d requests a minute can be allowed", MaxRequestsPerMinute).On("requests_per_minute")
	}
	for _, err := range []error{oneOf("profile", s.Profile, ProvisioningProfiles), oneOf("unknown_attributes", s.UnknownAttributes, UnknownAttributesAre),
		oneOf("patch_answer", s.PatchAnswer, PatchAnswers)} {
		if err != nil {
			return err
		}
	}
	return nil
}

func oneOf[T ~string](field string, v T, all []T) error {
	if slices.Contains(all, v) {
		return nil
	}
	names := make([]string, len(all))
	for i, a := range all {
		names[i] = string(a)
	}
	return fault.New(fault.Invalid, "bad_setting", "The setting is one of "+strings.Join(names, ", ")).On(field)
}
