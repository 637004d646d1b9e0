package web

import (
	"net/http"
	"slices"
)

// Preferences are what a person has chosen; empty is no choice.
type Preferences struct {
	Language string
	NameForm string // given_family, family_given or display
	TimeZone string // a name of the IANA database
}

// PreferencesView asks for the person's own language, name, form of name and time zone. Fields language, name_form
// (selects), given_name, family_name and time_zone (free text with suggestions, so that every zone of the world can be written); button save.
type PreferencesView struct {
	Frame
	Chosen                            Preferences
	GivenFamily, FamilyGiven, Display string // the person's name in each form
	Named                             bool   // the own name is asked for, too
	GivenName, FamilyName             string // the person's own, whatever organizations say
	TimeZoneProblem                   FieldProblem
	Back                              string // address of the account page
}

// Option is one entry of a select.
type Option struct {
	Value, Name string
	Chosen      bool
}

// Languages are the languages of the pages in their own names, and whatever other one the person has.
func (v PreferencesView) Languages() []Option {
	options := []Option{{Value: "en", Name: "English"}, {Value: "nb", Name: "Norsk bokmål"}, {Value: "sv", Name: "Svenska"}, {Value: "de", Name: "Deutsch"}}
	found := v.Chosen.Language == ""
	for i := range options {
		options[i].Chosen = options[i].Value == v.Chosen.Language
		found = found || options[i].Chosen
	}
	if !found {
		options = append(options, Option{v.Chosen.Language, v.Chosen.Language, true})
	}
	return options
}

// TimeZones are suggestions.
func (v PreferencesView) TimeZones() []string { return slices.Clone(timeZones[:]) }

var timeZones = [...]string{
	"Europe/Oslo", "Europe/Stockholm", "Europe/Copenhagen", "Europe/Helsinki", "Europe/Berlin", "Europe/Vienna", "Europe/Zurich",
	"Europe/Amsterdam", "Europe/Athens", "Europe/Brussels", "Europe/Bucharest", "Europe/Budapest", "Europe/Dublin", "Europe/Istanbul",
	"Europe/Kyiv", "Europe/Lisbon", "Europe/London", "Europe/Luxembourg", "Europe/Madrid", "Europe/Paris", "Europe/Prague", "Europe/Riga",
	"Europe/Rome", "Europe/Sofia", "Europe/Tallinn", "Europe/Vilnius", "Europe/Warsaw", "Europe/Zagreb", "Atlantic/Reykjavik",
	"Africa/Cairo", "Africa/Johannesburg", "Africa/Lagos", "Africa/Nairobi", "America/Anchorage", "America/Bogota", "America/Chicago",
	"America/Denver", "America/Halifax", "America/Los_Angeles", "America/Mexico_City", "America/New_York", "America/Sao_Paulo",
	"America/Toronto", "America/Vancouver", "Asia/Bangkok", "Asia/Dhaka", "Asia/Dubai", "Asia/Hong_Kong", "Asia/Jakarta", "Asia/Jerusalem",
	"Asia/Karachi", "Asia/Kolkata", "Asia/Manila", "Asia/Seoul", "Asia/Shanghai", "Asia/Singapore", "Asia/Tokyo", "Australia/Perth",
	"Australia/Sydney", "Pacific/Auckland", "UTC",
}

// Preferences writes the page preferences.
func (p *Pages) Preferences(w http.ResponseWriter, r *http.Request, v PreferencesView) {
	p.write(w, r, shown{"preferences", v.Frame, v, ""})
}
