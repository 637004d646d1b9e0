package scim

import "net/http"

const mePattern = "/Me"

// getMe answers a person's own member as the organization sees it (RFC 7644 §3.11). Nothing can be written here: what
// people may change of themselves they change on their account's pages.
func (x *exchange) getMe() error {
	m, err := x.h.dir.Memberships.ByID(x.ctx, x.client.Organization, x.person)
	if err != nil {
		return err
	}
	at := x.location("Users", m.ID.String())
	x.w.Header().Set("Location", at)
	x.w.Header().Set("Content-Location", at)
	return x.writeUser(http.StatusOK, &m)
}

// admits lets a person see /Me and nothing else, and nobody else see it: no client is a user.
//
// Invariant: a person's access token opens one address, whatever route is added (TestMe).
func (x *exchange) admits(path []string) error {
	me := len(path) == 1 && "/"+path[0] == mePattern
	switch {
	case x.person.IsZero() && me:
		return errNotFound
	case !x.person.IsZero() && !me:
		return errUnauthorized
	}
	return nil
}

// elsewhere is the answer outside the caller's organization.
func (x *exchange) elsewhere() error {
	if x.person.IsZero() {
		return errNotFound
	}
	return errUnauthorized
}
