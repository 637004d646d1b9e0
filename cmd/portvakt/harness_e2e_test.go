//go:build e2e

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"

	"portvakt/internal/secret"
	"portvakt/internal/testenv"
)

// service is the whole product, started as a user starts it, in this process.
type service struct {
	t      *testing.T
	issuer string
	bound  string // host:port
	demo   string
	stop   func()
	output *syncBuffer // all that it prints and logs
}

// syncBuffer collects what the service prints.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// eachEngine runs a test on a service of its own over each engine, in parallel.
func eachEngine(t *testing.T, test func(t *testing.T, database string)) {
	t.Helper()
	for name, database := range testenv.URLs(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, database(t))
		})
	}
}

// serve starts a service with the demo data on free ports and stops it when the test ends.
func serve(t *testing.T, database string, args ...string) *service {
	t.Helper()
	return serveAt(t, nil, database, args...)
}

// cheapHashing is what a password costs a service that runs within the tests' process: half of the processor's time went there.
// Processes of their own (child) hash as everybody's do, where what hashing costs is the matter.
var cheapHashing = secret.Params{Memory: 64, Time: 1, Lanes: 1}

// serveAt is serve by a clock of the test's own.
func serveAt(t *testing.T, now func() time.Time, database string, args ...string) *service {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready := make(chan addresses, 1)
	ended := make(chan int, 1)
	output := &syncBuffer{}
	args = append([]string{"serve", "--dev", "--addr", "127.0.0.1:0", "--demo-addr", "127.0.0.1:0", "--data", t.TempDir(), "--database", database}, args...)
	go func() {
		ended <- run(world{ctx: ctx, stdout: output, stderr: output, now: now, started: func(a addresses) { ready <- a }, hashing: cheapHashing}, args)
	}()
	s := &service{t: t, output: output}
	s.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case code := <-ended:
			if code != exitOK {
				t.Errorf("the service ended with %d:\n%s", code, output)
			}
		case <-time.After(20 * time.Second):
			t.Error("the service did not end")
		}
	})
	select {
	case a := <-ready:
		s.issuer, s.bound, s.demo = a.issuer, a.bound, a.demo
	case code := <-ended:
		cancel()
		t.Fatalf("the service ended with %d before it was ready:\n%s", code, output)
	case <-time.After(30 * time.Second):
		cancel()
		t.Fatalf("the service was not ready within 30 s:\n%s", output)
	}
	t.Cleanup(func() {
		s.stop()
		if t.Failed() {
			t.Logf("the service printed:\n%s", output)
		}
	})
	return s
}

// call sends a JSON request and reads the JSON answer.
func (s *service) call(method, target, bearer string, body any) (int, map[string]any, http.Header) {
	s.t.Helper()
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			s.t.Fatal(err)
		}
		in = bytes.NewReader(b)
	}
	req, err := http.NewRequest(method, target, in)
	if err != nil {
		s.t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/scim+json")
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	return s.send(req)
}

func (s *service) send(req *http.Request) (int, map[string]any, http.Header) {
	s.t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	var out map[string]any
	_ = json.Unmarshal(raw, &out)
	return res.StatusCode, out, res.Header
}

const hrToken = "scim-dev-nordlys"

func (s *service) users() string { return s.issuer + "/scim/v2/nordlys/Users" }

// hire is what an HR system sends for a new employee; it answers the SCIM id.
func (s *service) hire(email, given, family string, more map[string]any) string {
	s.t.Helper()
	body := map[string]any{
		"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:User"}, "userName": email,
		"name":   map[string]any{"givenName": given, "familyName": family},
		"emails": []any{map[string]any{"value": email, "type": "work", "primary": true}},
	}
	for k, v := range more {
		body[k] = v
	}
	status, out, _ := s.call(http.MethodPost, s.users(), hrToken, body)
	if status != http.StatusCreated {
		s.t.Fatalf("hiring %s answered %d: %v", email, status, out)
	}
	s.mails(email, 1) // the mail of the creation; a link that is asked for later voids its link
	return out["id"].(string)
}

// setActive is the HR system's PATCH.
func (s *service) setActive(id string, value any) {
	s.t.Helper()
	status, out, _ := s.call(http.MethodPatch, s.users()+"/"+id, hrToken, map[string]any{
		"schemas":    []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"},
		"Operations": []any{map[string]any{"op": "replace", "path": "active", "value": value}},
	})
	if status != http.StatusOK && status != http.StatusNoContent {
		s.t.Fatalf("active=%v answered %d: %v", value, status, out)
	}
}

// mails are the captured mails to somebody, newest first; it waits for at least n.
func (s *service) mails(to string, n int) []captured {
	s.t.Helper()
	var mine []captured
	eventually(s.t, fmt.Sprintf("%d mails to %s", n, to), func() bool {
		res, err := http.Get(s.issuer + "/dev/mail.json")
		if err != nil {
			s.t.Fatal(err)
		}
		defer res.Body.Close()
		var all []captured
		if err := json.NewDecoder(res.Body).Decode(&all); err != nil {
			s.t.Fatal(err)
		}
		mine = nil
		for _, m := range all {
			if m.To == to {
				mine = append(mine, m)
			}
		}
		return len(mine) >= n
	})
	return mine
}

// setupMails are the mails with a link to choose a password, newest first; it waits for at least n.
func (s *service) setupMails(to string, n int) []captured {
	s.t.Helper()
	for wait := n; ; wait++ { // among them are others, such as reminders
		mine := slices.DeleteFunc(s.mails(to, wait), func(m captured) bool {
			return !slices.ContainsFunc(m.Links, func(l string) bool { return strings.Contains(l, "/account/setup?token=") })
		})
		if len(mine) >= n {
			return mine
		}
	}
}

type captured struct {
	ID, To, Subject, Text, HTML string
	Links                       []string
}

func (m captured) setupLink(t *testing.T) string {
	t.Helper()
	for _, l := range m.Links {
		if strings.Contains(l, "/account/setup?token=") {
			return l
		}
	}
	t.Fatalf("no setup link in the mail %q: %v", m.Subject, m.Links)
	return ""
}

func (s *service) advance(d time.Duration) {
	s.t.Helper()
	if status, out, _ := s.call(http.MethodPost, s.issuer+"/dev/clock", "", map[string]any{"advance": d.String()}); status != http.StatusOK {
		s.t.Fatalf("the clock answered %d: %v", status, out)
	}
}

// eventually waits for something that a worker does; what must hold at once is never asked through it.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	testenv.Within(t, 20*time.Second, what, ok)
}

// withinASecond is the promise of the product about what ends.
func withinASecond(t *testing.T, what string, ok func() bool) {
	t.Helper()
	testenv.Within(t, time.Second, what, ok)
}

// person is somebody with a browser that has cookies, forms and links, and no JavaScript.
type person struct {
	t      *testing.T
	client *http.Client
	at     *url.URL
	status int
	header http.Header
	doc    *html.Node
	text   string
}

func newPerson(t *testing.T) *person {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &person{t: t, client: &http.Client{Jar: jar, Timeout: 20 * time.Second}}
}

func (p *person) open(target string) *person {
	p.t.Helper()
	res, err := p.client.Get(target)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.read(res)
}

func (p *person) read(res *http.Response) *person {
	p.t.Helper()
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	p.at, p.status, p.header, p.text = res.Request.URL, res.StatusCode, res.Header, string(raw)
	if p.doc, err = html.Parse(bytes.NewReader(raw)); err != nil {
		p.t.Fatal(err)
	}
	return p
}

// page is what the page says it is.
func (p *person) page() string {
	if body := find(p.doc, func(n *html.Node) bool { return n.Data == "body" }); body != nil {
		return attribute(body, "data-page")
	}
	return ""
}

func (p *person) on(page string) *person {
	p.t.Helper()
	if got := p.page(); got != page {
		p.t.Fatalf("the page is %q (%s, status %d), want %q:\n%s", got, p.at, p.status, page, p.text)
	}
	return p
}

// press submits the form of the button with the id, with fields filled in.
func (p *person) press(id string, fields ...string) *person {
	p.t.Helper()
	button := find(p.doc, func(n *html.Node) bool { return attribute(n, "id") == id })
	if button == nil {
		p.t.Fatalf("no %q on the page %q (%s):\n%s", id, p.page(), p.at, p.text)
	}
	if button.Data == "a" {
		target, err := p.at.Parse(attribute(button, "href"))
		if err != nil {
			p.t.Fatal(err)
		}
		return p.open(target.String())
	}
	form := button
	for form != nil && form.Data != "form" {
		form = form.Parent
	}
	if form == nil {
		p.t.Fatalf("%q stands in no form", id)
	}
	values := formValues(form)
	if name := attribute(button, "name"); name != "" {
		values.Set(name, attribute(button, "value"))
	}
	for i := 0; i+1 < len(fields); i += 2 {
		values.Set(fields[i], fields[i+1])
	}
	target, err := p.at.Parse(attribute(form, "action"))
	if err != nil {
		p.t.Fatal(err)
	}
	if attribute(form, "action") == "" {
		target = p.at
	}
	if strings.EqualFold(attribute(form, "method"), "post") {
		req, err := http.NewRequest(http.MethodPost, target.String(), strings.NewReader(values.Encode()))
		if err != nil {
			p.t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", p.at.Scheme+"://"+p.at.Host)
		req.Header.Set("Sec-Fetch-Site", "same-origin")
		res, err := p.client.Do(req)
		if err != nil {
			p.t.Fatal(err)
		}
		return p.read(res)
	}
	target.RawQuery = values.Encode()
	return p.open(target.String())
}

// signIn goes from the sign-in page through e-mail and password.
func (p *person) signIn(email, password string) *person {
	p.t.Helper()
	return p.on("sign-in").press("continue", "email", email).on("password").press("continue", "password", password)
}

func formValues(form *html.Node) url.Values {
	values := url.Values{}
	for n := range form.Descendants() {
		name := attribute(n, "name")
		if n.Type != html.ElementNode || name == "" {
			continue
		}
		kind := attribute(n, "type")
		switch {
		case n.Data == "input" && (kind == "radio" || kind == "checkbox"):
			if has(n, "checked") {
				values.Set(name, attribute(n, "value"))
			}
		case n.Data == "input" && kind != "submit":
			values.Set(name, attribute(n, "value"))
		}
	}
	return values
}

// claim is what the demo application shows under a claim's name.
func (p *person) claim(name string) string {
	n := find(p.doc, func(n *html.Node) bool { return attribute(n, "data-claim") == name })
	if n == nil {
		return ""
	}
	return strings.TrimSpace(textOf(n))
}

func (p *person) textOf(id string) string {
	n := find(p.doc, func(n *html.Node) bool { return attribute(n, "id") == id })
	if n == nil {
		return ""
	}
	return strings.TrimSpace(textOf(n))
}

func find(root *html.Node, is func(*html.Node) bool) *html.Node {
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && is(n) {
			return n
		}
	}
	return nil
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}
