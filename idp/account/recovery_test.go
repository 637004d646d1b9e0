package account_test

import (
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"portvakt/idp/credential"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// withCodes is kari with an authenticator and recovery codes.
func (h *house) withCodes() (codes []string) {
	h.t.Helper()
	m := h.kari()
	h.setTOTP(m.User)
	h.update(func(tx *sqldb.Tx) (err error) {
		codes, err = h.credentials.MakeRecoveryCodes(ctx, tx, m.User)
		return err
	})
	return codes
}

// half is somebody who has shown the password and has yet to show the factor.
func (h *house) half() *browser {
	h.t.Helper()
	return h.browser().get("/start").signIn("kari@nordlys.example", password).want("second-factor", 200)
}

func TestWall095_RecoveryCodes(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		codes := h.withCodes()
		ola := h.member("nordlys", "ola@nordlys.example")
		h.setPassword(ola.User)
		h.setTOTP(ola.User)
		other := h.browser().get("/start").signIn("ola@nordlys.example", password).want("second-factor", 200)
		other.submit("code", codes[0]).want("second-factor", 403) // somebody else's

		b := h.half()
		b.submit("action", "recovery").want("second-factor", 200)
		if !contains(b.body, `id="use-totp"`) || !contains(b.body, `name="method" value="recovery"`) {
			t.Errorf("the page for recovery codes:\n%s", b.body)
		}
		b.submit("code", "aaaa-bbbb-cccc-dddd").want("second-factor", 403)
		if !contains(b.body, "recovery code is not correct") || !contains(b.body, `id="use-totp"`) {
			t.Errorf("a wrong one:\n%s", b.body)
		}
		b.submit("code", strings.ToUpper(strings.ReplaceAll(codes[0], "-", " "))).want("callback", 303)
		if b.outer.Get("acr") != credential.ACRMFA || b.outer.Get("amr") != "pwd rc mfa" {
			t.Errorf("outcome %v", b.outer)
		}
		h.half().submit("code", codes[0]).want("second-factor", 403) // once
		if told := h.mails(); len(told) != 1 || !contains(told[0].Text, "Unused codes: 9.") || contains(told[0].Text, codes[0]) {
			t.Errorf("mails %v", told)
		}
		if h.count("select count(*) from recovery_codes where used_at is null") != 9 {
			t.Error("not one was used")
		}
		user := must(h.dir.Users.ByEmail(ctx, must(directory.ParseEmail("kari@nordlys.example"))(t)))(t).ID
		var fresh []string
		h.update(func(tx *sqldb.Tx) (err error) {
			fresh, err = h.credentials.MakeRecoveryCodes(ctx, tx, user)
			return err
		})
		h.half().submit("code", codes[1]).want("second-factor", 403) // of the earlier set
		for _, code := range fresh[:8] {
			h.clock.Advance(20 * time.Minute) // what other browsers guessed above
			h.half().submit("code", code).want("callback", 303)
		}
		for _, m := range h.mails() {
			if few := contains(m.Text, "Unused codes: 2."); few != contains(m.Text, "Only a few codes are left") {
				t.Errorf("few: %v\n%s", few, m.Text)
			}
		}
		h.update(func(tx *sqldb.Tx) error { return h.dir.WithTx(tx).Users.VoidCredentials(ctx, user) })
		if _, err := h.credentials.VerifyFactor(ctx, user, fresh[9]); err == nil {
			t.Error("a code outlives voided credentials")
		}
	})
}

// TestWall095_OneCodeOnce: thirty at once with one code.
func TestWall095_OneCodeOnce(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		codes := h.withCodes()
		user := must(h.dir.Users.ByEmail(ctx, must(directory.ParseEmail("kari@nordlys.example"))(t)))(t).ID
		var all sync.WaitGroup
		won := make([]bool, 30)
		for i := range won {
			all.Go(func() {
				_, err := h.credentials.VerifyFactor(ctx, user, codes[0])
				won[i] = err == nil
			})
		}
		all.Wait()
		n := 0
		for _, ok := range won {
			if ok {
				n++
			}
		}
		if n != 1 || h.count("select count(*) from recovery_codes where used_at is not null") != 1 {
			t.Errorf("%d of 30 were let in by one code", n)
		}
	})
}

// TestWall091_OneCounterForAllCodes: one-time codes, recovery codes, the sign-in and the reset share a counter.
func TestWall091_OneCounterForAllCodes(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		codes := h.withCodes()
		h.browser().forgot("kari@nordlys.example")
		reset := h.browser().get(h.link("kari@nordlys.example")).want("new-password", 200)
		tried := 0
		for i := range 4 {
			b := h.half()
			b.submit("code", "00000"+string(rune('0'+i)))
			if b.status == 403 {
				tried++
			}
			b.submit("action", "recovery").submit("code", "aaaa-bbbb-cccc-dd2"+string(rune('2'+i)))
			if b.status == 403 {
				tried++
			}
			reset.submit("new_password", newPassword, "new_password_again", newPassword, "code", "aaaa-bbbb-cccc-dd3"+string(rune('2'+i)))
			if reset.status == 403 {
				tried++
			}
		}
		if tried > 6 {
			t.Errorf("%d guesses over three ways", tried)
		}
		b := h.half()
		if b.submit("code", codes[0]).want("second-factor", 429); b.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		reset.submit("new_password", newPassword, "new_password_again", newPassword, "code", h.code(0)).want("new-password", 429)
		if h.count("select count(*) from recovery_codes where used_at is not null") != 0 {
			t.Error("a code was spent while waiting")
		}
		told := 0
		for _, m := range h.mails() {
			if contains(m.Subject, "wrong codes") {
				told++
			}
		}
		if told != 1 {
			t.Errorf("the person was told %d times", told)
		}
	})
}

// TestWall080_ResetByRecoveryCode: with a factor enrolled a mailed link alone stores nothing; link and recovery code do.
func TestWall080_ResetByRecoveryCode(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		codes := h.withCodes()
		old := h.browser()
		old.get("/account").signIn("kari@nordlys.example", password).submit("code", h.code(0)).want("account", 200)
		h.browser().forgot("kari@nordlys.example")
		b := h.browser().get(h.link("kari@nordlys.example")).want("new-password", 200)
		b.submit("new_password", newPassword, "new_password_again", newPassword).want("new-password", 422)
		b.submit("new_password", newPassword, "new_password_again", newPassword, "code", "aaaa-bbbb-cccc-dddd").want("new-password", 403)
		if h.count("select count(*) from account_links where used_at is not null") != 0 {
			t.Fatal("the link was consumed without the code")
		}
		b.submit("new_password", newPassword, "new_password_again", newPassword, "code", codes[3]).want("account", 200)
		old.get("/account").want("sign-in", 200)
		h.browser().get("/start").signIn("kari@nordlys.example", newPassword).want("second-factor", 200).submit("code", codes[3]).want("second-factor", 403)
		subjects := ""
		for _, m := range h.mails() {
			subjects += m.Subject + "\n"
		}
		if !contains(subjects, "recovery code was used") || !contains(subjects, "password was changed") {
			t.Errorf("mails:\n%s", subjects)
		}
	})
}

// TestWall092_HalfASignInOpensNothing: who has shown the password alone gets the factor's page, or is a stranger, everywhere.
func TestWall092_HalfASignInOpensNothing(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.withCodes()
		m := h.member("nordlys", "ada@nordlys.example", administrator)
		h.setPassword(m.User)
		for name, half := range map[string]*browser{"factor": h.half(), "enrolment": h.browser().get("/start").signIn("ada@nordlys.example", password).want("enrol-factor", 200)} {
			page, asked := half.at, half.page
			query := page[strings.Index(page, "?"):]
			for _, route := range append(h.service.Routes(), h.account.Routes()...) {
				for _, form := range []url.Values{nil, {}, {"action": {"accept"}}, {"code": {"000000"}}, {"action": {"regenerate"}}, {"action": {"new-recovery-codes"}}} {
					for _, address := range []string{route.Path, route.Path + query} {
						b := *half
						if form == nil {
							b.get(address)
						} else {
							b.post(address, form)
						}
						switch b.page {
						case asked, "sign-in", "error", "link-expired", "account-email-link": // the last two are opened by what was mailed, or say that nothing was
						case "": // no page: the script is given no challenge
							if b.status < 400 || b.status >= 500 || !strings.HasSuffix(route.Path, "/webauthn/options") {
								t.Errorf("%s: %s %v is answered %d", name, address, form, b.status)
							}
						default:
							t.Errorf("%s: %s %v shows %q", name, address, form, b.page)
						}
					}
				}
			}
			if half.get("/start?state=x").want("sign-in", 200); h.tried.Code != "login_required" {
				t.Errorf("%s: Try %v", name, h.tried)
			}
		}
		if h.count("select count(*) from sessions") != 0 || h.count("select count(*) from recovery_codes") != 10 {
			t.Error("half a sign-in has become something")
		}
	})
}

// TestWall077_NoStepIsSkipped: the forms of later steps count for nothing before their turn, whatever they hold.
func TestWall077_NoStepIsSkipped(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		codes := h.withCodes()
		b := h.browser().get("/start").want("sign-in", 200)
		b.submit("email", "kari@nordlys.example").want("password", 200)
		at := func(path string) string { return path + b.at[strings.Index(b.at, "?"):] }
		for _, path := range []string{"/sign-in/second-factor", "/sign-in/enrol-factor", "/sign-in/recovery-codes", "/sign-in/new-password"} {
			for _, form := range []url.Values{{}, {"code": {codes[0]}}, {"code": {h.code(0)}}, {"action": {"recovery"}}, {"new_password": {newPassword}, "new_password_again": {newPassword}}} {
				for name, values := range b.fields() {
					form[name] = values
				}
				if other := *b; other.post(at(path), form).page != "password" {
					t.Errorf("%s %v leads to %q", path, form, other.page)
				}
			}
		}
		if h.count("select count(*) from recovery_codes where used_at is not null") != 0 {
			t.Fatal("a code was spent out of turn")
		}
		b.submit("password", password).want("second-factor", 200)
		// Back, and another address: nothing of the first person's proof is left.
		ola := h.member("nordlys", "ola@nordlys.example")
		h.setPassword(ola.User)
		b.get(at("/sign-in")).want("sign-in", 200).submit("email", "ola@nordlys.example").want("password", 200)
		b.submit("code", h.code(0)).want("password", 422)
		b.submit("password", password).want("callback", 303)
		if b.outer.Get("user") != ola.User.String() || b.outer.Get("acr") != credential.ACRPassword {
			t.Errorf("outcome %v", b.outer)
		}
	})
}
