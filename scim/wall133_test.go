package scim_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
)

// TestWall133_EveryParameterOfAQuery: what looks like SQL is a text or refused, in a URL and in a SearchRequest, and no answer
// holds a word of a database.
func TestWall133_EveryParameterOfAQuery(t *testing.T) {
	each(t, func(w *world) {
		w.threePeople()
		texts := []string{`'`, "`", `"`, `$1`, `$$`, `--`, `;`, "\x00", "\xff", `'; drop table memberships; --`, `(select 1)`, `title desc, (select 1)`, `m.details`, `{now}`, `%`, `\`, `1 or 1=1`, `title pr) or (1=1`,
			`title eq "x' or '1'='1"`, `title eq "$1"`, strings.Repeat("x", 60000), strings.Repeat("a.", 20000), strings.Repeat("[", 20000), strings.Repeat(",", 50000), "ª", "title\n"}
		harmless := func(what string, r reply) {
			if r.status != 200 && r.status != 400 && r.status != 414 {
				w.t.Errorf("%s: %d", what, r.status)
			}
			for _, word := range []string{"select ", "memberships", "sqlite", "pgx", "SQLSTATE", "syntax error at", "internal/"} {
				if r.status != 200 && strings.Contains(r.raw, word) && !strings.Contains(what, word) {
					w.t.Errorf("%s tells %q", what, word)
				}
			}
			if r.status == 200 && r.at("totalResults") != nil && strings.HasPrefix(what, "filter") && r.at("totalResults") != 0.0 {
				w.t.Errorf("%s finds %v", what, r.at("totalResults"))
			}
		}
		for _, parameter := range []string{"filter", "sortBy", "sortOrder", "startIndex", "count", "cursor", "attributes", "excludedAttributes"} {
			for _, text := range texts {
				for _, path := range []string{"/Users", "/", "/Groups"} {
					harmless(parameter+" "+text, w.do("GET", path+"?"+parameter+"="+url.QueryEscape(text), ""))
				}
				body := map[string]any{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:SearchRequest"}, parameter: text}
				harmless(parameter+" "+text, w.do("POST", "/Users/.search", string(must(json.Marshal(body))(w.t))))
			}
		}
		for range 3 {
			w.do("GET", "/Users?sortBy=title&"+strings.Repeat("filter=title+pr&", 3000), "").want(200).is(2, "totalResults")
		}
		w.do("GET", "/Users", "").want(200).is(4, "totalResults")
	})
}
