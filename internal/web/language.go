package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Language is one of the four languages that pages and mails speak.
type Language string

// The languages, by their BCP 47 tag.
const (
	English Language = "en"
	Bokmal  Language = "nb"
	Swedish Language = "sv"
	German  Language = "de"
)

// languages is the order of the switcher and of compiled templates; English comes first because it is the fallback.
var languages = [...]Language{English, Bokmal, Swedish, German}

// languageNames are written in their own language, so that whoever needs them can read them.
var languageNames = [len(languages)]string{"English", "Norsk", "Svenska", "Deutsch"}

// byBase maps primary subtags; both written forms of Norwegian and the macrolanguage read bokmål.
var byBase = map[string]Language{"en": English, "nb": Bokmal, "no": Bokmal, "nn": Bokmal, "sv": Swedish, "de": German}

// maxLanguageInput bounds what is parsed of a header or parameter that anybody may send.
const maxLanguageInput = 1024

// uiLocales is OpenID Connect's parameter (Core §3.1.2.1) and also what the language switcher of our pages sends.
const uiLocales = "ui_locales"

// Languages are all languages, English first.
func Languages() []Language { return append([]Language(nil), languages[:]...) }

func (l Language) index() int {
	for i, known := range languages {
		if l == known {
			return i
		}
	}
	return 0
}

// Pick chooses the language of a page: what the request asks for (ui_locales: tags separated by spaces, best first),
// then the person's own choice, then the browser's header, then English. Unknown and malformed tags are passed over.
func Pick(uiLocales, userLanguage, acceptLanguage string) Language {
	for _, tag := range strings.Fields(bounded(uiLocales)) {
		if l, ok := byTag(tag); ok {
			return l
		}
	}
	if l, ok := byTag(bounded(userLanguage)); ok {
		return l
	}
	if l, ok := best(bounded(acceptLanguage)); ok {
		return l
	}
	return English
}

// best reads an Accept-Language header (RFC 9110 §12.5.4). It is read by hand because the ready-made parser gives up on
// the whole header when one tag in it is malformed.
func best(header string) (chosen Language, found bool) {
	var top float64
	for entry := range strings.SplitSeq(header, ",") {
		tag, parameters, _ := strings.Cut(entry, ";")
		weight := 1.0
		if q, ok := strings.CutPrefix(strings.ReplaceAll(parameters, " ", ""), "q="); ok {
			var err error
			if weight, err = strconv.ParseFloat(q, 64); err != nil {
				continue
			}
		}
		if l, ok := byTag(strings.TrimSpace(tag)); ok && weight > top && weight <= 1 {
			chosen, found, top = l, true, weight
		}
	}
	return chosen, found
}

func bounded(s string) string {
	if len(s) > maxLanguageInput {
		return s[:maxLanguageInput]
	}
	return s
}

func byTag(tag string) (Language, bool) {
	base, _, _ := strings.Cut(strings.ReplaceAll(tag, "_", "-"), "-")
	l, ok := byBase[strings.ToLower(base)]
	return l, ok
}

// CarryLanguage keeps the language that the person chose on this page when sending them on to another page of ours: it
// adds the request's ui_locales to target. Callers use it for every redirect between own pages, never for foreign ones.
func CarryLanguage(r *http.Request, target string) string {
	chosen, ok := byTag(bounded(r.URL.Query().Get(uiLocales)))
	if !ok {
		return target
	}
	u, err := url.Parse(target)
	if err != nil {
		return target
	}
	q := u.Query()
	q.Set(uiLocales, string(chosen))
	u.RawQuery = q.Encode()
	return u.String()
}

// languageLink is one entry of the switcher.
type languageLink struct {
	Tag     Language
	Name    string
	Address string
	Current bool
}

// maxSwitchQuery keeps a page from repeating a huge query four times.
const maxSwitchQuery = 4096

// languageLinks point to the same page with another ui_locales. They hold the query alone: a path that begins with
// two slashes would otherwise turn into somebody else's host.
func languageLinks(r *http.Request, current Language) []languageLink {
	if len(r.URL.RawQuery) > maxSwitchQuery {
		return nil
	}
	q := r.URL.Query()
	links := make([]languageLink, len(languages))
	for i, l := range languages {
		q.Set(uiLocales, string(l))
		links[i] = languageLink{Tag: l, Name: languageNames[i], Address: "?" + q.Encode(), Current: l == current}
	}
	return links
}
