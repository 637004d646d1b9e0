package web_test

import (
	"log"
	"net/http"
	"time"

	idpweb "portvakt/idp/web"
)

// factorSamples are the pages about second factors.
func factorSamples(p *idpweb.Pages, s words) map[string]show {
	qr, err := idpweb.NewQR("otpauth://totp/Portvakt:kari%40nordlys.example?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Portvakt")
	if err != nil {
		log.Fatal(err) // the gallery has no test to fail
	}
	codes := []string{"abcd-efgh-ijkl-mnop", "2345-6723-4567-qrst", "abcd-efgh-ijkl-mnop", "2345-6723-4567-qrst", "abcd-efgh-ijkl-mnop",
		"2345-6723-4567-qrst", "abcd-efgh-ijkl-mnop", "2345-6723-4567-qrst", "abcd-efgh-ijkl-mnop", "2345-6723-4567-qrst"}
	keyless := func(c idpweb.Conversation) idpweb.Conversation { c.Passkey = nil; return c } // who is asked for a mailed code has no key
	const key = "JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP"
	return map[string]show{
		"second-factor-recovery": func(w http.ResponseWriter, r *http.Request) {
			p.SecondFactor(w, r, idpweb.SecondFactorView{Conversation: s.noted(idpweb.NoticeWrongRecovery), Code: true, Recovery: true, OtherWay: true, Problem: idpweb.ProblemCode})
		},
		"second-factor-key": func(w http.ResponseWriter, r *http.Request) {
			p.SecondFactor(w, r, idpweb.SecondFactorView{Conversation: s.conversation(), Keys: true, OtherWay: true, TrustFor: 7 * 24 * time.Hour})
		},
		"second-factor-mail": func(w http.ResponseWriter, r *http.Request) {
			p.SecondFactor(w, r, idpweb.SecondFactorView{Conversation: keyless(s.conversation()), Email: s.email, ByMail: true, Mailed: true, ValidFor: 10 * time.Minute, DevMail: "/dev/mail"})
		},
		"second-factor-mail-wrong": func(w http.ResponseWriter, r *http.Request) {
			p.SecondFactor(w, r, idpweb.SecondFactorView{Conversation: keyless(s.noted(idpweb.NoticeWrongMailCode)), Email: s.email, ByMail: true, Mailed: true, ValidFor: 10 * time.Minute})
		},
		"second-factor-mail-again": func(w http.ResponseWriter, r *http.Request) {
			p.SecondFactor(w, r, idpweb.SecondFactorView{Conversation: keyless(s.noted(idpweb.NoticeCodeSentAgain)), Email: s.email, ByMail: true, Mailed: true, ValidFor: 10 * time.Minute})
		},
		"second-factor-mail-first": func(w http.ResponseWriter, r *http.Request) {
			p.SecondFactor(w, r, idpweb.SecondFactorView{Conversation: keyless(s.conversation()), Email: s.email, ByMail: true, ValidFor: 10 * time.Minute})
		},
		"enrol-factor-mail": func(w http.ResponseWriter, r *http.Request) {
			p.EnrolFactor(w, r, idpweb.EnrolFactorView{Conversation: s.conversation(), Email: s.email, Forced: true, ByMail: true, QR: qr, Key: key})
		},
		"enrol-factor-key-short": func(w http.ResponseWriter, r *http.Request) {
			c := s.conversation()
			c.Passkey = s.attested()
			p.EnrolFactor(w, r, idpweb.EnrolFactorView{Conversation: c, Email: s.email, Forced: true, KeyShort: true, QR: qr, Key: key})
		},
		"second-factor-step-up": func(w http.ResponseWriter, r *http.Request) {
			p.SecondFactor(w, r, idpweb.SecondFactorView{Conversation: s.noted(idpweb.NoticeStepUp), Code: true})
		},
		"enrol-factor": func(w http.ResponseWriter, r *http.Request) {
			p.EnrolFactor(w, r, idpweb.EnrolFactorView{Conversation: s.conversation(), Email: s.email, Forced: true, QR: qr, Key: key})
		},
		"enrol-factor-wrong": func(w http.ResponseWriter, r *http.Request) {
			p.EnrolFactor(w, r, idpweb.EnrolFactorView{Conversation: s.noted(idpweb.NoticeWrongCode), Forced: true, QR: qr, Key: key, Problem: idpweb.ProblemCode})
		},
		"enrol-factor-account": func(w http.ResponseWriter, r *http.Request) {
			p.EnrolFactor(w, r, idpweb.EnrolFactorView{Conversation: idpweb.Conversation{Frame: s.frame()}, QR: qr, Key: key, Sealed: s.id, Back: "/account/factors"})
		},
		"enrol-factor-replaces": func(w http.ResponseWriter, r *http.Request) {
			p.EnrolFactor(w, r, idpweb.EnrolFactorView{Conversation: idpweb.Conversation{Frame: s.frame()}, Replaces: true, QR: qr, Key: key, Sealed: s.id, Back: "/account/factors"})
		},
		"recovery-codes": func(w http.ResponseWriter, r *http.Request) {
			p.RecoveryCodes(w, r, idpweb.RecoveryCodesView{Conversation: s.conversation(), Codes: codes})
		},
		"recovery-codes-account": func(w http.ResponseWriter, r *http.Request) {
			p.RecoveryCodes(w, r, idpweb.RecoveryCodesView{Conversation: idpweb.Conversation{Frame: s.frame()}, Codes: codes, Done: "/account/factors"})
		},
		"factors": func(w http.ResponseWriter, r *http.Request) {
			p.Factors(w, r, idpweb.FactorsView{Frame: s.frame(), Since: day(2026, 3, 2), Recovery: 9, AddTOTP: "/account/factors/totp", Back: "/account",
				Devices: []idpweb.TrustedDevice{{ID: s.id, Name: s.person, Until: time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)}, {ID: s.id, Until: day(2026, 4, 2)}}})
		},
		"factors-needed": func(w http.ResponseWriter, r *http.Request) {
			f := s.frame()
			f.Notice, f.Status = idpweb.NoticeFactorNeeded, http.StatusConflict
			p.Factors(w, r, idpweb.FactorsView{Frame: f, Since: day(2026, 3, 2), Recovery: 1, Few: true, Demanded: true, AddTOTP: "/account/factors/totp", Back: "/account"})
		},
		"factors-none": func(w http.ResponseWriter, r *http.Request) {
			p.Factors(w, r, idpweb.FactorsView{Frame: s.frame(), AddTOTP: "/account/factors/totp", Back: "/account"})
		},
	}
}
