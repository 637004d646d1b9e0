package directory

import (
	"context"
	"slices"
	"time"
)

// Recipients are the active members to whom the organization's mails of a kind go: those with the function, else its
// administrators.
func (s Organizations) Recipients(ctx context.Context, org OrganizationID, f Function) ([]Standing, error) {
	found, err := s.ActiveHolders(ctx, org, f)
	if err != nil || len(found) > 0 {
		return found, err
	}
	return s.Administrators(ctx, org)
}

// ActiveHolders are the active members with the function.
func (s Organizations) ActiveHolders(ctx context.Context, org OrganizationID, f Function) ([]Standing, error) {
	return s.standings(ctx, recipientsText, org, string(f))
}

// Administrators are the organization's active administrators.
func (s Organizations) Administrators(ctx context.Context, org OrganizationID) ([]Standing, error) {
	return s.standings(ctx, administratorsText, org)
}

// ActiveMember is how the person stands in the organization as an active member; false where they are none.
func (s Organizations) ActiveMember(ctx context.Context, org OrganizationID, user UserID) (Standing, bool, error) {
	if user.IsZero() {
		return Standing{}, false, nil
	}
	found, err := s.standings(ctx, activeMemberText, org, user)
	if err != nil || len(found) == 0 {
		return Standing{}, false, err
	}
	return found[0], true, nil
}

func (s Organizations) active(all []Standing) []Standing {
	now := s.now()
	return slices.DeleteFunc(all, func(st Standing) bool { return !st.ActiveAt(now) })
}

// ReadLanguage is the language to write to the member in, as a BCP 47 tag: the person's own choice, else what the
// organization knows of the member, else the organization's.
func (s *Standing) ReadLanguage() string {
	for _, l := range []string{s.Own.PreferredLanguage, s.Own.Locale, s.Details.PreferredLanguage, s.Details.Locale} {
		if l != "" {
			return l
		}
	}
	return s.Language
}

// Location is the member's time zone, the person's own choice first; UTC where none, or none that is known, was chosen.
func (s *Standing) Location() *time.Location {
	for _, zone := range []string{s.Own.Timezone, s.Details.Timezone} {
		if zone == "" || zone == "Local" {
			continue
		}
		if loc, err := time.LoadLocation(zone); err == nil {
			return loc
		}
	}
	return time.UTC
}
