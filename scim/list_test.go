package scim_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"portvakt/internal/directory"
)

// TestListFilters asks over HTTP, so that names, types, value paths and the database meet.
func TestListFilters(t *testing.T) {
	each(t, func(w *world) {
		w.create(`"userName":"a@nordlys.example","title":"Clerk","roles":["seller"],"emails":[{"value":"a@work.example","type":"work"},{"value":"a@home.example","type":"home","primary":true}],
			"` + enterprise + `":{"department":"Sales","employeeNumber":"7"},"` + membership + `":{"segments":["oslo"],"functions":["information_recipient"]}`).want(201)
		w.create(`"userName":"b@nordlys.example","title":"clerk of ÆRØ","active":false,"emails":[{"value":"b@home.example","type":"work"}],
			"` + enterprise + `":{"department":"sales","manager":{"value":"` + w.admin.ID.String() + `"}}`).want(201)
		w.seed(w.org.ID, directory.Member{Email: "c@elsewhere.example", UserName: "c", Administrator: true})
		for filter, want := range map[string]string{
			`userName pr`:            "a b c kari",
			`title eq "CLERK"`:       "a",
			`title co "ærø"`:         "b",
			`title ne "clerk"`:       "b c kari",
			`not (title eq "clerk")`: "b c kari",
			`not (title pr)`:         "c kari",
			`title eq null`:          "c kari",
			`title ne null`:          "a b",
			`active eq false`:        "b",
			`active ne "False"`:      "a c kari",
			`emails[type eq "work" and value ew "home.example"]`:           "b",
			`emails.type eq "work" and emails.value ew "home.example"`:     "a b",
			`emails[primary eq true]`:                                      "a c kari",
			`emails.value eq "KARI@nordlys.example"`:                       "kari",
			`not (emails[value co "home"])`:                                "c kari",
			`emails ne null`:                                               "a b c kari",
			enterprise + `:department eq "SALES" and userName sw "a"`:      "a",
			enterprise + `:manager.value eq "` + w.admin.ID.String() + `"`: "b",
			enterprise + `:employeeNumber eq 7`:                            "a",
			`roles.value eq "seller"`:                                      "a",
			`roles pr`:                                                     "a",
			membership + `:state eq "Suspended"`:                           "b",
			membership + `:state ne "active"`:                              "b",
			membership + `:reseller.role pr`:                               "",
			membership + `:reseller.bankAccess eq false`:                   "",
			membership + `:segments eq "*"`:                                "b c kari",
			membership + `:segments eq "oslo"`:                             "a",
			membership + `:functions eq "information_recipient"`:           "a",
			membership + `:administrator eq true`:                          "c kari",
			`id eq "` + w.admin.ID.String() + `"`:                          "kari",
			`id ne "` + w.admin.ID.String() + `"`:                          "a b c",
			`id eq "nobody"`:                                               "",
			`name.familyName gt "n" and name.familyName lt "o"`:            "kari",
			`meta.resourceType eq "User" and userName sw "C"`:              "c",
			`userName sw "a" or userName sw "b" and active eq true`:        "a",
			`(userName sw "a" or userName sw "b") and active eq false`:     "b",
		} {
			got := w.do("GET", "/Users?filter="+url.QueryEscape(filter), "").want(200)
			if names := userNames(got); names != want || fmt.Sprint(len(strings.Fields(want))) != fmt.Sprint(got.at("totalResults")) {
				w.t.Errorf("%s finds %q, want %q", filter, names, want)
			}
		}
		for query, want := range map[string]string{
			"sortBy=userName": "a@nordlys.example b@nordlys.example c kari@nordlys.example", "sortBy=USERNAME&sortOrder=Descending": "kari@nordlys.example c b@nordlys.example a@nordlys.example",
			"sortBy=title&count=2": "a@nordlys.example b@nordlys.example", "sortBy=title&sortOrder=descending&startIndex=3": "b@nordlys.example a@nordlys.example",
			"sortBy=name.familyName&count=1": "kari@nordlys.example",
		} {
			if got := inOrder(w.do("GET", "/Users?"+query, "").want(200)); strings.Join(got, " ") != want {
				w.t.Errorf("%s gives %q", query, got)
			}
		}
	})
}

func inOrder(r reply) (names []string) {
	list, _ := r.at("Resources").([]any)
	for _, e := range list {
		names = append(names, e.(map[string]any)["userName"].(string))
	}
	return names
}

func userNames(r reply) string {
	names := inOrder(r)
	for i, n := range names {
		names[i], _, _ = strings.Cut(n, "@")
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}
