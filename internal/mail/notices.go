package mail

import (
	"fmt"
	"time"
)

// NoticeKind is what a notice tells.
type NoticeKind string

// The notices of an organization's own affairs.
const (
	NoticeEnding        NoticeKind = "ending"        // to the person: access ends soon
	NoticeEndingOf      NoticeKind = "ending_of"     // to the organization: somebody's access ends soon
	NoticeEnded         NoticeKind = "ended"         // somebody's end date has passed
	NoticeAgencyLeft    NoticeKind = "agency_left"   // a reseller no longer comes from the agency
	NoticeVacant        NoticeKind = "vacant"        // nobody has the function any more
	NoticeSeatsFull     NoticeKind = "seats_full"    // no seat is free
	NoticeFeature       NoticeKind = "feature"       // a feature was switched on
	NoticeAdministrator NoticeKind = "administrator" // an operator appointed one
	NoticeUnanswered    NoticeKind = "unanswered"    // an invitation waits
	NoticeExpired       NoticeKind = "expired"       // an invitation waited for too long
	NoticePending       NoticeKind = "pending"       // nobody has chosen who takes over
	NoticeDomain        NoticeKind = "domain"        // a domain is proven
	NoticeErasure       NoticeKind = "erasure"       // somebody has asked to be erased everywhere
)

// Notice tells somebody about the affairs of one organization; what the kind does not speak of stays empty.
type Notice struct {
	Recipient
	Kind             NoticeKind
	OrganizationName string
	Person           string    // whom it is about, as the organization calls them
	Reseller         bool      // the person comes from the agency
	Archive          bool      // the organization can archive what somebody leaves
	End              time.Time // exclusive, in the recipient's time zone
	Function         string    // the function's key
	Feature          string    // as people know it
	PriceLabel       string
	Seats            int64
	Domain           string
	Reason           string
}

// sentence is one paragraph of a notice; it is left out where it has nothing to say.
type sentence struct {
	key  string
	says func(m *Notice) bool
}

func always(*Notice) bool { return true }

// sentences are what each notice says, in order.
var sentences = map[NoticeKind][]sentence{
	NoticeEnding:     {{"text", always}, {"how", always}},
	NoticeEndingOf:   {{"text", always}, {"how", func(m *Notice) bool { return !m.Reseller }}, {"reseller", func(m *Notice) bool { return m.Reseller }}},
	NoticeEnded:      {{"text", always}, {"how", always}},
	NoticeAgencyLeft: {{"text", always}, {"how", always}},
	NoticeVacant:     {{"text", always}, {"how", always}},
	NoticeSeatsFull: {{"text", func(m *Notice) bool { return m.Seats <= 0 }}, {"text.one", func(m *Notice) bool { return m.Seats == 1 }},
		{"text.count", func(m *Notice) bool { return m.Seats > 1 }},
		{"how", always}},
	NoticeFeature:       {{"text", always}, {"price", func(m *Notice) bool { return m.PriceLabel != "" }}, {"how", always}},
	NoticeAdministrator: {{"text", always}, {"reason", func(m *Notice) bool { return m.Reason != "" }}, {"how", always}},
	NoticeUnanswered:    {{"text", always}, {"end", func(m *Notice) bool { return !m.End.IsZero() }}, {"how", always}},
	NoticeExpired:       {{"text", always}, {"how", always}},
	NoticePending:       {{"text", always}, {"how", func(m *Notice) bool { return !m.Archive }}, {"how.archive", func(m *Notice) bool { return m.Archive }}},
	NoticeDomain:        {{"text", always}, {"how", always}},
	NoticeErasure:       {{"text", always}, {"how", always}},
}

// Notice writes the mail.
func (t *Texts) Notice(m Notice) Message {
	kind := "notice." + string(m.Kind)
	w, l := t.begin(kind, m.Recipient, m.OrganizationName)
	l.Subject = w.fill(kind+".subject", w.noticeValues(&m, inNoticeSubject)...)
	l.Heading = w.fill(kind+".subject", w.noticeValues(&m, inText)...)
	values := w.noticeValues(&m, inText)
	for _, s := range sentences[m.Kind] {
		if s.says(&m) {
			l.say(w.fill(kind+"."+s.key, values...))
		}
	}
	return t.render(m.To, l)
}

// inNoticeSubject is shorter, because the subjects of notices hold two names.
func inNoticeSubject(name string) string { return oneName(name, longestInNoticeSubject) }

const longestInNoticeSubject = 36

// Language is which of ours a text in the language of the tag is written in.
func (t *Texts) Language(tag string) string { return t.wordsFor(tag).language }

// noticeValues are what the sentences of a notice are filled with; shown makes what people typed harmless.
func (w *words) noticeValues(m *Notice, shown func(string) string) []string {
	values := []string{
		"organization", shown(m.OrganizationName), "person", shown(m.Person), "feature", shown(m.Feature), "price", shown(m.PriceLabel),
		"domain", shown(m.Domain), "reason", shown(m.Reason), "seats", fmt.Sprint(m.Seats),
	}
	if m.Function != "" {
		values = append(values, "function", w.fill("function."+m.Function))
	}
	if !m.End.IsZero() {
		values = append(values, "end", w.end(m.End))
	}
	return values
}
