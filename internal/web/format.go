package web

import (
	"html/template"
	"strconv"
	"time"
)

// FormatTime is a moment as people of the language write it, to the minute. Without a location it is UTC and says so.
func (c *Catalogue) FormatTime(l Language, t time.Time, loc *time.Location) string {
	t, zone := place(t, loc)
	return c.T(l, "time.moment", "date", c.date(l, t), "clock", c.T(l, "time.clock", "hour", pad(t.Hour()), "minute", pad(t.Minute()))) + zone
}

// FormatDate is the day as people of the language write it.
func (c *Catalogue) FormatDate(l Language, t time.Time, loc *time.Location) string {
	t, _ = place(t, loc)
	return c.date(l, t)
}

// FormatEnd says how long something lasts that ends, exclusively, at t. An end at midnight is told by the last full
// day, because nobody reads "until 1 January, 00:00" as "New Year's Eve is the last day".
func (c *Catalogue) FormatEnd(l Language, t time.Time, loc *time.Location) string {
	local, _ := place(t, loc)
	if local.Hour() == 0 && local.Minute() == 0 && local.Second() == 0 {
		return c.T(l, "time.through", "date", c.date(l, local.AddDate(0, 0, -1)))
	}
	return c.T(l, "time.until", "moment", c.FormatTime(l, t, loc))
}

// FormatDuration says a length of time in its largest fitting unit: "24 hours", "30 minutes".
func (c *Catalogue) FormatDuration(l Language, d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return c.Plural(l, "time.days", ceil(d, 24*time.Hour))
	case d > 90*time.Minute:
		return c.Plural(l, "time.hours", ceil(d, time.Hour))
	case d > 90*time.Second:
		return c.Plural(l, "time.minutes", ceil(d, time.Minute))
	}
	return c.Plural(l, "time.seconds", max(1, ceil(d, time.Second)))
}

// ceil rounds up: a person told to wait must not come back too early.
func ceil(d, unit time.Duration) int { return int((d + unit - 1) / unit) }

func place(t time.Time, loc *time.Location) (time.Time, string) {
	if loc == nil || loc == time.UTC {
		return t.UTC(), " UTC"
	}
	return t.In(loc), ""
}

func (c *Catalogue) date(l Language, t time.Time) string {
	return c.T(l, "time.date", "day", t.Day(), "month", c.T(l, "time.month."+strconv.Itoa(int(t.Month()))), "year", t.Year())
}

func pad(n int) string {
	if n < 10 {
		return "0" + strconv.Itoa(n)
	}
	return strconv.Itoa(n)
}

// funcs are what templates may call, bound to one language.
//
// Invariant: rich is the only maker of template.HTML; it escapes the sentence and each value (TestRichEscapes).
func (c *Catalogue) funcs(l Language, a *assets) template.FuncMap {
	return template.FuncMap{
		"t":        func(key string, args ...any) string { return c.T(l, key, args...) },
		"has":      c.Has,
		"rich":     func(key string, args ...any) template.HTML { return c.rich(l, key, args...) },
		"plural":   func(key string, n int) string { return c.Plural(l, key, n) },
		"moment":   func(t time.Time, loc *time.Location) string { return c.FormatTime(l, t, loc) },
		"date":     func(t time.Time, loc *time.Location) string { return c.FormatDate(l, t, loc) },
		"upto":     func(t time.Time, loc *time.Location) string { return c.FormatEnd(l, t, loc) },
		"fault":    func(err error) string { return c.FaultText(l, err) },
		"duration": func(d time.Duration) string { return c.FormatDuration(l, d) },
		"asset":    a.address,
	}
}

// rich is T with each value set off from the sentence: emphasized, and isolated from its writing direction.
func (c *Catalogue) rich(l Language, key string, args ...any) template.HTML {
	text := template.HTMLEscapeString(c.text(l, key))
	return template.HTML(fill(text, args, func(value string) string {
		return "<b><bdi>" + template.HTMLEscapeString(value) + "</bdi></b>"
	}))
}
