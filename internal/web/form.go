package web

import (
	"net/http"
	"net/url"
)

// One is the field's value where it was sent exactly once.
func One(form url.Values, name string) string {
	if values := form[name]; len(values) == 1 {
		return values[0]
	}
	return ""
}

// SeeOther sends the browser to another of our pages, in the language that it reads.
func SeeOther(w http.ResponseWriter, r *http.Request, target string) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Location", CarryLanguage(r, target))
	w.WriteHeader(http.StatusSeeOther)
}
