//go:build e2e

package main

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 6238
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

const membershipsOfOla = "ola@tallsmia.example" // works at the agency and for its customers

// codeAt is the code of RFC 6238 at a moment.
func codeAt(t *testing.T, secret string, at time.Time) string {
	t.Helper()
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha1.New, key)
	_ = binary.Write(mac, binary.BigEndian, at.Unix()/30)
	sum := mac.Sum(nil)
	at4 := sum[len(sum)-1] & 0x0f
	return fmt.Sprintf("%06d", (binary.BigEndian.Uint32(sum[at4:])&0x7fffffff)%1_000_000)
}

// TestDemoPeople walks through what the demo data is there to show.
func TestDemoPeople(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		s := serve(t, database)
		t.Run("a person in several organizations chooses one", func(t *testing.T) {
			p := newPerson(t)
			p.open(s.demo).press("sign-in").signIn(membershipsOfOla, "dev only secret 11").on("organization")
			p.press("continue", "organization", "nordlys").on("demo-signed-in")
			if p.claim("org_slug") != "nordlys" || p.claim("membership_kind") != "external" {
				t.Errorf("organization %q, kind %q", p.claim("org_slug"), p.claim("membership_kind"))
			}
			p.press("switch-organization").on("organization").press("continue", "organization", "tallsmia").on("demo-signed-in")
			if p.claim("org_slug") != "tallsmia" {
				t.Errorf("switched to %q", p.claim("org_slug"))
			}
			p.press("sign-out")
			if p.open(s.issuer + "/account"); p.page() != "sign-in" {
				t.Errorf("after the sign-out the account shows %q", p.page())
			}
		})
		t.Run("an organization that is asked for is a hard constraint", func(t *testing.T) {
			verifier := oauth2.GenerateVerifier()
			p := newPerson(t)
			got := p.answer(s, func(p *person) {
				p.open(s.authorizeURL(verifier, "organization", "bjorkvik")).signIn("per.hansen@nordlys.example", "dev only secret 2")
				if p.page() == "organization" {
					p.press("cancel")
				}
			})
			if got.Get("error") != "access_denied" || got.Get("iss") != s.issuer {
				t.Errorf("not a member: %v", got)
			}
			got = p.answer(s, func(p *person) { p.open(s.authorizeURL(verifier, "prompt", "none")) })
			if got.Get("error") == "" && got.Get("code") == "" {
				t.Errorf("prompt=none: %v", got)
			}
		})
		t.Run("an authenticator is asked for where one is enrolled", func(t *testing.T) {
			p := newPerson(t)
			p.open(s.demo).press("sign-in").signIn("kari@nordlys.example", "dev only secret 1").on("second-factor")
			p.press("continue", "code", "000000").on("second-factor")
			p.press("continue", "code", codeAt(t, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", time.Now())).on("demo-signed-in")
			if p.claim("acr") != "urn:portvakt:acr:mfa" {
				t.Errorf("acr %q", p.claim("acr"))
			}
		})
		t.Run("an invited person accepts", func(t *testing.T) {
			status, out, _ := s.call(http.MethodPost, s.issuer+"/scim/v2/bjorkvik/Users", "scim-dev-bjorkvik", map[string]any{
				"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:User"}, "userName": "per.hansen@nordlys.example",
				"name": map[string]any{"givenName": "Per", "familyName": "Hansen"},
			})
			if status != http.StatusCreated || out["active"] != true {
				t.Fatalf("inviting answered %d: %v", status, out)
			}
			s.mails("per.hansen@nordlys.example", 1)
			p := newPerson(t)
			p.open(s.issuer+"/account").signIn("per.hansen@nordlys.example", "dev only secret 2").on("account")
			p.press("accept").on("account")
			p.open(s.demo).press("sign-in").on("organization").press("continue", "organization", "bjorkvik").on("demo-signed-in")
		})
		t.Run("form_post", func(t *testing.T) {
			p := newPerson(t)
			p.open(s.authorizeURL(oauth2.GenerateVerifier(), "response_mode", "form_post", "organization", "nordlys")).
				signIn("per.hansen@nordlys.example", "dev only secret 2").on("form-post")
			if !strings.Contains(p.text, `name="code"`) || !strings.Contains(p.text, `name="iss"`) {
				t.Error("the form does not hold code and iss")
			}
		})
		t.Run("client_credentials", func(t *testing.T) {
			status, out := s.token(url.Values{"grant_type": {"client_credentials"}})
			if status != http.StatusOK || out["token_type"] != "Bearer" {
				t.Errorf("%d: %v", status, out)
			}
		})
	})
}
