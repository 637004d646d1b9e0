//go:build e2e

package main

import (
	"bufio"
	"encoding/json"
	"io"
	"testing"

	"portvakt/internal/testenv"
)

// relyingParty is openid-client, the npm library, as a customer's application would use it.
type relyingParty struct {
	t    *testing.T
	in   io.WriteCloser
	out  *bufio.Scanner
	auth string
}

func startRelyingParty(t *testing.T, s *service) *relyingParty {
	t.Helper()
	in, out := testenv.Node(t, "testdata/openid-client", "rp.mjs", s.issuer, demoClient, demoSecret, s.demo+"/callback")
	rp := &relyingParty{t: t, in: in, out: bufio.NewScanner(out)}
	rp.auth, _ = rp.read()["url"].(string)
	return rp
}

func (rp *relyingParty) read() map[string]any {
	rp.t.Helper()
	if !rp.out.Scan() {
		rp.t.Fatal("openid-client said nothing more")
	}
	var answer map[string]any
	if err := json.Unmarshal(rp.out.Bytes(), &answer); err != nil {
		rp.t.Fatalf("openid-client said %q", rp.out.Text())
	}
	return answer
}

func (rp *relyingParty) do(command string, more map[string]any) map[string]any {
	rp.t.Helper()
	body := map[string]any{"do": command}
	for k, v := range more {
		body[k] = v
	}
	if err := json.NewEncoder(rp.in).Encode(body); err != nil {
		rp.t.Fatal(err)
	}
	return rp.read()
}

// TestOpenIDClient walks the second and third journey with openid-client as the relying party: it checks issuer, state,
// nonce, PKCE, signatures, hashes, content types and error bodies far more strictly than any test of ours.
func TestOpenIDClient(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		s := serve(t, database)
		const email = "lars@nordlys.example"
		id := s.hire(email, "Lars", "Berg", nil)
		rp := startRelyingParty(t, s)

		got := newPerson(t).answer(s, func(p *person) {
			p.open(rp.auth).on("sign-in").press("continue", "email", email).on("password").press("forgot-password").on("mail-sent")
			p.setUp(s.mails(email, 2)[0].setupLink(t))
		})
		answer := rp.do("callback", map[string]any{"url": s.demo + "/callback?" + got.Encode()})
		claims, _ := answer["claims"].(map[string]any)
		if answer["error"] != nil || claims["sid"] == nil || claims["acr"] != "urn:portvakt:acr:password" {
			t.Fatalf("the callback: %v", answer)
		}
		answer = rp.do("userinfo", nil)
		if info, _ := answer["claims"].(map[string]any); info["email"] != email || info["org_slug"] != "nordlys" || info["name"] != "Lars Berg" {
			t.Errorf("userinfo: %v", answer)
		}
		answer = rp.do("introspect", nil)
		if state, _ := answer["answer"].(map[string]any); state["active"] != true {
			t.Errorf("introspection: %v", answer)
		}
		if answer = rp.do("refresh", nil); answer["error"] != nil {
			t.Errorf("refresh: %v", answer)
		}

		s.setActive(id, false)
		withinASecond(t, "refresh is refused", func() bool { return rp.do("refresh", nil)["error"] == "invalid_grant" })
		answer = rp.do("introspect", nil)
		if state, _ := answer["answer"].(map[string]any); state["active"] != false {
			t.Errorf("introspection after deactivation: %v", answer)
		}
		if answer = rp.do("userinfo", nil); answer["error"] == nil {
			t.Errorf("userinfo after deactivation: %v", answer)
		}
		if answer = rp.do("revoke", nil); answer["error"] != nil {
			t.Errorf("revoking what is dead already: %v", answer)
		}
	})
}
