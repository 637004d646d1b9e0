package web_test

import (
	"net/http"
	"time"

	idpweb "portvakt/idp/web"
	"portvakt/internal/directory"
)

func navigation(here string) idpweb.Navigation {
	return idpweb.Navigation{Here: here, Account: "/account", Security: "/account/security", Applications: "/account/applications",
		History: "/account/history", Data: "/account/data"}
}

// ownSamples are the pages of the own account.
func ownSamples(p *idpweb.Pages, s words) map[string]show {
	at := time.Date(2026, 8, 20, 8, 2, 0, 0, time.UTC)
	noted := func(n idpweb.Notice) idpweb.Frame {
		f := s.frame()
		f.Notice = n
		return f
	}
	sessions := []idpweb.Session{
		{ID: s.id, Device: "Firefox, Windows", Since: at, Current: true, Network: "192.0.2.0/24"},
		{ID: s.id, Device: s.role, Since: at.Add(-400 * time.Hour), LastUsed: at, Network: "2001:db8:77::/48"},
	}
	events := []idpweb.Happened{
		{Action: "session.started", At: at, By: "you", Device: "Firefox, Windows", Network: "192.0.2.0/24"},
		{Action: "membership.changed", At: at.Add(-time.Hour), By: "administrator", Organization: s.organization},
		{Action: "user.email_changed", At: at.Add(-2 * time.Hour), By: "provisioning", Organization: s.organization, Before: s.email, After: s.email},
		{Action: "unheard.of", At: at.Add(-3 * time.Hour), By: "service"},
	}
	applications := []idpweb.ConnectedIn{
		{Name: s.organization, Applications: []idpweb.Connected{
			{Application: s.id, Organization: s.id, Name: s.application, Since: day(2026, 1, 5), LastUsed: at},
			{Application: s.id, Organization: s.id, Name: s.agency, Since: day(2026, 2, 5), LastUsed: at, Revocable: true, Scopes: []string{"openid", "profile", "offline_access", s.id}},
		}},
		{Name: s.agency, Applications: []idpweb.Connected{
			{Application: s.id, Organization: s.id, Name: s.agency, Since: day(2025, 2, 5), Revocable: true, Scopes: []string{"email"}},
		}},
	}
	return map[string]show{
		"account-security": func(w http.ResponseWriter, r *http.Request) {
			p.AccountSecurity(w, r, idpweb.SecurityView{Frame: noted(idpweb.NoticePasswordChanged), Nav: navigation("security"), Email: s.email, ChangeEmail: "/account/email",
				ChangePassword: "/account/password", Factors: "/account/factors", Sessions: sessions})
		},
		"account-security-ruled": func(w http.ResponseWriter, r *http.Request) {
			p.AccountSecurity(w, r, idpweb.SecurityView{Frame: s.frame(), Nav: navigation("security"), Email: s.email, EmailRuledBy: s.organization, NoPassword: true,
				ChangePassword: "/account/password", Sessions: sessions[:1], SharedAt: at})
		},
		"account-applications": func(w http.ResponseWriter, r *http.Request) {
			p.AccountApplications(w, r, idpweb.ApplicationsView{Frame: s.frame(), Nav: navigation("applications"), Organizations: applications})
		},
		"account-applications-empty": func(w http.ResponseWriter, r *http.Request) {
			p.AccountApplications(w, r, idpweb.ApplicationsView{Frame: noted(idpweb.NoticeRevoked), Nav: navigation("applications")})
		},
		"account-history": func(w http.ResponseWriter, r *http.Request) {
			p.AccountHistory(w, r, idpweb.HistoryView{Frame: s.frame(), Nav: navigation("history"), Events: events, Older: "/account/history?after=x", Newest: "/account/history"})
		},
		"account-history-empty": func(w http.ResponseWriter, r *http.Request) {
			p.AccountHistory(w, r, idpweb.HistoryView{Frame: s.frame(), Nav: navigation("history")})
		},
		"account-data": func(w http.ResponseWriter, r *http.Request) {
			p.AccountData(w, r, idpweb.DataView{Frame: s.frame(), Nav: navigation("data"), Name: s.person, Preferences: "/account/preferences", Erase: "/account/erasure"})
		},
		"account-data-waiting": func(w http.ResponseWriter, r *http.Request) {
			p.AccountData(w, r, idpweb.DataView{Frame: noted(idpweb.NoticeErasureAsked), Nav: navigation("data"), Preferences: "/account/preferences", ErasureSince: at, ErasureOwn: true})
		},
		"account-erasure": func(w http.ResponseWriter, r *http.Request) {
			p.AccountErasure(w, r, idpweb.ErasureView{Frame: s.frame(), Email: s.email, Back: "/account/data"})
		},
		"account-erasure-refused": func(w http.ResponseWriter, r *http.Request) {
			p.AccountErasure(w, r, idpweb.ErasureView{Frame: s.frame(), Email: s.email, Refusal: directory.ErrLastAdministrator, Back: "/account/data"})
		},
		"account-leave": func(w http.ResponseWriter, r *http.Request) {
			p.AccountLeave(w, r, idpweb.LeaveView{Frame: s.frame(), ID: s.id, Name: s.organization, Last: true, Back: "/account"})
		},
		"account-leave-refused": func(w http.ResponseWriter, r *http.Request) {
			p.AccountLeave(w, r, idpweb.LeaveView{Frame: s.frame(), ID: s.id, Name: s.organization, Refusal: directory.ErrLastAdministrator, Back: "/account"})
		},
		"preferences-named": func(w http.ResponseWriter, r *http.Request) {
			p.Preferences(w, r, idpweb.PreferencesView{Frame: s.frame(), Named: true, GivenName: s.person, FamilyName: s.person, Back: "/account"})
		},
		"change-password": func(w http.ResponseWriter, r *http.Request) {
			p.ChangePassword(w, r, idpweb.ChangePasswordView{Frame: s.frame(), Email: s.email, Has: true, NewPasswordFields: idpweb.NewPasswordFields{MinLength: 15, MaxLength: 1024}, Back: "/account/security"})
		},
		"change-password-problems": func(w http.ResponseWriter, r *http.Request) {
			p.ChangePassword(w, r, idpweb.ChangePasswordView{Frame: noted(idpweb.NoticeNotSaved), Email: s.email, Has: true, PresentProblem: idpweb.ProblemPresent, Back: "/account/security",
				NewPasswordFields: idpweb.NewPasswordFields{MinLength: 15, MaxLength: 1024, PasswordProblem: idpweb.ProblemTooShort, AgainProblem: idpweb.ProblemDiffer}})
		},
	}
}

// emailSamples are the pages about the sign-in address.
func emailSamples(p *idpweb.Pages, s words) map[string]show {
	till := time.Date(2026, 8, 21, 8, 2, 0, 0, time.UTC)
	all := map[string]show{
		"account-email": func(w http.ResponseWriter, r *http.Request) {
			p.AccountEmail(w, r, idpweb.EmailView{Frame: s.frame(), Present: s.email, Typed: s.email, Problem: idpweb.ProblemEmail, Back: "/account/security"})
		},
		"account-email-waiting": func(w http.ResponseWriter, r *http.Request) {
			f := s.frame()
			f.Notice = idpweb.NoticeEmailSent
			p.AccountEmail(w, r, idpweb.EmailView{Frame: f, Present: s.email, Waiting: s.email, WaitsTill: till, DevMail: "/dev/mail", Back: "/account/security"})
		},
		"account-email-ruled": func(w http.ResponseWriter, r *http.Request) {
			p.AccountEmail(w, r, idpweb.EmailView{Frame: s.frame(), Present: s.email, RuledBy: s.organization, Back: "/account/security"})
		},
	}
	for _, step := range []idpweb.EmailStep{idpweb.EmailConfirm, idpweb.EmailUndo, idpweb.EmailSignIn, idpweb.EmailExpired, idpweb.EmailTaken, idpweb.EmailUndone} {
		all["account-email-link-"+string(step)] = func(w http.ResponseWriter, r *http.Request) {
			p.AccountEmailLink(w, r, idpweb.EmailLinkView{Frame: s.frame(), Step: step, Token: s.id, Old: s.email, New: "kari@hansen.example", SignIn: "/account"})
		}
	}
	return all
}
