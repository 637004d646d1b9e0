package web_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"portvakt/internal/web"
)

// TestPagesShowTheBrand: logo with the name as its text, else the name, else the installation; escaped, under the same policy,
// and titles end with the installation's name in any case.
func TestPagesShowTheBrand(t *testing.T) {
	t.Parallel()
	r, err := web.New(web.Config{Name: "Nordlys ID"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		brand     web.Brand
		has, lack []string
	}{
		{web.Brand{}, []string{`class="mark"`, `<span class="wordmark">Nordlys ID</span>`}, []string{"<img", "/brand/"}},
		{web.Brand{Name: "Björkvik AB"}, []string{`<bdi>Björkvik AB</bdi>`}, []string{"<img", `class="mark"`}},
		{web.Brand{Name: "A" + hostile, Logo: "/brand/a/logo?v=x" + hostile, Accent: "/brand/a/accent.css?v=y"},
			[]string{`<link rel="stylesheet" href="/brand/a/accent.css?v=y">`, `alt="A&#34;&#39;&gt;&lt;x&gt;`, `src="/brand/a/logo?v=x`}, []string{"<x>", "<span class=\"wordmark\"", "style="}},
	} {
		w := render(r, httptest.NewRequest("GET", "/x", nil), web.Page{Name: "x", Title: "time.month.5", Template: page(t, r, "<h1>x</h1>"), Brand: c.brand})
		body := w.Body.String()
		for _, has := range append(c.has, "<title>May – Nordlys ID</title>") {
			if !strings.Contains(body, has) {
				t.Errorf("%+v lacks %s:\n%s", c.brand, has, body)
			}
		}
		for _, lack := range c.lack {
			if strings.Contains(body, lack) {
				t.Errorf("%+v has %s:\n%s", c.brand, lack, body)
			}
		}
		if policy := w.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "style-src 'self'; img-src 'self' data:;") {
			t.Errorf("the policy is %s", policy)
		}
		if c.brand.Accent != "" && strings.Index(body, "/assets/") > strings.Index(body, "/brand/a/accent") {
			t.Error("the accent comes before the stylesheet that it changes")
		}
	}
}
