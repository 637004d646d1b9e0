package account_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"portvakt/idp/credential"
	"portvakt/idp/interaction"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

var mailedDigits = regexp.MustCompile(`(?m)^(\d{4} \d{4})$`)

// mailedCode is the code in the newest mail to kari.
func (h *house) mailedCode() string {
	h.t.Helper()
	for _, m := range h.mails() {
		if found := mailedDigits.FindStringSubmatch(m.Text); found != nil && m.To == "kari@nordlys.example" {
			if strings.Contains(m.Subject, found[1]) || len(m.Links) != 0 {
				h.t.Errorf("a mail %q with links %v", m.Subject, m.Links)
			}
			return found[1]
		}
	}
	h.t.Fatal("no mail with a code")
	return ""
}

// permit has an organization demand a second factor and take a mailed code for one.
func (h *house) permit(organization directory.OrganizationID) {
	h.t.Helper()
	h.demand(organization, 0)
	must(h.dir.Organizations.Change(ctx, organization, func(o *directory.Organization) error { o.MailCodes = true; return nil }))(h.t)
}

// permitted is a browser in which kari has shown the password and chosen a code by mail.
func (h *house) permitted() *browser {
	h.t.Helper()
	b := h.browser()
	b.get("/start").signIn("kari@nordlys.example", password)
	if b.page == "enrol-factor" {
		if !contains(b.body, `id="use-mail-code"`) {
			h.t.Fatalf("no choice:\n%s", b.body)
		}
		b.submit("action", "mail-code")
	}
	if b.want("second-factor", 200); !contains(b.body, `id="resend"`) || contains(b.body, "trust_device") {
		h.t.Fatalf("not asked for a mailed code:\n%s", b.body)
	}
	return b
}

func TestSignInWithAMailedCode(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.kari()
		h.permit(m.Organization)
		b := h.permitted()
		if h.count("select count(*) from sessions") != 0 {
			t.Fatal("a session before the code")
		}
		code := h.mailedCode()
		digits := strings.ReplaceAll(code, " ", "")
		for _, where := range []string{"events where data", "interactions where state", "audit_entries where cast(detail as text)"} {
			if n := h.count("select count(*) from "+where+" like $1", "%"+digits+"%"); n != 0 {
				t.Errorf("the code stands in %s", where)
			}
		}
		b.submit("code", "").want("second-factor", 422)
		b.submit("code", "0000 0000").want("second-factor", 403)
		if !contains(b.body, "newest e-mail") {
			t.Errorf("no help:\n%s", b.body)
		}
		b.submit("code", code, "trust_device", "yes").want("callback", 303)
		if b.outer.Get("acr") != credential.ACRMailCode || b.outer.Get("amr") != "pwd otp" {
			t.Errorf("outcome %v", b.outer)
		}
		if h.count("select count(*) from trusted_devices") != 0 {
			t.Error("a mailed code makes a browser trusted")
		}
		b.get("/start").want("callback", 303)

		// From now on it is mailed without a question; the newest counts, in the sign-in that asked for it.
		other := h.permitted()
		h.clock.Advance(time.Second)
		another := h.permitted()
		newest := h.mailedCode()
		h.clock.Advance(time.Second)
		other.submit("code", newest).want("second-factor", 403)
		other.submit("action", "mail-code").want("second-factor", 200)
		if !contains(other.body, "sent a new code") {
			t.Errorf("nothing is said:\n%s", other.body)
		}
		resent := h.mailedCode()
		another.submit("code", newest).want("second-factor", 403)
		other.submit("code", code).want("second-factor", 403)
		other.submit("code", resent).want("callback", 303)
	})
}

// TestMailCodesStrictestWins: who is to have a better factor sets one up, whatever others permit.
func TestMailCodesStrictestWins(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.kari()
		set := func(slug string, demands directory.SecondFactor, permits bool) {
			must(h.dir.Organizations.Change(ctx, h.org(slug), func(o *directory.Organization) error {
				o.SecondFactor, o.MailCodes = demands, permits
				return nil
			}))(t)
		}
		asked := func(what string, mail bool) {
			t.Helper()
			h.needs.Organization = "nordlys"
			b := h.browser()
			b.get("/start").signIn("kari@nordlys.example", password).want("enrol-factor", 200)
			if offered := contains(b.body, `id="use-mail-code"`); offered != mail {
				t.Errorf("%s: offered %v", what, offered)
			}
			if !mail {
				b.submit("action", "mail-code").want("enrol-factor", 422)
			}
		}
		const optional, required = directory.SecondFactorOptional, directory.SecondFactorRequired
		set("nordlys", required, false)
		asked("nobody permits", false)
		set("nordlys", required, true)
		asked("permitted", true)
		h.member("tallsmia", "kari@nordlys.example")
		asked("another one demands nothing", true)
		set("tallsmia", required, true)
		asked("both permit", true)
		set("tallsmia", required, false)
		asked("another one demands better", false)
		set("nordlys", required, false)
		set("tallsmia", optional, true)
		asked("only who demands nothing permits", false)
		set("nordlys", required, true)
		h.needs.ACREssential = []string{"mfa"}
		asked("the request wants two factors", false)
		h.needs.ACREssential = []string{credential.ACRMailCode}
		asked("the request is content with it", true)
		h.needs.ACREssential = nil
		h.appDemands(required)
		asked("the application demands a factor", false)
		h.appDemands(optional)
		asked("and does so no more", true)
		h.organization(directory.Organization{Slug: "bjorkvik", Name: "Björkvik AB"})
		admin := h.member("bjorkvik", "kari@nordlys.example", administrator)
		h.member("bjorkvik", "ola@nordlys.example", administrator)
		asked("administrator of another one", false)
		if err := h.dir.Memberships.End(ctx, admin.Organization, admin.ID, directory.Ending{Choice: directory.EndPending}); err != nil {
			t.Fatal(err)
		}
		asked("administrator no more", true)
		h.makeOperator(m.User)
		asked("operator", false)
		if n := h.count("select count(*) from events where kind = 'account.code_requested'"); n != 0 {
			t.Errorf("%d codes were mailed all the same", n)
		}
	})
}

func (h *house) makeOperator(user directory.UserID) {
	h.t.Helper()
	if err := h.dir.Users.SetOperator(ctx, user, directory.IsOperator); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) appDemands(f directory.SecondFactor) {
	h.t.Helper()
	h.app.Metadata.SecondFactor = f
	h.app = must(h.dir.Applications.Save(ctx, h.app))(h.t)
}

// TestMailedCodeGivesWay: to a factor that is set up meanwhile, to an organization that changes its mind, to the person's wish.
func TestMailedCodeGivesWay(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.kari()
		h.permit(m.Organization)
		b := h.permitted()
		code := h.mailedCode()
		b.submit("action", "enrol").want("enrol-factor", 200)
		b.submit("action", "mail-code").want("second-factor", 200)
		if n := h.count("select count(*) from events where kind = 'account.code_requested'"); n != 1 {
			t.Errorf("%d codes for going there and back", n)
		}
		b.get(strings.Replace(b.at, "/second-factor", "", 1)).submit("email", "kari@nordlys.example").submit("password", password).want("second-factor", 200)
		if n := h.count("select count(*) from events where kind = 'account.code_requested'"); n != 2 {
			t.Errorf("%d codes after beginning anew", n)
		}
		h.setTOTP(m.User)
		b.submit("code", code).want("second-factor", 403) // it asks for the app now
		if b.get(b.at); contains(b.body, `id="resend"`) || !contains(b.body, "authenticator app") {
			t.Errorf("still a mailed code:\n%s", b.body)
		}
		b.submit("action", "mail-code").want("second-factor", 422)
		b.submit("code", h.code(0)).want("callback", 303)

		h.update(func(tx *sqldb.Tx) error { return h.credentials.RemoveTOTP(ctx, tx, m.User) })
		b = h.permitted()
		code = h.mailedCode()
		h.demand(m.Organization, 0)
		must(h.dir.Organizations.Change(ctx, m.Organization, func(o *directory.Organization) error { o.MailCodes = false; return nil }))(t)
		b.submit("code", code).want("enrol-factor", 200)
		if h.count("select count(*) from sessions where ended_at is null and acr = $1", credential.ACRMailCode) != 0 {
			t.Error("a session by a code that counts no more")
		}
	})
}

// TestMailedCodesHaveAQuota: of their own, so that nobody who knows the address alone can use it up.
func TestMailedCodesHaveAQuota(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.kari()
		h.permit(m.Organization)
		for range 6 { // links, asked for by anybody
			h.browser().forgot("kari@nordlys.example")
		}
		b := h.permitted()
		for range 5 {
			b.submit("action", "mail-code").want("second-factor", 200)
		}
		b.submit("action", "mail-code").want("second-factor", 429)
		if b.header.Get("Retry-After") == "" {
			t.Errorf("headers %v", b.header)
		}
		codes := 0
		for _, mail := range h.mails() {
			if mailedDigits.MatchString(mail.Text) {
				codes++
			}
		}
		if codes != 6 {
			t.Errorf("%d codes mailed", codes)
		}
		c := h.browser()
		c.get("/start").signIn("kari@nordlys.example", password).want("second-factor", 200)
		if contains(c.body, `name="code"`) || !contains(c.body, `id="use-mail-code"`) {
			t.Errorf("it says that one was mailed:\n%s", c.body)
		}
		h.clock.Advance(time.Hour)
		h.permitted().submit("code", h.mailedCode()).want("callback", 303)
	})
}

// TestWall080_AMailedCodeSetsNoPassword: where a factor is enrolled, the mailbox alone sets no password.
func TestWall080_AMailedCodeSetsNoPassword(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.kari()
		h.permit(m.Organization)
		waiting := h.permitted()
		code := h.mailedCode()
		h.setTOTP(m.User)
		h.browser().forgot("kari@nordlys.example")
		b := h.browser().get(h.link("kari@nordlys.example")).want("new-password", 200)
		b.submit("new_password", newPassword, "new_password_again", newPassword, "code", code).want("new-password", 403)
		b.submit("new_password", newPassword, "new_password_again", newPassword, "code", strings.ReplaceAll(code, " ", "")).want("new-password", 403)
		waiting.submit("code", code).want("second-factor", 403)
		if h.count("select count(*) from sessions") != 0 {
			t.Error("signed in by the mailbox")
		}
	})
}

// TestSessionsWithAMailedCode: they are worth their class and no more.
func TestSessionsWithAMailedCode(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.kari()
		h.permit(m.Organization)
		b := h.permitted()
		b.submit("code", h.mailedCode()).want("callback", 303)
		better := func() { // what was set up before protects what is set up now
			t.Helper()
			b.get("/start").want("second-factor", 200)
			h.clock.Advance(time.Second)
			b.submit("action", "mail-code").submit("code", h.mailedCode()).want("enrol-factor", 200)
		}
		h.needs.ACREssential = []string{"urn:portvakt:acr:mfa"}
		better()
		if h.tried.Code != "login_required" || contains(b.body, `id="use-mail-code"`) {
			t.Errorf("essential mfa: %v", h.tried)
		}
		h.needs = interaction.Needs{}
		h.member("tallsmia", "kari@nordlys.example", administrator)
		h.needs = needing("tallsmia")
		better() // an administrator's place wants a better one
		h.needs = needing("nordlys")
		b.get("/start").want("callback", 303) // the other goes on
		must(h.dir.Organizations.Change(ctx, m.Organization, func(o *directory.Organization) error { o.MailCodes = false; return nil }))(t)
		better() // until its organization changes its mind
	})
}

// TestWall092_ThePasswordLeadsAroundNoMailedCode: whoever has shown mailed codes is not asked for less because somebody who
// knows the password alone would rather set up a factor of their own, on whichever way that is offered.
func TestWall092_ThePasswordLeadsAroundNoMailedCode(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.kari()
		h.permit(m.Organization)
		h.permitted().submit("code", h.mailedCode()).want("callback", 303)
		h.clock.Advance(time.Minute)
		thief := func(what string) {
			t.Helper()
			h.clock.Advance(time.Minute)
			b := h.browser()
			b.get("/start").signIn("kari@nordlys.example", password).want("second-factor", 200)
			b.submit("action", "enrol").want("second-factor", 422)
			b.submit("action", "enrol", "code", "0000 0000").want("second-factor", 403)
			b.get(strings.Replace(b.at, "/second-factor", "/enrol-factor", 1)).want("second-factor", 200)
			b.post(strings.Replace(b.at, "/second-factor", "/enrol-factor", 1), b.fields()).want("second-factor", 200)
			if h.count("select count(*) from sessions") != 1 || h.count("select count(*) from totp_secrets") != 0 {
				t.Errorf("%s: more came of it", what)
			}
		}
		thief("as always")
		thief("a code was asked for since, and not shown")
		h.appDemands(directory.SecondFactorRequired)
		thief("an application that wants a better factor")
		h.appDemands(directory.SecondFactorOptional)
		h.needs.ACREssential = []string{"mfa"}
		thief("a request that wants a better factor")
		h.needs = interaction.Needs{}

		h.clock.Advance(time.Hour)
		b := h.permitted()
		b.submit("action", "enrol", "code", h.mailedCode()).want("enrol-factor", 200)
		b.submit("action", "mail-code").want("callback", 303) // on second thoughts
		h.clock.Advance(time.Hour)
		b = h.permitted()
		b.submit("action", "enrol", "code", h.mailedCode()).want("enrol-factor", 200)
		if b.enrol(); b.want("callback", 303).outer.Get("acr") != credential.ACRMFA {
			t.Errorf("outcome %v", b.outer)
		}
	})
}

// TestApplicationDemandsAFactor: whoever lacks one shows or sets one up, before anything is issued to that application.
func TestApplicationDemandsAFactor(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.kari()
		b := h.browser()
		b.get("/start").signIn("kari@nordlys.example", password).want("callback", 303)
		h.appDemands(directory.SecondFactorRequired)
		b.get("/start").want("enrol-factor", 200) // the session by password does not do
		if h.tried.Code != "interaction_required" {
			t.Errorf("Try: %v", h.tried)
		}
		fresh := h.browser()
		fresh.get("/start").signIn("kari@nordlys.example", password).want("enrol-factor", 200)
		h.browser().get("/account").signIn("kari@nordlys.example", password).want("account", 200) // our own pages do not demand it
		a, _ := fresh.enrol()
		if fresh.want("callback", 303); fresh.outer.Get("acr") != credential.ACRMFA {
			t.Errorf("outcome %v", fresh.outer)
		}
		fresh.get("/start").want("callback", 303)
		b.get("/start").want("second-factor", 200).submit("code", a.code(1)).want("callback", 303)
		if b.outer.Get("acr") != credential.ACRMFA {
			t.Errorf("outcome %v", b.outer)
		}

		// A trusted browser is not asked elsewhere; here it is.
		h.demand(m.Organization, 7)
		h.clock.Advance(time.Minute)
		trusting := h.browser()
		trusting.get("/start").signIn("kari@nordlys.example", password).submit("code", a.code(0), "trust_device", "yes").want("callback", 303)
		trusting.signedOut().get("/account").signIn("kari@nordlys.example", password).want("account", 200)
		trusting.get("/start").want("second-factor", 200)
		trusting.signedOut().get("/start").signIn("kari@nordlys.example", password).want("second-factor", 200)
		h.appDemands(directory.SecondFactorOptional)
		trusting.get("/start").signIn("kari@nordlys.example", password).want("callback", 303)
	})
}

// TestTheBrowserRemembersAnEmail: where the person wants it, whoever they are, and no longer.
func TestTheBrowserRemembersAnEmail(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.kari()
		name := h.sessions.Cookies().Email()
		for _, email := range []string{"kari@nordlys.example", "nobody@nordlys.example"} {
			b := h.browser()
			b.get("/start").want("sign-in", 200)
			if contains(b.body, " checked") || contains(b.body, `id="forget-email"`) {
				t.Fatalf("on by default:\n%s", b.body)
			}
			b.submit("email", email).want("password", 200)
			if b.cookie(name) != "" {
				t.Error("remembered without being asked")
			}
			b.get("/start").submit("email", "no address", "remember", "yes").want("sign-in", 422)
			if b.cookie(name) != "" || !contains(b.body, " checked") {
				t.Error("what is no address")
			}
			b.submit("email", email, "remember", "yes").want("password", 200)
			value := b.cookie(name)
			if value == "" || contains(value, "nordlys") {
				t.Fatalf("cookie %q", value)
			}
			for _, start := range []string{"/start", "/sign-in"} {
				if b.get(start).want("sign-in", 200); !contains(b.body, `value="`+email+`"`) || !contains(b.body, " checked") || !contains(b.body, `id="forget-email"`) {
					t.Errorf("%s is not filled in:\n%s", start, b.body)
				}
			}
			b.submit("email", "other@nordlys.example", "remember", "yes").want("password", 200)
			if b.get("/sign-in"); !contains(b.body, "other@nordlys.example") {
				t.Error("the newest is not remembered")
			}
			for _, planted := range []string{"x", value[:len(value)-4] + "AAAA", strings.Repeat("A", 5000)} {
				b.setCookie(name, planted)
				if b.get("/sign-in").want("sign-in", 200); contains(b.body, " checked") {
					t.Errorf("%.10q is believed", planted)
				}
			}
			b.setCookie(name, value)
			b.get("/start").submit("action", "forget-email").want("sign-in", 200)
			if b.cookie(name) != "" || contains(b.body, email) || contains(b.body, " checked") {
				t.Errorf("not forgotten:\n%s", b.body)
			}
			b.setCookie(name, value)
			b.get("/start").submit("email", email).want("password", 200)
			if b.cookie(name) != "" {
				t.Error("unchecked, but not forgotten")
			}
		}
		// A hint of the application goes before what is remembered, and another form's token opens nothing.
		b := h.browser()
		b.get("/start").submit("email", "kari@nordlys.example", "remember", "yes")
		h.needs.LoginHint = "hint@nordlys.example"
		if b.get("/start"); !contains(b.body, `value="hint@nordlys.example"`) || contains(b.body, `id="forget-email"`) {
			t.Errorf("the hint:\n%s", b.body)
		}
		b.post(b.at, url.Values{"action": {"forget-email"}, "csrf": {"x"}}).want("sign-in", 403)
		if b.cookie(name) == "" {
			t.Error("forgotten by a form from elsewhere")
		}
	})
}
