package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	idpweb "portvakt/idp/web"
	"portvakt/internal/web"
)

func (s words) ceremony() *idpweb.Ceremony {
	return &idpweb.Ceremony{Purpose: "passkey", Options: "/sign-in/webauthn/options", Suggest: true, Party: "id.example", Unknown: s.id}
}

// attested is the ceremony of somebody who can add only keys that their maker vouches for.
func (s words) attested() *idpweb.Ceremony {
	c := s.ceremony()
	c.Purpose, c.Suggest, c.Attested = "register", false, true
	return c
}

func keysSamples(p *idpweb.Pages, s words) map[string]show {
	keys := []idpweb.Key{
		{ID: s.id, Name: s.role, Passkey: true, Synced: true, Made: day(2026, 3, 1), Used: time.Date(2026, 8, 20, 9, 41, 0, 0, time.UTC)},
		{ID: s.id, Made: day(2026, 3, 2)},
		{ID: s.id, Passkey: true, Made: day(2026, 3, 3)},
	}
	return map[string]show{
		"keys": func(w http.ResponseWriter, r *http.Request) {
			f := s.frame()
			f.Notice = idpweb.NoticeKeyAdded
			p.Keys(w, r, idpweb.KeysView{Frame: f, Keys: keys, Passkey: s.ceremony(), Accepted: `{"rpId":"` + s.id, NewName: s.role, Back: "/account"})
		},
		"keys-problem": func(w http.ResponseWriter, r *http.Request) {
			f := s.frame()
			f.Notice, f.Status = idpweb.NoticeKeyRegistered, http.StatusConflict
			p.Keys(w, r, idpweb.KeysView{Frame: f, Passkey: s.attested(), Problem: idpweb.ProblemKeyName, Back: "/account"})
		},
	}
}

// TestPasskeysNeedTheScript: without it nothing of them shows, and the pages are what they were.
func TestPasskeysNeedTheScript(t *testing.T) {
	t.Parallel()
	_, pages := mustPages(t)
	all := samples(pages, ordinary)
	for _, name := range []string{"sign-in", "password", "new-password", "second-factor", "enrol-factor", "keys"} {
		w := get(all[name], web.English)
		if body := w.Body.String(); !strings.Contains(body, `id="passkey-form" hidden data-options="/sign-in/webauthn/options"`) {
			t.Errorf("%s:\n%s", name, body)
		}
		if policy := w.Header().Get("Content-Security-Policy"); !strings.HasSuffix(policy, "; script-src 'self'; connect-src 'self'") {
			t.Errorf("%s: %s", name, policy)
		}
	}
}
