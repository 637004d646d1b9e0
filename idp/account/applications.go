package account

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"portvakt/idp/gate"
	"portvakt/idp/session"
	"portvakt/idp/token"
	pages "portvakt/idp/web"
	"portvakt/internal/audit"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
	"portvakt/internal/web"
)

// connection is what one application has to do with the person in one organization.
type connection struct {
	application  directory.Application
	organization directory.OrganizationID
	name         string // of the organization
	scopes       []string
	since, last  time.Time
}

// own reports whether the application is trusted by whoever runs it: nobody is asked, so nobody can take anything back.
func own(a directory.Application) bool {
	if a.Metadata.SkipConsent != nil {
		return *a.Metadata.SkipConsent
	}
	return a.Organization.IsZero()
}

type connectionKey struct {
	application  directory.ApplicationID
	organization directory.OrganizationID
}

// connections are the applications that the person has opened lately or has allowed something, by organization and name.
func (a *Account) connections(ctx context.Context, user directory.UserID) ([]connection, error) {
	found := map[connectionKey]*connection{}
	at := func(application directory.ApplicationID, org directory.OrganizationID, since, last time.Time) *connection {
		key := connectionKey{application, org}
		c := found[key]
		if c == nil {
			c = &connection{organization: org, since: since}
			found[key] = c
		}
		if since.Before(c.since) {
			c.since = since
		}
		if last.After(c.last) {
			c.last = last
		}
		return c
	}
	opened, err := session.OpenedBy(ctx, a.db, user)
	if err != nil {
		return nil, err
	}
	for _, o := range opened {
		at(o.Application, o.Organization, o.Since, o.Last)
	}
	held, err := token.HeldOf(ctx, a.db, user)
	if err != nil {
		return nil, err
	}
	for _, h := range held {
		at(h.Application, h.Organization, h.Since, h.Last)
	}
	consents, err := gate.ConsentsOf(ctx, a.db, user)
	if err != nil {
		return nil, err
	}
	for _, g := range consents {
		c := at(g.Application, g.Organization, g.GivenAt, time.Time{})
		c.scopes = append(c.scopes, g.Scope)
	}
	return a.named(ctx, found)
}

// named reads what the applications and organizations are called, each once.
func (a *Account) named(ctx context.Context, found map[connectionKey]*connection) ([]connection, error) {
	applications, organizations := map[directory.ApplicationID]directory.Application{}, map[directory.OrganizationID]string{}
	all := make([]connection, 0, len(found))
	for key, c := range found {
		app, known := applications[key.application]
		if !known {
			var err error
			if app, err = a.dir.Applications.ByID(ctx, key.application); err != nil {
				return nil, err
			}
			applications[key.application] = app
		}
		name, known := organizations[key.organization]
		if !known {
			o, err := a.dir.Organizations.ByID(ctx, key.organization)
			if err != nil {
				return nil, err
			}
			name = o.Name
			organizations[key.organization] = name
		}
		c.application, c.name = app, name
		all = append(all, *c)
	}
	slices.SortFunc(all, func(x, y connection) int {
		return cmp.Or(cmp.Compare(directory.Fold(x.name), directory.Fold(y.name)), slices.Compare(x.organization[:], y.organization[:]),
			cmp.Compare(directory.Fold(x.application.Name), directory.Fold(y.application.Name)), slices.Compare(x.application.ID[:], y.application.ID[:]))
	})
	return all, nil
}

func (a *Account) showApplications(w http.ResponseWriter, r *http.Request) {
	if v, ok := a.visitor(w, r); ok {
		a.applications(w, r, v)
	}
}

func (a *Account) applications(w http.ResponseWriter, r *http.Request, v visitor) {
	all, err := a.connections(r.Context(), v.session.User)
	if err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	view := pages.ApplicationsView{Frame: v.frame, Nav: navigation(r, "applications")}
	for i, c := range all {
		if i == 0 || all[i-1].organization != c.organization {
			view.Organizations = append(view.Organizations, pages.ConnectedIn{Name: c.name})
		}
		in := &view.Organizations[len(view.Organizations)-1]
		in.Applications = append(in.Applications, pages.Connected{
			Application: c.application.ID.String(), Organization: c.organization.String(), Name: cmp.Or(c.application.Name, c.application.ClientID),
			Scopes: c.scopes, Since: c.since, LastUsed: c.last, Revocable: len(c.scopes) > 0 && !own(c.application),
		})
	}
	a.pages.AccountApplications(w, r, view)
}

// actApplications takes back what an application may do.
func (a *Account) actApplications(w http.ResponseWriter, r *http.Request) {
	v, acting, ok := a.formSender(w, r, func(v visitor) { a.applications(w, r, v) })
	if !ok {
		return
	}
	application, err := directory.ParseApplicationID(web.One(r.PostForm, "application"))
	org, err2 := directory.ParseOrganizationID(web.One(r.PostForm, "organization"))
	if web.One(r.PostForm, "action") != pages.ActionRevoke || err != nil || err2 != nil {
		web.SeeOther(w, r, pathApplications)
		return
	}
	if err := a.revoke(acting.Context(), v.session.User, application, org); err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	web.SeeOther(w, r, pathApplications+"?done=revoked")
}

var errOwnApplication = fault.New(fault.Forbidden, "own_application", "The organization works with this application; its administrator decides about it")

// revokedConsent is what the event says.
type revokedConsent struct {
	User         string `json:"user"`
	Application  string `json:"application"`
	Organization string `json:"organization"`
}

// revoke takes the person's agreement back, in one organization, and with it all tokens that the application has of it.
func (a *Account) revoke(ctx context.Context, user directory.UserID, application directory.ApplicationID, org directory.OrganizationID) error {
	return a.db.Update(ctx, func(tx *sqldb.Tx) error {
		app, err := a.dir.WithTx(tx).Applications.ByID(ctx, application)
		if err != nil {
			return gone(err)
		}
		if own(app) {
			return errOwnApplication
		}
		n, err := gate.Revoke(ctx, tx, user, application, org)
		if err != nil || n == 0 { // not there, or revoked already
			return err
		}
		if _, err := token.EndOf(ctx, tx, user, application, org); err != nil {
			return err
		}
		e := revokedConsent{user.String(), application.String(), org.String()}
		entry := audit.Entry{Action: EventConsentRevoked, Object: e.User, Person: e.User, Detail: map[string]any{"application": e.Application}}
		if err := audit.Append(ctx, tx, org, entry); err != nil {
			return err
		}
		return outbox.Append(tx, org, EventConsentRevoked, e.User, e)
	})
}
