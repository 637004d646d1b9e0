package seed

import (
	"context"
	"slices"

	"portvakt/internal/config"
	"portvakt/internal/directory"
	"portvakt/internal/secret"
)

// ProvisioningClient is who calls the organization's SCIM endpoint.
type ProvisioningClient struct {
	config.Position
	Name              Word        `yaml:"name"`
	Token             secret.Text `yaml:"token"`
	TokenFile         string      `yaml:"token_file"`
	Rights            []Word      `yaml:"rights"` // users, groups, access, administrators; at first all but the last
	Profile           Word        `yaml:"profile"`
	Quirks            Word        `yaml:"quirks"` // what profile was called at first; files have it
	UnknownAttributes Word        `yaml:"unknown_attributes"`
	PatchAnswer       Word        `yaml:"patch_answer"`
	RequestsPerMinute *int        `yaml:"requests_per_minute"`
	OAuthClient       *string     `yaml:"oauth_client"` // the client id of who may act as it; "" takes it back
}

// provisioningClients checks who provisions.
func (s *scope) provisioningClients(o *Organization) {
	seen := map[string]bool{}
	for i := range o.ProvisioningClients {
		p := &o.ProvisioningClients[i]
		if !p.Name.present() {
			s.say(p.Position, "a provisioning client has no name")
			continue
		}
		if seen[p.Name.Text] {
			s.say(p.Name.at, "provisioning client %q stands here again", p.Name.Text)
		}
		seen[p.Name.Text] = true
		for _, w := range p.Rights {
			s.oneOf(w, "right", "users", "groups", "access", "administrators")
		}
		if !p.Profile.present() {
			p.Profile = p.Quirks
		}
		s.oneOf(p.Profile, "profile", words(directory.ProvisioningProfiles)...)
		s.oneOf(p.UnknownAttributes, "unknown_attributes", words(directory.UnknownAttributesAre)...)
		s.oneOf(p.PatchAnswer, "patch_answer", words(directory.PatchAnswers)...)
		if n := p.RequestsPerMinute; n != nil && (*n < 1 || *n > directory.MaxRequestsPerMinute) {
			s.say(p.Position, "requests_per_minute is 1 to %d", directory.MaxRequestsPerMinute)
		}
		s.secretOf(p.Position, "token", &p.Token, p.TokenFile)
		if p.Token == "" && p.TokenFile == "" {
			s.refer(Word{p.Name.Text, p.Position}, reference{noun: "provisioning client", organization: s.slug, key: p.Name.Text, needs: "a token or token_file"})
		}
	}
}

// provisioningClients makes clients with their first token; existing ones keep theirs.
func (r *run) provisioningClients(ctx context.Context, x *Organization) error {
	org := r.organizations[x.Slug.Text].ID
	all, err := r.dir.ProvisioningClients.OfOrganization(ctx, org)
	if err != nil {
		return err
	}
	for i := range x.ProvisioningClients {
		p := &x.ProvisioningClients[i]
		was := existing(all, func(c directory.ProvisioningClient) bool { return c.Name == p.Name.Text })
		want := was
		if want.ID.IsZero() {
			want = directory.ProvisioningClient{Organization: org, Name: p.Name.Text, ProvisioningSettings: directory.DefaultProvisioning, MayUsers: true, MayGroups: true, MayAccess: true}
		}
		if p.Rights != nil {
			rights := texts(p.Rights)
			want.MayUsers, want.MayGroups = slices.Contains(rights, "users"), slices.Contains(rights, "groups")
			want.MayAccess, want.MayAdministrators = slices.Contains(rights, "access"), slices.Contains(rights, "administrators")
		}
		want.ProvisioningSettings = p.settings(want.ProvisioningSettings)
		if want == was {
			continue
		}
		token := p.Token.Reveal()
		if token == "" { // it exists, so no token is stored
			token = secret.NewToken()
		}
		if _, err := r.dir.ProvisioningClients.Create(ctx, want, token); err != nil {
			return r.refused(p.Position, "provisioning client "+p.Name.Text, err)
		}
		r.report.add(where(x.Slug.Text), "provisioning client", tally(was.ID.IsZero()))
	}
	return nil
}

// settings are those the client has, changed by what the file says.
func (p *ProvisioningClient) settings(s directory.ProvisioningSettings) directory.ProvisioningSettings {
	if p.Profile.present() {
		s.Profile = directory.ProvisioningProfile(p.Profile.Text)
	}
	if p.UnknownAttributes.present() {
		s.UnknownAttributes = directory.UnknownAttributes(p.UnknownAttributes.Text)
	}
	if p.PatchAnswer.present() {
		s.PatchAnswer = directory.PatchAnswer(p.PatchAnswer.Text)
	}
	if p.RequestsPerMinute != nil {
		s.RequestsPerMinute = *p.RequestsPerMinute
	}
	return s
}

func words[T ~string](all []T) []string {
	out := make([]string, len(all))
	for i, v := range all {
		out[i] = string(v)
	}
	return out
}

// callers name whose access tokens count as a provisioning client's, after all applications and service accounts are there.
func (r *run) callers(ctx context.Context) error {
	for i := range r.file.Organizations {
		x := &r.file.Organizations[i]
		org := r.organizations[x.Slug.Text].ID
		for j := range x.ProvisioningClients {
			p := &x.ProvisioningClients[j]
			if p.OAuthClient == nil {
				continue
			}
			was, err := r.dir.ProvisioningClients.ByName(ctx, org, p.Name.Text)
			if err != nil {
				return err
			}
			is, err := r.dir.ProvisioningClients.SetCaller(ctx, org, was.ID, *p.OAuthClient)
			if err != nil {
				return r.refused(p.Position, "provisioning client "+p.Name.Text+": oauth_client "+*p.OAuthClient, err)
			}
			if is != was && !was.CreatedAt.Equal(r.tx.Now()) { // one made by this file is counted already
				r.report.add(where(x.Slug.Text), "provisioning client", directory.Tally{Changed: 1})
			}
		}
	}
	return nil
}
