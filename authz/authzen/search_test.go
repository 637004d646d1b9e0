package authzen_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"portvakt/authz/authzen"
	"portvakt/internal/directory"
	"portvakt/internal/testenv"
)

// hire makes more people, so that pages have something to hold.
func (w *world) hire(n int) {
	w.t.Helper()
	role := must(w.dir.Access.Roles(ctx, w.orgs["nordlys"].ID))(w.t)
	worker := role[slices.IndexFunc(role, func(r directory.Role) bool { return r.Key == "worker" })].ID
	for i := range n {
		must(w.dir.Memberships.Create(ctx, w.orgs["nordlys"].ID, directory.NewMember{Trusted: true,
			Member: directory.Member{Email: fmt.Sprintf("p%d@nordlys.example", i), Role: worker}}))(w.t)
	}
}

// pages walks a search to its end and answers all pages.
func (w *world) pages(path, question string, limit int) (pages [][]string) {
	w.t.Helper()
	for next := ""; ; {
		page := fmt.Sprintf(`,"page":{"limit":%d,"token":%q}}`, limit, next)
		some, after := w.ask(path, question[:len(question)-1]+page).results()
		pages = append(pages, some)
		if next = after; next == "" {
			return pages
		}
		if len(pages) > 1000 {
			w.t.Fatal("the pages have no end")
		}
	}
}

// TestSubjectPages: pages of any size hold everybody once, in one order, in both forms; contacts are in none.
func TestSubjectPages(t *testing.T) {
	each(t, func(t *testing.T, w *world, clock *testenv.Clock) {
		w.t = t
		w.hire(20)
		for _, kind := range []string{"user", "member"} {
			question := body(`"subject":{"type":"`+kind+`"}`, read, record1)
			whole, next := w.ask("search/subject", question).results()
			if len(whole) < 23 || next != "" || slices.Contains(whole, kind+":"+w.members["card"].ID.String()) {
				t.Fatalf("whole: %v %q", whole, next)
			}
			for _, limit := range []int{1, 2, 7, len(whole) - 1, len(whole), len(whole) + 1} {
				pages := w.pages("search/subject", question, limit)
				if !slices.Equal(slices.Concat(pages...), whole) || len(pages) != (len(whole)+limit-1)/limit {
					t.Errorf("%s by %d: %v", kind, limit, pages)
				}
			}
			for _, found := range whole {
				k, id, _ := strings.Cut(found, ":")
				w.ask("evaluation", body(`"subject":{"type":"`+k+`","id":"`+id+`"}`, read, record1)).decided(true)
			}
		}
		if none, next := w.ask("search/subject", body(alice, read, record1, `"page":{"limit":0}`)).results(); len(none) != 0 || next == "" {
			t.Errorf("a page of none: %v %q", none, next)
		}
	})
}

// TestPageTokensAreBound: a token goes on with the search that it came from, and with nothing else.
func TestPageTokensAreBound(t *testing.T) {
	each(t, func(t *testing.T, w *world, clock *testenv.Clock) {
		w.t = t
		w.hire(5)
		with := func(token, more string, parts ...string) string {
			return body(append(parts, `"page":{"token":"`+token+`"`+more+`}`)...)
		}
		users := `"subject":{"type":"user"}`
		_, token := w.ask("search/subject", body(users, read, record1, `"page":{"limit":2}`)).results()
		if some, _ := w.ask("search/subject", with(token, "", users, read, record1)).results(); len(some) != 2 {
			t.Errorf("the limit does not go on: %v", some)
		}
		for what, asked := range map[string]string{
			"another action": with(token, "", users, write, record1), "another owner": with(token, "", users, read, record2), "another limit": with(token, `,"limit":3`, users, read, record1),
			"another type": with(token, "", `"subject":{"type":"member"}`, read, record1), "a segment": with(token, "", users, read, `"resource":{"type":"record","id":"1","properties":{"owner":"user:$alice","segment":"oslo"}}`),
			"cut": with(token[:len(token)-1], "", users, read, record1), "longer": with(token+"A", "", users, read, record1), "empty bytes": with("AAAA", "", users, read, record1),
			"with spaces": with(token+" ", "", users, read, record1), "quotes": with(`' or 1=1 --`, "", users, read, record1),
		} {
			answer := w.ask("search/subject", asked)
			if answer.Code != 400 || !strings.Contains(answer.Body.String(), `"bad_page"`) {
				t.Errorf("%s: %d %s", what, answer.Code, answer.Body)
			}
		}
		raw := must(base64.RawURLEncoding.DecodeString(token))(t)
		for i := range raw {
			changed := slices.Clone(raw)
			changed[i] ^= 1
			w.ask("search/subject", with(base64.RawURLEncoding.EncodeToString(changed), "", users, read, record1)).refused(400, "bad_page")
		}
		w.ask("search/action", with(token, "", alice, record1)).refused(400, "bad_page")
		inside := func(slug, token string) string {
			return body(users, read, record1, `"page":{"limit":1,"token":"`+token+`"}`, `"context":{"organization":"`+slug+`"}`)
		}
		both := w.token("both", "", "authzen")
		_, theirs := w.askAs(both, "search/subject", inside("nordlys", "")).results()
		w.askAs(both, "search/subject", inside("bjorkvik", theirs)).refused(400, "bad_page")
		w.askAs(both, "search/subject", inside("nordlys", theirs)).results()
		w.askAs(w.token("both", "nordlys", "authzen"), "search/subject", with(token, "", users, read, record1)).refused(400, "bad_page")
		w.askAs(w.token("both", "bjorkvik", "authzen"), "search/subject", with(token, "", users, read, record1)).refused(400, "bad_page")
	})
}

// filter is one page of a search for resources.
type filter struct {
	owners, segments []string
	none, everyone   bool
	next, until      string
}

func (r reply) filter() (f filter) {
	r.w.t.Helper()
	out := r.object(200)
	context := out["context"].(map[string]any)
	in := context["filter"].(map[string]any)
	for _, o := range in["owners"].([]any) {
		f.owners = append(f.owners, o.(string))
	}
	for _, s := range in["segments"].([]any) {
		f.segments = append(f.segments, s.(string))
	}
	f.none, f.everyone = in["none"].(bool), in["everyone"].(bool)
	f.next, _ = out["page"].(map[string]any)["next_token"].(string)
	f.until, _ = context["until"].(string)
	if in["module"] != "record" || len(out["results"].([]any)) != 0 {
		r.w.t.Errorf("answered %s", r.Body)
	}
	return f
}

// TestTheFilterIsPaged: the owners of all pages are those whose records evaluation allows, each once; a change of the model
// between two pages is told, because half of each would be neither.
func TestTheFilterIsPaged(t *testing.T) {
	each(t, func(t *testing.T, w *world, clock *testenv.Clock) {
		w.t = t
		w.hire(12)
		const chief = `"subject":{"type":"user","id":"$chief"}`
		asked := body(chief, write, `"resource":{"type":"record"}`)
		whole := w.ask("search/resource", asked).filter()
		if whole.none || whole.everyone || len(whole.owners) < 15 || !slices.Equal(whole.segments, []string{"*"}) || whole.next != "" {
			t.Fatalf("whole: %+v", whole)
		}
		for _, o := range whole.owners {
			w.ask("evaluation", body(chief, write, `"resource":{"type":"record","id":"1","properties":{"owner":"`+o+`"}}`)).decided(true)
		}
		for _, other := range []string{"user:$idle", "group:team"} {
			if slices.Contains(whole.owners, w.names.Replace(other)) {
				t.Errorf("%s is among %v", other, whole.owners)
			}
			w.ask("evaluation", body(chief, write, `"resource":{"type":"record","id":"1","properties":{"owner":"`+other+`"}}`)).decided(false, "not_shared")
		}
		var all []string
		page := func(token string) reply {
			return w.ask("search/resource", asked[:len(asked)-1]+`,"page":{"limit":1,"token":"`+token+`"}}`)
		}
		first := page("").filter()
		for f := first; ; f = page(f.next).filter() {
			if all = append(all, f.owners...); f.next == "" {
				break
			}
		}
		if !slices.Equal(all, whole.owners) {
			t.Errorf("by pages %v\nwhole %v", all, whole.owners)
		}
		own := w.ask("search/resource", body(`"subject":{"type":"member","id":"$alice.member"}`, write, `"resource":{"type":"record"}`)).filter()
		group := must(w.dir.Access.Groups(ctx, w.orgs["nordlys"].ID))(t)[0].ID.String()
		if !slices.Equal(own.owners, []string{w.names.Replace("member:$alice.member"), "group:" + group}) {
			t.Errorf("alice's: %+v", own)
		}
		by := w.ask("search/resource", body(bob, read, `"resource":{"type":"record"}`)).filter()
		if !by.everyone || len(by.owners) != 0 || !slices.Equal(by.segments, []string{"oslo"}) {
			t.Errorf("what bob reads: %+v", by)
		}
		if none := w.ask("search/resource", body(bob, `"action":{"name":"delete"}`, `"resource":{"type":"record"}`)).filter(); !none.none {
			t.Errorf("what bob deletes: %+v", none)
		}

		must(w.dir.Access.SaveGroups(ctx, w.orgs["nordlys"].ID, []directory.Group{{Key: "late", Name: "Late"}}))(t)
		page(first.next).refused(400, "version_changed")
	})
}

// TestTheFilterEndsWithItsUntil: when the clock changes the answer, a page of the old one is not served.
func TestTheFilterEndsWithItsUntil(t *testing.T) {
	each(t, func(t *testing.T, w *world, clock *testenv.Clock) {
		w.t = t
		m := w.members["alice"]
		must(w.dir.Memberships.Change(ctx, w.orgs["nordlys"].ID, m.ID, 0, func(m *directory.Member) error { m.End = clock.Now().Add(5 * time.Minute); return nil }))(t)
		clock.Advance(3 * time.Second)
		asked := body(alice, write, `"resource":{"type":"record"}`)
		f := w.ask("search/resource", asked[:len(asked)-1]+`,"page":{"limit":1}}`).filter()
		if f.until != clock.Now().Add(5*time.Minute-3*time.Second).Format(time.RFC3339Nano) || f.next == "" {
			t.Fatalf("%+v", f)
		}
		clock.Advance(5 * time.Minute)
		w.ask("search/resource", asked[:len(asked)-1]+`,"page":{"token":"`+f.next+`"}}`).refused(400, "version_changed")
		if f := w.ask("search/resource", asked).filter(); !f.none {
			t.Errorf("after the end: %+v", f)
		}
	})
}

// TestActionPages: actions come in one order, by pages too.
func TestActionPages(t *testing.T) {
	each(t, func(t *testing.T, w *world, clock *testenv.Clock) {
		w.t = t
		asked := body(`"subject":{"type":"user","id":"$chief"}`, record1)
		whole, _ := w.ask("search/action", asked).results()
		if !slices.Equal(whole, []string{"view", "create", "edit", "delete", "export", "soft_delete"}) {
			t.Errorf("the chief may %v", whole)
		}
		for limit := 1; limit <= 7; limit++ {
			if got := slices.Concat(w.pages("search/action", asked, limit)...); !slices.Equal(got, whole) {
				t.Errorf("by %d: %v", limit, got)
			}
		}
	})
}

// TestPageTokensNeedTheKey: a token of another installation is nobody's here.
func TestPageTokensNeedTheKey(t *testing.T) {
	each(t, func(t *testing.T, w *world, clock *testenv.Clock) {
		w.t = t
		users := `"subject":{"type":"user"}`
		_, token := w.ask("search/subject", body(users, read, record1, `"page":{"limit":1}`)).results()
		w.keys = otherKeys(t)
		w.handler = w.door(authzen.Config{})
		w.ask("search/subject", body(users, read, record1, `"page":{"token":"`+token+`"}`)).refused(400, "bad_page")
	})
}
