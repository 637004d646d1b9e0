package directory

import (
	"mime"
	"strings"
)

// Mailbox is an entry of a list of people that somebody pastes or imports: an address, and what the person is called there.
type Mailbox struct {
	Name  string // "" where none is given
	Email Email
}

// ParseMailbox reads one entry of an invitation list or an import: a bare address, or one in angle brackets behind a name,
// as mail programs copy it (RFC 5322 §3.4 name-addr, also with words of RFC 2047). The address itself is ParseEmail's to
// judge. Everywhere else, at sign-in, over SCIM and in the seed, an address stands bare and this form is refused.
//
// Invariant: an entry has one address. A name that is itself an address, and another one, is refused, because nobody knows
// which of the two is meant (TestMailboxForms).
func ParseMailbox(s string) (Mailbox, error) {
	s = strings.TrimSpace(s)
	if !strings.HasSuffix(s, ">") {
		e, err := ParseEmail(s)
		return Mailbox{Email: e}, err
	}
	open := strings.LastIndexByte(s, '<')
	if open < 0 {
		return Mailbox{}, errEmail
	}
	e, err := ParseEmail(s[open+1 : len(s)-1])
	if err != nil {
		return Mailbox{}, err
	}
	name, ok := displayName(strings.TrimSpace(s[:open]))
	if !ok {
		return Mailbox{}, errEmail
	}
	if err := checkText("name", name); err != nil {
		return Mailbox{}, err
	}
	if strings.ContainsAny(name, "@＠﹫") {
		if same, err := ParseEmail(name); err != nil || same.Key != e.Key {
			return Mailbox{}, errEmail
		}
		name = "" // the address once more
	}
	return Mailbox{Name: name, Email: e}, nil
}

// displayName takes the quotes of a mail program off, and its encoding.
func displayName(s string) (string, bool) {
	if len(s) >= 2 && s[0] == '\'' && s[len(s)-1] == '\'' {
		return strings.TrimSpace(s[1 : len(s)-1]), true
	}
	if strings.HasPrefix(s, `"`) {
		return unquoted(s)
	}
	if strings.ContainsAny(s, `<>"`) {
		return "", false // two addresses, or half a quotation
	}
	if strings.Contains(s, "=?") {
		decoded, err := new(mime.WordDecoder).DecodeHeader(s)
		return strings.TrimSpace(decoded), err == nil
	}
	return s, true
}

// unquoted reads a quoted string (RFC 5322 §3.2.4) that is the whole text.
func unquoted(s string) (string, bool) {
	var b strings.Builder
	escaped := false
	for i, r := range s[1:] {
		switch {
		case escaped:
			escaped = false
			b.WriteRune(r)
		case r == '\\':
			escaped = true
		case r == '"':
			return strings.TrimSpace(b.String()), i+1 == len(s)-1
		default:
			b.WriteRune(r)
		}
	}
	return "", false
}
