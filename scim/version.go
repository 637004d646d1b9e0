package scim

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// version is the tag of a resource of which nothing is shown that its version does not know of.
func version(n int64) string { return `W/"` + strconv.FormatInt(n, 10) + `"` }

// tagOf is the tag of a version, and of what is shown beside that changes without it: names of others, and groups of which the
// user's own row knows nothing. An answer kept by its tag is so never shown when a new one would differ (RFC 9110 §8.8.1).
// If-Match asks for the version alone.
func tagOf(n int64, beside ...any) string {
	if !slices.ContainsFunc(beside, func(v any) bool { return v != nil }) {
		return version(n)
	}
	raw, err := json.Marshal(beside)
	if err != nil { // of texts and maps of them it can be written
		panic(err)
	}
	sum := sha256.Sum256(raw)
	return `W/"` + strconv.FormatInt(n, 10) + "-" + hex.EncodeToString(sum[:8]) + `"`
}

// seal writes the tag into the resource's meta where that is shown, and answers the tag.
func (p projection) seal(r *registry, urn string, out map[string]any, tag string) string {
	meta := r.attributes[urn]["meta"]
	if part, ok := p.part(urn, meta, map[string]any{"version": tag}).(map[string]any); ok && p.shows(urn, meta) {
		shown, ok := out["meta"].(map[string]any)
		if !ok {
			shown = map[string]any{}
			out["meta"] = shown
		}
		maps.Copy(shown, part)
	}
	return tag
}

// ifMatch is the version that the client expects, 0 for any (RFC 7644 §3.14). What a tag says beside it is not asked: it tells
// of what no change of this resource touches.
func (x *exchange) ifMatch() (int64, error) {
	tag := strings.TrimSpace(x.r.Header.Get("If-Match"))
	if tag == "" || tag == "*" {
		return 0, nil
	}
	number, _, _ := strings.Cut(strings.Trim(strings.TrimPrefix(tag, "W/"), `"`), "-")
	version, err := strconv.ParseInt(number, 10, 64)
	if err != nil || version < 1 {
		return 0, refuse(http.StatusPreconditionFailed, "", "If-Match holds no version of this resource")
	}
	return version, nil
}

func (x *exchange) validators(t *resourceType, id, tag string) {
	x.w.Header().Set("ETag", tag)
	x.w.Header().Set("Content-Location", x.location(t.plural(), id)) // RFC 7643 §3.1
}

func (x *exchange) notModified() {
	x.w.Header().Set("Cache-Control", "no-store")
	x.w.WriteHeader(http.StatusNotModified)
}

// holds reports whether If-None-Match names the tag; weak and strong ones are alike to it.
func (x *exchange) holds(tag string) bool {
	for _, line := range x.r.Header["If-None-Match"] {
		for one := range strings.SplitSeq(line, ",") {
			if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == strings.TrimPrefix(tag, "W/") {
				return true
			}
		}
	}
	return false
}
