package session

import (
	"encoding/base64"
	"net/http"
	"strings"
	"time"
)

// emailFor is how long a browser keeps the address that was typed in it.
const emailFor = 180 * 24 * time.Hour

const (
	emailPurpose   = "remembered email"
	longestSealed  = 600 // characters of a cookie of ours
	longestAddress = 254
)

var emailText = base64.RawURLEncoding.Strict()

// Email is the name of the cookie with the e-mail that the person wants to have filled in at the next sign-in. It says what
// somebody has typed, and proves nothing.
func (c Cookies) Email() string { return strings.Replace(c.Browser, "browser", "email", 1) }

// Email is what the browser remembers; "" where it remembers nothing that we have sealed.
func (f *Forms) Email(c Cookies, r *http.Request) string {
	found := r.CookiesNamed(c.Email())
	if len(found) != 1 || len(found[0].Value) > longestSealed {
		return ""
	}
	sealed, err := emailText.DecodeString(found[0].Value)
	if err != nil {
		return ""
	}
	email, err := f.keys.Open(emailPurpose, sealed)
	if err != nil || len(email) > longestAddress {
		return ""
	}
	return string(email)
}

// RememberEmail has the browser keep an e-mail, sealed; with "" it forgets the one that it keeps.
func (f *Forms) RememberEmail(c Cookies, w http.ResponseWriter, r *http.Request, email string) {
	switch {
	case email != "" && len(email) <= longestAddress:
		c.Keep(w, c.Email(), emailText.EncodeToString(f.keys.Seal(emailPurpose, []byte(email))), emailFor)
	case len(r.CookiesNamed(c.Email())) > 0:
		c.Clear(w, c.Email())
	}
}
