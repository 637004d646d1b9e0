package account

import (
	"net/http"

	"portvakt/idp/session"
	pages "portvakt/idp/web"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/web"

	"portvakt/idp/interaction"
)

// showPreferences asks the person for language, form of name and time zone.
func (a *Account) showPreferences(w http.ResponseWriter, r *http.Request) {
	current, ok := a.signedIn(w, r)
	if !ok {
		return
	}
	u, err := a.dir.Users.ByID(r.Context(), current.User)
	if err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	a.preferences(w, r, current, pages.PreferencesView{Chosen: chosen(u.Details.Preferences())})
}

func chosen(p directory.Preferences) pages.Preferences {
	return pages.Preferences{Language: p.Language, NameForm: string(p.NameForm), TimeZone: p.TimeZone}
}

// preferences shows the page with what the view has chosen.
func (a *Account) preferences(w http.ResponseWriter, r *http.Request, current session.Session, v pages.PreferencesView) {
	u, err := a.dir.Users.ByID(r.Context(), current.User)
	if err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	v.CSRF, v.UserLanguage, v.Location = a.token(r, current), interaction.Language(u.Details), interaction.Location(u.Details)
	v.Brand = a.brandOf(u.ID)
	v.Back = web.CarryLanguage(r, pathAccount)
	v.GivenFamily, v.FamilyGiven, v.Display = a.names(r, u)
	v.Named, v.GivenName, v.FamilyName = true, u.Details.GivenName, u.Details.FamilyName
	a.pages.Preferences(w, r, v)
}

// names are the person's name in the three forms, as an example of each: their own, or else what the first organization
// calls them.
func (a *Account) names(r *http.Request, u directory.User) (given, family, display string) {
	d := u.Details
	if d.GivenName == "" && d.FamilyName == "" {
		all, err := a.dir.Memberships.StandingsOf(r.Context(), u.ID)
		for i := range all {
			if err == nil && all[i].ActiveAt(a.db.Now()) {
				d = all[i].Details
				break
			}
		}
	}
	in := func(form directory.NameForm) string { d.NameForm = form; return d.Name() }
	return in(directory.GivenFamily), in(directory.FamilyGiven), in(directory.DisplayForm)
}

// savePreferences stores what the person has chosen; from then on it is in their pages, mails and claims.
func (a *Account) savePreferences(w http.ResponseWriter, r *http.Request) {
	current, ok := a.signedIn(w, r)
	if !ok {
		return
	}
	p := directory.Preferences{
		Language: web.One(r.PostForm, "language"), NameForm: directory.NameForm(web.One(r.PostForm, "name_form")), TimeZone: web.One(r.PostForm, "time_zone"),
	}
	value, _ := a.sessions.Cookies().Value(r, a.sessions.Cookies().Session)
	if !a.forms.Valid(value, "account "+current.ID.String(), web.One(r.PostForm, "csrf")) {
		v := pages.PreferencesView{Chosen: chosen(p)}
		v.Notice, v.Status = pages.NoticeFormExpired, http.StatusForbidden
		a.preferences(w, r, current, v)
		return
	}
	err := a.storeOwn(r, current, p)
	if fault.Is(err, fault.Invalid) {
		v := pages.PreferencesView{}
		v.Notice, v.Status = pages.NoticeNotSaved, http.StatusUnprocessableEntity
		switch f := fault.Of(err); {
		case f.Field == "time_zone" && len(p.TimeZone) <= 100:
			v.Chosen, v.TimeZoneProblem = chosen(p), pages.ProblemTimeZone
		default: // no button of ours sends it
		}
		a.preferences(w, r, current, v)
		return
	}
	if err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Location", pathAccount+"?done=preferences") // in the language just chosen, not in the one of the page
	w.WriteHeader(http.StatusSeeOther)
}
