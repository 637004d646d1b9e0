package session

import (
	"net/http"

	"portvakt/internal/secret"
	"portvakt/internal/web"
)

// Forms guards forms: their hidden token is bound to a cookie of this browser and to what the form is for. It also seals what
// a browser remembers for the first of them (Email).
type Forms struct {
	key  []byte
	keys *secret.Keys
}

// NewForms derives the key from the master key.
func NewForms(keys *secret.Keys) *Forms { return &Forms{keys.Derive("forms"), keys} }

// Token is the value of the field csrf. cookie is the value of the browser's or the session's cookie.
func (f *Forms) Token(cookie, purpose string) string {
	return web.CSRFToken(f.key, cookie+" "+purpose) // cookie values are of one length, so nothing is ambiguous
}

// Valid reports whether the token was made for this cookie and purpose; never without a cookie.
func (f *Forms) Valid(cookie, purpose, token string) bool {
	return len(cookie) == tokenLength && web.CheckCSRF(f.key, cookie+" "+purpose, token)
}

// EnsureBrowser is the value of the browser's cookie, given to it now where it has none. The cookie says only that two
// requests come from the same browser; it proves nobody.
func (c Cookies) EnsureBrowser(w http.ResponseWriter, r *http.Request) string {
	if value, ok := c.Value(r, c.Browser); ok {
		return value
	}
	value := secret.NewToken()
	c.Set(w, c.Browser, value)
	return value
}
