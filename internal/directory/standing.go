package directory

import (
	"time"
)

// Standing is how a person stands in an organization: all that decides whether something may be issued, read in one
// statement. Person and organization are part of it, because the state of either ends access as well.
type Standing struct {
	User             UserID
	UserState        UserState
	UserEpoch        int64
	CredentialsEpoch int64
	Email            string
	EmailVerified    bool
	Operator         bool
	Own              Details // the person's own details

	Organization  OrganizationID
	Slug          string
	Name          string // the organization's
	Language      string
	SecondFactor  SecondFactor // what the organization, or else this membership, demands
	TrustedDays   int64        // the organization's
	MailCodes     bool         // the organization permits a code by mail as second factor
	IdleLimit     time.Duration
	SessionLimit  time.Duration
	KeyPolicy     KeyPolicy
	Accent        string // the organization's, #rrggbb; "" for the installation's
	OrgSuspended  bool
	AccessVersion int64

	Membership    MembershipID
	Kind          Kind
	Start, End    time.Time
	Administrator bool
	AllSegments   bool
	Role          RoleID
	Details       Details // as the organization sees the member
	Epoch         int64   // the membership's
	ChangedAt     time.Time

	facts facts
}

// State is the membership's state at a moment; it says nothing of the user or the organization.
func (s *Standing) State(now time.Time) State { return stateAt(s.facts, now) }

// ActiveAt reports whether person, organization and membership all give access at a moment.
//
// Invariant: whatever issues, uses or decides asks this (TestStandingMatrix).
func (s *Standing) ActiveAt(now time.Time) bool {
	return s.UserState == UserActive && !s.OrgSuspended && s.State(now) == StateActive
}

// Shown are the details to present: the organization's view, falling back to the person's own; preferences are the
// person's, falling back to the organization's view.
func (s *Standing) Shown() Details { return prefer(s.Own, overlay(s.Own, s.Details)) }

func overlay(base, top Details) Details {
	out := base
	from, to := top.singles(), out.singles()
	// A name is one thing: an organization that gave one is not mixed with the person's own parts.
	if top.GivenName != "" || top.FamilyName != "" || top.FormattedName != "" || top.DisplayName != "" {
		for _, f := range []string{"given_name", "family_name", "middle_name", "name_prefix", "name_suffix", "formatted_name", "display_name"} {
			*to[f] = ""
		}
	}
	for f, v := range from {
		if *v != "" {
			*to[f] = *v
		}
	}
	if len(top.Emails) > 0 {
		out.Emails = top.Emails
	}
	if len(top.Phones) > 0 {
		out.Phones = top.Phones
	}
	if len(top.Photos) > 0 {
		out.Photos = top.Photos
	}
	if len(top.IMs) > 0 {
		out.IMs = top.IMs
	}
	if len(top.Addresses) > 0 {
		out.Addresses = top.Addresses
	}
	return out
}
