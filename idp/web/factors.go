package web

import (
	"net/http"
	"time"
)

// SecondFactorView asks for the second factor. Field code takes a one-time code as well as a recovery code; with TrustFor
// the checkbox trust_device; buttons continue, cancel and, where the person has them, use-passkey, use-recovery-code
// (action=recovery) and use-totp (action=totp). With ByMail the code is one that was mailed; button resend, or use-mail-code
// where none was mailed yet (action=mail-code), and set-up-factor (action=enrol).
type SecondFactorView struct {
	Conversation
	Email      string
	Code       bool          // the person has an authenticator
	Keys       bool          // the person has a security key or passkey
	Recovery   bool          // a recovery code is asked for
	OtherWay   bool          // the person has recovery codes
	TrustFor   time.Duration // for how long this browser can be trusted; 0 hides the checkbox
	TrustThis  bool          // was checked before
	OnlyByKeys bool          // nothing but a key will do: the request asks for it
	ByMail     bool          // a mailed code is asked for, and nothing else
	Mailed     bool          // ByMail: one was mailed
	ValidFor   time.Duration
	DevMail    string // address of the captured mail under --dev; empty hides the link
	Problem    FieldProblem
}

// Typed reports whether there is anything to type.
func (v SecondFactorView) Typed() bool {
	return !v.OnlyByKeys && (v.Code || v.Recovery) || v.ByMail && v.Mailed
}

// TrustByKey reports whether the form of the key has the checkbox trust_device; else it goes by the one beside the code.
func (v SecondFactorView) TrustByKey() bool { return v.TrustFor > 0 && (v.Recovery || !v.Typed()) }

// TrustByCode reports whether the form of the code has it.
func (v SecondFactorView) TrustByCode() bool { return v.TrustFor > 0 && !v.Recovery && v.Typed() }

// SecondFactor writes the page second-factor.
func (p *Pages) SecondFactor(w http.ResponseWriter, r *http.Request, v SecondFactorView) {
	p.write(w, r, shown{"second-factor", v.Frame, v, v.RedirectURI})
}

// EnrolFactorView has an authenticator app set up. Field code; on the account's own page key (hidden, sealed); buttons
// continue and cancel, or the link back; with ByMail use-mail-code (action=mail-code).
type EnrolFactorView struct {
	Conversation
	Email    string
	Forced   bool // the sign-in cannot go on without
	Replaces bool // the person has an authenticator already
	ByMail   bool // Forced: a code by mail would do as well
	KeyShort bool // Forced: a key was shown for which nobody vouches, and that is not enough
	QR       QR
	Key      string // the key as text, in groups
	Sealed   string // value of the hidden field key; empty where the conversation keeps it
	Problem  FieldProblem
	Back     string // address of the page before; empty where there is a button cancel
}

// EnrolFactor writes the page enrol-factor.
func (p *Pages) EnrolFactor(w http.ResponseWriter, r *http.Request, v EnrolFactorView) {
	p.write(w, r, shown{"enrol-factor", v.Frame, v, v.RedirectURI})
}

// RecoveryCodesView shows new recovery codes, once. Each is a code element in the list recovery-codes; button continue, or
// the link continue on the account's own page.
type RecoveryCodesView struct {
	Conversation
	Codes []string
	Done  string // address to go on at; empty where a form goes on with the sign-in
}

// RecoveryCodes writes the page recovery-codes.
func (p *Pages) RecoveryCodes(w http.ResponseWriter, r *http.Request, v RecoveryCodesView) {
	p.write(w, r, shown{"recovery-codes", v.Frame, v, v.RedirectURI})
}

// TrustedDevice is a browser that is not asked for the second factor.
type TrustedDevice struct {
	ID     string // value of the field device
	Name   string // "Firefox, Windows"; may be empty
	Proven time.Time
	Until  time.Time
}

// FactorsView lists the person's second factors. Links add-totp, keys and back; buttons remove-totp (action=remove-totp),
// new-recovery-codes (action=new-recovery-codes) and, for each trusted browser, end-device (fields action and device).
type FactorsView struct {
	Frame
	Since      time.Time // when the authenticator was set up; zero: there is none
	Keys       int
	Recovery   int // recovery codes that are left
	Few        bool
	Demanded   bool // an organization or the person's task demands a second factor
	Devices    []TrustedDevice
	AddTOTP    string // address
	ManageKeys string // address of the page keys
	Back       string // address of the account page
}

// Has reports whether there is any second factor.
func (v FactorsView) Has() bool { return !v.Since.IsZero() || v.Keys > 0 }

// Factors writes the page factors.
func (p *Pages) Factors(w http.ResponseWriter, r *http.Request, v FactorsView) {
	p.write(w, r, shown{"factors", v.Frame, v, ""})
}
