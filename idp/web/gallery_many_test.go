package web_test

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	idpweb "portvakt/idp/web"
)

// long are values as long as they may be, without a place to break a line at.
var long = words{
	application: strings.Repeat("Lønnsberegningsprogram", 6), redirect: "https://faktura.example/callback", person: strings.Repeat("Montgomery", 12),
	email:        strings.Repeat("fornavnetternavn", 4) + "@" + strings.Repeat("avdeling.", 16) + "nordlys.example",
	organization: "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft", agency: strings.Repeat("Regnskapsfører", 14),
	role: strings.Repeat("Underdirektør", 9), id: "mbr_06bq", text: strings.Repeat("uten mellomrom", 40) + strings.Repeat("x", 400),
}

// manySamples are pages with lists as long as they get, and states that no other sample has.
func manySamples(p *idpweb.Pages, s words) map[string]show {
	at := time.Date(2026, 8, 20, 8, 2, 0, 0, time.UTC)
	var (
		memberships  []idpweb.Membership
		invitations  []idpweb.Invitation
		sessions     []idpweb.Session
		events       []idpweb.Happened
		keys         []idpweb.Key
		applications []idpweb.Connected
		messages     []idpweb.DevMessage
	)
	for n := range 25 {
		memberships = append(memberships, idpweb.Membership{Slug: fmt.Sprintf("org%d", n), Name: fmt.Sprintf("%s %d", s.organization, n), Kind: "external", State: "active", Role: s.role, End: at, Leave: "/account/leave"})
		invitations = append(invitations, idpweb.Invitation{ID: s.id, Name: fmt.Sprintf("%s %d", s.agency, n), Kind: "employee"})
		sessions = append(sessions, idpweb.Session{ID: s.id, Device: "Firefox, Windows", Since: at, LastUsed: at, Network: "2001:db8:77::/48", Current: n == 0})
		events = append(events, idpweb.Happened{Action: "session.started", At: at, By: "you", Device: s.role, Network: "192.0.2.0/24", Organization: s.organization})
		keys = append(keys, idpweb.Key{ID: s.id, Name: fmt.Sprintf("%s %d", s.person, n), Passkey: n%2 == 0, Synced: n%4 == 0, Made: at, Used: at})
		applications = append(applications, idpweb.Connected{Nth: n, Application: s.id, Organization: s.id, Name: s.application, Since: at, Revocable: true, Scopes: []string{"openid", "profile", "email"}})
		messages = append(messages, idpweb.DevMessage{ID: fmt.Sprint(n), To: s.email, Subject: s.text, At: at, Text: s.text, Links: []string{"https://id.example/account/setup?token=" + strings.Repeat("a", 43)}})
	}
	differ := idpweb.NewPasswordFields{MinLength: 15, MaxLength: 1024, AgainProblem: idpweb.ProblemDiffer}
	return map[string]show{
		"new-password-differ": func(w http.ResponseWriter, r *http.Request) {
			p.NewPassword(w, r, idpweb.NewPasswordView{Conversation: s.noted(idpweb.NoticeNotSaved), Email: s.email, Token: s.id, NewPasswordFields: differ})
		},
		"change-password-differ": func(w http.ResponseWriter, r *http.Request) {
			f := s.frame()
			f.Notice, f.Status = idpweb.NoticeNotSaved, http.StatusUnprocessableEntity
			p.ChangePassword(w, r, idpweb.ChangePasswordView{Frame: f, Email: s.email, Has: true, NewPasswordFields: differ, Back: "/account/security"})
		},
		"organization-many": func(w http.ResponseWriter, r *http.Request) {
			p.Organization(w, r, idpweb.OrganizationView{Conversation: s.conversation(), Choices: memberships, Invitations: invitations, Selected: "org3"})
		},
		"account-many": func(w http.ResponseWriter, r *http.Request) {
			p.Account(w, r, idpweb.AccountView{Frame: s.frame(), Name: s.person, Email: s.email, Memberships: memberships, Invitations: invitations, Sessions: sessions,
				ChangePassword: "/account/password", Factors: "/account/factors", Keys: "/account/keys", Preferences: "/account/preferences", Nav: navigation("account")})
		},
		"account-security-many": func(w http.ResponseWriter, r *http.Request) {
			p.AccountSecurity(w, r, idpweb.SecurityView{Frame: s.frame(), Nav: navigation("security"), Email: s.email, ChangeEmail: "/account/email", ChangePassword: "/account/password", Factors: "/account/factors", Sessions: sessions})
		},
		"account-applications-many": func(w http.ResponseWriter, r *http.Request) {
			p.AccountApplications(w, r, idpweb.ApplicationsView{Frame: s.frame(), Nav: navigation("applications"), Organizations: []idpweb.ConnectedIn{{Name: s.organization, Applications: applications}}})
		},
		"account-history-many": func(w http.ResponseWriter, r *http.Request) {
			p.AccountHistory(w, r, idpweb.HistoryView{Frame: s.frame(), Nav: navigation("history"), Events: events, Older: "/account/history?after=x"})
		},
		"keys-many": func(w http.ResponseWriter, r *http.Request) {
			p.Keys(w, r, idpweb.KeysView{Frame: s.frame(), Passkey: s.ceremony(), Keys: keys, Back: "/account"})
		},
		"dev-mail-many": func(w http.ResponseWriter, r *http.Request) {
			p.DevMail(w, r, idpweb.DevMailView{Frame: s.frame(), Base: "/dev/mail", Messages: messages})
		},
		"dev-message-many": func(w http.ResponseWriter, r *http.Request) {
			m := messages[0]
			for range 6 {
				m.Links = append(m.Links, m.Links[0])
			}
			p.DevMessage(w, r, idpweb.DevMessageView{Frame: s.frame(), Base: "/dev/mail", Message: m})
		},
	}
}
