package scim

import (
	"maps"
	"slices"
	"time"

	"portvakt/internal/directory"
)

// toSCIM is a member as a canonical resource: everything that a client may write, as it stands. roles are the
// organization's; they are needed only where a member has one.
func toSCIM(m *directory.Member, roles []directory.Role, now time.Time) resource {
	res := resource{"userName": m.UserName, "active": m.ListedActive(now)}
	setText(res, "externalId", m.ExternalID)
	d := m.Details
	for _, t := range texts {
		if value := *t.at(&d); value != "" {
			at := holder(res, t.urn)
			if t.sub == "" {
				at[t.attr] = value
				continue
			}
			part, ok := at[t.attr].(map[string]any)
			if !ok {
				part = map[string]any{}
				at[t.attr] = part
			}
			part[t.sub] = value
		}
	}
	d.Emails = shownEmails(m)
	for _, c := range contacts {
		setList(res, c.attr, *c.at(&d), contactOut)
	}
	setList(res, "addresses", d.Addresses, addressOut)
	if manager := m.Manager.String() + m.ManagerText; manager != "" {
		holder(res, enterpriseURN)["manager"] = map[string]any{"value": manager}
	}
	if !m.Role.IsZero() {
		role := map[string]any{"value": m.Role.String(), "primary": true} // made since the roles were read
		if i := slices.IndexFunc(roles, func(r directory.Role) bool { return r.ID == m.Role }); i >= 0 {
			role["value"], role["display"] = roles[i].Key, roles[i].Name
		}
		res["roles"] = []any{role}
	}
	setList(res, "entitlements", m.Packages, func(key string) any { return map[string]any{"value": key} })
	membershipOut(holder(res, membershipURN), m)
	return res
}

func membershipOut(at map[string]any, m *directory.Member) {
	at["kind"], at["start"], at["administrator"] = string(m.Kind), writeTime(m.Start), m.Administrator
	if !m.End.IsZero() {
		at["end"] = writeTime(m.End)
	}
	if m.Kind == directory.Reseller {
		at["reseller"] = map[string]any{"role": string(m.Reseller.Role), "bankAccess": m.Reseller.BankAccess, "userAdministration": m.Reseller.UserAdministration}
	}
	setText(at, "successor", m.Successor.String())
	setList(at, "functions", m.Functions, func(f directory.Function) any { return string(f) })
	segments := m.Segments
	if m.AllSegments {
		segments = []string{directory.EverySegment}
	}
	setList(at, "segments", segments, func(key string) any { return key })
	setList(at, "grants", slices.Sorted(maps.Keys(m.Grants)), func(module string) any {
		return map[string]any{"module": module, "grade": string(m.Grants[module])}
	})
}

// shownEmails are the member's addresses; the sign-in address where the organization keeps none of its own. Filters read
// it the same way (directory.ListEmails).
func shownEmails(m *directory.Member) []directory.Contact {
	if len(m.Details.Emails) == 0 && m.Email != "" && !m.User.IsZero() {
		return []directory.Contact{{Value: m.Email, Type: "work", Primary: true}}
	}
	return m.Details.Emails
}

func setText(at map[string]any, name, value string) {
	if value != "" {
		at[name] = value
	}
}

func setList[T any](at map[string]any, name string, list []T, out func(T) any) {
	if len(list) == 0 {
		return
	}
	values := make([]any, len(list))
	for i, e := range list {
		values[i] = out(e)
	}
	at[name] = values
}

func contactOut(c directory.Contact) any {
	m := map[string]any{"value": c.Value}
	setText(m, "type", c.Type)
	setText(m, "display", c.Display)
	primaryOut(m, c.Primary, c.Secondary)
	return m
}

func addressOut(a directory.Address) any {
	m := map[string]any{}
	for _, p := range addressParts {
		setText(m, p.sub, *p.at(&a))
	}
	primaryOut(m, a.Primary, a.Secondary)
	return m
}

// primaryOut shows whether an element is the primary one, where somebody has said so or not so.
func primaryOut(m map[string]any, yes, no bool) {
	if yes || no {
		m["primary"] = yes
	}
}

func primaryIn(m map[string]any) (yes, no bool) {
	primary, said := m["primary"].(bool)
	return primary, said && !primary
}

// reading says what an absent attribute means.
type reading uint8

const (
	creating  reading = iota + 1 // POST: the directory's default
	replacing                    // PUT: cleared, but "active", roles, entitlements and the membership extension stay
	patched                      // the whole resource after a PATCH: what is absent has been removed
)

// intake is what turning a resource into a member needs to know besides the two.
type intake struct {
	reading reading
	now     time.Time
	roles   []directory.Role // the organization's, read where the request speaks of roles
	// segments are the organization's, read where the request names some beside all.
	segments []directory.Segment
}

// fromSCIM writes a canonical resource into the member. It is pure; whether the client may do so is asked afterwards.
func (in intake) fromSCIM(res resource, m *directory.Member) error {
	name, _ := res["userName"].(string)
	if name == "" {
		return badValue("userName is missing")
	}
	signIn := signInOf(m.UserName, shownEmails(m))
	m.UserName = name
	m.ExternalID, _ = res["externalId"].(string)
	for _, t := range texts {
		*t.at(&m.Details) = textOf(res, t)
	}
	in.contactsIn(res, m)
	m.Details.Addresses = addressesIn(res["addresses"])
	managerIn(res, m)
	if active, written := res["active"].(bool); written {
		m.SuspendedAt = suspension(m.SuspendedAt, active, in.now)
	}
	if err := in.rolesIn(res, m); err != nil {
		return err
	}
	if v, written := in.listed(res, "entitlements"); written {
		m.Packages = valuesOf[string](v)
	}
	extension, _ := res[membershipURN].(map[string]any)
	if err := in.membershipIn(extension, m); err != nil {
		return err
	}
	return in.signInEmail(res, m, signIn)
}

// suspension: false suspends, true lifts a suspension and does nothing else.
func suspension(was time.Time, active bool, now time.Time) time.Time {
	switch {
	case active:
		return time.Time{}
	case was.IsZero():
		return now
	}
	return was
}

// signInOf is the address that a member signs in with: the user name if it is one, else the primary address.
func signInOf(userName string, emails []directory.Contact) string {
	if _, err := directory.ParseEmail(userName); err == nil {
		return userName
	}
	return directory.Details{Emails: emails}.Email()
}

// signInEmail asks for another sign-in address only where the request changed what it follows from: a member made
// elsewhere may sign in with an address that none of its attributes holds. Whether it is renamed is the directory's to say.
func (in intake) signInEmail(res resource, m *directory.Member, was string) error {
	if m.Kind == directory.ContactOnly {
		if in.reading == creating {
			m.Email = ""
		}
		return nil
	}
	is := signInOf(m.UserName, contactList(res["emails"]))
	switch {
	case is == "":
		return badValue("Neither userName nor emails holds an e-mail address to sign in with")
	case is != was, m.User.IsZero(): // also a contact who becomes somebody with sign-in
		m.Email = is
	}
	return nil
}

func textOf(res resource, t text) string {
	at := res
	if t.urn != coreURN {
		at, _ = res[t.urn].(map[string]any)
	}
	if t.sub != "" {
		part, _ := at[t.attr].(map[string]any)
		s, _ := part[t.sub].(string)
		return s
	}
	s, _ := at[t.attr].(string)
	return s
}

func (in intake) contactsIn(res resource, m *directory.Member) {
	shown := shownEmails(m)
	for _, c := range contacts {
		list := contactList(res[c.attr])
		if c.attr == "emails" && len(m.Details.Emails) == 0 && slices.Equal(list, shown) {
			continue // the sign-in address as we showed it: nothing to keep
		}
		*c.at(&m.Details) = list
	}
}

func contactList(v any) []directory.Contact {
	elements, _ := v.([]any)
	var out []directory.Contact
	for _, e := range elements {
		m, _ := e.(map[string]any)
		c := directory.Contact{}
		c.Value, _ = m["value"].(string)
		c.Type, _ = m["type"].(string)
		c.Display, _ = m["display"].(string)
		c.Primary, c.Secondary = primaryIn(m)
		if c.Value != "" { // Entra and Okta send the types of numbers that there are not
			out = append(out, c)
		}
	}
	return out
}

func addressesIn(v any) []directory.Address {
	elements, _ := v.([]any)
	var out []directory.Address
	for _, e := range elements {
		m, _ := e.(map[string]any)
		var a directory.Address
		for _, p := range addressParts {
			*p.at(&a), _ = m[p.sub].(string)
		}
		typ := a.Type
		if a.Type = ""; a == (directory.Address{}) {
			continue
		}
		a.Type = typ
		a.Primary, a.Secondary = primaryIn(m)
		out = append(out, a)
	}
	return out
}

// listed is a list that a PUT leaves alone where it is absent, and whether it is to be written.
func (in intake) listed(at map[string]any, name string) (any, bool) {
	v, written := at[name]
	return v, written || in.reading == patched
}

// valuesOf are the distinct values of a list, sorted as the directory keeps them: of objects their "value".
func valuesOf[T ~string](v any) []T {
	elements, _ := v.([]any)
	var out []T
	for _, e := range elements {
		if m, ok := e.(map[string]any); ok {
			e = m["value"]
		}
		if s, _ := e.(string); s != "" {
			out = append(out, T(s))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
