package web

import (
	"net/http"
	"time"
)

// Membership is one organization as a person sees it. Kind is one of the directory's kinds (employee, external,
// limited, contact, reseller); State, where shown, one of active, suspended, invited, upcoming, ended.
type Membership struct {
	Slug          string
	Name          string // of the organization
	Kind          string
	State         string
	Role          string // the role's name in the organization; may be empty
	Administrator bool
	Home          bool      // the organization that the sign-in e-mail belongs to
	Start         time.Time // zero shows none
	End           time.Time // exclusive; zero shows none
	Leave         string    // address of the page that ends it at the person's wish; empty: no link
}

// Invitation is one organization that waits for the person's answer.
type Invitation struct {
	ID        string // value of the hidden field invitation
	Name      string // of the organization
	Kind      string
	Role      string
	InvitedBy string    // a person's name; may be empty
	Start     time.Time // zero: at once
	End       time.Time // exclusive; zero: without end
	Packages  []string  // names in the reader's language
	AnswerBy  time.Time // when the invitation is over; zero: it stays open
}

// OrganizationView asks in which organization the person wants to work. Radio field organization (the slug); buttons
// continue, cancel, and one for each invitation (field invitation, its id), which asks for the page invitation.
type OrganizationView struct {
	Conversation
	Choices     []Membership
	Selected    string // slug of the one that is chosen beforehand; may be empty
	Invitations []Invitation
}

// Organization writes the page organization.
func (p *Pages) Organization(w http.ResponseWriter, r *http.Request, v OrganizationView) {
	p.write(w, r, shown{"organization", v.Frame, v, v.RedirectURI})
}

// InvitationView asks whether the person wants to join an organization. Field invitation (hidden); buttons accept and
// deny (action=accept, action=deny).
type InvitationView struct {
	Conversation
	Invitation
	Email string
}

// Invitation writes the page invitation.
func (p *Pages) Invitation(w http.ResponseWriter, r *http.Request, v InvitationView) {
	p.write(w, r, shown{"invitation", v.Frame, v, v.RedirectURI})
}

// ConsentView asks whether an application may learn about the person. Buttons accept and deny (action=accept,
// action=deny).
type ConsentView struct {
	Conversation
	Email        string
	Organization string   // name; may be empty
	Scopes       []string // as the application asked; known ones are put into plain words
}

// Consent writes the page consent.
func (p *Pages) Consent(w http.ResponseWriter, r *http.Request, v ConsentView) {
	p.write(w, r, shown{"consent", v.Frame, v, v.RedirectURI})
}
