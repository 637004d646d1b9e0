package directory

import (
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"portvakt/internal/fault"
)

// Email is a sign-in address: as the person writes it, and the key by which it is compared.
type Email struct {
	Address string
	Key     string
}

// Lengths in bytes: RFC 5321 §4.5.3.1 (less the angle brackets), RFC 1035 §2.3.4.
const (
	maxEmail  = 254
	maxLocal  = 64
	maxDomain = 253
	maxLabel  = 63
)

var errEmail = fault.New(fault.Invalid, "bad_email", "This is not an e-mail address").On("email")

// ParseEmail reads one bare address: no display name, no quoted local part, no comments. The domain is compared in its
// ASCII form, the local part without regard to letter case and composition.
//
// Invariant: two addresses have one key only where they differ in nothing but letter case, composition or the spelling of
// the domain; what would be folded further (full width, ligatures, ß, invisible characters) is refused, because a mailbox
// of such a name may be somebody else's (TestEmailForms).
func ParseEmail(s string) (Email, error) {
	s = strings.TrimSpace(s)
	local, domain, ok := cutLast(s, '@')
	if !ok || len(s) > maxEmail || !utf8.ValidString(s) {
		return Email{}, errEmail
	}
	for _, r := range s {
		if invisible(r) || unicode.IsSpace(r) || !unicode.IsPrint(r) || strings.ContainsRune(`"(),:;<>[\]`, r) {
			return Email{}, errEmail
		}
	}
	ascii, ok := asciiDomain(domain)
	if !ok {
		return Email{}, errEmail
	}
	local = norm.NFC.String(local)
	key, ok := foldLocal(local)
	if !ok || !isBare(local, ascii) || key != local && !isBare(key, ascii) || len(local)+1+len(domain) > maxEmail {
		return Email{}, errEmail
	}
	return Email{Address: local + "@" + domain, Key: key + "@" + ascii}, nil
}

// isBare reports whether the parts make one address that needs no quoting.
func isBare(local, domain string) bool {
	if local == "" || len(local) > maxLocal || strings.Contains(local, "@") || len(local)+1+len(domain) > maxEmail {
		return false
	}
	a, err := mail.ParseAddress(local + "@" + domain)
	return err == nil && a.Address == local+"@"+domain
}

// foldLocal is the key of a local part in NFC; false where folding would do more than change letter case.
func foldLocal(local string) (string, bool) {
	if norm.NFKC.String(local) != local { // full width, ligatures, superscripts and the like
		return "", false
	}
	for _, r := range local {
		if r < utf8.RuneSelf {
			continue
		}
		folded := []rune(norm.NFC.String(caseFold(string(r))))
		if len(folded) != 1 { // ß, İ
			return "", false
		}
		f := folded[0]
		if f != r && f != unicode.ToLower(r) && f != unicode.ToUpper(r) && r != 'ς' {
			return "", false
		}
	}
	return Fold(local), true
}

// invisible reports whether a character shows nothing and so makes two texts look the same.
func invisible(r rune) bool {
	return unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// Domain is the address's domain in the form in which verified domains are stored.
func (e Email) Domain() string {
	_, domain, _ := cutLast(e.Key, '@')
	return domain
}

// DomainKey is the stored form of a domain name.
func DomainKey(domain string) (string, error) {
	ascii, ok := asciiDomain(strings.TrimSpace(domain))
	if !ok {
		return "", fault.New(fault.Invalid, "bad_domain", "This is not a domain name").On("domains")
	}
	return ascii, nil
}

// asciiDomain is a domain name of at least two labels as DNS knows it.
func asciiDomain(domain string) (string, bool) {
	ascii, err := idna.Lookup.ToASCII(domain)
	if err != nil || len(ascii) > maxDomain || !strings.Contains(ascii, ".") {
		return "", false
	}
	for label := range strings.SplitSeq(ascii, ".") {
		if label == "" || len(label) > maxLabel {
			return "", false
		}
	}
	return ascii, true
}

func cutLast(s string, sep byte) (before, after string, ok bool) {
	if i := strings.LastIndexByte(s, sep); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}
