//go:build e2e

package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
)

var greeting = regexp.MustCompile(`(?s)Portvakt is ready\. Look here:.*?to begin anew\.`) // shows the seed's passwords on purpose

var trouble = regexp.MustCompile(`(?m)^time=\S+ level=ERROR.*$`)

func (w *wall) nothingLeaked() {
	if w.service == nil {
		return
	}
	printed := greeting.ReplaceAllString(w.output.String(), "")
	if !strings.Contains(printed, "level=DEBUG") && !strings.Contains(printed, "level=INFO") {
		w.t.Error("the service has logged nothing: the test sees no log")
	}
	w.witness.mu.Lock()
	defer w.witness.mu.Unlock()
	for _, known := range []string{"scim-dev-nordlys", "scim-dev-bjorkvik", "dev-webshop-secret", adminSecret, annaPassword, bobPassword, erikPassword, malloryPassword, adminPassword, devMaster} {
		w.witness.seen[known] = "a secret of the seed"
	}
	for _, c := range wallClients {
		if c.secret != "" {
			w.witness.seen[c.secret] = "a client's secret"
		}
	}
	if len(w.witness.seen) < 13 {
		w.t.Errorf("the witness saw only %d secrets", len(w.witness.seen))
	}
	for value, what := range w.witness.seen {
		if strings.Contains(printed, value) || strings.Contains(printed, url.QueryEscape(value)) {
			w.t.Errorf("the log holds %s: %.60q", what, value)
		}
	}
	if found := trouble.FindString(printed); found != "" { // a panic is one too
		w.t.Errorf("an error was logged: %.600s", found)
	}
}

// witness remembers every secret that goes over the wire.
type witness struct {
	mu   sync.Mutex
	seen map[string]string // value → what it is
}

func (w *witness) note(what, value string) {
	if len(value) < 16 || len(value) > 8192 || value == canary {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[value] = what
}

var (
	secretFields = []string{"password", "new_password", "code", "code_verifier", "refresh_token", "token", "client_secret", "csrf", "access_token", "id_token_hint", "id_token"}
	csrfField    = regexp.MustCompile(`name="csrf" value="([^"]+)"`)
)

// RoundTrip sends the request and looks at both ways.
func (w *witness) RoundTrip(r *http.Request) (*http.Response, error) {
	w.request(r)
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	w.response(res, body)
	return res, nil
}

func (w *witness) request(r *http.Request) {
	if _, value, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok {
		w.note("an Authorization header", value)
	}
	for _, c := range r.Cookies() {
		w.note("a cookie", c.Value)
	}
	w.values("in the address", r.URL.Query())
	if r.Body == nil || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return
	}
	raw, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(raw))
	if form, err := url.ParseQuery(string(raw)); err == nil {
		w.values("in a form", form)
	}
}

func (w *witness) values(where string, v url.Values) {
	for _, name := range secretFields {
		for _, value := range v[name] {
			w.note(name+" "+where, value)
		}
	}
}

func (w *witness) response(res *http.Response, body []byte) {
	for _, c := range res.Cookies() {
		w.note("a cookie", c.Value)
	}
	if u, err := url.Parse(res.Header.Get("Location")); err == nil {
		w.values("in a Location", u.Query())
	}
	for _, m := range csrfField.FindAllSubmatch(body, -1) {
		w.note("a form's token", string(m[1]))
	}
	var object map[string]any
	if json.Unmarshal(body, &object) == nil {
		for _, name := range secretFields {
			if value, ok := object[name].(string); ok {
				w.note(name+" in an answer", value)
			}
		}
	}
}
