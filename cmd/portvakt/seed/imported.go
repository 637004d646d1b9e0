package seed

// imported checks a password hash of another system. It may stand in any file: it is no password.
func (s *scope) imported(m *Member) {
	if m.Imported == "" {
		return
	}
	if m.anyPassword() != "" {
		s.say(m.Position, "%s: password_hash, password and initial_password exclude each other", m.label())
	}
	if s.options.CheckHash != nil {
		s.sayFault(m.Position, m.label()+": password_hash", s.options.CheckHash(m.Imported.Reveal()))
	}
}
