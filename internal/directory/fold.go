package directory

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold makes the key by which texts are compared without regard to case, width or composition: NFKC and case folding,
// computed here because the engines' own ideas of case differ.
func Fold(s string) string {
	ascii := true
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			ascii = false
			break
		}
	}
	if ascii {
		return strings.ToLower(s)
	}
	return norm.NFKC.String(caseFold(norm.NFKC.String(s)))
}

// caseFold folds by Unicode's table, in which Cherokee alone folds to capitals; x/text swaps those instead.
func caseFold(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 0xab70 && r <= 0xabbf || r >= 0x13f8 && r <= 0x13fd {
			return unicode.ToUpper(r)
		}
		return r
	}, cases.Fold().String(s))
}
