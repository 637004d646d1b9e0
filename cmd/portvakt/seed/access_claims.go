package seed

import (
	"portvakt/internal/config"
	"portvakt/internal/directory"
)

// AccessClaim is how an application wants to be told of one list of the scope access.
type AccessClaim struct {
	config.Position
	Source Word   `yaml:"source"` // roles, role_path, groups, entitlements, profiles, functions, segments
	Name   Word   `yaml:"name"`   // at first the source's own
	Prefix Word   `yaml:"prefix"`
	Values []Word `yaml:"values"` // at first all
	Omit   bool   `yaml:"omit"`   // the list is left out
}

func (a *AccessClaim) mapping() directory.ClaimMapping {
	m := directory.ClaimMapping{Source: directory.ClaimSource(a.Source.Text), Name: a.Name.Text, Prefix: a.Prefix.Text, Values: texts(a.Values)}
	if m.Name == "" && !a.Omit {
		m.Name = a.Source.Text
	}
	return m
}

// at is where a key of the mapping stands, or else the mapping.
func (a *AccessClaim) at(key string) config.Position {
	w := map[string]Word{"source": a.Source, "name": a.Name, "prefix": a.Prefix}[key]
	if key == "values" && len(a.Values) > 0 {
		w = a.Values[0]
	}
	if w.present() {
		return w.at
	}
	return a.Position
}

func mappings(list []AccessClaim) []directory.ClaimMapping {
	out := make([]directory.ClaimMapping, len(list))
	for i := range list {
		out[i] = list[i].mapping()
	}
	return out
}

// accessClaims checks how an application wants to be told of access.
func (c *checker) accessClaims(a *Application) {
	what := "application " + quoted(a.ClientID.Text) + ", access_claims"
	whole := true
	for i := range a.AccessClaims {
		x := &a.AccessClaims[i]
		switch {
		case !x.Source.present():
			c.say(x.Position, "%s: a claim has no source", what)
		case x.Omit && x.Name.present():
			c.say(x.Name.at, "%s: %s has a name and is left out", what, x.Source.Text)
		case x.Values != nil && len(x.Values) == 0:
			c.say(x.Position, "%s: %s has an empty list of values; leave the key out for all values, or say omit: true", what, x.Source.Text)
		default:
			continue
		}
		whole = false
	}
	if !whole {
		return
	}
	for _, f := range directory.CheckClaimMappings(mappings(a.AccessClaims)) {
		c.sayFault(a.AccessClaims[f.Index].at(f.Key), what, f.Fault)
	}
}
