package seed

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/secret"
)

var errForeign = fault.New(fault.Conflict, "not_ours", "This client id belongs to an organization's own application")

// application makes an application with its secret, or changes what it registered; an existing one keeps its secret.
func (r *run) application(ctx context.Context, x *Application) error {
	what := "application " + x.ClientID.Text
	was, err := r.dir.Applications.ByClientID(ctx, x.ClientID.Text)
	there, err := found(err)
	if err != nil {
		return err
	}
	if there && !was.Organization.IsZero() {
		return r.refused(x.ClientID.at, what, errForeign)
	}
	want := was
	if !there {
		want = directory.Application{ClientID: x.ClientID.Text, Name: x.ClientID.Text, AllOrganizations: true}
		if x.Secret != "" {
			want.Secrets = []directory.ApplicationSecret{{Hash: secret.HashToken(x.Secret.Reveal())}}
		}
	}
	set(&want.Name, x.Name)
	set(&want.Disabled, x.Disabled)
	want.Metadata = x.metadata(want.Metadata)
	if x.AccessClaims != nil {
		want.AccessClaims = mappings(x.AccessClaims)
	}
	if x.Organizations.given {
		want.AllOrganizations, want.Organizations = x.Organizations.All, nil
		for _, w := range x.Organizations.Slugs {
			id, err := r.slug(ctx, w)
			if err != nil {
				return err
			}
			if !slices.Contains(want.Organizations, id) {
				want.Organizations = append(want.Organizations, id)
			}
		}
	}
	same, err := sameApplication(was, want)
	if err != nil || there && same {
		return err
	}
	if _, err := r.dir.Applications.Save(ctx, want); err != nil {
		return r.refused(x.Position, what, err)
	}
	r.report.add("installation", "application", tally(!there))
	return nil
}

// sameApplication compares what Save would store.
func sameApplication(a, b directory.Application) (bool, error) {
	before, err := json.Marshal(a.Metadata)
	if err != nil {
		return false, err
	}
	after, err := json.Marshal(b.Metadata)
	same := a.Name == b.Name && a.Disabled == b.Disabled && a.AllOrganizations == b.AllOrganizations &&
		bytes.Equal(before, after) && len(a.Organizations) == len(b.Organizations) &&
		directory.SameClaimMappings(a.AccessClaims, b.AccessClaims)
	for _, id := range a.Organizations {
		same = same && slices.Contains(b.Organizations, id)
	}
	return same, err
}
