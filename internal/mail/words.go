package mail

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
)

//go:embed locales letter.html
var files embed.FS

// words are the sentences of one language.
type words struct {
	language string
	Months   [12]string        `json:"months"`
	Texts    map[string]string `json:"texts"`
}

// languages in which mails are written; English stands in for any other.
var languages = [...]string{"en", "nb", "sv", "de"}

func loadWords(language string) (*words, error) {
	raw, err := files.ReadFile("locales/" + language + ".json")
	if err != nil {
		return nil, err
	}
	w := &words{language: language}
	if err := json.Unmarshal(raw, w); err != nil {
		return nil, fmt.Errorf("mail: locale %s: %w", language, err)
	}
	return w, w.addNotices()
}

// addNotices reads the sentences of the notices and of the mails about the own account, which stand in files of their own.
func (w *words) addNotices() error {
	for _, group := range []string{".notice.json", ".account.json"} {
		raw, err := files.ReadFile("locales/" + w.language + group)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(raw, &w.Texts); err != nil { // adds to what is there
			return fmt.Errorf("mail: %s%s: %w", w.language, group, err)
		}
	}
	return nil
}

// fill puts values into a sentence, in one pass: a value that looks like a placeholder stays what it is.
func (w *words) fill(key string, values ...string) string {
	text, ok := w.Texts[key]
	if !ok {
		return "[" + key + "]" // TestEveryTextExists keeps this from happening
	}
	pairs := make([]string, 0, len(values))
	for i := 0; i+1 < len(values); i += 2 {
		pairs = append(pairs, "{"+values[i]+"}", values[i+1])
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// duration says how long something is valid, in its largest whole unit.
func (w *words) duration(d time.Duration) string {
	for _, unit := range []struct {
		key  string
		size time.Duration
	}{{"days", 24 * time.Hour}, {"hours", time.Hour}, {"minutes", time.Minute}} {
		n := int64(d / unit.size)
		if n > 1 && d%unit.size == 0 { // "24 hours", not "1 day"
			return w.count(unit.key, n)
		}
	}
	return w.count("minutes", max(int64(d/time.Minute), 1))
}

func (w *words) count(unit string, n int64) string {
	form := ".other"
	if n == 1 {
		form = ".one"
	}
	return w.fill("time."+unit+form, "n", fmt.Sprint(n))
}

// moment is a time to the minute, with its zone where that is UTC.
func (w *words) moment(t time.Time) string {
	zone := ""
	if t.Location() == time.UTC {
		zone = " UTC"
	}
	return w.fill("time.moment", "date", w.date(t), "clock", w.fill("time.clock", "hour", t.Format("15"), "minute", t.Format("04"))) + zone
}

func (w *words) date(t time.Time) string {
	return w.fill("time.date", "day", fmt.Sprint(t.Day()), "month", w.Months[t.Month()-1], "year", fmt.Sprint(t.Year()))
}

// end says until when something lasts that ends, exclusively, at t: nobody reads "until 1 January, 00:00" as "New Year's
// Eve is the last day".
func (w *words) end(t time.Time) string {
	if t.Hour() == 0 && t.Minute() == 0 && t.Second() == 0 {
		return w.fill("time.through", "date", w.date(t.AddDate(0, 0, -1)))
	}
	return w.fill("time.until", "moment", w.moment(t))
}

const (
	longestInSubject = 60
	longestInText    = 120
)

// wordJoiner is invisible and keeps a line together; mail programs do not see an address across it.
const wordJoiner = "\u2060"

// oneName makes one short line of what somebody typed as a name: no control characters, nothing that turns the writing
// direction, no second line.
func oneName(s string, longest int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			return ' '
		case r == unicode.ReplacementChar || unicode.Is(unicode.Cf, r) && r != '\u200c' && r != '\u200d':
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > longest {
		s = strings.TrimSpace(string(r[:longest-1])) + "…"
	}
	return s
}

// unlinked keeps mail programs from making a link of a name: "Booking.com" looks the same and is none.
func unlinked(s string) string {
	var b strings.Builder
	for i, r := range s {
		b.WriteRune(r)
		if strings.ContainsRune(".:@/", r) && i+1 < len(s) && s[i+1] != ' ' {
			b.WriteString(wordJoiner)
		}
	}
	return b.String()
}

func inText(name string) string { return unlinked(oneName(name, longestInText)) }

func inSubject(name string) string { return oneName(name, longestInSubject) }

// shownAddress leaves an ordinary address as it is.
func shownAddress(a string) string {
	a = oneName(a, 254)
	if strings.ContainsAny(a, "/:") || strings.Contains(strings.ToLower(a), "www.") {
		return unlinked(a)
	}
	return a
}
