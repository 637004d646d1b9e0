package web_test

import (
	"errors"
	"html"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"portvakt/internal/fault"
	"portvakt/internal/web"
)

// TestFaultText: a refusal in the person's language, with its own numbers; the field's own sentence where there is one.
func TestFaultText(t *testing.T) {
	t.Parallel()
	c := renderer(t).Texts()
	full := fault.Newf(fault.Forbidden, "seats_full", "All %d seats are in use", 12)
	for _, row := range []struct {
		err  error
		l    web.Language
		want string
	}{
		{full, web.English, "All 12 seats are in use; end or suspend a member who no longer needs access, or order more seats."},
		{full, web.German, "Alle 12 Plätze sind belegt; beenden oder sperren Sie ein Mitglied, das keinen Zugang mehr braucht, oder bestellen Sie weitere Plätze."},
		{full.On("seats").Because(errors.New("x")).After(time.Second), web.Bokmal, "Alle 12 plasser er i bruk; avslutt eller sperr et medlem som ikke trenger tilgang lenger, eller bestill flere plasser."},
		{fault.New(fault.Invalid, "missing", "x").On("end"), web.Swedish, "En extern medlem behöver ett slutdatum; ange den dag då åtkomsten ska upphöra."},
		{fault.New(fault.Invalid, "missing", "x").On("phones"), web.Swedish, "Här saknas något; fyll i det och spara igen."},
		{fault.Newf(fault.Invalid, "unknown_package", "There is no package %q", "{2}{1}"), web.English, "There is no package {2}{1}; choose one from the list."},
		{fault.New(fault.Forbidden, "seats_full", "Values are missing"), web.English, c.T(web.English, "fault.kind.forbidden")},
		{fault.New(fault.Conflict, "nobody_knows_this", "x"), web.German, c.T(web.German, "fault.kind.conflict")},
		{fault.New(fault.NotFound, "kind.not_found", "x"), web.English, c.T(web.English, "fault.kind.not_found")},
		{fault.Newf(fault.Forbidden, "feature_off", "%s is not switched on", fault.Noun{English: "Archive", Names: map[string]string{"nb": "Arkivet"}}), web.Bokmal,
			"Arkivet er ikke slått på for organisasjonen din; be dem som driver tjenesten, om å slå det på."},
		{fault.Newf(fault.Forbidden, "feature_off", "%s is not switched on", fault.Noun{English: "Archive", Names: map[string]string{"nb": "Arkivet"}}), web.Swedish,
			"Archive är inte påslaget för din organisation; be dem som driver tjänsten att slå på det."},
		{fault.Newf(fault.Conflict, "function_needs_holder", "%s", fault.Nouns{{English: "x", Key: "function.invoice_recipient"}, {English: "y", Key: "function.main_recipient"}}).On("functions"), web.German,
			"Dieses Mitglied hat eine Funktion, die jemand haben muss (Rechnungsempfänger, Hauptempfänger); wählen Sie zuerst, wer sie übernimmt."},
		{fault.Newf(fault.Conflict, "last_administrator", "x %s", "Nordlys AS").On("organization"), web.Swedish,
			"Det här är den sista administratören i Nordlys AS; utse en annan administratör där först och försök sedan igen."},
		{nil, web.English, ""},
	} {
		if got := c.FaultText(row.l, row.err); got != row.want {
			t.Errorf("%v in %s: %q, want %q", row.err, row.l, got, row.want)
		}
	}
}

// TestFaultTextTellsNoSecrets: for what is no refusal there is one sentence, whatever the error holds.
func TestFaultTextTellsNoSecrets(t *testing.T) {
	t.Parallel()
	c := renderer(t).Texts()
	for _, err := range []error{
		errors.New("password=hunter2"), fault.Newf(fault.Internal, "seats_full", "%s", "hunter2"), fault.New(fault.Internal, "stale", "hunter2").Because(errors.New("hunter2")),
	} {
		for _, l := range web.Languages() {
			if got := c.FaultText(l, err); got != c.T(l, "fault.kind.internal") || strings.Contains(got, "hunter2") || c.HasFault(err) {
				t.Errorf("%v: %q", err, got)
			}
		}
	}
}

// TestErrorPageSpeaksThePersonsLanguage: no English sentence reaches somebody who reads another language.
func TestErrorPageSpeaksThePersonsLanguage(t *testing.T) {
	t.Parallel()
	r := renderer(t)
	for _, l := range web.Languages() {
		request := httptest.NewRequest("GET", "/x", nil)
		request.Header.Set("Accept-Language", string(l))
		for _, f := range []*fault.Fault{
			fault.New(fault.Conflict, "last_administrator", "ENGLISH FOR PROGRAMS"), fault.Newf(fault.Invalid, "bad_tool", "ENGLISH FOR PROGRAMS %q", "<b>view</b>"),
		} {
			w := httptest.NewRecorder()
			r.Fault(w, request, f)
			body := html.UnescapeString(w.Body.String())
			if !strings.Contains(body, r.FaultText(l, f)) || strings.Contains(body, "ENGLISH FOR PROGRAMS") || !strings.Contains(body, f.Code) || strings.Contains(w.Body.String(), "<b>view") || w.Code != web.Status(f) {
				t.Errorf("%s, %s, status %d: %s", l, f.Code, w.Code, body)
			}
		}
	}
}
