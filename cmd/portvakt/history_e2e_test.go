//go:build e2e

package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// asked is a command beside a service that runs.
func asked(t *testing.T, database string, args ...string) outcome {
	t.Helper()
	return command(t, nil, append(args, "--database", database)...)
}

func opened(t *testing.T, database string) *sqldb.DB {
	t.Helper()
	db, err := sqldb.Open(context.Background(), sqldb.Config{URL: database, MaxConnections: 2, Vault: testenv.Vault()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

// sealed waits until nothing waits for its place in the chain.
func sealed(t *testing.T, db *sqldb.DB) {
	t.Helper()
	withinASecond(t, "all entries are in their chains", func() bool {
		var n int64
		if err := db.QueryRow(context.Background(), `select count(*) from audit_entries where position is null`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n == 0
	})
}

// TestR33_TheOperatorErasesAPerson who signed in, had a link, consents and sessions, beside the service that runs.
func TestR33_TheOperatorErasesAPerson(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		s := serve(t, database)
		db := opened(t, database)
		const email = "unikka.lund@nordlys.example"
		words := []string{"unikka.lund", "unikka", "unikring", "+4790000099"}
		s.hire(email, "Unikka", "Unikring", map[string]any{"phoneNumbers": []any{map[string]any{"value": "+4790000099"}}})
		p := newPerson(t)
		p.open(s.mails(email, 1)[0].setupLink(t)).press("continue", "new_password", "a long enough password", "new_password_again", "a long enough password")
		p.open(s.demo).press("sign-in")
		if p.page() == "sign-in" {
			p.signIn(email, "a long enough password")
		}
		p.on("demo-signed-in")
		sub := p.claim("sub")
		stranger := newPerson(t) // somebody began to sign in as the person and went away
		stranger.open(s.demo).press("sign-in").press("continue", "email", email)
		if found := testenv.Find(t, db, words...); len(found) < 8 {
			t.Fatalf("found too little: %v", found)
		}

		for _, c := range []struct {
			args []string
			code int
			says string
		}{
			{[]string{"--email", "nobody@nordlys.example"}, exitMistake, "no such user"},
			{[]string{"--email", "kari@nordlys.example"}, exitMistake, "last administrator"},
			{[]string{"--email", email, "--confirm"}, exitMistake, "no such erasure"},
			{[]string{"--email", email}, exitOK, "nothing has been erased"},
			{[]string{"--email", email, "--withdraw"}, exitOK, "withdrawn"},
			{[]string{"--email", email, "--confirm"}, exitMistake, "no such erasure"},
			{[]string{"--email", email}, exitOK, "nothing has been erased"},
			{[]string{"--email", email, "--confirm"}, exitOK, "is erased"},
			{[]string{"--email", email}, exitMistake, "no such user"},
		} {
			got := asked(t, database, append([]string{"operator", "erase"}, c.args...)...)
			if got.code != c.code || !strings.Contains(got.stdout+got.stderr, c.says) {
				t.Fatalf("%v: %+v, want %d and %q", c.args, got, c.code, c.says)
			}
		}
		if p.open(s.issuer + "/account"); p.page() != "sign-in" {
			t.Errorf("the erased person's browser shows %q", p.page())
		}
		eventually(t, "nothing is left of the person", func() bool { return len(testenv.Find(t, db, words...)) == 0 })
		for _, table := range []string{"passwords", "account_links", "consents", "interactions"} {
			var n int64
			if err := db.QueryRow(context.Background(), `select count(*) from `+table+` x join erasures e on e.user_id = x.user_id`).Scan(&n); err != nil || n > 0 {
				t.Errorf("%s keeps %d rows, %v", table, n, err)
			}
		}
		eventually(t, "the sessions are ended and say nothing", func() bool {
			var n int64
			err := db.QueryRow(context.Background(), `select count(*) from sessions s join erasures e on e.user_id = s.user_id
				where s.address <> '' or s.user_agent <> '' or s.ended_at is null`).Scan(&n)
			return err == nil && n == 0
		})
		got := asked(t, database, "audit", "list", "--dev", "--person", sub, "--json")
		if got.code != exitOK || !strings.Contains(got.stdout, `"action":"session.started"`) || strings.Contains(got.stdout, "127.0.0.1") {
			t.Errorf("what is left in the history: %+v", got)
		}
		sealed(t, db)
		if got := asked(t, database, "doctor", "--dev"); got.code != exitOK {
			t.Errorf("doctor after an erasure: %+v", got)
		}
	})
}

// TestR47_HistoryFromOutside: an HR system changes somebody; the history tells what; doctor tells of tampering.
func TestR47_HistoryFromOutside(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		s := serve(t, database)
		db := opened(t, database)
		id := s.hire("ny@nordlys.example", "Ny", "Mann", nil)
		status, out, _ := s.call(http.MethodPatch, s.users()+"/"+id, hrToken, map[string]any{
			"schemas":    []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"},
			"Operations": []any{map[string]any{"op": "replace", "path": "name.familyName", "value": "Nymann"}, map[string]any{"op": "replace", "path": "active", "value": false}},
		})
		if status != http.StatusOK {
			t.Fatalf("%d: %v", status, out)
		}
		sealed(t, db)
		got := asked(t, database, "audit", "list", "--dev", "--organization", "nordlys", "--object", id)
		if got.code != exitOK || !strings.Contains(got.stdout, `family_name: "Mann" → "Nymann"`) || !strings.Contains(got.stdout, "suspended_at") ||
			!strings.Contains(got.stdout, `by provisioning_client "HR" pvc_`) || !strings.Contains(got.stdout, "from 127.0.0.1") {
			t.Errorf("the history says %+v", got)
		}
		if got := asked(t, database, "audit", "list", "--dev", "--organization", "bjorkvik", "--object", id); got.code != exitOK || got.stdout != "" {
			t.Errorf("the neighbour's history says %+v", got)
		}
		if got := asked(t, database, "audit", "list", "--dev", "--organization", "nowhere"); got.code != exitMistake {
			t.Errorf("an organization that is not there: %+v", got)
		}
		exported := asked(t, database, "audit", "export", "--dev", "--organization", "nordlys", "--from", time.Now().Add(-time.Hour).UTC().Format(time.RFC3339))
		lines := strings.Split(strings.TrimSpace(exported.stdout), "\n")
		var last struct {
			Position int64
			Link     string
		}
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || exported.code != exitOK || last.Position != int64(len(lines)) || len(last.Link) != 64 {
			t.Errorf("the export ends with %s, %v", lines[len(lines)-1], err)
		}

		well := asked(t, database, "doctor", "--dev")
		if well.code != exitOK || strings.Contains(well.stdout, broken) {
			t.Errorf("a healthy installation: %+v", well)
		}
		var head string
		eventually(t, "a head is signed", func() bool {
			return db.QueryRow(context.Background(), `select signature from audit_heads limit 1`).Scan(&head) == nil
		})
		kept := filepath.Join(t.TempDir(), "heads")
		if err := os.WriteFile(kept, []byte(head+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := asked(t, database, "doctor", "--dev", "--heads", kept); got.code != exitOK {
			t.Errorf("with a head that was kept outside: %+v", got)
		}
		if _, err := db.Exec(context.Background(), `update audit_entries set actor_id = 'usr_nobody' where object = $1 and action = 'membership.created'`, id); err != nil {
			t.Fatal(err)
		}
		if ill := asked(t, database, "doctor", "--dev"); ill.code != exitFailure || !strings.Contains(ill.stdout, "was changed") {
			t.Errorf("after tampering: %+v", ill)
		}
	})
}
