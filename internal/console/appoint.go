package console

import (
	"net/http"
	"strings"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/web"
)

const pathAppoint = "/console/operator/appoint"

// appointView is the page on which an operator gives an organization an administrator (R10).
type appointView struct {
	CSRF                        string
	Organization, Email, Reason string // as they were sent
	Done                        string // active or invited, after an appointment
	Without                     []directory.Organization
	Refused                     error  // told in the operator's language
	Field                       string // the field of the page that it is about, "" for none
}

func (c *Console) showAppoint(w http.ResponseWriter, r *http.Request, who Visitor) {
	query := r.URL.Query()
	v := appointView{Organization: web.One(query, "organization")}
	if done := web.One(query, "done"); done == "active" || done == "invited" {
		v.Done = done
	}
	c.appointPage(w, r, who, v)
}

func (c *Console) appointPage(w http.ResponseWriter, r *http.Request, who Visitor, v appointView) {
	var err error
	if v.Without, err = c.dir.WithoutAdministrator(r.Context()); err != nil {
		c.renderer.Fault(w, r, err)
		return
	}
	v.CSRF = c.visitors.FormToken(r)
	status := http.StatusOK
	if v.Refused != nil {
		status = http.StatusUnprocessableEntity
	}
	c.show(w, r, shown{pageAppoint, who, status, v})
}

func (c *Console) appoint(w http.ResponseWriter, r *http.Request, who Visitor) {
	v := appointView{Organization: strings.TrimSpace(web.One(r.PostForm, "organization")), Email: web.One(r.PostForm, "email"), Reason: web.One(r.PostForm, "reason")}
	m, err := c.appointBy(r, v)
	if f := fault.Of(err); f != nil && f.Kind != fault.Internal {
		v.Refused = f
		switch {
		case f.Field == "organization", f.Field == "email", f.Field == "reason":
			v.Field = f.Field
		case f.Kind == fault.NotFound && f.Field == "":
			v.Field = "organization"
		}
		c.appointPage(w, r, who, v)
		return
	}
	if err != nil {
		c.renderer.Fault(w, r, err)
		return
	}
	done := "active"
	if m.AcceptedAt.IsZero() {
		done = "invited"
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Location", web.CarryLanguage(r, pathAppoint+"?done="+done))
	w.WriteHeader(http.StatusSeeOther)
}

func (c *Console) appointBy(r *http.Request, v appointView) (directory.Member, error) {
	o, err := c.dir.BySlug(r.Context(), v.Organization)
	if err != nil {
		return directory.Member{}, err
	}
	return c.dir.Appoint(r.Context(), o.ID, directory.Appointment{Email: v.Email, Reason: v.Reason})
}
