package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// apiPolicy is for answers that are no page: should a browser show one, it can do nothing.
const apiPolicy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// SecurityHeaders sets on every answer what every answer needs; pages and assets replace the content policy by theirs.
func (r *Renderer) SecurityHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.commonHeaders(w.Header())
		w.Header().Set("Content-Security-Policy", apiPolicy)
		next.ServeHTTP(w, req)
	})
}

func (r *Renderer) commonHeaders(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	if r.secure {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

func (r *Renderer) pageHeaders(h http.Header, p Page) {
	r.commonHeaders(h)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Content-Security-Policy", p.policy())
}

// policy is the page's Content-Security-Policy.
func (p Page) policy() string {
	s := "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action " + formAction(p.FormAction) + "; base-uri 'none'; frame-ancestors 'none'"
	if p.Script != "" {
		s += "; script-src 'self'; connect-src 'self'"
	}
	return s
}

// formAction allows own addresses and, where the form's answer leads to an application, whatever has the scheme of the
// application's address. Chromium holds form-action against every hop of the redirects that follow a form, so naming
// the application's host would break each application whose callback sends the person on to another host of its own.
func formAction(addresses []string) string {
	allowed := []string{"'self'"}
	for _, address := range addresses {
		u, err := url.Parse(address)
		if err != nil || !plainScheme(u.Scheme) {
			continue
		}
		allowed = append(allowed, u.Scheme+":")
		if u.Scheme == "http" {
			allowed = append(allowed, "https:")
		}
	}
	slices.Sort(allowed)
	return strings.Join(slices.Compact(allowed), " ")
}

// plainScheme reports whether s may stand in a header as it is (RFC 3986 §3.1) and can be left to: never script or data.
func plainScheme(s string) bool {
	if s == "" || s == "javascript" || s == "data" || s == "vbscript" || s == "blob" {
		return false
	}
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '+' && c != '-' && c != '.' {
			return false
		}
	}
	return true
}
