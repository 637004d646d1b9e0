package seed

import (
	"context"
	"slices"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/jwk"
	"portvakt/internal/secret"
)

// serviceAccounts makes accounts with their secret, or changes them. An account that exists keeps its secrets: rotating is
// an act of its own. Public keys follow the file, for they are no secret.
func (r *run) serviceAccounts(ctx context.Context, x *Organization) error {
	org := r.organizations[x.Slug.Text].ID
	all, err := r.dir.ServiceAccounts.OfOrganization(ctx, org)
	if err != nil {
		return err
	}
	for i := range x.ServiceAccounts {
		a := &x.ServiceAccounts[i]
		was := existing(all, func(s directory.ServiceAccount) bool { return s.Key == a.ID.Text })
		want := a.over(was, org)
		sameKeys := !a.JWKS.present() || hasKeys(was, a.JWKS, r.tx.Now())
		if !was.ID.IsZero() && want.Name == was.Name && want.Method == was.Method && want.Disabled == was.Disabled && want.KeysURI == was.KeysURI && sameKeys {
			continue
		}
		saved, err := r.dir.ServiceAccounts.Save(ctx, x.Slug.Text, want)
		if err == nil && !sameKeys {
			err = r.dir.ServiceAccounts.SetKeys(ctx, org, saved.ID, a.JWKS.JSON)
		}
		if err != nil {
			return r.refused(a.Position, "service account "+a.ID.Text, err)
		}
		r.report.add(where(x.Slug.Text), "service account", tally(was.ID.IsZero()))
	}
	return nil
}

// over lays the file's account over what is there.
func (a *ServiceAccount) over(was directory.ServiceAccount, org directory.OrganizationID) directory.ServiceAccount {
	want := was
	if was.ID.IsZero() {
		want = directory.ServiceAccount{Organization: org, Key: a.ID.Text, Name: a.ID.Text}
		if a.Secret != "" {
			want.Credentials = []directory.ServiceCredential{{Hash: secret.HashToken(a.Secret.Reveal())}}
		} else {
			want.Method = directory.ByKey
		}
	}
	set(&want.Name, a.Name)
	set(&want.Disabled, a.Disabled)
	set(&want.KeysURI, a.JWKSURI)
	if a.AuthMethod.present() {
		want.Method = directory.ServiceMethod(a.AuthMethod.Text)
	}
	return want
}

// hasKeys reports whether an account's keys in force are those of the set.
func hasKeys(a directory.ServiceAccount, set KeySet, now time.Time) bool {
	var have, want []string
	for _, c := range a.Credentials {
		if !c.IsSecret() && c.InForce(now) {
			have = append(have, c.JWK)
		}
	}
	keys, err := jwk.ParseSet(set.JSON)
	for _, k := range keys {
		want = append(want, k.JSON())
	}
	slices.Sort(have)
	slices.Sort(want)
	return err == nil && slices.Equal(have, want)
}
