package web_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"portvakt/internal/web"
)

func TestPick(t *testing.T) {
	t.Parallel()
	huge := strings.Repeat("xx ", 100_000)
	for name, c := range map[string]struct {
		asked, own, header string
		want               web.Language
	}{
		"nothing":                {want: web.English},
		"request first":          {"sv", "de", "nb", web.Swedish},
		"first that we speak":    {"fr xx-YY de-AT en", "", "", web.German},
		"own before header":      {"", "nb", "de", web.Bokmal},
		"header":                 {"", "", "fr, sv;q=0.3, de;q=0.8", web.German},
		"header refuses":         {"", "", "sv;q=0, nb;q=0.1", web.Bokmal},
		"norwegian":              {"no", "", "", web.Bokmal},
		"nynorsk":                {"nn-NO", "", "", web.Bokmal},
		"underscore and case":    {"NB_no", "", "", web.Bokmal},
		"northern sami":          {"se", "se", "se", web.English},
		"malformed":              {"- -- \x00 ☃", "'><x>", ";;;q=,=,", web.English},
		"too long is cut":        {huge + " de", "", "", web.English},
		"huge header":            {"", "", "sv, " + strings.Repeat("de-a-b-c-d,", 100_000), web.Swedish},
		"wildcard header":        {"", "", "*", web.English},
		"unknown asked, own set": {"fr", "de", "nb", web.German},
	} {
		if got := web.Pick(c.asked, c.own, c.header); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func TestCarryLanguage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ request, target, want string }{
		{"/sign-in?i=1", "/password?i=1", "/password?i=1"},
		{"/sign-in?i=1&ui_locales=nb", "/password?i=1", "/password?i=1&ui_locales=nb"},
		{"/sign-in?ui_locales=no", "/account", "/account?ui_locales=nb"},
		{"/sign-in?ui_locales=%22%3E%3Cx", "/account", "/account"},
		{"/sign-in?ui_locales=sv", "/account?ui_locales=de", "/account?ui_locales=sv"},
	} {
		if got := web.CarryLanguage(httptest.NewRequest("POST", c.request, nil), c.target); got != c.want {
			t.Errorf("from %s to %s: got %s, want %s", c.request, c.target, got, c.want)
		}
	}
}
