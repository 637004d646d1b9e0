package scim_test

import (
	"net/url"
	"testing"
)

// TestNothingIsBelowAnEmptyText: also where the attribute is computed for a moment, which is then no parameter.
func TestNothingIsBelowAnEmptyText(t *testing.T) {
	each(t, func(w *world) {
		for _, attribute := range []string{membership + ":state", "title", "userName"} {
			for _, op := range []string{"lt", "le"} {
				w.do("GET", "/Users?filter="+url.QueryEscape(attribute+" "+op+` ""`), "").want(200).is(0, "totalResults")
			}
		}
	})
}
