package session

import (
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Cookies names and writes the two cookies of an installation: the session's and the browser's. Over https they carry
// the prefix __Host-, so that no other host of the domain can plant them (RFC 6265bis §4.1.3.2); over plain http, which
// is for development alone, the port, so that several instances on one machine do not take each other's.
type Cookies struct {
	Session string
	Browser string
	Device  string // of a trusted browser
	secure  bool
}

// NewCookies derives the names from the issuer.
func NewCookies(issuer string) (Cookies, error) {
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return Cookies{}, fmt.Errorf("session: %q is no issuer", issuer)
	}
	if u.Scheme == "https" {
		return Cookies{Session: "__Host-portvakt-session", Browser: "__Host-portvakt-browser", Device: "__Host-portvakt-device", secure: true}, nil
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	return Cookies{Session: "portvakt-session-" + port, Browser: "portvakt-browser-" + port, Device: "portvakt-device-" + port}, nil
}

// Value is the cookie's value where the request carries exactly one of the name, in the form of our tokens.
func (c Cookies) Value(r *http.Request, name string) (string, bool) {
	found := r.CookiesNamed(name)
	if len(found) != 1 || len(found[0].Value) != tokenLength {
		return "", false
	}
	return found[0].Value, true
}

const tokenLength = 43 // secret.NewToken

// Set gives the browser a cookie that lasts until the browser closes. Scripts never see it, and of other sites' requests
// only followed links carry it.
func (c Cookies) Set(w http.ResponseWriter, name, value string) { c.write(w, name, value, 0) }

// Keep is Set for a cookie that outlives the browser's closing.
func (c Cookies) Keep(w http.ResponseWriter, name, value string, d time.Duration) {
	c.write(w, name, value, int(d/time.Second))
}

// Clear takes the cookie back.
func (c Cookies) Clear(w http.ResponseWriter, name string) { c.write(w, name, "", -1) }

func (c Cookies) write(w http.ResponseWriter, name, value string, maxAge int) {
	cookie := http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: maxAge, Secure: c.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if maxAge < 0 {
		cookie.Expires = time.Unix(1, 0)
	}
	drop(w.Header(), name)
	http.SetCookie(w, &cookie)
}

// drop takes back an earlier answer's cookie of the name, so that an answer never sets one twice (RFC 6265 §4.1.1).
func drop(h http.Header, name string) {
	lines := h["Set-Cookie"]
	kept := lines[:0]
	for _, line := range lines {
		if len(line) <= len(name) || line[:len(name)] != name || line[len(name)] != '=' {
			kept = append(kept, line)
		}
	}
	if len(kept) == 0 {
		h.Del("Set-Cookie")
		return
	}
	h["Set-Cookie"] = kept
}
