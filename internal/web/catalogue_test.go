package web_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"portvakt/internal/web"
)

func texts(t *testing.T, en, others string) *web.Catalogue {
	t.Helper()
	c, err := web.LoadCatalogue(fstest.MapFS{
		"locales/en.json": {Data: []byte(en)}, "locales/nb.json": {Data: []byte(others)},
		"locales/sv.json": {Data: []byte(others)}, "locales/de.json": {Data: []byte(others)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCatalogueIsComplete(t *testing.T) {
	t.Parallel()
	if err := renderer(t).Texts().Check(); err != nil {
		t.Error(err)
	}
}

func TestCheckFindsWhatDiffers(t *testing.T) {
	t.Parallel()
	err := texts(t, `{"a":"{x}","b":"b","c":"c"}`, `{"a":"{y}","b":" ","d":"d"}`).Check()
	if err == nil {
		t.Fatal("nothing found")
	}
	for _, want := range []string{"nb: a has placeholders [y]", "sv: b is empty", "de: c is missing", "nb: d is not in English"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q not found in:\n%v", want, err)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{``, `[]`, `{"a":1}`, `{"a":"x","a":"y"}`, `{"a":"x"`} {
		file := &fstest.MapFile{Data: []byte(bad)}
		if _, err := web.LoadCatalogue(fstest.MapFS{"locales/en.json": file, "locales/nb.json": file, "locales/sv.json": file, "locales/de.json": file}); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}

func TestMissingTextFallsBackToEnglish(t *testing.T) {
	t.Parallel()
	c := texts(t, `{"a":"Hello {name}"}`, `{}`)
	if got := c.T(web.German, "a", "name", "{name}"); got != "Hello {name}" {
		t.Errorf("got %q", got)
	}
	if got := c.T("xx", "unknown.key"); got != "unknown.key" {
		t.Errorf("got %q", got)
	}
}

func TestFormats(t *testing.T) {
	t.Parallel()
	c := renderer(t).Texts()
	oslo, err := time.LoadLocation("Europe/Oslo")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2027, 3, 1, 14, 5, 0, 0, time.UTC)
	newYear := time.Date(2026, 12, 31, 23, 0, 0, 0, time.UTC)
	for _, row := range []struct{ got, want string }{
		{c.FormatTime(web.English, at, nil), "1 March 2027, 14:05 UTC"},
		{c.FormatTime(web.Bokmal, at, oslo), "1. mars 2027 kl. 15.05"},
		{c.FormatTime(web.Swedish, at, oslo), "1 mars 2027 kl. 15.05"},
		{c.FormatTime(web.German, at, oslo), "1. März 2027, 15:05 Uhr"},
		{c.FormatDate(web.German, newYear, oslo), "1. Januar 2027"},
		{c.FormatEnd(web.Bokmal, newYear, oslo), "til og med 31. desember 2026"},
		{c.FormatEnd(web.English, newYear, nil), "until 31 December 2026, 23:00 UTC"},
		{c.FormatDuration(web.English, 24*time.Hour), "24 hours"},
		{c.FormatDuration(web.German, 72*time.Hour), "3 Tage"},
		{c.FormatDuration(web.Bokmal, 30*time.Minute), "30 minutter"},
		{c.FormatDuration(web.Swedish, 91*time.Second), "2 minuter"},
		{c.FormatDuration(web.English, 0), "1 second"},
		{c.FormatDuration(web.English, 1500*time.Millisecond), "2 seconds"},
	} {
		if row.got != row.want {
			t.Errorf("got %q, want %q", row.got, row.want)
		}
	}
}
