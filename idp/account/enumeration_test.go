package account_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// statements are what a database was asked, in order.
type statements struct {
	mu  sync.Mutex
	ran []string
}

func (s *statements) add(text string) {
	if text == "select name, version from watermarks" { // asked once a second by the caches, whoever is there
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ran = append(s.ran, text)
}

// taken are the statements since the last time.
func (s *statements) taken() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.ran
	s.ran = nil
	return out
}

// strangers makes one person of every kind that a stranger may ask after. The addresses have one length, so that the sizes of
// answers can be compared.
func (h *house) strangers() (groups map[string]string) {
	h.t.Helper()
	groups = map[string]string{"unknown": "aaaaaa@nordlys.example", "unknown elsewhere": "aaaaaa@nowhere.example"}
	made := func(name, organization string, edit ...func(*directory.NewMember)) directory.Member {
		h.t.Helper()
		email := fmt.Sprintf("nr%04d@nordlys.example", len(groups))
		groups[name] = email
		return h.member(organization, email, edit...)
	}
	h.setPassword(made("active", "nordlys").User)
	made("no password", "nordlys")
	made("hired, no password", "nordlys", hired)
	made("invited", "tallsmia", hired)
	disabled := made("disabled", "nordlys")
	h.setPassword(disabled.User)
	if _, err := h.dir.Users.SetState(ctx, disabled.User, directory.UserDisabled); err != nil {
		h.t.Fatal(err)
	}
	ended := made("ended", "nordlys")
	h.setPassword(ended.User)
	if err := h.dir.Memberships.End(ctx, ended.Organization, ended.ID, directory.Ending{Choice: directory.EndPending}); err != nil {
		h.t.Fatal(err)
	}
	suspended := made("suspended", "nordlys")
	h.setPassword(suspended.User)
	if _, err := h.dir.Memberships.Change(ctx, suspended.Organization, suspended.ID, 0, func(m *directory.Member) error { m.SuspendedAt = h.clock.Now(); return nil }); err != nil {
		h.t.Fatal(err)
	}
	contact := made("contact", "nordlys", func(n *directory.NewMember) { n.Kind, n.UserName = directory.ContactOnly, n.Email })
	if !contact.User.IsZero() {
		h.t.Fatal("a contact has an account")
	}
	factor := made("one-time codes", "nordlys")
	h.setPassword(factor.User)
	h.setTOTP(factor.User)
	passkey := made("passkey and password", "nordlys")
	h.setPassword(passkey.User)
	h.registered(passkey.User, true)
	h.registered(made("passkey alone", "nordlys").User, true)
	key := made("security key", "nordlys")
	h.setPassword(key.User)
	h.registered(key.User, false)
	h.permit(h.org("tallsmia"))
	h.setPassword(made("mailed codes", "tallsmia").User)
	h.bring(made("imported password", "nordlys").User)
	h.initial(made("initial password", "nordlys").User)
	return groups
}

// step is all that one request of a stranger shows and costs.
type step struct {
	name       string
	answer     string
	statements []string
	hashes     int64
	events     string
	mails      int64
}

// asks walks as far as anybody comes without a proof, and tells what each step has shown and cost.
func (h *house) asks(email string, ran *statements) (steps []step) {
	h.t.Helper()
	b := h.browser()
	var hashes, mails int64
	events := map[string]int64{}
	happened := func() string {
		rows := must(h.db.Query(ctx, "select kind, count(*) from events group by kind order by kind"))(h.t)
		defer rows.Close()
		var new []string
		for rows.Next() {
			var kind string
			var n int64
			if err := rows.Scan(&kind, &n); err != nil {
				h.t.Fatal(err)
			}
			if n != events[kind] {
				new = append(new, fmt.Sprint(kind, " ", n-events[kind]))
			}
			events[kind] = n
		}
		return strings.Join(new, ", ")
	}
	sent := func() int64 { return h.count("select count(*) from captured_mail") }
	take := func(name string, do func()) {
		happened()
		hashes, mails = h.passwords.Computed(), sent()
		ran.taken()
		do()
		s := step{name: name, statements: ran.taken(), hashes: h.passwords.Computed() - hashes, answer: b.shown(email)}
		s.events, s.mails = happened(), sent()-mails
		steps = append(steps, s)
	}
	take("login_hint", func() { h.needs.LoginHint = email; b.get("/start"); h.needs.LoginHint = "" })
	take("start", func() { b.get("/start").want("sign-in", 200) })
	take("e-mail", func() { b.submit("email", email).want("password", 200) })
	form, options, purpose := b.ceremony()
	take("challenge", func() {
		if status, _ := b.ask(options, asked(form, purpose)); status != http.StatusOK {
			h.t.Errorf("%s: %d", options, status)
		}
	})
	take("challenge for a second factor", func() { b.ask(options, asked(form, "second_factor")) })
	take("the page again", func() { b.get(b.at).want("password", 200) })
	for range 2 {
		take("wrong password", func() { b.submit("password", "certainly not this one").want("password", 403) })
	}
	at := b.at
	take("forgot", func() { b.submit("action", "forgot").want("mail-sent", 200) })
	take("forgot again", func() { b.submit("action", "resend").want("mail-sent", 200) })
	for _, page := range []string{"second-factor", "enrol-factor", "recovery-codes", "new-password", "organization", "invitation", "consent"} {
		take("out of turn: "+page, func() { b.get(strings.Replace(at, "/password", "/"+page, 1)) })
	}
	for _, page := range []string{"enrol-factor", "second-factor"} {
		b.get(at).want("password", 200)
		take("a code by mail, out of turn: "+page, func() {
			form := b.fields()
			form.Set("action", "mail-code")
			b.post(strings.Replace(at, "/password", "/"+page, 1), form).want("password", 200)
		})
	}
	b.get(at)
	for range 8 {
		take("many wrong passwords", func() { b.submit("password", "certainly not this one") })
	}
	return steps
}

// shown is the answer with what names the person, or is random, taken out.
func (b *browser) shown(email string) string {
	header := b.header.Clone()
	header.Del("Date")
	var cookies []string
	for _, c := range (&http.Response{Header: header}).Cookies() {
		c.Value = strings.Repeat("x", len(c.Value))
		cookies = append(cookies, c.String())
	}
	header.Del("Set-Cookie")
	header.Del("Content-Length") // of the body, which is compared
	var lines strings.Builder
	_ = header.Write(&lines)
	return fmt.Sprint(b.status, " ", b.page, "\n", lines.String(), cookies, "\n", same(strings.ReplaceAll(b.body, email, "EMAIL")))
}

// TestWall086_StrangersLearnAndCostTheSame: whoever has proved nothing is shown the same page with the same headers and cookies,
// and has the service run the same statements, compute as many hashes and store as many events and mails, whoever they ask
// after.
func TestWall086_StrangersLearnAndCostTheSame(t *testing.T) {
	t.Parallel()
	for name, url := range testenv.URLs(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock, ran := testenv.NewClock(), &statements{}
			db := testenv.Open(t, sqldb.Config{URL: url(t), Clock: clock.Now, Relaxed: true, MaxConnections: 8, Trace: ran.add})
			h := newHouse(t, db, clock)
			groups := h.strangers()
			h.mails() // those of the hiring
			h.asks("warmup@nordlys.example", ran)
			want := h.asks(groups["unknown"], ran)
			for group, email := range groups {
				if group != "unknown" {
					h.compare(group, h.asks(email, ran), want)
				}
			}
			h.whoGetsMail(groups)
		})
	}
}

func (h *house) compare(group string, got, want []step) {
	h.t.Helper()
	for i, w := range want {
		g := got[i]
		if g.answer != w.answer {
			h.t.Errorf("%s, %s: the answer is\n%s\nof unknown\n%s", group, w.name, g.answer, w.answer)
		}
		if !slices.Equal(g.statements, w.statements) {
			h.t.Errorf("%s, %s: %d statements, %d of unknown:\n%s\n----\n%s", group, w.name, len(g.statements), len(w.statements), strings.Join(g.statements, "\n"), strings.Join(w.statements, "\n"))
		}
		if g.hashes != w.hashes || g.events != w.events || g.mails != w.mails || g.mails != 0 {
			h.t.Errorf("%s, %s: %d hashes, events %q, %d mails; of unknown %d, %q, %d", group, w.name, g.hashes, g.events, g.mails, w.hashes, w.events, w.mails)
		}
	}
	passwords := 0
	for _, w := range want {
		if w.name == "wrong password" && w.hashes > 0 {
			passwords++
		}
	}
	if passwords != 2 {
		h.t.Errorf("%d of 2 wrong passwords were hashed at all", passwords)
	}
}

// whoGetsMail: what was asked for reaches those alone who may come in, and only their mailbox tells.
func (h *house) whoGetsMail(groups map[string]string) {
	h.t.Helper()
	before := map[string]int{}
	for _, m := range must(h.captured.List(ctx, 1000))(h.t) {
		before[m.To]++
	}
	after := map[string]int{}
	for _, m := range h.mails() {
		after[m.To]++
	}
	for group, email := range groups {
		gets := !slices.Contains([]string{"unknown", "unknown elsewhere", "disabled", "ended", "suspended", "contact"}, group)
		if got := after[email] > before[email]; got != gets {
			h.t.Errorf("%s gets a mail: %v", group, got)
		}
	}
}
