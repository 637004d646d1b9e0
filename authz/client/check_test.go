package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"portvakt/authz/client"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	s := newIssuer(t)
	var got question
	s.with(func() {
		s.decide = func(q question) answer {
			got = q
			return answer{"decision": true, "context": answer{"reason": "role_above", "fields": map[string]string{"amount": "read_only"},
				"explanation": answer{"language": "nb", "text": []string{"Kari er over Ola."}, "facts": []any{answer{"kind": "role_above"}}, "needed": []any{}}}}
		}
		s.until = "2026-11-22T13:00:00Z"
	})
	c := s.client(nil)
	d, err := c.Check(t.Context(), client.Question{Subject: client.Member("mbr_1"), Action: "edit", Module: "invoices", ID: "17", Owner: client.User("usr_2"), Segment: "oslo",
		Field: "amount", NewOwner: client.Group("sales"), Explain: true, Language: "nb", Fields: true})
	if err != nil || !d.Allowed || d.Reason != "role_above" || d.Version != "7" || !d.Until.Equal(s.clock().Add(time.Hour)) || d.Fields["amount"] != "read_only" ||
		d.Explanation == nil || d.Explanation.Text[0] != "Kari er over Ola." || len(d.Explanation.Facts) != 1 {
		t.Errorf("%+v %v", d, err)
	}
	if want := (entity{"invoices", "17", map[string]string{"owner": "user:usr_2", "segment": "oslo", "field": "amount", "new_owner": "group:sales"}}); got.Resource.ID != want.ID || fmt.Sprint(got.Resource) != fmt.Sprint(want) {
		t.Errorf("asked %+v", got)
	}
	if got.Subject.Type != "member" || got.Subject.ID != "mbr_1" || got.Action.Name != "edit" || got.Context.Organization != "nordlys" || !got.Context.Explain || got.Context.Language != "nb" || !got.Context.Fields {
		t.Errorf("asked %+v", got)
	}
	for name, q := range map[string]client.Question{
		"no subject": {Action: "view", Module: "m"}, "a group asks": {Subject: client.Group("g"), Action: "view", Module: "m"}, "empty id": {Subject: client.User(""), Action: "view", Module: "m"},
		"no action": {Subject: client.User("u"), Module: "m"}, "no module": {Subject: client.User("u"), Action: "view"}, "owner without kind": {Subject: client.User("u"), Action: "view", Module: "m", Owner: "usr_1"},
	} {
		if d, err := c.Check(t.Context(), q); !errors.Is(err, client.ErrQuestion) || d.Allowed {
			t.Errorf("%s: %v %v", name, d, err)
		}
	}
}

// TestTroubleAllowsNothing: every way in which an answer can be missing, late, broken or somebody else's is an error, and
// the decision that comes with it is the zero one.
func TestTroubleAllowsNothing(t *testing.T) {
	t.Parallel()
	body := func(status int, kind, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(text))
		}
	}
	const allowed = `{"decision":true,"context":{"version":"7"}}`
	for name, row := range map[string]struct {
		answer http.HandlerFunc
		want   error
	}{
		"empty":                  {body(200, "application/json", ""), client.ErrAnswer},
		"no decision":            {body(200, "application/json", `{"context":{"version":"7"}}`), client.ErrAnswer},
		"a null":                 {body(200, "application/json", `{"decision":null}`), client.ErrAnswer},
		"a text":                 {body(200, "application/json", `{"decision":"true"}`), client.ErrAnswer},
		"another letter case":    {body(200, "application/json", `{"Decision":true}`), client.ErrAnswer},
		"twice":                  {body(200, "application/json", `{"decision":false,"decision":true}`), client.ErrAnswer},
		"a list":                 {body(200, "application/json", `[true]`), client.ErrAnswer},
		"more behind it":         {body(200, "application/json", allowed+allowed), client.ErrAnswer},
		"an error inside":        {body(200, "application/json", `{"decision":true,"context":{"error":{"status":500}}}`), client.ErrUnavailable},
		"a version that is none": {body(200, "application/json", `{"decision":true,"context":{"version":"x"}}`), client.ErrAnswer},
		"an until that is none":  {body(200, "application/json", `{"decision":true,"context":{"version":"7","until":"soon"}}`), client.ErrAnswer},
		"a page":                 {body(200, "text/html", allowed), client.ErrAnswer},
		"no kind":                {body(200, "", allowed), client.ErrAnswer},
		"created":                {body(201, "application/json", allowed), client.ErrAnswer},
		"moved": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, client.ErrAnswer},
		"malformed":          {body(400, "application/json", `{"error":"bad_json"}`), client.ErrQuestion},
		"which organization": {body(400, "application/json", `{"error":"organization_missing"}`), client.ErrOrganization},
		"refused":            {body(401, "application/json", `{"error":"invalid_token"}`), client.ErrCredentials},
		"forbidden":          {body(403, "application/json", `{"error":"insufficient_scope"}`), client.ErrCredentials},
		"not there":          {body(404, "application/json", `{"error":"not_found"}`), client.ErrOrganization},
		"broken":             {body(500, "application/json", allowed), client.ErrUnavailable},
		"busy":               {body(503, "application/json", allowed), client.ErrUnavailable},
		"a proxy's page":     {body(502, "text/html", "<html>"), client.ErrUnavailable},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "999")
			_, _ = w.Write([]byte(allowed))
		}, client.ErrUnavailable},
		"the connection is ended": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, client.ErrUnavailable},
		"too large": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(strings.Repeat(" ", 17<<20) + allowed))
		}, client.ErrAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newIssuer(t)
			s.with(func() { s.override = row.answer })
			c := s.client(func(cfg *client.Config) { cfg.Attempts = 2 })
			if d, err := c.Check(t.Context(), viewInvoices()); !errors.Is(err, row.want) || d.Allowed || d.Reason != "" {
				t.Errorf("%+v, %v", d, err)
			}
			if all, err := c.CheckAll(t.Context(), []client.Question{viewInvoices()}); err == nil || all != nil {
				t.Errorf("all: %+v, %v", all, err)
			}
			if f, err := c.Filter(t.Context(), viewInvoices()); err == nil || f.Everyone || len(f.Owners) > 0 {
				t.Errorf("filter: %+v, %v", f, err)
			}
			if names, err := c.Actions(t.Context(), viewInvoices()); err == nil && len(names) > 0 {
				t.Errorf("actions: %v", names)
			}
		})
	}
}

func TestCanceledAllowsNothing(t *testing.T) {
	t.Parallel()
	s := newIssuer(t)
	never := make(chan struct{})
	t.Cleanup(func() { close(never) })
	s.with(func() { s.override = func(_ http.ResponseWriter, r *http.Request) { <-never } })
	for _, window := range []time.Duration{0, time.Millisecond} {
		c := s.client(func(cfg *client.Config) { cfg.BatchWindow = window })
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if d, err := c.Check(ctx, viewInvoices()); !errors.Is(err, context.DeadlineExceeded) || d.Allowed {
			t.Errorf("%+v, %v", d, err)
		}
	}
}

func TestRetries(t *testing.T) {
	t.Parallel()
	s := newIssuer(t)
	s.with(func() { s.decide = func(question) answer { return yes("owner") } })
	c := s.client(func(cfg *client.Config) { cfg.MaxAge = -1 })
	fail := func(n int, status int, after string) *atomic.Int32 {
		tries := &atomic.Int32{}
		s.with(func() {
			s.override = func(w http.ResponseWriter, r *http.Request) {
				if int(tries.Add(1)) > n {
					s.decision(w, r)
					return
				}
				w.Header().Set("Retry-After", after)
				w.WriteHeader(status)
			}
		})
		return tries
	}
	for _, row := range []struct {
		n, status int
		after     string
		tries     int32
		ok        bool
	}{
		{2, 503, "", 3, true}, {3, 503, "", 3, false}, {1, 429, "1", 2, true}, {1, 429, "60", 1, false}, {1, 503, "99999999999999999999", 2, true}, {1, 500, "", 1, false}, {1, 400, "", 1, false},
	} {
		tries := fail(row.n, row.status, row.after)
		d, err := c.Check(t.Context(), viewInvoices())
		if tries.Load() != row.tries || d.Allowed != row.ok || (err == nil) != row.ok {
			t.Errorf("%+v: %d tries, %+v, %v", row, tries.Load(), d, err)
		}
	}
	fail(1, 429, "3")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	begun := time.Now()
	var refused *client.Error
	if _, err := c.Check(ctx, viewInvoices()); !errors.As(err, &refused) || refused.RetryAfter != 3*time.Second || time.Since(begun) > 500*time.Millisecond {
		t.Errorf("a wait that ends behind the deadline is not waited for: %v after %s", err, time.Since(begun))
	}
}

func TestOneTokenForManyQuestions(t *testing.T) {
	t.Parallel()
	s := newIssuer(t)
	c := s.client(func(cfg *client.Config) { cfg.MaxAge = -1 })
	ask := func(organization string) {
		t.Helper()
		q := viewInvoices()
		q.Organization = organization
		if _, err := c.Check(t.Context(), q); err != nil {
			t.Error(err)
		}
	}
	var wg sync.WaitGroup
	for range 30 {
		wg.Go(func() { ask("") })
	}
	wg.Wait()
	expect := func(when string, want int) {
		t.Helper()
		if n := s.count("/oauth2/token"); n != want {
			t.Errorf("%s: %d tokens, want %d", when, n, want)
		}
	}
	expect("30 at once", 1)
	if n := s.count("/.well-known/authzen-configuration"); n != 1 {
		t.Errorf("%d descriptions read", n)
	}
	ask("bjorkvik")
	ask("bjorkvik")
	expect("another organization", 2)
	s.advance(8 * time.Minute)
	ask("")
	expect("long before its end", 2)
	s.advance(90 * time.Second)
	ask("")
	expect("shortly before its end", 3)
	s.with(func() { clear(s.tokens) }) // revoked
	ask("")
	expect("after a refusal", 4)
	s.with(func() { s.lifetime = 0 })
	s.advance(time.Hour)
	if d, err := c.Check(t.Context(), viewInvoices()); err == nil || d.Allowed {
		t.Error("a token that does not live:", err)
	}
}

// TestTokenSource: where an own source gives a token of another organization, the service is told which one is meant, and
// its refusal is an error.
func TestTokenSource(t *testing.T) {
	t.Parallel()
	s := newIssuer(t)
	s.with(func() { s.tokens["theirs"] = "bjorkvik" })
	c := s.client(func(cfg *client.Config) {
		cfg.ClientSecret = ""
		cfg.Tokens = func(context.Context, string) (string, time.Time, error) {
			return "theirs", s.clock().Add(time.Minute), nil
		}
	})
	if _, err := c.Check(t.Context(), viewInvoices()); !errors.Is(err, client.ErrOrganization) {
		t.Error(err)
	}
}

func TestCheckAll(t *testing.T) {
	t.Parallel()
	s := newIssuer(t)
	s.with(func() {
		s.decide = func(q question) answer {
			if q.Resource.Properties["segment"] == "broken" {
				return answer{"decision": true, "context": answer{"error": answer{"status": 503}}}
			}
			return answer{"decision": q.Action.Name == "view", "context": answer{"reason": q.Resource.Properties["segment"]}}
		}
	})
	c := s.client(func(cfg *client.Config) { cfg.BatchSize = 10 })
	var questions []client.Question
	for i := range 25 {
		q := viewInvoices()
		q.Segment = fmt.Sprint("s", i)
		if i%3 == 0 {
			q.Action = "edit"
		}
		if i == 7 {
			q.Organization = "bjorkvik"
		}
		questions = append(questions, q)
	}
	for round := range 2 {
		all, err := c.CheckAll(t.Context(), questions)
		if err != nil {
			t.Fatal(err)
		}
		for i, d := range all {
			if d.Allowed != (i%3 != 0) || d.Reason != fmt.Sprint("s", i) {
				t.Errorf("%d: %+v", i, d)
			}
		}
		if n := s.count("/access/v1/evaluations"); n != 4 { // 24 of nordlys by 10, one of bjorkvik; the second round is remembered
			t.Errorf("round %d: %d requests", round, n)
		}
	}
	questions[3].Segment = "broken"
	if all, err := c.CheckAll(t.Context(), questions); err == nil || all != nil {
		t.Errorf("one without answer: %v, %v", all, err)
	}
	if all, err := c.CheckAll(t.Context(), nil); err != nil || len(all) != 0 {
		t.Errorf("no question: %v, %v", all, err)
	}
}

func TestBatches(t *testing.T) {
	t.Parallel()
	s := newIssuer(t)
	s.with(func() { s.decide = func(q question) answer { return yes(q.Resource.Properties["segment"]) } })
	c := s.client(func(cfg *client.Config) { cfg.BatchWindow, cfg.BatchSize = 200*time.Millisecond, 40 })
	var wg sync.WaitGroup
	for i := range 120 {
		wg.Go(func() {
			q := viewInvoices()
			q.Segment = fmt.Sprint("s", i/3) // each is asked three times
			if d, err := c.Check(t.Context(), q); err != nil || d.Reason != q.Segment {
				t.Errorf("%d: %+v, %v", i, d, err)
			}
		})
	}
	wg.Wait()
	if n := s.count("/access/v1/evaluations"); n > 3 {
		t.Errorf("%d requests", n)
	}
	if n := s.count("/access/v1/evaluation"); n != 0 {
		t.Errorf("%d single ones", n)
	}
}

func TestSubjectsAndActions(t *testing.T) {
	t.Parallel()
	s := newIssuer(t)
	page := func(next string, ids ...string) (int, any) {
		results := []answer{}
		for _, id := range ids {
			results = append(results, answer{"type": "user", "id": id})
		}
		return 200, answer{"results": results, "page": answer{"next_token": next}}
	}
	s.with(func() {
		s.subjects = func(token string) (int, any) {
			switch token {
			case "":
				return page("t1", "usr_1", "usr_2")
			case "t1":
				return page("", "usr_3")
			}
			return 400, answer{"error": "bad_page"}
		}
	})
	c := s.client(nil)
	var got []client.Party
	for p, err := range c.Subjects(t.Context(), viewInvoices(), client.AsUser) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, p)
	}
	if !slices.Equal(got, []client.Party{"user:usr_1", "user:usr_2", "user:usr_3"}) {
		t.Error(got)
	}
	for range c.Subjects(t.Context(), viewInvoices(), client.AsUser) {
		break
	}
	if n := s.count("/access/v1/search/subject"); n != 3 {
		t.Errorf("%d pages read; what is not needed is not asked for", n)
	}
	for p, err := range c.Subjects(t.Context(), viewInvoices(), client.AsMember) {
		if !errors.Is(err, client.ErrAnswer) || p != "" {
			t.Error("users instead of members:", p, err)
		}
	}
	for p, err := range c.Subjects(t.Context(), viewInvoices(), "group") {
		if !errors.Is(err, client.ErrQuestion) {
			t.Error(p, err)
		}
	}
	names, err := c.Actions(t.Context(), client.Question{Subject: client.User("usr_1"), Module: "invoices"})
	if err != nil || !slices.Equal(names, []string{"view", "edit", "export"}) {
		t.Error(names, err)
	}
}

func TestNothingRunsAfterClose(t *testing.T) {
	before := goleak.IgnoreCurrent()
	s := newIssuer(t)
	began, release := make(chan struct{}, 99), make(chan struct{})
	s.with(func() {
		s.override = func(_ http.ResponseWriter, r *http.Request) {
			began <- struct{}{}
			select {
			case <-release:
			case <-r.Context().Done():
			}
		}
	})
	for _, window := range []time.Duration{0, time.Millisecond} {
		c := s.client(func(cfg *client.Config) { cfg.BatchWindow = window })
		failed := make(chan error, 1)
		go func() {
			d, err := c.Check(context.Background(), viewInvoices())
			if d.Allowed {
				err = nil
			}
			failed <- err
		}()
		<-began
		c.Close()
		if err := <-failed; !errors.Is(err, client.ErrClosed) {
			t.Error("what was under way:", err)
		}
		if _, err := c.Check(t.Context(), viewInvoices()); !errors.Is(err, client.ErrClosed) {
			t.Error("what came later:", err)
		}
		if _, err := c.Verify(t.Context(), "x"); !errors.Is(err, client.ErrClosed) {
			t.Error("a token:", err)
		}
		c.Close()
	}
	close(release)
	s.stop()
	goleak.VerifyNone(t, before)
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*client.Config){
		"no issuer": func(c *client.Config) { c.Issuer = "" }, "http elsewhere": func(c *client.Config) { c.Issuer = "http://id.example" }, "a slash": func(c *client.Config) { c.Issuer += "/" },
		"a query": func(c *client.Config) { c.Issuer += "?x=1" }, "a password": func(c *client.Config) { c.Issuer = "https://a:b@id.example" }, "no client": func(c *client.Config) { c.ClientID = "" },
		"alg none": func(c *client.Config) { c.Algorithms = []string{"none"} }, "a shared secret": func(c *client.Config) { c.Algorithms = []string{"HS256"} },
		"a long memory": func(c *client.Config) { c.MaxAge = time.Hour }, "a wide leeway": func(c *client.Config) { c.Leeway = time.Hour }, "negative": func(c *client.Config) { c.Attempts = -1 },
	} {
		cfg := client.Config{Issuer: "https://id.example", ClientID: "shop", ClientSecret: "x"}
		edit(&cfg)
		if _, err := client.New(cfg); err == nil {
			t.Error(name)
		}
	}
}

// TestMetadataOfAnotherIssuer: secrets go to the issuer that was configured, whatever a document says.
func TestMetadataOfAnotherIssuer(t *testing.T) {
	t.Parallel()
	s := newIssuer(t)
	real := s.url
	for _, says := range [][3]string{{"https://evil.example"}, {real + "x"}, {real, "https://evil.example"}, {real, "", real + "/x"}} {
		s.with(func() { s.url, s.called = says[0], [2]string{says[1], says[2]} })
		c, err := client.New(client.Config{Issuer: real, ClientID: "shop", ClientSecret: "s:e/cret"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Check(t.Context(), viewInvoices()); !errors.Is(err, client.ErrAnswer) {
			t.Error(err)
		}
		c.Close()
	}
	if s.count("/oauth2/token") != 0 {
		t.Error("the secret was sent")
	}
}
