package bench

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
)

// holder is a relying party's hold of one sign-in.
type holder struct {
	addr    string
	access  string
	refresh string
}

const (
	redirectURI  = "http://127.0.0.1:1/callback"
	email        = "person@bench.example"
	password     = "a bench password of no value"
	codeVerifier = "bench-verifier-bench-verifier-bench-verifier-0"
)

var hidden = regexp.MustCompile(`<input type="hidden" name="([a-z]+)" value="([^"]*)"`)

// signIn walks through the sign-in once, as a browser without JavaScript would, and redeems the code.
func signIn(addr string) (*holder, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	var code string
	client := &http.Client{Jar: jar, CheckRedirect: func(req *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(req.URL.String(), redirectURI) {
			code = req.URL.Query().Get("code")
			return http.ErrUseLastResponse
		}
		return nil
	}}
	challenge := sha256.Sum256([]byte(codeVerifier))
	q := url.Values{"response_type": {"code"}, "client_id": {clientID}, "redirect_uri": {redirectURI}, "scope": {"openid email offline_access organization"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"}}
	at, page, err := fetch(client.Get("http://" + addr + "/oauth2/authorize?" + q.Encode()))
	for _, step := range []url.Values{{"email": {email}}, {"password": {password}}} {
		if err != nil {
			return nil, err
		}
		for _, field := range hidden.FindAllStringSubmatch(page, -1) {
			step.Set(field[1], field[2])
		}
		at, page, err = fetch(client.PostForm(at, step))
	}
	if err != nil {
		return nil, err
	}
	if code == "" {
		return nil, errors.New("the sign-in led to no code")
	}
	h := &holder{addr: addr}
	return h, h.redeem(url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirectURI}, "code_verifier": {codeVerifier}})
}

// fetch reads a page and answers where it stands.
func fetch(res *http.Response, err error) (at, page string, _ error) {
	if err != nil {
		return "", "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return res.Request.URL.String(), string(body), err
}

func form(addr, path string, values url.Values) (*http.Request, error) {
	req, err := http.NewRequest(http.MethodPost, "http://"+addr+path, strings.NewReader(values.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(clientID, clientSecret)
	return req, nil
}

func (h *holder) redeem(values url.Values) error {
	req, err := form(h.addr, "/oauth2/token", values)
	if err != nil {
		return err
	}
	_, body, err := fetch(http.DefaultClient.Do(req))
	if err != nil {
		return err
	}
	var tokens struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if err := json.Unmarshal([]byte(body), &tokens); err != nil || tokens.Refresh == "" {
		return fmt.Errorf("the token endpoint answered %.200s", body)
	}
	h.access, h.refresh = tokens.Access, tokens.Refresh
	return nil
}
