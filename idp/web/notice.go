package web

import "slices"

// Notice is a message above a page's content: what happened, and what to do next. Its text is notice.<value>.
type Notice string

// Notices of trouble.
const (
	NoticeWrongPassword       Notice = "wrong_password"
	NoticeWrongCode           Notice = "wrong_code"
	NoticeTooMany             Notice = "too_many" // with Frame.Retry
	NoticeBusy                Notice = "busy"     // with Frame.Retry
	NoticeFormExpired         Notice = "form_expired"
	NoticeChooseOrganization  Notice = "choose_organization"
	NoticeNoOrganization      Notice = "no_organization"
	NoticeInvitationGone      Notice = "invitation_gone"
	NoticeSecondFactorMissing Notice = "second_factor_missing" // the organization demands one, the person has none
	NoticeNotSaved            Notice = "not_saved"
	NoticeWrongRecovery       Notice = "wrong_recovery"
	NoticeWrongMailCode       Notice = "wrong_mail_code"
	NoticeFactorNeeded        Notice = "factor_needed" // the last second factor cannot be removed
	NoticeKeyRefused          Notice = "key_refused"
	NoticeKeyUnknown          Notice = "key_unknown"
	NoticeKeySuspicious       Notice = "key_suspicious"
	NoticeKeyLate             Notice = "key_late"
	NoticeKeyRegistered       Notice = "key_registered"
	NoticeTooManyKeys         Notice = "too_many_keys"
	NoticeKeyNotAttested      Notice = "key_not_attested"
)

// Notices of success.
const (
	NoticePasswordSet        Notice = "password_set"
	NoticeMailSentAgain      Notice = "mail_sent_again"
	NoticeInvitationAccepted Notice = "invitation_accepted"
	NoticeInvitationDeclined Notice = "invitation_declined"
	NoticeSessionEnded       Notice = "session_ended"
	NoticePreferencesSaved   Notice = "preferences_saved"
	NoticeKeyAdded           Notice = "key_added"
	NoticeKeyRemoved         Notice = "key_removed"
	NoticeKeyRenamed         Notice = "key_renamed"
	NoticeSignInAgain        Notice = "sign_in_again" // the application asked for a fresh sign-in
	NoticeStepUp             Notice = "step_up"       // what the person wants to do asks for it
	NoticeFactorAdded        Notice = "factor_added"
	NoticeFactorRemoved      Notice = "factor_removed"
	NoticeDeviceEnded        Notice = "device_ended"
	NoticeCodeSentAgain      Notice = "code_sent_again"
)

// notices says which notices are good news; all others are shown, and announced to screen readers, as trouble.
var notices = map[Notice]string{
	NoticePasswordSet: "success", NoticeMailSentAgain: "success", NoticeInvitationAccepted: "success",
	NoticeInvitationDeclined: "success", NoticeSessionEnded: "success", NoticeSignInAgain: "info",
	NoticePreferencesSaved: "success", NoticeStepUp: "info", NoticeFactorAdded: "success", NoticeFactorRemoved: "success", NoticeDeviceEnded: "success",
	NoticeCodeSentAgain: "success",
	NoticeKeyAdded:      "success", NoticeKeyRemoved: "success", NoticeKeyRenamed: "success",
}

// Notices of the pages of the own account.
const (
	NoticeEmailSent        Notice = "email_sent"
	NoticeEmailWithdrawn   Notice = "email_withdrawn"
	NoticeEmailChanged     Notice = "email_changed"
	NoticePasswordChanged  Notice = "password_changed"
	NoticeRevoked          Notice = "revoked"
	NoticeLeft             Notice = "left"
	NoticeErasureAsked     Notice = "erasure_asked"
	NoticeErasureWithdrawn Notice = "erasure_withdrawn"
)

// ProblemPresent says that the password is not the one in use.
const ProblemPresent FieldProblem = "present"

// ownNotices are good news, all of them.
var ownNotices = []Notice{
	NoticeEmailSent, NoticeEmailWithdrawn, NoticeEmailChanged, NoticePasswordChanged, NoticeRevoked, NoticeLeft, NoticeErasureAsked, NoticeErasureWithdrawn,
}

// Tone is how the notice is shown: error, success or info.
func (n Notice) Tone() string {
	if tone, ok := notices[n]; ok {
		return tone
	}
	if slices.Contains(ownNotices, n) {
		return "success"
	}
	return "error"
}

// FieldProblem is what is wrong with one field. Its text is field.<value>.
type FieldProblem string

// The problems of fields.
const (
	ProblemEmail        FieldProblem = "email"         // not an e-mail address
	ProblemRequired     FieldProblem = "required"      // left empty
	ProblemTooShort     FieldProblem = "too_short"     // fewer than MinLength
	ProblemTooLong      FieldProblem = "too_long"      // more than MaxLength
	ProblemTooCommon    FieldProblem = "too_common"    // on the list of passwords that attackers try first
	ProblemBreached     FieldProblem = "breached"      // known from data breaches
	ProblemUnprintable  FieldProblem = "unprintable"   // holds control characters
	ProblemContainsName FieldProblem = "contains_name" // holds the person's name, e-mail or organization
	ProblemUsedBefore   FieldProblem = "used_before"   // same as the one in use
	ProblemDiffer       FieldProblem = "differ"        // the two passwords are not the same
	ProblemTimeZone     FieldProblem = "time_zone"     // not a time zone that we know
	ProblemKeyName      FieldProblem = "key_name"      // of more than 60 characters
	ProblemCode         FieldProblem = "code"          // the code is wrong
)
