package seed

import (
	"iter"
	"maps"
	"net/url"
	"time"

	"golang.org/x/text/language"

	"portvakt/internal/directory"
	"portvakt/internal/secret"
)

func keysOf[V any](m map[string]V) iter.Seq[string] { return maps.Keys(m) }

// label is how problems call a member.
func (m *Member) label() string {
	if m.Email.present() {
		return "member " + m.Email.Text
	}
	return "member " + m.UserName.Text
}

// contact reports whether the file says that the member cannot sign in.
func (m *Member) contact() bool { return m.Kind.Text == string(directory.ContactOnly) }

// everySegment reports whether the list says "all".
func (m *Member) everySegment() bool {
	return len(m.Segments) == 1 && m.Segments[0].Text == directory.EverySegment
}

// person notes a member that the file names without declaring it.
func (s *scope) person(w Word) {
	if !w.present() {
		return
	}
	key := directory.Fold(w.Text)
	if e, err := directory.ParseEmail(w.Text); err == nil {
		key = e.Key
	}
	if _, here := s.members[key]; !here {
		s.refer(w, reference{noun: "member", organization: s.slug, key: w.Text})
	}
}

func (s *scope) member(o *Organization, m *Member) {
	if !s.identity(m) {
		return
	}
	s.oneOf(m.Kind, "kind", "employee", "external", "limited", "contact", "reseller")
	if m.Kind.Text == string(directory.External) && m.End == nil {
		s.say(m.Position, "%s is external and needs an end", m.label())
	}
	if m.Start != nil && m.End != nil && !m.Start.IsZero() && !m.End.IsZero() && !m.Start.Before(*m.End) {
		s.say(m.Position, "%s: the end is not after the start", m.label())
	}
	if m.contact() && (m.anyPassword() != "" || m.Imported != "" || m.TOTP != "" || m.Administrator != nil && *m.Administrator) {
		s.say(m.Position, "%s is a contact, who cannot sign in or administer", m.label())
	}
	s.reseller(m)
	s.like(o, m)
	s.local(s.roles, m.Role, "role")
	for _, w := range m.Packages {
		if w.present() && !s.packages[w.Text] {
			s.refer(w, reference{noun: "package", key: w.Text})
		}
	}
	s.grants(m.Grants)
	s.oneOf(m.SecondFactor, "second_factor", string(directory.SecondFactorOptional), string(directory.SecondFactorRequired))
	for _, w := range m.Functions {
		s.oneOf(w, "function", "information_recipient", "invoice_recipient", "main_recipient")
	}
	for _, w := range m.Segments {
		if !m.everySegment() {
			s.local(s.segments, w, "segment")
		}
	}
	if m.Segments != nil && len(m.Segments) == 0 {
		s.say(m.Position, "%s has an empty list of segments; leave the key out, or write [\"*\"], for all", m.label())
	}
	s.secrets(m)
	s.claims(m)
}

// reseller checks what goes with the kind; whether the person is of the agency, the directory knows.
func (s *scope) reseller(m *Member) {
	is := m.Kind.Text == string(directory.Reseller)
	switch {
	case m.Reseller != nil && m.Reseller.Role.present():
		s.oneOf(m.Reseller.Role, "reseller role", "accountant", "auditor")
	case m.Reseller != nil || is:
		s.say(m.Position, "%s is a reseller and needs reseller: {role: accountant} or {role: auditor}", m.label())
	}
	if m.Reseller != nil && m.Kind.present() && !is {
		s.say(m.Position, "%s is no reseller; leave the key reseller out", m.label())
	}
	if m.Administrator != nil && *m.Administrator && (is || m.Kind.Text == string(directory.Limited)) {
		s.say(m.Position, "%s cannot be an administrator: only employees and externals can", m.label())
	}
}

// identity reports a member without a usable name, and one that stands there twice.
func (s *scope) identity(m *Member) bool {
	if !m.Email.present() && !(m.contact() && m.UserName.present()) {
		s.say(m.Position, "a member has no email; only a contact can do with a user_name instead")
		return false
	}
	key := directory.Fold(m.UserName.Text)
	if m.Email.present() {
		e, err := directory.ParseEmail(m.Email.Text)
		if err != nil {
			s.sayFault(m.Email.at, "email "+quoted(m.Email.Text), err)
			return false
		}
		key = e.Key
		if first := s.members[key]; first.at != m.Email.at {
			s.again(m.Email)
		}
	}
	if m.UserName.present() {
		if first := s.members[directory.Fold(m.UserName.Text)]; first.at != m.UserName.at && first.at != m.Email.at {
			s.again(m.UserName)
		}
	}
	return key != ""
}

func (s *scope) again(w Word) { s.say(w.at, "member %q stands here again", w.Text) }

// anyPassword is the password that the entry gives, whether or not it must be changed.
func (m *Member) anyPassword() secret.Text {
	if m.Initial != "" {
		return m.Initial
	}
	return m.Password
}

// secrets checks what a person signs in with. Passwords skip the blocklist, not the length that a sign-in demands.
func (s *scope) secrets(m *Member) {
	s.plain(m.Position, "password", m.Password, "people choose theirs themselves")
	s.plain(m.Position, "initial_password", m.Initial, "people choose theirs themselves")
	if m.Password != "" && m.Initial != "" {
		s.say(m.Position, "%s: password and initial_password exclude each other", m.label())
	}
	s.plain(m.Position, "totp", m.TOTP, "people enrol theirs themselves")
	s.imported(m)
	if p := m.anyPassword(); p != "" && len([]rune(p)) < minPassword {
		s.say(m.Position, "%s: the password is shorter than %d characters", m.label(), minPassword)
	}
	if m.TOTP != "" && s.options.CheckTOTP != nil {
		s.sayFault(m.Position, m.label()+": totp", s.options.CheckTOTP(m.TOTP.Reveal()))
	}
	e, err := directory.ParseEmail(m.Email.Text)
	if err != nil || m.anyPassword() == "" {
		return
	}
	if first := s.passwords[e.Key]; first == nil {
		s.passwords[e.Key] = m
	} else if first.Password != m.Password || first.Initial != m.Initial {
		s.say(m.Position, "%s has another password on line %d", m.label(), first.Line)
	}
}

const minPassword = 8

// claims checks the standard claims whose form is prescribed (OpenID Connect Core §5.1).
func (s *scope) claims(m *Member) {
	for key, w := range map[string]Word{"profile": m.Profile, "picture": m.Picture, "website": m.Website} {
		if u, err := url.Parse(w.Text); w.present() && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "") {
			s.say(w.at, "%s is no web address", key)
		}
	}
	if w := m.Locale; w.present() {
		if _, err := language.Parse(w.Text); err != nil {
			s.say(w.at, "locale %s is no language tag such as nb or sv-SE", quoted(w.Text))
		}
	}
	if w := m.Birthdate; w.present() && !isBirthdate(w.Text) {
		s.say(w.at, "birthdate %s is no date such as 1984-03-02, 0000-03-02 or 1984", quoted(w.Text))
	}
}

func isBirthdate(text string) bool {
	for _, layout := range []string{time.DateOnly, "2006"} {
		if _, err := time.Parse(layout, text); err == nil {
			return true
		}
	}
	return false
}

// single reports a function of one holder that two members of the file have.
func (s *scope) single(o *Organization) {
	holders := map[string]string{}
	for i := range o.Members {
		m := &o.Members[i]
		for _, w := range m.Functions {
			if w.Text == string(directory.InformationRecipient) {
				continue
			}
			if holder := holders[w.Text]; holder != "" {
				s.say(w.at, "%s is the organization's %s already", holder, w.Text)
			}
			holders[w.Text] = m.label()
		}
	}
}
