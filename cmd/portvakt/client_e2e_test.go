//go:build e2e

package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"portvakt/authz/client"
	"portvakt/internal/testenv"
)

// exampleSeed is the organization of the example application.
const exampleSeed = "../../docs/integration/example-app/seed.yaml"

// asker is a client library as the example application configures it. Tokens of people come from the demo application.
func (s *service) asker(edit func(*client.Config)) *client.Client {
	s.t.Helper()
	cfg := client.Config{Issuer: s.issuer, ClientID: "invoices", ClientSecret: "dev-invoices-secret", Audience: demoClient, Organization: "nordlys", KeyRefresh: 10 * time.Millisecond}
	if edit != nil {
		edit(&cfg)
	}
	c, err := client.New(cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(c.Close)
	return c
}

// bearer is an access token of somebody from the example's seed.
func (s *service) bearer(email, password string) string {
	s.t.Helper()
	verifier := oauth2.GenerateVerifier()
	got := newPerson(s.t).answer(s, func(p *person) { p.open(s.authorizeURL(verifier)).signIn(email, password) })
	status, out := s.token(url.Values{"grant_type": {"authorization_code"}, "code": {got.Get("code")}, "redirect_uri": {s.demo + "/callback"}, "code_verifier": {verifier}})
	token, _ := out["access_token"].(string)
	if status != http.StatusOK || token == "" {
		s.t.Fatalf("%s got no token: %d %v", email, status, out)
	}
	return token
}

// TestClientLibrary runs authz/client against the product, over each engine.
func TestClientLibrary(t *testing.T) {
	eachEngine(t, func(t *testing.T, database string) {
		s := serve(t, database, "--seed", exampleSeed)
		c := s.asker(nil)
		read := func(email, password string) *client.Token {
			t.Helper()
			token, err := c.Verify(t.Context(), s.bearer(email, password))
			if err != nil {
				t.Fatal(err)
			}
			return token
		}
		kari, per := read("kari@nordlys.example", "dev only secret 1"), read("per@nordlys.example", "dev only secret 2")
		if status, _, _ := s.call(http.MethodPost, s.issuer+"/dev/keys/rotate", "", nil); status >= 300 {
			t.Fatalf("rotating the keys was answered %d", status)
		}
		nora := read("nora@nordlys.example", "dev only secret 3") // signed by a key that was not there before
		for entitlement, want := range map[string]bool{"invoices:view": true, "invoices:delete": false, "payments:view": false} {
			if may, err := per.May(t.Context(), entitlement); err != nil || may != want {
				t.Errorf("%s: %v, %v", entitlement, may, err)
			}
		}
		agree(t, c, []*client.Token{kari, per, nora})
		neighbours(t, c, kari)

		about := client.Question{Subject: client.User(per.Subject), Action: "view", Module: "invoices", Owner: client.User(per.Subject)}
		if d, err := c.Check(t.Context(), about); err != nil || !d.Allowed || d.Reason != "owner" {
			t.Errorf("before: %+v, %v", d, err)
		}
		s.setActive(per.Membership, false)
		testenv.Within(t, 2*time.Second, "the suspended member is refused, though his token still verifies", func() bool { // a second for nodes, a second of memory
			d, err := c.Check(t.Context(), about)
			return err == nil && !d.Allowed && d.Reason == "not_active"
		})
		testenv.Within(t, 2*time.Second, "his lists are empty", func() bool {
			f, err := c.Filter(t.Context(), about)
			return err == nil && f.None
		})
		if d, err := s.asker(func(cfg *client.Config) { cfg.ClientSecret = "wrong" }).Check(t.Context(), about); !errors.Is(err, client.ErrCredentials) || d.Allowed {
			t.Errorf("a wrong secret: %+v, %v", d, err)
		}
	})
}

// agree asks the same in every way that there is: alone, all at once, gathered, as filter, by searches.
func agree(t *testing.T, c *client.Client, people []*client.Token) {
	t.Helper()
	var questions []client.Question
	for _, subject := range people {
		for _, owner := range people {
			for _, segment := range []string{"", "oslo", "bergen"} {
				for _, action := range []string{"view", "edit", "delete", "export"} {
					questions = append(questions, client.Question{Subject: client.User(subject.Subject), Action: action, Module: "invoices", Owner: client.User(owner.Subject), Segment: segment})
				}
			}
		}
	}
	all, err := c.CheckAll(t.Context(), questions)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	allowed := 0
	for i, q := range questions {
		if all[i].Allowed {
			allowed++
		}
		wg.Go(func() {
			if d, err := c.Check(t.Context(), q); err != nil || d.Allowed != all[i].Allowed || d.Reason != all[i].Reason {
				t.Errorf("%+v: %+v alone, %+v with others, %v", q, d, all[i], err)
			}
		})
		f, err := c.Filter(t.Context(), q)
		if err != nil || f.Allows(q.Owner, q.Segment) != all[i].Allowed {
			t.Errorf("%+v: %+v, the filter %+v, %v", q, all[i], f, err)
		}
		actions, err := c.Actions(t.Context(), q)
		if err != nil || slices.Contains(actions, q.Action) != all[i].Allowed {
			t.Errorf("%+v: %+v, the actions %v, %v", q, all[i], actions, err)
		}
	}
	wg.Wait()
	if allowed < 10 || allowed > len(questions)-10 {
		t.Errorf("%d of %d are allowed; that tells nothing", allowed, len(questions))
	}
	var who []client.Party
	for p, err := range c.Subjects(t.Context(), questions[0], client.AsUser) { // may view Kari's
		if err != nil {
			t.Fatal(err)
		}
		who = append(who, p)
	}
	if !slices.Contains(who, client.User(people[0].Subject)) || slices.Contains(who, client.User(people[1].Subject)) {
		t.Errorf("who may view the chief's: %v", who)
	}
	explained := questions[0]
	explained.Explain, explained.Language = true, "nb"
	if d, err := c.Check(t.Context(), explained); err != nil || d.Explanation == nil || len(d.Explanation.Text) == 0 {
		t.Errorf("explained: %+v, %v", d, err)
	}
}

// neighbours: another organization's people are unknown here, and one that is not served is not there.
func neighbours(t *testing.T, c *client.Client, kari *client.Token) {
	t.Helper()
	q := client.Question{Organization: "bjorkvik", Subject: client.User(kari.Subject), Action: "view", Module: "invoices"}
	if d, err := c.Check(t.Context(), q); err != nil || d.Allowed || d.Reason != "unknown_subject" {
		t.Errorf("somebody of another organization: %+v, %v", d, err)
	}
	for i := range 3 {
		q.Organization = fmt.Sprint("nowhere", i)
		if d, err := c.Check(t.Context(), q); err == nil || d.Allowed {
			t.Errorf("an organization that is not there: %+v, %v", d, err)
		}
	}
}
