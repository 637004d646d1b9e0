package demo

import (
	"bytes"
	"container/list"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"golang.org/x/oauth2"
)

const (
	sessionCookie = "demo-session" // an opaque value: who is signed in here
	browserCookie = "demo-browser" // an opaque value: which browser began a sign-in
)

// limit is how many entries a memory keeps.
const limit = 1000

// session is one signed-in browser. The tokens never leave the server.
type session struct {
	subject string // sub: the person
	sid     string // sid: the person's session at the issuer, in one organization; logout tokens name it
	tokens  *oauth2.Token
	idToken string // the newest, for id_token_hint

	id, userinfo, access claims

	ended bool        // by the issuer; kept without tokens and claims to tell the person
	last  *outcome    // what the last pressed button led to
	busy  *sync.Mutex // one refresh at a time: a refresh token works once
}

// outcome is the result of a button.
type outcome struct {
	Action string // "refresh" or "userinfo"
	Code   string // "ok", or the error code
	Status int    // the HTTP status, 0 where there was none
}

// OK tells a result from a refusal.
func (o *outcome) OK() bool { return o.Code == "ok" }

// current finds the session of a request, with the value of its cookie. An ended one is found too.
func (a *App) current(r *http.Request) (string, session, bool) {
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return "", session{}, false
	}
	s, ok := a.sessions.get(c.Value)
	return c.Value, s, ok
}

// setCookie gives the browser an opaque value. Lax lets the cookie come along when the issuer sends the person back.
func (a *App) setCookie(w http.ResponseWriter, name, value string) {
	c := &http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: strings.HasPrefix(a.config.BaseURL, "https://")}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// browser names this browser, so that what it began can only be ended by it.
func (a *App) browser(w http.ResponseWriter, r *http.Request) string {
	if c, err := r.Cookie(browserCookie); err == nil && len(c.Value) >= 26 {
		return c.Value
	}
	value := rand.Text()
	a.setCookie(w, browserCookie, value)
	return value
}

// isBrowser is true if the request comes from the browser of that name.
func isBrowser(r *http.Request, name string) bool {
	c, err := r.Cookie(browserCookie)
	return err == nil && c.Value == name
}

// memory keeps the newest entries under unguessable keys and drops the oldest above the limit.
type memory[V any] struct {
	mu    sync.Mutex
	order *list.List // of keys, oldest first
	byKey map[string]*entry[V]
}

type entry[V any] struct {
	value V
	place *list.Element
}

func newMemory[V any]() *memory[V] {
	return &memory[V]{order: list.New(), byKey: map[string]*entry[V]{}}
}

// add keeps a value; false if the key is there already.
func (m *memory[V]) add(key string, value V) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.byKey[key] != nil {
		return false
	}
	m.byKey[key] = &entry[V]{value, m.order.PushBack(key)}
	if m.order.Len() > limit {
		delete(m.byKey, m.order.Remove(m.order.Front()).(string))
	}
	return true
}

// get gives a copy of a value.
func (m *memory[V]) get(key string) (value V, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.byKey[key]; e != nil {
		return e.value, true
	}
	return value, false
}

// take removes a value; of several callers one gets it.
func (m *memory[V]) take(key string) (value V, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.byKey[key]
	if e == nil {
		return value, false
	}
	m.order.Remove(e.place)
	delete(m.byKey, key)
	return e.value, true
}

// change edits the value of a key, if it is there.
func (m *memory[V]) change(key string, edit func(*V)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.byKey[key]; e != nil {
		edit(&e.value)
	}
}

// changeEach edits all values.
func (m *memory[V]) changeEach(edit func(*V)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.byKey {
		edit(&e.value)
	}
}

// claims are the members of a token or of a userinfo answer. They are replaced, never changed.
type claims map[string]any

// UnmarshalJSON keeps numbers as they were written: times do not become 1.7e+09.
func (c *claims) UnmarshalJSON(data []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var members map[string]any
	if err := decoder.Decode(&members); err != nil {
		return err
	}
	*c = members
	return nil
}

// text is a claim as one line of text; lists are joined by commas.
func (c claims) text(name string) string { return claimText(c[name]) }

func claimText(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case []any:
		texts := make([]string, len(v))
		for i, one := range v {
			texts[i] = claimText(one)
		}
		return strings.Join(texts, ", ")
	case map[string]any:
		data, _ := json.Marshal(v) // was JSON before
		return string(data)
	}
	return fmt.Sprint(value)
}

// decodeAccessToken reads an access token for the page that shows it, nil if it is opaque. An application never needs
// this: an access token is a message to the API that it is for, and the claims in it are not checked here.
func decodeAccessToken(token string) (c claims) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(data, &c) != nil {
		return nil
	}
	return c
}
