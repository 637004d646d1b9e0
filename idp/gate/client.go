package gate

import (
	"slices"
	"time"

	"portvakt/internal/directory"
)

// ClientRequest is a client that asks for a token of its own, perhaps in one organization.
type ClientRequest struct {
	ClientID     string
	Application  Application            // of a service account: without id
	Organization directory.Organization // the zero Organization: none
}

// ClientPass is the proof that a client may have a token of its own; it stands for no person.
type ClientPass struct {
	clientID     string
	organization directory.Organization
	now          time.Time
}

// ClientID is who may have it.
func (p ClientPass) ClientID() string { return p.clientID }

// Organization is where; the zero Organization if nowhere in particular.
func (p ClientPass) Organization() directory.Organization { return p.organization }

// Now is the moment for which the gate answered.
func (p ClientPass) Now() time.Time { return p.now }

// Valid reports whether the gate made the pass.
func (p ClientPass) Valid() bool { return p.clientID != "" && !p.now.IsZero() }

// JudgeClient answers without a statement: everything that it needs is kept by whoever keeps applications.
func JudgeClient(now time.Time, r ClientRequest) (ClientPass, error) {
	a := &r.Application
	switch {
	case r.ClientID == "" || a.Disabled:
		return ClientPass{}, ErrApplication
	case !slices.Contains(a.Grants, "client_credentials"):
		return ClientPass{}, ErrGrant
	}
	if o := &r.Organization; !o.ID.IsZero() {
		switch {
		case !a.Serves(o.ID):
			return ClientPass{}, ErrNotServed
		case o.Suspended:
			return ClientPass{}, ErrOrganization
		}
	}
	return ClientPass{r.ClientID, r.Organization, now}, nil
}
