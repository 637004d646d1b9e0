package scim

import (
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
	"strings"
)

const searchURN = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"

// asked is what a request says about its answer: which resources, in what order, which page, which attributes. It is read
// alike from a URL (RFC 7644 §3.4.2, RFC 9865 §2) and from the body of a SearchRequest (RFC 7644 §3.4.3).
type asked struct {
	filter, sortBy, sortOrder string
	startIndex, count         string // whole numbers as written, "" where absent
	cursor                    string
	filtered, paged           bool // a filter, a cursor was given, be it empty
	attributes, excluded      []string
}

// askedInURL reads a request's query. Of a parameter that stands there twice the first counts.
func askedInURL(q url.Values) (asked, error) {
	a := asked{
		filter: q.Get("filter"), sortBy: q.Get("sortBy"), sortOrder: q.Get("sortOrder"), startIndex: q.Get("startIndex"), count: q.Get("count"),
		cursor: q.Get("cursor"), filtered: q.Has("filter"), paged: q.Has("cursor"),
		attributes: listed(q.Get("attributes")), excluded: listed(q.Get("excludedAttributes")),
	}
	return a, a.check()
}

// listed reads names with commas between them. Commas in brackets, as in emails[type eq "a,b"], part nothing.
func listed(s string) (names []string) {
	depth := 0
	for name := range strings.FieldsFuncSeq(s, func(r rune) bool {
		switch r {
		case '[':
			depth++
		case ']':
			depth--
		}
		return r == ',' && depth <= 0
	}) {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// askedInBody reads a SearchRequest; what it does not know it leaves alone.
func askedInBody(body map[string]any) (asked, error) {
	var a asked
	var err error
	named := false
	for name, v := range body {
		if v == nil {
			continue
		}
		var one error
		switch strings.ToLower(name) {
		case "schemas":
			named, one = holdsURN(v, searchURN)
		case "filter":
			a.filtered = true
			a.filter, one = textIn(name, v)
		case "sortby":
			a.sortBy, one = textIn(name, v)
		case "sortorder":
			a.sortOrder, one = textIn(name, v)
		case "cursor":
			a.paged = true
			a.cursor, one = textIn(name, v)
		case "startindex":
			a.startIndex, one = numberIn(name, v)
		case "count":
			a.count, one = numberIn(name, v)
		case "attributes":
			a.attributes, one = namesIn(name, v)
		case "excludedattributes":
			a.excluded, one = namesIn(name, v)
		}
		if one != nil {
			err = one
		}
	}
	switch {
	case err != nil:
		return a, err
	case !named:
		return a, badSyntax("schemas has to hold %s", searchURN)
	}
	return a, a.check()
}

func textIn(name string, v any) (string, error) {
	s, ok := v.(string)
	if !ok {
		return "", badValue("%.40s has to be a string", name)
	}
	return s, nil
}

func numberIn(name string, v any) (string, error) {
	switch n := v.(type) {
	case json.Number:
		return n.String(), nil
	case string:
		return n, nil
	}
	return "", badValue("%.40s has to be a whole number", name)
}

// namesIn reads a list of names, or a text with commas as in a URL.
func namesIn(name string, v any) ([]string, error) {
	if s, ok := v.(string); ok {
		return listed(s), nil
	}
	list, ok := v.([]any)
	var names []string
	for _, e := range list {
		s, isText := e.(string)
		ok = ok && isText
		names = append(names, listed(s)...)
	}
	if !ok {
		return nil, badValue("%.40s has to be a list of strings", name)
	}
	return names, nil
}

// maxNames is how many attributes one request may name.
const maxNames = 500

func (a *asked) check() error {
	switch {
	case len(a.attributes) > 0 && len(a.excluded) > 0: // RFC 7644 §3.9
		return badValue("attributes and excludedAttributes cannot be given together")
	case len(a.attributes) > maxNames || len(a.excluded) > maxNames:
		return badValue("More than %d attributes are named", maxNames)
	}
	return nil
}

// number reads a whole number and clamps it (RFC 7644 §3.4.2.4), however many digits it has.
func number(name, text string, absent, low, high int) (int, error) {
	if text = strings.TrimSpace(text); text == "" {
		return absent, nil
	}
	n, err := strconv.Atoi(text)
	switch {
	case errors.Is(err, strconv.ErrRange) && strings.HasPrefix(text, "-"):
		n = low
	case errors.Is(err, strconv.ErrRange):
		n = high
	case err != nil:
		return 0, badValue("%s has to be a whole number", name)
	}
	return min(max(n, low), high), nil
}
