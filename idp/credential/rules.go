package credential

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/trustelem/zxcvbn/frequency"
	"golang.org/x/text/unicode/norm"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/secret"
)

// The shortest passwords (NIST SP 800-63B-4 §3.1.1.2): alone, and beside a second factor. No composition rules.
const (
	MinLength           = 15
	MinLengthWithFactor = 8
	MaxLength           = secret.MaxPassword
)

// About is whom a new password is for: what an attacker who knows the person would try first.
type About struct {
	Email         directory.Email
	Names         []string // of the person
	SecondFactor  bool     // one is enrolled
	Organizations []string
}

// MinLength is the shortest password that the person may choose.
func (a About) MinLength() int {
	if a.SecondFactor {
		return MinLengthWithFactor
	}
	return MinLength
}

// Faults of new passwords; the code is the reason.
var (
	ErrTooShort     = fault.New(fault.Invalid, "too_short", "The password is too short").On("new_password")
	ErrTooLong      = fault.New(fault.Invalid, "too_long", "The password is too long").On("new_password")
	ErrTooCommon    = fault.New(fault.Invalid, "too_common", "Many people use this password").On("new_password")
	ErrBreached     = fault.New(fault.Invalid, "breached", "The password is known from data breaches").On("new_password")
	ErrUnprintable  = fault.New(fault.Invalid, "unprintable", "The password holds characters that cannot be typed").On("new_password")
	ErrContainsName = fault.New(fault.Invalid, "contains_name", "The password is little more than a name").On("new_password")
)

// Check tells why the person may not choose the password; nil where nothing speaks against it. It is asked when a password is
// chosen, never at a sign-in: nobody is kept out by a list that has grown.
func (c *Credentials) Check(password string, about About) error {
	password = norm.NFC.String(password)
	switch length := utf8.RuneCountInString(password); {
	case len(password) > MaxLength:
		return ErrTooLong
	case !utf8.ValidString(password) || strings.ContainsFunc(password, unicode.IsControl):
		return ErrUnprintable
	case length < about.MinLength():
		return ErrTooShort
	}
	folded := directory.Fold(password)
	if c.common(folded) {
		return ErrTooCommon
	}
	rest := folded
	for _, word := range about.words() {
		rest = strings.ReplaceAll(rest, word, "")
	}
	if rest == folded {
		return c.unbreached(password)
	}
	rest = strings.TrimFunc(rest, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if letters(rest) < MinLengthWithFactor {
		return ErrContainsName
	}
	if c.common(rest) {
		return ErrTooCommon
	}
	return c.unbreached(password)
}

// unbreached asks the operator's list, which knows passwords as they are, whatever else they hold.
func (c *Credentials) unbreached(password string) error {
	if c.breached != nil && c.breached(password) {
		return ErrBreached
	}
	return nil
}

// common reports whether the whole of a folded password is on the list of what attackers try first, or is made of a
// short piece said again and again, or is a run along the alphabet or the digits.
func (c *Credentials) common(folded string) bool {
	blocked := c.blocked()
	if _, ok := blocked[folded]; ok {
		return true
	}
	if piece := repeated(folded); piece != "" {
		_, ok := blocked[piece]
		return ok || utf8.RuneCountInString(piece) < MinLengthWithFactor
	}
	return isRun(folded)
}

// repeated is the shortest piece of which s is two or more in a row, "" if none.
func repeated(s string) string {
	if i := strings.Index((s + s)[1:], s); i >= 0 && i+1 < len(s) {
		return s[:i+1]
	}
	return ""
}

var runs = [...]string{"abcdefghijklmnopqrstuvwxyz", "0123456789", "1234567890", "qwertyuiopasdfghjklzxcvbnm"}

func isRun(s string) bool {
	for _, run := range runs {
		long := strings.Repeat(run, 2+len(s)/len(run))
		if strings.Contains(long, s) || strings.Contains(reversed(long), s) {
			return true
		}
	}
	return false
}

func reversed(s string) string {
	out := []rune(s)
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return string(out)
}

func letters(s string) int {
	n := 0
	for _, r := range s {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			n++
		}
	}
	return n
}

// words are the folded words about the person, longest first as far as it matters: the address before its parts.
func (a About) words() []string {
	local, _, _ := strings.Cut(a.Email.Key, "@")
	words := []string{a.Email.Key, local, "portvakt"}
	texts := append(append([]string{local, a.Email.Domain()}, a.Names...), a.Organizations...)
	for _, text := range texts {
		words = append(words, strings.FieldsFunc(directory.Fold(text), func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsDigit(r)
		})...)
	}
	kept := words[:0]
	for _, word := range words {
		if utf8.RuneCountInString(word) >= 3 {
			kept = append(kept, word)
		}
	}
	return kept
}

// loadBlocked gathers what attackers try first: passwords from breaches, names, and words of everyday texts. Shorter
// entries are refused by length anyway.
func loadBlocked() map[string]struct{} {
	blocked := make(map[string]struct{}, 50_000)
	for _, list := range frequency.FrequencyLists {
		for _, word := range list {
			if len(word) >= MinLengthWithFactor || !ascii(word) {
				blocked[directory.Fold(word)] = struct{}{}
			}
		}
	}
	return blocked
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
