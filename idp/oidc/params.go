package oidc

import (
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"portvakt/internal/fault"
)

// Limits of what a request may bring.
const (
	maxBody  = 64 << 10
	maxQuery = 16 << 10
	maxValue = 8 << 10
	maxState = 4 << 10
	maxNonce = 1 << 10
	maxHint  = 320
)

func invalid(text string) *fault.Fault { return fault.New(fault.Invalid, "invalid_request", text) }

// readForm reads a form body, and nothing of the URL.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, invalid("The body must be application/x-www-form-urlencoded")
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		return nil, invalid("The form cannot be read")
	}
	return r.PostForm, nil
}

// checkValues refuses what no parameter may be: said twice (RFC 6749 §3.1), not UTF-8, with control characters (NUL
// would reach a database that knows none), or endless.
func checkValues(values url.Values) error {
	for name, list := range values {
		if len(list) != 1 {
			return invalid("A parameter stands there more than once")
		}
		if !clean(name) || !clean(list[0]) {
			return invalid("A parameter holds characters that are not allowed")
		}
		if len(name) > 100 || len(list[0]) > maxValue && !tokens[name] {
			return invalid("A parameter is too long")
		}
	}
	return nil
}

// tokens are the parameters that hold a token of ours, which can be larger than anything else; the body bounds them.
var tokens = map[string]bool{"token": true, "access_token": true, "id_token_hint": true}

func clean(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0x7f {
			return false
		}
	}
	return utf8.ValidString(s)
}

// scopes reads a scope parameter (RFC 6749 §3.3): tokens of printable characters, one space between, each once.
func scopes(s string) ([]string, error) {
	if s == "" {
		return nil, nil
	}
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return nil, fault.New(fault.Invalid, "invalid_scope", "The scope holds characters that are not allowed")
		}
	}
	return strings.Fields(s), nil
}
