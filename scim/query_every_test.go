package scim_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// TestRFC7644_3_4_2_3_EveryOrder: by every attribute there is an order by, both ways, resources come as their values do, and pages by cursor
// are cut from the same list.
func TestRFC7644_3_4_2_3_EveryOrder(t *testing.T) {
	each(t, func(w *world) {
		w = w.manyKinds()
		for endpoint, urns := range map[string][]string{"/Users": {coreUser, enterprise, membership}, "/Groups": {groupSchema}} {
			all := w.allOf(endpoint)
			for _, a := range w.everything(urns...) {
				if a.sorts() {
					w.sorted(endpoint, a, len(all))
				}
			}
		}
	})
}

func (w *world) sorted(endpoint string, a asked, n int) {
	w.t.Helper()
	for _, down := range []bool{false, true} {
		by := "sortBy=" + url.QueryEscape(a.path())
		if down {
			by += "&sortOrder=descending"
		}
		list := w.do("GET", endpoint+"?"+by, "").want(200).at("Resources").([]any)
		var ids, pages []string
		for i, r := range list {
			is := r.(map[string]any)
			ids = append(ids, is["id"].(string))
			if a.attr.Name == "meta" && a.part.Name == "version" || a.attr.Name == "schemas" || i == 0 { // no order is seen in these
				continue
			}
			if sign := a.order(list[i-1].(map[string]any), is); sign > 0 && !down || sign < 0 && down {
				w.t.Errorf("%s: %v comes before %v", by, a.sortValue(list[i-1].(map[string]any)), a.sortValue(is))
			}
		}
		shown := "&count=" + fmt.Sprint(n/2) + "&attributes=id&" + by + "&cursor="
		for next := ""; len(pages) <= n; {
			page := w.do("GET", endpoint+"?"+shown+next, "").want(200)
			for _, r := range page.at("Resources").([]any) {
				pages = append(pages, r.(map[string]any)["id"].(string))
			}
			if next = cursorOf(page, "nextCursor"); next == "" {
				break
			}
		}
		if len(ids) != n || !slices.Equal(ids, pages) {
			w.t.Errorf("%s: %d of %d in one list, by pages\n%q, not\n%q", by, len(ids), n, pages, ids)
		}
	}
}

// TestRFC7644_3_4_2_EveryAttribute: each attribute of each schema, and each part of one, is filtered by with the operators that are said to
// be, and refused with the others; and so with orders. A new attribute is looked at as well.
func TestRFC7644_3_4_2_EveryAttribute(t *testing.T) {
	each(t, func(w *world) {
		for endpoint, urns := range map[string][]string{"/Users": {coreUser, enterprise, membership}, "/Groups": {groupSchema}} {
			for _, a := range w.everything(urns...) {
				w.askable(endpoint, a)
			}
		}
	})
}

func (w *world) askable(endpoint string, a asked) {
	w.t.Helper()
	filter := func(filter string) reply { return w.do("GET", endpoint+"?count=0&filter="+url.QueryEscape(filter), "") }
	var value any = "x"
	if is := a.compared(); is != nil && is.Type == "boolean" {
		value = true
	} else if is != nil && is.Type == "dateTime" {
		value = "2026-03-02T10:00:00Z"
	}
	var taken []string
	for _, op := range []string{"pr", "eq", "ne", "gt", "ge", "lt", "le", "co", "sw", "ew"} {
		text := written(a.path(), op, value)
		if slices.Contains(a.operators(), op) {
			taken = append(taken, text)
			continue
		}
		refused := filter(text)
		if refused.status != 400 || refused.at("scimType") != "invalidFilter" {
			w.t.Errorf("%s %s is answered with %s", endpoint, text, refused.raw)
		}
		unknown := filter(strings.ReplaceAll(text, a.path(), "nothing"))
		if a.attr.Returned == "never" && strings.ReplaceAll(refused.raw, a.path(), "nothing") != unknown.raw {
			w.t.Errorf("%s is refused in other words than what is not there: %s", text, refused.raw)
		}
	}
	if got := filter(strings.Join(taken, " or ")); len(taken) > 0 && got.status != 200 {
		w.t.Errorf("%s %s is answered with %s", endpoint, strings.Join(taken, " or "), got.raw)
	}
	got := w.do("GET", endpoint+"?count=1&sortBy="+url.QueryEscape(a.path()), "")
	if want := map[bool]int{true: 200, false: 400}[a.sorts()]; got.status != want || want == 400 && got.at("scimType") != "invalidValue" {
		w.t.Errorf("%s sorted by %s is answered with %s", endpoint, a.path(), got.raw)
	}
}
