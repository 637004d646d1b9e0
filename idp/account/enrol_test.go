package account_test

import (
	"html"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"portvakt/idp/credential"
	"portvakt/idp/interaction"
	"portvakt/internal/directory"
)

var (
	shownKey    = regexp.MustCompile(`id="totp-key">([A-Z2-7 ]+)<`)
	shownCodes  = regexp.MustCompile(`<li><code>([a-z2-7-]+)</code></li>`)
	sealedKey   = regexp.MustCompile(`name="key" value="([^"]+)"`)
	deviceField = regexp.MustCompile(`name="device" value="([^"]+)"`)
)

// app is an authenticator app with one key.
type app struct {
	h   *house
	key []byte
}

// app scans the page.
func (b *browser) app() app {
	b.h.t.Helper()
	m := shownKey.FindStringSubmatch(b.body)
	if m == nil {
		b.h.t.Fatalf("no key on the page:\n%s", b.body)
	}
	return app{b.h, must(credential.ParseSecret(m[1]))(b.h.t)}
}

// code is what the app shows, some steps from now.
func (a app) code(steps int64) string {
	return codeAt(a.key, a.h.clock.Now().Add(time.Duration(steps)*30*time.Second))
}

// codes are the recovery codes on the page.
func (b *browser) codes() (codes []string) {
	b.h.t.Helper()
	for _, m := range shownCodes.FindAllStringSubmatch(b.want("recovery-codes", 200).body, -1) {
		codes = append(codes, m[1])
	}
	if len(codes) != 10 {
		b.h.t.Fatalf("%d recovery codes:\n%s", len(codes), b.body)
	}
	return codes
}

// enrol goes through a forced enrolment.
func (b *browser) enrol() (app, []string) {
	b.h.t.Helper()
	a := b.app()
	codes := b.submit("code", a.code(0)).codes()
	b.submit()
	return a, codes
}

func (h *house) demand(organization directory.OrganizationID, trustedDays int64) {
	h.t.Helper()
	must(h.dir.Organizations.Change(ctx, organization, func(o *directory.Organization) error {
		o.SecondFactor, o.TrustedDays = directory.SecondFactorRequired, trustedDays
		return nil
	}))(h.t)
}

func administrator(n *directory.NewMember) { n.Administrator = true }

// TestEnrolmentIsForced: by the organization, by the membership, for administrators and operators, and for nobody else.
func TestEnrolmentIsForced(t *testing.T) {
	for name, make := range map[string]func(h *house) directory.Member{
		"organization": func(h *house) directory.Member { m := h.kari(); h.demand(m.Organization, 0); return m },
		"another organization": func(h *house) directory.Member {
			m := h.kari()
			h.demand(h.org("tallsmia"), 0)
			h.member("tallsmia", "kari@nordlys.example")
			return m
		},
		"membership": func(h *house) directory.Member {
			m := h.member("nordlys", "kari@nordlys.example", func(n *directory.NewMember) { n.SecondFactor = directory.SecondFactorRequired })
			h.setPassword(m.User)
			return m
		},
		"administrator": func(h *house) directory.Member {
			m := h.member("nordlys", "kari@nordlys.example", administrator)
			h.setPassword(m.User)
			return m
		},
		"operator": func(h *house) directory.Member {
			m := h.kari()
			if err := h.dir.Users.SetOperator(ctx, m.User, directory.IsOperator); err != nil {
				h.t.Fatal(err)
			}
			return m
		},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, h *house) {
				m := make(h)
				h.needs = needing("nordlys")
				b := h.browser()
				b.get("/start").signIn("kari@nordlys.example", password)
				a := b.app()
				if h.count("select count(*) from sessions") != 0 || h.count("select count(*) from totp_secrets") != 0 {
					t.Fatal("something is stored before it is proven")
				}
				if again := b.get(b.at).app(); string(again.key) != string(a.key) {
					t.Error("the key changes when the page is loaded once more")
				}
				b.submit("code", "000000").want("enrol-factor", 403)
				b.submit("code", "").want("enrol-factor", 422)
				b.submit("code", a.code(5)).want("enrol-factor", 403)
				codes := b.submit("code", a.code(0)).codes()
				if h.count("select count(*) from sessions") != 0 {
					t.Fatal("a session before the recovery codes are acknowledged")
				}
				if again := b.get(b.at).codes(); strings.Join(again, " ") != strings.Join(codes, " ") {
					t.Error("other codes when the page is loaded once more")
				}
				page := b.at
				b.submit().want("callback", 303)
				if b.outer.Get("acr") != credential.ACRMFA || b.outer.Get("amr") != "pwd otp mfa" || b.outer.Get("user") != m.User.String() {
					t.Errorf("outcome %v", b.outer)
				}
				if got := b.get(page); shownCodes.MatchString(got.body) {
					t.Error("the codes are shown again")
				}
				other := h.browser()
				other.get("/start").signIn("kari@nordlys.example", password).want("second-factor", 200)
				other.submit("code", a.code(0)).want("second-factor", 403) // the code of the enrolment is spent
				other.submit("code", a.code(1)).want("callback", 303)
				told := h.mails()
				if len(told) != 1 || told[0].To != "kari@nordlys.example" || !contains(told[0].Subject, "second step") {
					t.Errorf("mails %v", told)
				}
			})
		})
	}
	t.Run("nobody else", func(t *testing.T) {
		each(t, func(t *testing.T, h *house) {
			h.kari()
			h.browser().get("/start").signIn("kari@nordlys.example", password).want("callback", 303)
		})
	})
}

// TestEnrolmentBelongsToOneSignIn: the key of one conversation is worth nothing in another, and a factor that somebody has by
// now is asked for, not replaced.
func TestEnrolmentBelongsToOneSignIn(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.kari()
		h.demand(m.Organization, 0)
		first, second := h.browser(), h.browser()
		first.get("/start").signIn("kari@nordlys.example", password)
		second.get("/start").signIn("kari@nordlys.example", password)
		a, b := first.app(), second.app()
		if string(a.key) == string(b.key) {
			t.Fatal("two sign-ins have one key")
		}
		second.submit("code", a.code(0)).want("enrol-factor", 403)
		stale, fields := second.at, second.fields()
		first.submit("code", a.code(0)).codes()
		fields.Set("code", b.code(0))
		second.post(stale, fields).want("second-factor", 200)
		second.submit("code", b.code(0)).want("second-factor", 403)
		second.submit("code", a.code(1)).want("callback", 303)
	})
}

// TestEnrolmentAtOnce: of many who know the password and set up a factor at the same moment one does; the others are asked
// for it.
func TestEnrolmentAtOnce(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.kari()
		h.demand(m.Organization, 0)
		browsers, apps := make([]*browser, 10), make([]app, 10)
		for i := range browsers {
			browsers[i] = h.browser().get("/start").signIn("kari@nordlys.example", password)
			apps[i] = browsers[i].app()
		}
		var all sync.WaitGroup
		for i, b := range browsers {
			all.Go(func() { b.submit("code", apps[i].code(int64(i%2))) })
		}
		all.Wait()
		pages := map[string]int{}
		for _, b := range browsers {
			pages[b.page]++
		}
		if pages["recovery-codes"] != 1 || pages["second-factor"] != 9 {
			t.Errorf("ten at once ended at %v", pages)
		}
	})
}

// TestSessionsFromBeforeTheDemand: the next authorization asks; prompt=none is told so.
func TestSessionsFromBeforeTheDemand(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.kari()
		b := h.browser()
		b.get("/start").signIn("kari@nordlys.example", password).want("callback", 303)
		h.demand(m.Organization, 0)
		b.get("/start").want("enrol-factor", 200)
		if h.tried.Code != "login_required" {
			t.Errorf("Try: %v", h.tried)
		}
		h.clock.Advance(11 * time.Minute)
		b.get("/start").want("password", 200).submit("password", password)
		b.enrol()
		if b.want("callback", 303); b.outer.Get("acr") != credential.ACRMFA {
			t.Errorf("outcome %v", b.outer)
		}
	})
}

// TestEssentialClass: what a request insists on is reached, or refused.
func TestEssentialClass(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.kari()
		h.needs.ACREssential = []string{"https://refeds.org/profile/mfa"}
		b := h.browser()
		b.get("/start").signIn("kari@nordlys.example", password)
		a, _ := b.enrol()
		b.want("callback", 303)
		b.get("/start").want("callback", 303) // the session has it now
		h.needs.ACREssential = []string{"phr"}
		b.get("/start").want("second-factor", 200)
		if b.submit("code", a.code(1)).want("callback", 303); b.outer.Get("error") != "unmet_authentication_requirements" {
			t.Errorf("outcome %v", b.outer)
		}
		h.needs = interaction.Needs{ACRValues: []string{"phr", "urn:nobody:knows"}}
		b.get("/start").want("callback", 303) // a wish that cannot be met
		if b.outer.Get("error") != "" {
			t.Errorf("outcome %v", b.outer)
		}
	})
}

// TestTheQRCodeIsOurs: an inline image that needs no request, and the key beside it.
func TestTheQRCodeIsOurs(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.kari()
		h.demand(m.Organization, 0)
		b := h.browser()
		b.get("/start").signIn("kari@nordlys.example", password).want("enrol-factor", 200)
		if !contains(b.body, `<svg class="qr"`) || contains(html.UnescapeString(b.body), "otpauth:") || b.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%v\n%s", b.header, b.body)
		}
		if b.do(http.NewRequest(http.MethodHead, b.absolute(b.at), nil)); b.status != 200 {
			t.Error(b.status)
		}
		shown := shownKey.FindStringSubmatch(b.get(b.at).body)[1]
		stored := h.count("select count(*) from interactions where state like $1 or state like $2", "%"+strings.ReplaceAll(shown, " ", "")+"%", "%"+shown+"%")
		if stored != 0 {
			t.Error("the key stands in the store in clear")
		}
	})
}
