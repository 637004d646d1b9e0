package seed

import (
	"slices"
	"time"

	"portvakt/internal/config"
	"portvakt/internal/directory"
)

// scope is what one organization of the file declares.
type scope struct {
	*checker
	slug                              string
	segments, profiles, roles, groups map[string]bool
	members                           map[string]Word // by folded user name and by e-mail key
	gone                              map[string]bool // what the file removes, by noun and key
}

func (c *checker) organization(o *Organization) {
	c.slugOf(o)
	if o.Seats != nil && *o.Seats < 0 {
		c.say(o.Position, "organization %s: seats cannot be negative", o.Slug.Text)
	}
	if d := o.TrustedDeviceDays; d != nil && (*d < 0 || *d > directory.MaxTrustedDays) {
		c.say(o.Position, "organization %s: trusted_device_days is 0 to %d", o.Slug.Text, directory.MaxTrustedDays)
	}
	for _, l := range []struct {
		key   string
		value *time.Duration
	}{{"session_idle", o.SessionIdle}, {"session_limit", o.SessionLimit}} {
		if d := l.value; d != nil && *d != 0 && (*d < directory.MinSessionLimit || *d > directory.MaxSessionLimit || *d%time.Second != 0) {
			c.say(o.Position, "organization %s: %s is at least %s, or 0 for what the installation says", o.Slug.Text, l.key, directory.MinSessionLimit)
		}
	}
	c.oneOf(o.KeyPolicy, "key_policy", string(directory.KeysAny), string(directory.KeysAttested))
	c.oneOf(o.SecondFactor, "second_factor", string(directory.SecondFactorOptional), string(directory.SecondFactorRequired))
	c.oneOf(o.Language, "language", directory.Languages...)
	c.domains(o)
	c.brand(o)
	for _, w := range o.Features {
		if w.present() && !c.features[w.Text] {
			c.refer(w, reference{noun: "feature", key: w.Text})
		}
	}
	if c.slug(o.ManagedBy.Word); o.ManagedBy.present() && o.ManagedBy.Text == o.Slug.Text {
		c.say(o.ManagedBy.at, "an organization cannot be managed by itself")
	}
	s := &scope{checker: c, slug: o.Slug.Text, segments: map[string]bool{}, profiles: map[string]bool{}, roles: map[string]bool{},
		groups: map[string]bool{}, members: map[string]Word{}, gone: map[string]bool{}}
	s.declare(o)
	s.access(o)
	s.provisioningClients(o)
	s.serviceAccounts(o)
	for i := range o.Members {
		s.member(o, &o.Members[i])
	}
	s.single(o)
}

// slugOf reports a missing, malformed or repeated slug, and notes an organization without a name: it must be there already.
func (c *checker) slugOf(o *Organization) {
	w := o.Slug
	first := slices.IndexFunc(c.file.Organizations, func(x Organization) bool { return x.Slug.Text == w.Text })
	switch {
	case !w.present():
		c.say(o.Position, "an organization has no slug")
	case !directory.IsSlug(w.Text):
		c.say(w.at, "slug %s: a slug is 1 to 63 lower-case letters, digits and hyphens", quoted(w.Text))
	case c.file.Organizations[first].Slug.at != w.at:
		c.say(w.at, "organization %q stands here again", w.Text)
	case o.Name == nil:
		c.refer(w, reference{noun: "organization", key: w.Text, needs: "a name"})
	}
}

// domains reports what is no domain name, and one that two organizations claim.
func (c *checker) domains(o *Organization) {
	for _, w := range o.Domains {
		key, err := directory.DomainKey(w.Text)
		if err != nil {
			c.sayFault(w.at, "domain "+quoted(w.Text), err)
			continue
		}
		for i := range c.file.Organizations {
			for _, x := range c.file.Organizations[i].Domains {
				if k, err := directory.DomainKey(x.Text); err == nil && k == key && x.at != w.at && before(x.at, w.at) {
					c.say(w.at, "domain %q stands here again", w.Text)
				}
			}
		}
	}
}

func before(a, b config.Position) bool {
	return a.Line < b.Line || a.Line == b.Line && a.Column < b.Column
}

// declare notes the keys of the organization, so that order in the file does not matter.
func (s *scope) declare(o *Organization) {
	for _, x := range o.Segments {
		s.id(s.segments, x.ID, o.Position, "segment")
		s.removes("segment", x.ID, x.Removed, x.Name != nil)
	}
	for _, x := range o.Profiles {
		s.id(s.profiles, x.ID, x.Position, "profile")
		s.removes("profile", x.ID, x.Removed, x.Name != nil || x.Modules != nil)
	}
	s.declareRoles(o.Roles)
	for _, x := range o.Groups {
		s.id(s.groups, x.ID, x.Position, "group")
		s.removes("group", x.ID, x.Removed, x.Name != nil || x.Members != nil)
	}
	for i := range o.Members {
		m := &o.Members[i]
		if m.UserName.present() {
			s.note(directory.Fold(m.UserName.Text), m.UserName)
		}
		if e, err := directory.ParseEmail(m.Email.Text); err == nil {
			s.note(e.Key, m.Email)
		}
	}
}

// note keeps where a member's name stands first.
func (s *scope) note(key string, w Word) {
	if _, again := s.members[key]; !again {
		s.members[key] = w
	}
}

func (s *scope) declareRoles(roles []Role) {
	for _, r := range roles {
		if s.id(s.roles, r.ID, r.Position, "role") && directory.IsReservedRole(r.ID.Text) {
			s.say(r.ID.at, "a role cannot have the id %q, which has a meaning of its own in claims", r.ID.Text)
		}
		s.removes("role", r.ID, r.Removed, r.Name != nil || r.Profiles != nil || r.Below != nil)
		s.declareRoles(r.Below)
	}
}

// local notes a key of the organization that the file names without declaring it.
func (s *scope) local(declared map[string]bool, w Word, noun string) {
	if w.present() && s.gone[noun+" "+w.Text] {
		s.say(w.at, "%s %q is removed in this file", noun, w.Text)
	} else if w.present() && !declared[w.Text] {
		s.refer(w, reference{noun: noun, organization: s.slug, key: w.Text})
	}
}

func (s *scope) access(o *Organization) {
	for _, p := range o.Profiles {
		for _, m := range p.Modules {
			s.profileModule(m)
		}
	}
	s.roleProfiles(o.Roles)
	for _, g := range o.Groups {
		for _, m := range g.Members {
			s.exactlyOne(m.Position, "a group's member is one of member, group, role and role_and_below", m.Member, m.Group, m.Role, m.RoleAndBelow)
			if m.Removed { // it may be gone already
				continue
			}
			if m.Group.present() && m.Group.Text == g.ID.Text {
				s.say(m.Group.at, "group %q cannot be in itself", g.ID.Text)
			}
			s.local(s.groups, m.Group, "group")
			s.local(s.roles, m.Role, "role")
			s.local(s.roles, m.RoleAndBelow, "role")
			s.person(m.Member)
		}
	}
	s.groupCycles(o.Groups)
	for _, e := range o.Sharing {
		s.module(e.Key)
		s.oneOf(e.Value, "sharing", "private", "public_read", "public_read_write", "public_full", sharingDefault)
	}
	for _, r := range o.SharingRules {
		if !r.Module.present() || !r.Access.present() && !r.Removed {
			s.say(r.Position, "a sharing rule has a module, from, to and access")
		}
		if !r.Removed {
			s.module(r.Module)
		}
		s.oneOf(r.Access, "access", string(directory.ShareRead), string(directory.ShareReadWrite))
		for _, p := range []Party{r.From, r.To} {
			if p.Line == 0 {
				p.Position = r.Position
			}
			s.exactlyOne(p.Position, "from and to are each one of role, role_and_below and group", p.Role, p.RoleAndBelow, p.Group)
			if r.Removed {
				continue
			}
			s.local(s.roles, p.Role, "role")
			s.local(s.roles, p.RoleAndBelow, "role")
			s.local(s.groups, p.Group, "group")
		}
	}
}

func (s *scope) exactlyOne(at config.Position, text string, words ...Word) {
	n := 0
	for _, w := range words {
		if w.present() {
			n++
		}
	}
	if n != 1 {
		s.say(at, "%s", text)
	}
}

func (s *scope) profileModule(e Entry[ProfileModule]) {
	s.module(e.Key)
	declared := s.modules[e.Key.Text]
	for _, f := range e.Value.Fields {
		s.oneOf(f.Value, "field "+f.Key.Text, "hidden", "read_only", "editable")
		if declared == nil || !slices.Contains(texts(declared.Fields), f.Key.Text) {
			s.part(declared != nil && declared.Fields != nil, f.Key, reference{noun: "field", module: e.Key.Text, key: f.Key.Text})
		}
	}
	for _, t := range e.Value.Tools {
		if declared == nil || !slices.Contains(texts(declared.Tools), t.Text) {
			s.part(declared != nil && declared.Tools != nil, t, reference{noun: "tool", module: e.Key.Text, key: t.Text})
		}
	}
}

// part reports an unknown field or tool: at once where the file declares the module's list, else after a look at the
// database.
func (s *scope) part(declared bool, w Word, r reference) {
	if declared {
		s.say(w.at, "module %q has no %s %q", r.module, r.noun, r.key)
		return
	}
	s.refer(w, r)
}

func (s *scope) roleProfiles(roles []Role) {
	for _, r := range roles {
		for _, w := range r.Profiles {
			s.local(s.profiles, w, "profile")
		}
		s.taker(r)
		s.roleProfiles(r.Below)
	}
}

// groupCycles reports each group that comes back to itself through the groups of this file.
func (s *scope) groupCycles(groups []Group) {
	nested := map[string][]Word{}
	for _, g := range groups {
		for _, m := range g.Members {
			if m.Group.present() && !m.Removed && m.Group.Text != g.ID.Text {
				nested[g.ID.Text] = append(nested[g.ID.Text], m.Group)
			}
		}
	}
	for _, g := range groups {
		for _, w := range nested[g.ID.Text] {
			if reaches(nested, w.Text, g.ID.Text, map[string]bool{}) {
				s.say(w.at, "group %q would be in itself through %q", g.ID.Text, w.Text)
			}
		}
	}
}

func reaches(nested map[string][]Word, from, to string, seen map[string]bool) bool {
	if from == to {
		return true
	}
	seen[from] = true
	return slices.ContainsFunc(nested[from], func(w Word) bool { return !seen[w.Text] && reaches(nested, w.Text, to, seen) })
}

// serviceAccounts checks the accounts of systems.
func (s *scope) serviceAccounts(o *Organization) {
	seen := map[string]bool{}
	for i := range o.ServiceAccounts {
		a := &o.ServiceAccounts[i]
		if !s.id(seen, a.ID, a.Position, "service account") {
			continue
		}
		s.secretOf(a.Position, "secret", &a.Secret, a.SecretFile)
		s.oneOf(a.AuthMethod, "auth_method", string(directory.BySecret), string(directory.ByKey))
		if a.JWKSURI != nil && a.JWKS.present() {
			s.say(a.Position, "service account %s: keys are registered by value (jwks) or by address (jwks_uri), not both", a.ID.Text)
		}
		if a.Secret == "" && a.SecretFile == "" && !a.JWKS.present() && a.JWKSURI == nil {
			s.refer(Word{a.ID.Text, a.Position}, reference{noun: "service account", organization: s.slug, key: a.ID.Text, needs: "a secret, secret_file, jwks or jwks_uri"})
		}
	}
}
