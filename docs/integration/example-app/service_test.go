package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"

	"portvakt/authz/client"
)

// service is the real product, built and started as another process.
type service struct {
	t      *testing.T
	issuer string
	stop   func()
}

func startService(t *testing.T) *service {
	t.Helper()
	dir := t.TempDir()
	binary, ready := filepath.Join(dir, "portvakt"), filepath.Join(dir, "ready")
	build := exec.Command("go", "build", "-o", binary, "./cmd/portvakt")
	build.Dir = filepath.Join("..", "..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	logs, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	run := exec.Command(binary, "serve", "--dev", "--addr", "127.0.0.1:0", "--demo-addr", "127.0.0.1:0", "--data", filepath.Join(dir, "data"), "--seed", "seed.yaml", "--ready-file", ready)
	run.Stdout, run.Stderr = logs, logs
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = run.Wait()
		close(ended)
	}()
	s := &service{t: t, stop: sync.OnceFunc(func() {
		_ = run.Process.Signal(os.Interrupt)
		<-ended
		logs.Close()
	})}
	t.Cleanup(func() {
		if s.stop(); t.Failed() {
			text, _ := os.ReadFile(logs.Name())
			t.Logf("the service printed:\n%s", text)
		}
	})
	for deadline := time.After(30 * time.Second); ; {
		if at, err := os.ReadFile(ready); err == nil {
			_, port, _ := strings.Cut(strings.TrimSpace(string(at)), ":")
			s.issuer = "http://localhost:" + port
			return s
		}
		select {
		case <-ended:
			t.Fatal("the service ended before it was ready")
		case <-deadline:
			t.Fatal("the service was not ready within 30 s")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// group finds a group's outside id: owners in the database have the form that filters have.
func (s *service) group(ask *client.Client, key string, member client.Party) string {
	s.t.Helper()
	f, err := ask.Filter(s.t.Context(), client.Question{Organization: "nordlys", Subject: member, Action: "view", Module: module})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, o := range f.Owners {
		if o.Kind() == "group" {
			return o.ID()
		}
	}
	s.t.Fatalf("no group %s among %v", key, f.Owners)
	return ""
}

const callback = "http://127.0.0.1/callback"

// signIn is what a person's browser and the application's front end do: an authorization code with PKCE, and its token.
func (s *service) signIn(email, password string) string {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	b := &browser{t: s.t, client: &http.Client{Jar: jar}}
	b.client.CheckRedirect = func(req *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(req.URL.String(), callback) {
			b.answer = req.URL.Query()
			return http.ErrUseLastResponse
		}
		return nil
	}
	const verifier = "a-verifier-that-is-long-enough-for-everybody-0123456789"
	sum := sha256.Sum256([]byte(verifier))
	b.open(s.issuer + "/oauth2/authorize?" + url.Values{"response_type": {"code"}, "client_id": {"invoices"}, "redirect_uri": {callback}, "scope": {"openid organization access"},
		"state": {"s"}, "nonce": {"n"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}}.Encode())
	b.submit("continue", "email", email)
	b.submit("continue", "password", password)
	req, err := http.NewRequest(http.MethodPost, s.issuer+"/oauth2/token", strings.NewReader(url.Values{"grant_type": {"authorization_code"}, "code": {b.answer.Get("code")},
		"redirect_uri": {callback}, "code_verifier": {verifier}}.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth("invoices", "dev-invoices-secret")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	var out struct {
		Access string `json:"access_token"`
		Error  string `json:"error_description"`
	}
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil || out.Access == "" {
		s.t.Fatalf("%s got no token: %d %s %v", email, res.StatusCode, out.Error, err)
	}
	return out.Access
}

// browser fills in forms.
type browser struct {
	t      *testing.T
	client *http.Client
	at     *url.URL
	page   *html.Node
	answer url.Values // what reached the callback
}

func (b *browser) open(address string) {
	b.t.Helper()
	res, err := b.client.Get(address)
	b.read(res, err)
}

func (b *browser) read(res *http.Response, err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	if b.at = res.Request.URL; b.answer == nil {
		if b.page, err = html.Parse(res.Body); err != nil {
			b.t.Fatal(err)
		}
	}
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// submit presses the button with an id, with one field filled in.
func (b *browser) submit(button, name, value string) {
	b.t.Helper()
	values, action, inside := url.Values{}, "", (*html.Node)(nil)
	for n := range b.page.Descendants() {
		if attribute(n, "id") == button {
			for inside = n; inside != nil && inside.Data != "form"; inside = inside.Parent {
			}
		}
	}
	if inside == nil {
		b.t.Fatalf("no form with the button %q at %s", button, b.at)
	}
	for n := range inside.Descendants() {
		if n.Data == "input" && attribute(n, "name") != "" {
			values.Set(attribute(n, "name"), attribute(n, "value"))
		}
	}
	values.Set(name, value)
	if action = attribute(inside, "action"); action == "" {
		action = b.at.String()
	}
	target, err := b.at.Parse(action)
	if err != nil {
		b.t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodPost, target.String(), strings.NewReader(values.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", b.at.Scheme+"://"+b.at.Host)
	res, err := b.client.Do(req)
	b.read(res, err)
}
