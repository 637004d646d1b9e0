package account_test

import (
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"portvakt/idp/gate"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/mail"
	"portvakt/internal/sqldb"
)

// nora has no home organization: she decides about her address herself.
func (h *house) nora() directory.Member {
	h.t.Helper()
	m := h.member("tallsmia", "nora@frei.example")
	h.setPassword(m.User)
	return m
}

func (h *house) signedIn(email string) *browser {
	h.t.Helper()
	return h.browser().get("/account").signIn(email, password).want("account", 200)
}

// to are the mails to an address, newest first.
func (h *house) to(address string) (found []mail.CapturedMessage) {
	h.t.Helper()
	for _, m := range h.mails() {
		if m.To == address {
			found = append(found, m)
		}
	}
	return found
}

// linkTo is the first link of the newest mail to the address that holds the text, as a path.
func (h *house) linkTo(address, holding string) string {
	h.t.Helper()
	for _, m := range h.to(address) {
		for _, l := range m.Links {
			if strings.Contains(l, holding) {
				return strings.TrimPrefix(l, h.server.URL)
			}
		}
	}
	h.t.Fatalf("no link with %q was mailed to %s", holding, address)
	return ""
}

func (h *house) email(user directory.UserID) string {
	h.t.Helper()
	return must(h.dir.Users.ByID(ctx, user))(h.t).Email.Address
}

func TestPasswordChange(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.kari()
		old, own := h.signedIn("kari@nordlys.example"), h.signedIn("kari@nordlys.example")
		own.get("/account/password").want("change-password", 200)
		chosen := []string{"password", password, "new_password", newPassword, "new_password_again", newPassword}
		own.submit(append(slices.Clone(chosen), "csrf", "x")...).want("change-password", 403)
		own.submit("password", "wrong one at the gate", "new_password", newPassword, "new_password_again", newPassword).want("change-password", 403)
		if !contains(own.body, `id="password-problem"`) {
			t.Errorf("page:\n%s", own.body)
		}
		own.submit("password", password, "new_password", "short", "new_password_again", "short").want("change-password", 422)
		own.submit("password", password, "new_password", password, "new_password_again", password).want("change-password", 422)
		own.submit("password", password, "new_password", newPassword, "new_password_again", "x").want("change-password", 422)
		before := own.cookie(h.sessions.Cookies().Session)
		own.submit(chosen...).want("account-security", 200)
		if after := own.cookie(h.sessions.Cookies().Session); after == before || !contains(own.body, "signed out everywhere else") {
			t.Errorf("the same session, or no word:\n%s", own.body)
		}
		old.get("/account").want("sign-in", 200)
		own.get("/account").want("account", 200)
		h.browser().get("/account").signIn("kari@nordlys.example", password).want("password", 403)
		h.browser().get("/account").signIn("kari@nordlys.example", newPassword).want("account", 200)
		if newest := h.mails()[0]; !contains(newest.Subject, "password was changed") {
			t.Errorf("the newest mail is %q", newest.Subject)
		}
	})
}

// TestPasswordChangeKeepsWhatWasShown: the session that goes on is worth what the one before was, no less and no more.
func TestPasswordChangeKeepsWhatWasShown(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.kari()
		d := h.device()
		h.signedIn("kari@nordlys.example").get("/account/keys").add(d, "security_key", "")
		present := password
		for amr, next := range map[string]string{"pwd hwk mfa": newPassword, "pwd hwk mfa attested_key": newPassword + " again"} {
			b := h.browser()
			b.get("/account").signIn("kari@nordlys.example", present).want("second-factor", 200).use(d).want("account", 200)
			if _, err := h.db.Exec(ctx, "update sessions set amr = $1 where ended_at is null", amr); err != nil {
				t.Fatal(err)
			}
			b.get("/account/password").submit("password", present, "new_password", next, "new_password_again", next).want("account-security", 200)
			present = next
			got := must(sqldb.All(ctx, h.db, func(r sqldb.Row) (s string, err error) { return s, r.Scan(&s) },
				"select s.amr from sessions s join users u on u.id = s.user_id and u.epoch = s.user_epoch where s.ended_at is null"))(t)
			if len(got) != 1 || contains(got[0], "attested_key") != contains(amr, "attested_key") || !contains(got[0], "hwk") || contains(got[0], "otp") {
				t.Errorf("%s became %v", amr, got)
			}
		}
	})
}

func TestPasswordChangeHappensOnce(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.kari()
		b := h.signedIn("kari@nordlys.example")
		form := b.get("/account/password").fields()
		for name, value := range map[string]string{"password": password, "new_password": newPassword, "new_password_again": newPassword} {
			form.Set(name, value)
		}
		cookie := b.cookie(h.sessions.Cookies().Session)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				tab := h.browser()
				tab.setCookie(h.sessions.Cookies().Session, cookie)
				tab.post("/account/password", form)
			})
		}
		wg.Wait()
		if n := h.count("select count(*) from audit_entries where action = 'credential.password_set' and person = $1", m.User.String()); n != 2 { // the first was the test's
			t.Errorf("%d passwords", n)
		}
		if n := h.count("select count(*) from sessions where user_id = $1 and user_epoch = (select epoch from users where id = $1)", m.User); n != 1 {
			t.Errorf("%d sessions", n)
		}
	})
}

// TestWall094_AccountChangesAskAgain: in a session that began more than ten minutes ago, or by less than the person has, nothing
// is changed before the person has signed in once more.
func TestWall094_AccountChangesAskAgain(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.nora()
		b := h.signedIn("nora@frei.example")
		form := func(pairs ...string) url.Values {
			f := b.get("/account").fields()
			for i := 0; i < len(pairs); i += 2 {
				f.Set(pairs[i], pairs[i+1])
			}
			return f
		}
		stale := func(when, page string) { // page: that asks for what is missing
			t.Helper()
			for path, f := range map[string]url.Values{
				"/account/email":   form("email", "new@frei.example"),
				"/account/data":    form("action", "export"),
				"/account/erasure": form("action", "request-erasure"),
			} {
				if b.post(path, f).want(page, 200); !contains(b.at, "/sign-in/"+page) {
					t.Errorf("%s: POST %s leads to %s", when, path, b.at)
				}
			}
			if n := h.count("select (select count(*) from email_changes) + (select count(*) from erasures)"); n != 0 {
				t.Errorf("%s: something was changed", when)
			}
			if _, err := h.dir.Users.WaitingErasure(ctx, m.User); !fault.Is(err, fault.NotFound) {
				t.Error(err)
			}
		}
		h.clock.Advance(10*time.Minute + time.Second)
		stale("old", "password")
		b.get("/account/email").want("password", 200)
		b.submit("password", password).want("account-email", 200) // and back to where it was asked
		b.submit("email", "new@frei.example").want("account-email", 200)
		if _, err := h.db.Exec(ctx, "delete from email_changes"); err != nil {
			t.Fatal(err)
		}
		h.setTOTP(m.User)              // in a session that knows the password alone
		stale("weak", "second-factor") // the password was typed a moment ago
		b.get("/account/password").want("second-factor", 200)
		b.submit("code", h.code(0)).want("change-password", 200)
		b.submit("password", password, "new_password", newPassword, "new_password_again", newPassword).want("account-security", 200)
		if acr := h.count("select count(*) from sessions where user_id = $1 and acr = 'urn:portvakt:acr:mfa' and ended_at is null and user_epoch = (select epoch from users where id = $1)", m.User); acr != 1 {
			t.Errorf("%d sessions with both factors go on", acr)
		}
	})
}

func (h *house) family(m directory.Member, app directory.ApplicationID, offline bool) {
	h.t.Helper()
	now := sqldb.Micros(h.clock.Now())
	later := sqldb.Micros(h.clock.Now().Add(time.Hour))
	id := sqldb.NewID[familyPrefix](h.clock.Now())
	h.update(func(tx *sqldb.Tx) error {
		_, err := tx.Exec(ctx, `insert into token_families (id, application_id, user_id, user_epoch, organization_id, membership_id, membership_epoch, sid, offline, scope,
			nonce, acr, amr, authenticated_at, generation, created_at, idle_until, expires_at)
			select $1, $2, $3, u.epoch, $4, $5, 1, $1, $6, 'openid', '', '', '', $7, 0, $7, $8, $8 from users u where u.id = $3`,
			id, app, m.User, m.Organization, m.ID, offline, now, later)
		return err
	})
}

type familyPrefix struct{}

func (familyPrefix) Prefix() string { return "fam" }

func TestR46_SignOutEverywhere(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.kari()
		h.family(m, h.app.ID, true)
		one, two := h.signedIn("kari@nordlys.example"), h.signedIn("kari@nordlys.example")
		other := h.nora()
		bystander := h.signedIn("nora@frei.example")
		before := must(h.dir.Users.ByID(ctx, m.User))(t).Epoch
		two.get("/account/security").want("account-security", 200)
		two.post("/account/security", url.Values{"action": {"sign-out-everywhere"}, "csrf": {bystander.get("/account").fields().Get("csrf")}}).want("account-security", 403)
		two.get("/account/security").submit("action", "sign-out-everywhere").want("signed-out", 200)
		one.get("/account").want("sign-in", 200)
		two.get("/account").want("sign-in", 200)
		bystander.get("/account").want("account", 200)
		if now := must(h.dir.Users.ByID(ctx, m.User))(t).Epoch; now != before+1 {
			t.Errorf("epoch %d, was %d: families and devices live on", now, before)
		}
		if n := h.count("select count(*) from token_families f join users u on u.id = f.user_id where f.user_id = $1 and f.user_epoch = u.epoch", m.User); n != 0 {
			t.Errorf("%d families", n)
		}
		if newest := h.to("kari@nordlys.example"); len(newest) != 1 || !contains(newest[0].Subject, "signed out everywhere") {
			t.Errorf("mails %+v", newest)
		}
		if must(h.dir.Users.ByID(ctx, other.User))(t).Epoch != 1 {
			t.Error("somebody else was signed out")
		}
	})
}

func TestRevokingConsentEndsTheApplicationsTokens(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.kari()
		second := h.member("tallsmia", "kari@nordlys.example")
		ask := false
		third := must(h.dir.Applications.Save(ctx, directory.Application{ClientID: "third", Name: "Kalender", AllOrganizations: true,
			Metadata: directory.ClientMetadata{RedirectURIs: []string{callback}, GrantTypes: []string{"authorization_code"}, SkipConsent: &ask}}))(t)
		h.update(func(tx *sqldb.Tx) error {
			for _, org := range []directory.OrganizationID{m.Organization, second.Organization} {
				for _, scope := range []string{"openid", "offline_access"} {
					tx.Later(`insert into consents (user_id, application_id, organization_id, scope, given_at) values ($1, $2, $3, $4, $5)`,
						m.User, third.ID, org, scope, sqldb.Micros(tx.Now()))
				}
			}
			return nil
		})
		h.family(m, third.ID, true)
		h.family(second, third.ID, true)
		h.family(m, h.app.ID, false)
		b := h.signedIn("kari@nordlys.example")
		b.get("/account/applications?ui_locales=en").want("account-applications", 200)
		for _, want := range []string{"Kalender", "Demo", "Keep its access", `id="revoke"`, `id="revoke-1"`, "decides about it"} {
			if !contains(b.body, want) {
				t.Errorf("the page lacks %q:\n%s", want, b.body)
			}
		}
		form := url.Values{"csrf": {b.fields().Get("csrf")}, "action": {"revoke"}, "application": {third.ID.String()}, "organization": {m.Organization.String()}}
		nora := h.nora()
		_ = nora
		stranger := h.signedIn("nora@frei.example")
		foreign := url.Values{"csrf": {stranger.get("/account").fields().Get("csrf")}, "action": {"revoke"}, "application": form["application"], "organization": form["organization"]}
		stranger.post("/account/applications", foreign).want("account-applications", 200)
		live := func(org directory.OrganizationID, app directory.ApplicationID) int64 {
			return h.count("select count(*) from token_families where organization_id = $1 and application_id = $2 and ended_at is null", org, app)
		}
		if live(m.Organization, third.ID) != 1 {
			t.Fatal("a stranger took it back")
		}
		b.post("/account/applications", form).want("account-applications", 200)
		if live(m.Organization, third.ID) != 0 || live(second.Organization, third.ID) != 1 || live(m.Organization, h.app.ID) != 1 {
			t.Error("the wrong tokens ended")
		}
		left := must(gate.ConsentsOf(ctx, h.db, m.User))(t)
		if len(left) != 2 || left[0].Organization != second.Organization {
			t.Errorf("consents %+v", left)
		}
		if n := h.count("select count(*) from events where kind = 'consent.revoked'"); n != 1 {
			t.Errorf("%d events", n)
		}
		form.Set("application", h.app.ID.String())
		b.post("/account/applications", form).want("error", 403)
		b.post("/account/applications", url.Values{"csrf": form["csrf"], "action": {"revoke"}, "application": {"x"}}).want("account-applications", 200)
	})
}
