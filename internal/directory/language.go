package directory

import (
	"golang.org/x/text/language"

	"portvakt/internal/fault"
)

const maxLanguage = 35 // RFC 5646 §4.4.1

// checkLanguage refuses what is no language tag; "" says nothing.
func checkLanguage(tag string) error {
	if tag == "" {
		return nil
	}
	if _, err := language.Parse(tag); err != nil || len(tag) > maxLanguage {
		return fault.New(fault.Invalid, "bad_language", "The language is a tag such as nb or sv-SE").On("language")
	}
	return nil
}
