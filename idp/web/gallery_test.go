package web_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	idpweb "portvakt/idp/web"
	"portvakt/internal/fault"
	"portvakt/internal/web"
)

// gallery serves every page with sample content instead of running the tests, to be looked at:
//
//	go test ./idp/web -gallery 127.0.0.1:8099
var gallery = flag.String("gallery", "", "address at which to show all pages instead of testing")

func TestMain(m *testing.M) {
	flag.Parse()
	if *gallery == "" {
		os.Exit(m.Run())
	}
	renderer, pages, err := newPages()
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/assets/", renderer.Assets())
	all := samples(pages, ordinary)
	for name, show := range all {
		mux.HandleFunc("/"+name, show)
	}
	for name, show := range samples(pages, long) {
		all["long/"+name] = show
		mux.HandleFunc("/long/"+name, show)
	}
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		names := slices.Sorted(maps.Keys(all))
		if r.URL.RawQuery == "json" { // for the judges of the end-to-end tests
			_ = json.NewEncoder(w).Encode(names)
			return
		}
		for _, name := range names {
			fmt.Fprintf(w, "<p><a href=\"/%s\">%s</a>\n", name, name)
		}
	})
	listener, err := net.Listen("tcp", *gallery)
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("all pages: http://%s/", listener.Addr())
	log.Fatal(http.Serve(listener, renderer.SecurityHeaders(mux)))
}

func newPages() (*web.Renderer, *idpweb.Pages, error) {
	renderer, err := web.New(web.Config{
		Issuer: "https://id.example", Locales: []fs.FS{idpweb.Locales()},
		RequestID: func(*http.Request) string { return "req-4f7c21" },
	})
	if err != nil {
		return nil, nil, err
	}
	pages, err := idpweb.New(renderer)
	return renderer, pages, err
}

// words are the values that come from outside: names, addresses, identifiers.
type words struct {
	application, redirect, person, email, organization, agency, role, id, text string
}

var ordinary = words{
	application: "Nordlys Faktura", redirect: "https://faktura.example/callback", person: "Kari Nordmann", email: "kari.nordmann@nordlys.example",
	organization: "Nordlys AS", agency: "Tallsmia Regnskap AS", role: "Daglig leder", id: "mbr_06bq", text: "Hei Kari,\n\nvelg et passord her:\nhttps://id.example/account/setup?token=abc\n\nVennlig hilsen\nNordlys AS",
}

func (s words) frame() idpweb.Frame {
	return idpweb.Frame{CSRF: s.id, UILocales: "", UserLanguage: ""}
}

func (s words) conversation() idpweb.Conversation {
	return idpweb.Conversation{
		Frame: s.frame(), Interaction: s.id, Application: s.application, RedirectURI: s.redirect,
		PolicyURI: "https://faktura.example/privacy", TermsURI: "https://faktura.example/terms",
		Passkey: s.ceremony(),
	}
}

func (s words) noted(n idpweb.Notice) idpweb.Conversation {
	c := s.conversation()
	c.Notice, c.Status = n, http.StatusUnprocessableEntity
	return c
}

func (s words) memberships() []idpweb.Membership {
	return []idpweb.Membership{
		{Slug: "nordlys", Name: s.organization, Kind: "employee", State: "active", Role: s.role, Administrator: true, Home: true, Start: day(2024, 8, 1)},
		{Slug: "tallsmia", Name: s.agency, Kind: "external", State: "active", Start: day(2026, 1, 1), End: day(2027, 1, 1)},
		{Slug: "bjorkvik", Name: "Björkvik AB", Kind: "limited", State: "suspended", End: time.Date(2027, 3, 14, 15, 9, 0, 0, time.UTC)},
	}
}

func (s words) invitations() []idpweb.Invitation {
	return []idpweb.Invitation{
		{ID: s.id, Name: s.agency, Kind: "external", Role: s.role, InvitedBy: s.person, Start: day(2026, 9, 1), End: day(2027, 1, 1),
			Packages: []string{s.role, s.agency}, AnswerBy: time.Date(2026, 9, 14, 9, 30, 0, 0, time.UTC)},
		{ID: s.id, Name: "Björkvik AB", Kind: "employee"},
	}
}

func day(year, month, day int) time.Time {
	return time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
}

type show = func(http.ResponseWriter, *http.Request)

// samples are all pages in all states that a person can meet.
func samples(p *idpweb.Pages, s words) map[string]show {
	all := map[string]show{}
	for _, group := range []map[string]show{signInSamples(p, s), passwordSamples(p, s), factorSamples(p, s), organizationSamples(p, s), accountSamples(p, s), keysSamples(p, s), ownSamples(p, s), emailSamples(p, s), errorSamples(p, s), manySamples(p, s)} {
		for name, sample := range group {
			all[name] = sample
		}
	}
	return all
}

func signInSamples(p *idpweb.Pages, s words) map[string]show {
	return map[string]show{
		"sign-in": func(w http.ResponseWriter, r *http.Request) {
			p.SignIn(w, r, idpweb.SignInView{Conversation: s.conversation()})
		},
		"sign-in-problem": func(w http.ResponseWriter, r *http.Request) {
			p.SignIn(w, r, idpweb.SignInView{Conversation: s.conversation(), Email: s.email, Problem: idpweb.ProblemEmail})
		},
		"sign-in-remembered": func(w http.ResponseWriter, r *http.Request) {
			p.SignIn(w, r, idpweb.SignInView{Conversation: s.conversation(), Email: s.email, Remember: true, Filled: true})
		},
		"sign-in-alone": func(w http.ResponseWriter, r *http.Request) {
			p.SignIn(w, r, idpweb.SignInView{Conversation: idpweb.Conversation{Frame: s.frame()}})
		},
		"password": func(w http.ResponseWriter, r *http.Request) {
			p.Password(w, r, idpweb.PasswordView{Conversation: s.conversation(), Email: s.email, OtherEmail: "/sign-in?i=1"})
		},
		"password-wrong": func(w http.ResponseWriter, r *http.Request) {
			p.Password(w, r, idpweb.PasswordView{Conversation: s.noted(idpweb.NoticeWrongPassword), Email: s.email, OtherEmail: "/sign-in?i=1"})
		},
		"password-too-many": func(w http.ResponseWriter, r *http.Request) {
			c := s.noted(idpweb.NoticeTooMany)
			c.Status, c.Retry = http.StatusTooManyRequests, 15*time.Minute
			p.Password(w, r, idpweb.PasswordView{Conversation: c, Email: s.email, OtherEmail: "/sign-in?i=1"})
		},
		"password-busy": func(w http.ResponseWriter, r *http.Request) {
			c := s.noted(idpweb.NoticeBusy)
			c.Status, c.Retry = http.StatusTooManyRequests, 3*time.Second
			p.Password(w, r, idpweb.PasswordView{Conversation: c, Email: s.email, OtherEmail: "/sign-in?i=1"})
		},
		"mail-sent": func(w http.ResponseWriter, r *http.Request) {
			p.MailSent(w, r, idpweb.MailSentView{Conversation: s.conversation(), Email: s.email, ValidFor: 30 * time.Minute, Back: "/sign-in?i=1", DevMail: "/dev/mail"})
		},
		"second-factor": func(w http.ResponseWriter, r *http.Request) {
			p.SecondFactor(w, r, idpweb.SecondFactorView{Conversation: s.conversation(), Email: s.email, Code: true, OtherWay: true, TrustFor: 30 * 24 * time.Hour})
		},
		"second-factor-wrong": func(w http.ResponseWriter, r *http.Request) {
			p.SecondFactor(w, r, idpweb.SecondFactorView{Conversation: s.conversation(), Code: true, Problem: idpweb.ProblemCode})
		},
	}
}

func passwordSamples(p *idpweb.Pages, s words) map[string]show {
	return map[string]show{
		"new-password": func(w http.ResponseWriter, r *http.Request) {
			p.NewPassword(w, r, idpweb.NewPasswordView{Conversation: s.conversation(), Email: s.email, Token: s.id, First: true, Organization: s.organization, NewPasswordFields: idpweb.NewPasswordFields{MinLength: 15, MaxLength: 1024}})
		},
		"new-password-reset": func(w http.ResponseWriter, r *http.Request) {
			p.NewPassword(w, r, idpweb.NewPasswordView{Conversation: s.conversation(), Email: s.email, Token: s.id, Replaces: true, NeedsCode: true, NewPasswordFields: idpweb.NewPasswordFields{MinLength: 8, MaxLength: 1024}})
		},
		"new-password-problems": func(w http.ResponseWriter, r *http.Request) {
			p.NewPassword(w, r, idpweb.NewPasswordView{
				Conversation: s.noted(idpweb.NoticeNotSaved), Email: s.email, Token: s.id, NeedsCode: true, NewPasswordFields: idpweb.NewPasswordFields{MinLength: 8, MaxLength: 1024, PasswordProblem: idpweb.ProblemTooShort, AgainProblem: idpweb.ProblemDiffer},
				CodeProblem: idpweb.ProblemCode,
			})
		},
		"link-expired": func(w http.ResponseWriter, r *http.Request) {
			p.LinkExpired(w, r, idpweb.LinkExpiredView{Frame: s.frame(), Token: s.id, SignIn: "/sign-in"})
		},
		"link-withdrawn": func(w http.ResponseWriter, r *http.Request) {
			p.LinkExpired(w, r, idpweb.LinkExpiredView{Frame: s.frame(), Organization: s.organization, Withdrawn: true, SignIn: "/sign-in"})
		},
		"link-unanswered": func(w http.ResponseWriter, r *http.Request) {
			p.LinkExpired(w, r, idpweb.LinkExpiredView{Frame: s.frame(), Organization: s.organization, Token: s.id, SignIn: "/sign-in"})
		},
		"new-password-initial": func(w http.ResponseWriter, r *http.Request) {
			p.NewPassword(w, r, idpweb.NewPasswordView{Conversation: s.conversation(), Email: s.email, Initial: true, NewPasswordFields: idpweb.NewPasswordFields{MinLength: 15, MaxLength: 1024}})
		},
		"link-unknown": func(w http.ResponseWriter, r *http.Request) {
			p.LinkExpired(w, r, idpweb.LinkExpiredView{Frame: s.frame(), SignIn: "/sign-in"})
		},
		"sign-out": func(w http.ResponseWriter, r *http.Request) {
			p.SignOut(w, r, idpweb.SignOutView{Conversation: s.conversation(), Email: s.email, Fields: []idpweb.Field{{Name: "state", Value: s.id}}})
		},
		"signing-out": func(w http.ResponseWriter, r *http.Request) {
			p.SigningOut(w, r, idpweb.SigningOutView{Frame: s.frame(), Next: "/saml/slo?logout=x"})
		},
		"signed-out-partly": func(w http.ResponseWriter, r *http.Request) {
			p.SignedOut(w, r, idpweb.SignedOutView{Frame: s.frame(), Remaining: []string{s.application, s.organization}, SignIn: "/sign-in"})
		},
		"signed-out": func(w http.ResponseWriter, r *http.Request) {
			p.SignedOut(w, r, idpweb.SignedOutView{Frame: s.frame(), Application: s.application, Back: "https://faktura.example/", SignIn: "/sign-in"})
		},
	}
}

func organizationSamples(p *idpweb.Pages, s words) map[string]show {
	return map[string]show{
		"organization": func(w http.ResponseWriter, r *http.Request) {
			p.Organization(w, r, idpweb.OrganizationView{Conversation: s.conversation(), Choices: s.memberships(), Selected: "nordlys"})
		},
		"organization-invited": func(w http.ResponseWriter, r *http.Request) {
			p.Organization(w, r, idpweb.OrganizationView{Conversation: s.noted(idpweb.NoticeChooseOrganization), Choices: s.memberships()[:2], Invitations: s.invitations()})
		},
		"organization-none": func(w http.ResponseWriter, r *http.Request) {
			p.Organization(w, r, idpweb.OrganizationView{Conversation: s.noted(idpweb.NoticeNoOrganization), Invitations: s.invitations()[:1]})
		},
		"invitation": func(w http.ResponseWriter, r *http.Request) {
			p.Invitation(w, r, idpweb.InvitationView{Conversation: s.conversation(), Invitation: s.invitations()[0], Email: s.email})
		},
		"consent": func(w http.ResponseWriter, r *http.Request) {
			p.Consent(w, r, idpweb.ConsentView{Conversation: s.conversation(), Email: s.email, Organization: s.organization, Scopes: []string{"openid", "profile", "email", "offline_access", "organization", "access", s.id}})
		},
		"form-post": func(w http.ResponseWriter, r *http.Request) {
			p.FormPost(w, r, idpweb.FormPostView{Frame: s.frame(), Application: s.application, Action: s.redirect, Fields: []idpweb.Field{{Name: "code", Value: s.id}, {Name: "state", Value: s.text}}})
		},
	}
}

func accountSamples(p *idpweb.Pages, s words) map[string]show {
	messages := []idpweb.DevMessage{
		{ID: "2", To: s.email, Subject: "Velg et passord for " + s.organization, At: time.Date(2026, 8, 20, 9, 41, 0, 0, time.UTC), Text: s.text, Links: []string{"https://id.example/account/setup?token=abc"}},
		{ID: "1", To: "ola@tallsmia.example", Subject: s.text, At: time.Date(2026, 8, 20, 8, 2, 0, 0, time.UTC), Text: s.text},
	}
	return map[string]show{
		"account": func(w http.ResponseWriter, r *http.Request) {
			f := s.frame()
			f.Notice = idpweb.NoticePasswordSet
			p.Account(w, r, idpweb.AccountView{
				Frame: f, Name: s.person, Email: s.email, Memberships: s.memberships(), Invitations: s.invitations(), ChangePassword: "/account/password", Preferences: "/account/preferences", Keys: "/account/keys", Nav: navigation("account"),
				SharedAt: time.Date(2026, 8, 18, 9, 40, 0, 0, time.UTC),
				Sessions: []idpweb.Session{
					{ID: s.id, Device: "Firefox, Windows", Since: time.Date(2026, 8, 20, 8, 2, 0, 0, time.UTC), Current: true},
					{ID: s.id, Device: s.role, Since: time.Date(2026, 8, 1, 18, 30, 0, 0, time.UTC), LastUsed: time.Date(2026, 8, 19, 7, 5, 0, 0, time.UTC)},
				},
			})
		},
		"account-empty": func(w http.ResponseWriter, r *http.Request) {
			p.Account(w, r, idpweb.AccountView{Frame: s.frame(), Name: s.person, Email: s.email})
		},
		"preferences": func(w http.ResponseWriter, r *http.Request) {
			p.Preferences(w, r, idpweb.PreferencesView{Frame: s.frame(), Chosen: idpweb.Preferences{Language: "nb", NameForm: "family_given", TimeZone: s.role},
				GivenFamily: s.person, FamilyGiven: s.person, Display: s.person, TimeZoneProblem: idpweb.ProblemTimeZone, Back: "/account"})
		},
		"preferences-empty": func(w http.ResponseWriter, r *http.Request) {
			p.Preferences(w, r, idpweb.PreferencesView{Frame: s.frame()})
		},
		"dev-mail": func(w http.ResponseWriter, r *http.Request) {
			p.DevMail(w, r, idpweb.DevMailView{Frame: s.frame(), Base: "/dev/mail", Messages: messages})
		},
		"dev-mail-empty": func(w http.ResponseWriter, r *http.Request) {
			p.DevMail(w, r, idpweb.DevMailView{Frame: s.frame(), Base: "/dev/mail"})
		},
		"dev-message": func(w http.ResponseWriter, r *http.Request) {
			p.DevMessage(w, r, idpweb.DevMessageView{Frame: s.frame(), Base: "/dev/mail", Message: messages[0]})
		},
	}
}

func errorSamples(p *idpweb.Pages, s words) map[string]show {
	return map[string]show{
		"error": func(w http.ResponseWriter, r *http.Request) {
			p.Error(w, r, http.StatusBadRequest, web.Problem{Code: "invalid_request", Detail: "The redirect_uri is not registered for this application " + s.id, Back: "https://faktura.example/"})
		},
		"error-denied": func(w http.ResponseWriter, r *http.Request) {
			p.Error(w, r, http.StatusForbidden, web.Problem{Code: "access_denied"})
		},
		"error-fault": func(w http.ResponseWriter, r *http.Request) {
			p.Fault(w, r, fault.New(fault.Exhausted, "too_many_attempts", "Too many attempts "+s.id).After(time.Minute))
		},
		"error-internal": func(w http.ResponseWriter, r *http.Request) { p.Fault(w, r, fmt.Errorf("secret: %s", s.id)) },
	}
}
