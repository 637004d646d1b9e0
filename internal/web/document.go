package web

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
)

// Document is a public answer that was prepared beforehand, such as discovery: serving it makes nothing
// (TestDocumentsAllocateNothing).
type Document struct {
	body   []byte
	etag   string
	header http.Header
}

// NewDocument prepares a value as JSON that may be kept for an hour.
func NewDocument(v any) (*Document, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	return Prepared(body, `"`+base64.RawURLEncoding.EncodeToString(sum[:16])+`"`, "public, max-age=3600"), nil
}

// Prepared is a document of JSON with its entity tag and what is said to caches.
func Prepared(body []byte, etag, cache string) *Document {
	return PreparedAs("application/json", body, etag, cache)
}

// PreparedAs is Prepared for a document of another kind.
func PreparedAs(contentType string, body []byte, etag, cache string) *Document {
	return &Document{body: body, etag: etag, header: http.Header{
		"Content-Type": {contentType}, "Etag": {etag}, "Cache-Control": {cache},
		"Access-Control-Allow-Origin": {"*"}, // public, and asked for without credentials by scripts of applications
		"X-Content-Type-Options":      {"nosniff"},
	}}
}

// ETag is the document's entity tag.
func (d *Document) ETag() string { return d.etag }

// ServeHTTP answers GET and HEAD, 304 where the asker has it.
func (d *Document) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	for name, values := range d.header {
		h[name] = values
	}
	if has(r.Header["If-None-Match"], d.etag) {
		delete(h, "Content-Type")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write(d.body)
}

// has reports whether the list of entity tags holds this one, by the weak comparison that If-None-Match asks for
// (RFC 9110 §13.1.2).
func has(lines []string, etag string) bool {
	for _, line := range lines {
		for line != "" {
			var item string
			item, line, _ = strings.Cut(line, ",")
			item = strings.TrimPrefix(strings.TrimSpace(item), "W/")
			if item == etag || item == "*" {
				return true
			}
		}
	}
	return false
}
