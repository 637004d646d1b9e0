package account_test

import (
	"encoding/json"
	"html"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"portvakt/internal/audit"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

func TestR46_HistoryIsOnesOwn(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.kari()
		h.nora()
		h.signedIn("nora@frei.example")
		b := h.signedIn("kari@nordlys.example")
		for range 30 {
			h.update(func(tx *sqldb.Tx) error {
				return audit.Append(ctx, tx, m.Organization, audit.Entry{Action: "unheard.of", Object: "x", Person: m.User.String()})
			})
			h.clock.Advance(time.Second)
		}
		b.get("/account/history?ui_locales=en").want("account-history", 200)
		if strings.Count(b.body, "<li>\n<div><b>") != 25 || !contains(b.body, "unheard.of") {
			t.Errorf("page:\n%s", b.body)
		}
		seen := b.body
		for pages := 0; strings.Contains(b.body, `id="older"`); pages++ {
			next := regexp.MustCompile(`id="older" href="([^"]+)"`).FindStringSubmatch(b.body)[1]
			b.get(html.UnescapeString(next)).want("account-history", 200)
			seen += b.body
			if pages > 5 {
				t.Fatal("no end")
			}
		}
		for what, n := range map[string]int{"You signed in": 1, "Nordlys AS": -1} {
			if got := strings.Count(seen, what); got == 0 || n > 0 && got != n {
				t.Errorf("%q stands %d times", what, got)
			}
		}
		if n := int64(strings.Count(seen, "<li>\n<div><b>")); n != h.count("select count(*) from audit_entries where person = $1", m.User.String()) {
			t.Errorf("%d entries", n)
		}
		if contains(seen, "nora") || contains(seen, "Tallsmia") {
			t.Error("somebody else's history")
		}
		b.get("/account/history?after=nonsense").want("account-history", 200)
	})
}

// TestTheFirstPasswordSignsNobodyOut: somebody new reads of no sessions that ended, and somebody with another password does.
func TestTheFirstPasswordSignsNobodyOut(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.member("nordlys", "lars@nordlys.example", hired)
		h.initial(h.member("nordlys", "inga@nordlys.example").User)
		b := h.browser().get(h.link("lars@nordlys.example")).choose(newPassword).want("account", 200)
		i := h.browser().get("/account").signIn("inga@nordlys.example", password).want("new-password", 200).choose(newPassword).want("account", 200)
		for name, b := range map[string]*browser{"by link": b, "after an initial password": i} {
			b.get("/account/history?ui_locales=en").want("account-history", 200)
			if contains(b.body, "signed out everywhere") || !contains(b.body, "You set up how you sign in") || !contains(b.body, "A new password was chosen") {
				t.Errorf("%s:\n%s", name, b.body)
			}
		}
		h.clock.Advance(time.Minute)
		b = h.browser().forgot("lars@nordlys.example").get(h.link("lars@nordlys.example")).choose(password).want("account", 200)
		if b.get("/account/history?ui_locales=en"); !contains(b.body, "You were signed out everywhere") {
			t.Errorf("after a reset:\n%s", b.body)
		}
	})
}

func TestR46_Export(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.member("nordlys", "kari@nordlys.example", func(n *directory.NewMember) {
			n.Details = directory.Details{GivenName: "Kari", FamilyName: "Nordmann"}
			n.ExternalID = "hr-4711"
		})
		h.setPassword(m.User)
		h.nora()
		h.clock.Advance(time.Minute)
		b := h.signedIn("kari@nordlys.example")
		b.get("/account/data").want("account-data", 200).submit("action", "export")
		if b.status != 200 || b.header.Get("Content-Type") != "application/json" || !strings.HasPrefix(b.header.Get("Content-Disposition"), "attachment") ||
			b.header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %v", b.status, b.header)
		}
		var got struct {
			Account     struct{ ID, Email string }
			SignIn      struct{ Password bool } `json:"sign_in"`
			Memberships []struct {
				Organization string
				ExternalID   string `json:"external_id"`
				Details      directory.Details
			}
			Sessions []struct{ Browser string }
			History  []struct{ Action, By string }
		}
		if err := json.Unmarshal([]byte(b.body), &got); err != nil {
			t.Fatal(err)
		}
		if got.Account.ID != m.User.String() || !got.SignIn.Password || len(got.Memberships) != 1 || got.Memberships[0].ExternalID != "hr-4711" ||
			got.Memberships[0].Details.GivenName != "Kari" || len(got.Sessions) != 1 || len(got.History) < 3 || got.History[0].By != "you" {
			t.Errorf("%+v", got)
		}
		if contains(b.body, "$argon2") || contains(b.body, "nora") {
			t.Error("a secret, or somebody else")
		}
		if newest := h.mails()[0]; newest.To != "kari@nordlys.example" || !contains(newest.Subject, "downloaded") {
			t.Errorf("the newest mail is %q", newest.Subject)
		}
	})
}

func TestR46_ErasureIsAskedFor(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.kari()
		boss := h.member("nordlys", "boss@nordlys.example", func(n *directory.NewMember) { n.Administrator = true })
		h.setPassword(boss.User)
		h.setTOTP(boss.User)
		runner := h.nora()
		if err := h.dir.Users.SetOperator(ctx, runner.User, directory.IsOperator); err != nil {
			t.Fatal(err)
		}
		b := h.signedIn("kari@nordlys.example")
		b.get("/account/data").want("account-data", 200)
		if !contains(b.body, `id="erase"`) {
			t.Errorf("page:\n%s", b.body)
		}
		b.get("/account/erasure").want("account-erasure", 200).submit().want("account-erasure", 200) // no button pressed
		b.submit("action", "request-erasure").want("account-data", 200)
		if !contains(b.body, `id="erasure-waits"`) || !contains(b.body, `id="withdraw-erasure"`) {
			t.Errorf("page:\n%s", b.body)
		}
		b.get("/account/erasure").submit("action", "request-erasure") // once more: nobody is told again
		told := map[string]int{}
		for _, mail := range h.mails() {
			told[mail.To]++
			if mail.To == "nora@frei.example" && (!contains(mail.Text, m.User.String()) || contains(mail.Text, "kari")) {
				t.Errorf("the operator is told:\n%s", mail.Text)
			}
		}
		if told["kari@nordlys.example"] != 1 || told["nora@frei.example"] != 1 || h.count("select count(*) from events where kind = 'membership.erasure_requested'") != 1 {
			t.Errorf("told %v", told)
		}
		b.get("/account/data").submit("action", "withdraw-erasure").want("account-data", 200)
		if _, err := h.dir.Users.WaitingErasure(ctx, m.User); !fault.Is(err, fault.NotFound) {
			t.Errorf("it still waits: %v", err)
		}
		if _, err := h.dir.Users.RequestErasure(ctx, m.User); err != nil { // the operator's
			t.Fatal(err)
		}
		if b.get("/account/data").want("account-data", 200); contains(b.body, `id="withdraw-erasure"`) {
			t.Error("the operator's request can be taken back")
		}
		b.submit("action", "withdraw-erasure")
		if _, err := h.dir.Users.WaitingErasure(ctx, m.User); err != nil {
			t.Errorf("it was taken back: %v", err)
		}
		last := h.browser().get("/account").signIn("boss@nordlys.example", password).submit("code", h.code(0)).want("account", 200)
		last.get("/account/erasure").submit("action", "request-erasure").want("account-erasure", 409)
		if !contains(last.body, "last administrator of Nordlys AS") {
			t.Errorf("page:\n%s", last.body)
		}
	})
}

func TestLeaving(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.kari()
		away := h.member("tallsmia", "kari@nordlys.example", func(n *directory.NewMember) {
			n.Kind, n.End = directory.External, h.clock.Now().Add(24*time.Hour)
		})
		h.member("tallsmia", "boss@tallsmia.example", func(n *directory.NewMember) { n.Administrator = true })
		stranger := h.nora()
		b := h.signedIn("kari@nordlys.example")
		path := "/account/leave?membership=" + away.ID.String()
		if !contains(b.body, path) || contains(b.body, m.ID.String()) {
			t.Errorf("links:\n%s", b.body)
		}
		b.get("/account/leave?membership="+stranger.ID.String()).want("account", 200)
		form := b.fields()
		for id, want := range map[string]string{stranger.ID.String(): "account", m.ID.String(): "account-leave", "x": "account"} {
			form.Set("membership", id)
			form.Set("action", "leave")
			b.post("/account/leave", form)
			if b.page != want {
				t.Errorf("leaving %s: %s", id, b.page)
			}
		}
		for _, x := range []directory.Member{m, stranger} {
			if st := must(h.dir.Memberships.Standing(ctx, x.ID))(t); !st.ActiveAt(h.clock.Now()) {
				t.Errorf("%s has ended", x.Email)
			}
		}
		h.change(away, func(m *directory.Member) { m.Functions = []directory.Function{directory.MainRecipient} })
		b.get(path).want("account-leave", 200).submit("action", "leave").want("account-leave", 409)
		h.change(away, func(m *directory.Member) { m.Functions = nil })
		b.get(path).want("account-leave", 200)
		b.get(path).submit("action", "leave").want("account", 200)
		if st := must(h.dir.Memberships.Standing(ctx, away.ID))(t); st.ActiveAt(h.clock.Now()) {
			t.Error("still a member")
		}
		b.get(path).want("account", 200)
	})
}

func (h *house) change(m directory.Member, edit func(*directory.Member)) {
	h.t.Helper()
	must(h.dir.Memberships.Change(ctx, m.Organization, m.ID, 0, func(m *directory.Member) error { edit(m); return nil }))(h.t)
}

// TestTheLastAdministratorStays, not by two who leave at the same moment either.
func TestTheLastAdministratorStays(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		var all []directory.Member
		for _, email := range []string{"a@frei.example", "b@frei.example"} {
			all = append(all, h.member("tallsmia", email, func(n *directory.NewMember) { n.Administrator = true }))
		}
		var wg sync.WaitGroup
		for i := range 30 {
			wg.Go(func() { _ = h.dir.Memberships.Leave(ctx, all[i%2].User, all[i%2].ID) })
		}
		wg.Wait()
		left := 0
		for _, m := range all {
			if st := must(h.dir.Memberships.Standing(ctx, m.ID))(t); st.ActiveAt(h.clock.Now()) {
				left++
			} else if err := h.dir.Memberships.Leave(ctx, m.User, m.ID); !fault.Is(err, fault.NotFound) {
				t.Errorf("leaving again: %v", err)
			}
		}
		if left != 1 {
			t.Errorf("%d administrators are left", left)
		}
	})
}

func TestR46_OwnName(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.nora()
		b := h.signedIn("nora@frei.example")
		b.get("/account/preferences").want("preferences", 200).submit("given_name", " Nora ", "family_name", "Lund", "language", "nb").want("account", 200)
		if d := must(h.dir.Users.ByID(ctx, m.User))(t).Details; d.GivenName != "Nora" || d.FamilyName != "Lund" || d.Preferences().Language != "nb" || !contains(b.body, "Nora Lund") {
			t.Errorf("%+v\n%s", d, b.body)
		}
		b.get("/account/preferences").submit("given_name", "No\u202era", "family_name", "Lund").want("preferences", 422)
	})
}

func TestErasureForgetsAddresses(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.nora()
		b := h.signedIn("nora@frei.example")
		b.get("/account/email").submit("email", "nora.ny@frei.example")
		e := must(h.dir.Users.RequestErasure(ctx, m.User))(t)
		must(h.dir.Users.ConfirmErasure(ctx, e.ID))(t)
		h.mails()
		if n := h.count("select count(*) from email_changes"); n != 0 {
			t.Errorf("%d changes are kept", n)
		}
	})
}
