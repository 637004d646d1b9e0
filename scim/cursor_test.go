package scim_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"portvakt/internal/directory"
)

// crowd makes nine members beside the seed's administrator.
func (w *world) crowd() {
	w.t.Helper()
	for i := range 9 {
		w.create(fmt.Sprintf(`"userName":"u%d@nordlys.example","title":"%s","name":{"familyName":"F%d"}`, i*5%9, []string{"", "Clerk", "chief"}[i%3], 9-i)).want(201)
		w.clock.Advance(time.Second)
	}
}

func cursorOf(r reply, name string) string {
	s, _ := r.at(name).(string)
	return s
}

// TestRFC9865_2_CursorPages: pages by cursor give everybody once, forwards and back again, in every order, by URL and by body.
func TestRFC9865_2_CursorPages(t *testing.T) {
	each(t, func(w *world) {
		w.crowd()
		for _, query := range []string{"", "sortBy=userName", "sortBy=title&sortOrder=descending", "sortBy=meta.lastModified", "sortBy=emails", "sortBy=active", "sortBy=name.familyName&filter=title+pr"} {
			want := inOrder(w.do("GET", "/Users?"+query, "").want(200))
			first := w.do("GET", "/Users?cursor&count=3&"+query, "").want(200)
			if first.at("startIndex") != nil || first.at("previousCursor") != nil {
				w.t.Errorf("%s: the first page is %s", query, first.raw)
			}
			got, pages := inOrder(first), []reply{first}
			for page := first; cursorOf(page, "nextCursor") != ""; pages = append(pages, page) {
				page = w.do("GET", "/Users?count=3&cursor="+cursorOf(page, "nextCursor")+"&"+query, "").want(200).is(len(want), "totalResults")
				got = append(got, inOrder(page)...)
			}
			if !slices.Equal(got, want) {
				w.t.Errorf("%s gives %q, by index %q", query, got, want)
			}
			for i := len(pages) - 1; i > 0; i-- {
				back := w.do("GET", "/Users?count=3&cursor="+cursorOf(pages[i], "previousCursor")+"&"+query, "").want(200)
				if !slices.Equal(inOrder(back), inOrder(pages[i-1])) || (cursorOf(back, "previousCursor") == "") != (i == 1) || cursorOf(back, "nextCursor") == "" {
					w.t.Errorf("%s: back from page %d: %s", query, i, back.raw)
				}
			}
		}
		body := w.do("POST", "/Users/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"cursor":"","count":4,"sortBy":"userName"}`).want(200).is(4, "itemsPerPage")
		w.do("GET", "/Users?sortBy=userName&cursor="+cursorOf(body, "nextCursor"), "").want(200).is(6, "itemsPerPage")
	})
}

// TestCursorPagesAreCountedOnce: the number of results of a walk is that of its first page, on the way back too, and of every type
// that is asked; a new walk counts anew.
func TestCursorPagesAreCountedOnce(t *testing.T) {
	each(t, func(w *world) {
		w.crowd()
		w.do("POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"All"}`).want(201)
		for _, path := range []string{"/Users?", "/Users?filter=title+pr&", "/?"} {
			first := w.do("GET", path+"count=2&cursor=", "").want(200)
			total, _ := first.at("totalResults").(float64)
			w.create(`"userName":"` + fmt.Sprint(int(total)) + `-more@nordlys.example","title":"Late"`).want(201)
			second := w.do("GET", path+"count=2&cursor="+cursorOf(first, "nextCursor"), "").want(200).is(total, "totalResults")
			third := w.do("GET", path+"count=100&cursor="+cursorOf(second, "nextCursor"), "").want(200).is(total, "totalResults")
			w.do("GET", path+"count=2&cursor="+cursorOf(third, "previousCursor"), "").want(200).is(total, "totalResults")
			w.do("GET", path+"count=2&cursor=", "").want(200).is(total+1, "totalResults")
		}
	})
}

func TestRFC9865_2_1_CursorErrors(t *testing.T) {
	each(t, func(w *world) {
		w.crowd()
		for _, count := range []string{"0", "-1", "1001", "9223372036854775808", "x"} {
			w.do("GET", "/Users?cursor=&count="+count, "").want(400).is("invalidCount", "scimType")
		}
		next := cursorOf(w.do("GET", "/Users?cursor=&count=2", "").want(200), "nextCursor")
		w.clock.Advance(time.Hour)
		w.do("GET", "/Users?cursor="+next, "").want(400).is("expiredCursor", "scimType")
	})
}

func TestWall070_TamperedAndForeignCursors(t *testing.T) {
	each(t, func(w *world) {
		w.crowd()
		next := cursorOf(w.do("GET", "/Users?cursor=&count=2&sortBy=title", "").want(200), "nextCursor")
		if strings.Trim(next, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			w.t.Errorf("the cursor %q has reserved characters", next)
		}
		w.do("GET", "/Users?count=5&sortBy=TITLE&cursor="+next, "").want(200)
		flipped := []byte(next)
		flipped[len(next)/2] ^= 1
		for _, bad := range []string{string(flipped), next[:len(next)-4], next + "AAAA", next[:10], "x", "AAAA", url.QueryEscape("'; drop table users"), strings.Repeat("A", 30000), "%00"} {
			w.do("GET", "/Users?sortBy=title&cursor="+bad, "").want(400).is("invalidCursor", "scimType")
		}
		for _, query := range []string{"", "sortBy=userName", "sortBy=title&sortOrder=descending", "sortBy=title&filter=title+pr"} { // other questions
			w.do("GET", "/Users?cursor="+next+"&"+query, "").want(400).is("invalidCursor", "scimType")
		}
		w.do("GET", "/?cursor="+next, "").want(400)
		w.do("GET", "/Groups?cursor="+next, "").want(400).is("invalidCursor", "scimType")
		for _, foreign := range []*world{w.as(tokenOther, "bjorkvik"), w.as(tokenAll, "nordlys")} {
			foreign.do("GET", "/Users?sortBy=title&cursor="+next, "").want(400).is("invalidCursor", "scimType")
		}
	})
}

// TestRFC7644_3_4_2_1_Root: users first, then groups, in pages by index and by cursor; a client sees the types that it may read.
func TestRFC7644_3_4_2_1_Root(t *testing.T) {
	each(t, func(w *world) {
		w.crowd()
		must(w.dir.Access.SaveGroups(w.t.Context(), w.org.ID, []directory.Group{{Key: "a", Name: "Accounting"}, {Key: "b", Name: "All"}, {Key: "c", Name: "Board"}}))(w.t)
		all := w.do("GET", "", "").want(200).is(13, "totalResults").is("User", "Resources", 9, "meta", "resourceType").is("Group", "Resources", 10, "meta", "resourceType")
		ids := func(r reply) (out []string) {
			for i := range r.at("Resources").([]any) {
				out = append(out, fmt.Sprint(r.at("Resources", i, "id")))
			}
			return out
		}
		var byIndex, byCursor []string
		for i := 1; i <= 13; i += 4 {
			byIndex = append(byIndex, ids(w.do("GET", fmt.Sprintf("/?count=4&startIndex=%d", i), "").want(200).is(13, "totalResults"))...)
		}
		page := w.do("GET", "?count=4&cursor=", "").want(200)
		pages := []reply{page}
		for byCursor = ids(page); cursorOf(page, "nextCursor") != ""; pages = append(pages, page) {
			page = w.do("GET", "?count=4&cursor="+cursorOf(page, "nextCursor"), "").want(200).is(13, "totalResults")
			byCursor = append(byCursor, ids(page)...)
		}
		if !slices.Equal(byIndex, ids(all)) || !slices.Equal(byCursor, ids(all)) {
			w.t.Errorf("%q\nby index %q\nby cursor %q", ids(all), byIndex, byCursor)
		}
		for i := len(pages) - 1; i > 0; i-- {
			if back := w.do("GET", "?count=4&cursor="+cursorOf(pages[i], "previousCursor"), "").want(200); !slices.Equal(ids(back), ids(pages[i-1])) {
				w.t.Errorf("back from page %d: %q", i, ids(back))
			}
		}
		for filter, want := range map[string]int{`meta.resourceType eq "User"`: 10, `meta.resourceType eq "Group"`: 3, `meta.resourceType ne "Group"`: 10, `id pr`: 13, `userName pr`: 10,
			`userName eq null`: 3, `userName ne "x"`: 13, `not (userName pr)`: 3, `emails[type eq "work"]`: 10, `meta.resourceType eq "Group" or userName sw "u1"`: 4} {
			w.do("GET", "?filter="+url.QueryEscape(filter), "").want(200).is(want, "totalResults")
		}
		for _, filter := range []string{`bogus pr`, `password pr`, `password eq null`, `active gt true`} {
			w.do("GET", "?filter="+url.QueryEscape(filter), "").want(400).is("invalidFilter", "scimType")
		}
		w.do("GET", "?sortBy=id", "").want(400)
		w.as(tokenUsers, "nordlys").do("GET", "", "").want(200).is(10, "totalResults")
		w.as(tokenOther, "bjorkvik").do("GET", "", "").want(200).is(0, "totalResults")
		search := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":"meta.resourceType eq \"Group\"","count":2,"startIndex":2,"attributes":["displayName"]}`
		w.do("POST", "/.search", search).want(200).is(3, "totalResults").is("All", "Resources", 0, "displayName").is(nil, "Resources", 0, "meta")
	})
}
