package saml

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"

	"portvakt/idp/application"
	"portvakt/idp/gate"
	"portvakt/idp/interaction"
	"portvakt/idp/saml/wire"
	"portvakt/internal/directory"
)

// Limits of what a request may bring.
const (
	maxBody    = 512 << 10 // a form; the message in it has a limit of its own
	maxCarried = 12 << 10  // a checked request in an address
	maxClasses = 20
	carryFor   = 10 * time.Minute
)

// request is a checked request, as it is carried from a POST to our own GET and as the conversation keeps it. Its answer's
// address is one of the registration's.
type request struct {
	Organization string                      `json:"organization,omitempty"` // of the address; "": the installation
	Application  directory.ApplicationID     `json:"application"`
	ACS          wire.Endpoint               `json:"acs"`
	ID           string                      `json:"id,omitempty"` // "": nobody asked, the sign-in began here
	RelayState   string                      `json:"relay_state,omitempty"`
	Force        bool                        `json:"force,omitempty"`
	Passive      bool                        `json:"passive,omitempty"`
	Format       string                      `json:"format,omitempty"` // of the name that is wanted
	Hidden       bool                        `json:"hidden,omitempty"` // the name is wanted encrypted
	Subject      *wire.NameID                `json:"subject,omitempty"`
	Context      *wire.RequestedAuthnContext `json:"context,omitempty"`
	Service      *int                        `json:"service,omitempty"` // the attributes that are wanted
	Until        time.Time                   `json:"until,omitzero"`    // while it is carried
}

// target is a request whose answer's address is proven, with whom it is from and to.
type target struct {
	request
	entity   entity
	provider *Provider
	misbound bool // the answer is wanted by a binding in which its address is not registered
}

// check judges what a request wants, once its answer's address is proven; its refusals go to the service provider.
func (t *target) check(q *wire.AuthnRequest) error {
	t.Force, t.Passive, t.Subject, t.Service = q.ForceAuthn, q.IsPassive, q.Subject, q.AttributeService
	switch {
	case len(q.Unsupported) > 0:
		return errUnsupported
	case q.Scoping.Excludes(t.entity.id()):
		return errOtherIDP
	case q.Context != nil && len(q.Context.Classes) > maxClasses:
		return errTooManyClasses
	case t.misbound, t.ACS.Binding == wire.BindingArtifact && !t.provider.proves(): // nobody could prove to be whom the artifact is for
		return errBinding
	}
	t.Context = q.Context
	return t.policy(q.NameIDPolicy)
}

// needs puts the request's wishes into the conversation's words.
func (h *Handler) needs(r *http.Request, t *target) (interaction.Needs, error) {
	n := interaction.Needs{ForceLogin: t.Force, Organization: t.entity.slug, Scopes: scopesOf(t.provider)}
	client, err := h.Clients.ByID(r.Context(), t.Application)
	if err != nil {
		return n, err
	}
	n.ConsentNeeded = !client.SkipsConsent()
	if t.Context != nil {
		least, ok := wire.Needs(t.Context)
		if !ok {
			return n, interaction.ErrUnmet
		}
		n.ACREssential = []string{least}
	}
	return n, h.expect(r, t, &n)
}

// expect has the conversation sign in whom the request names, and nobody else.
//
// Invariant: whether there is somebody with an address is not told: a hint that nobody has is treated as one of somebody
// else (TestASubjectTellsNothing).
func (h *Handler) expect(r *http.Request, t *target, n *interaction.Needs) error {
	if t.Subject == nil {
		return nil
	}
	if email, err := directory.ParseEmail(t.Subject.Value); err == nil && t.Subject.Format != wire.FormatPersistent && t.Subject.Format != wire.FormatTransient {
		n.LoginHint, n.UserHint = email.Address, nobody()
		user, err := h.Directory.Users.ByEmail(r.Context(), email)
		if err == nil {
			n.UserHint = user.ID
		} else if !isNotFound(err) {
			return err
		}
		return nil
	}
	current, signedIn, err := h.Sessions.Current(r)
	if err != nil {
		return err
	}
	if signedIn && !h.names.isOf(t, current.User) { // who signs in next is compared at the end
		n.ForceLogin = true
	}
	return nil
}

// scopesOf are the scopes, as OpenID Connect calls them, of what a service provider is told, for the page that asks for consent.
func scopesOf(p *Provider) []string {
	has := map[string]bool{}
	for _, a := range p.Attributes {
		if a.Omit {
			continue
		}
		switch a.Source {
		case "email":
			has[application.ScopeEmail] = true
		case "phone":
			has[application.ScopePhone] = true
		case "roles", "role_path", "groups", "entitlements", "profiles", "functions", "segments":
			has[application.ScopeAccess] = true
		case "organization", "organization_id", "organization_name", "membership_id", "kind":
			has[application.ScopeOrganization] = true
		case "", "user_id", "pairwise_id", "subject_id":
		default:
			has[application.ScopeProfile] = true
		}
	}
	out := []string{application.ScopeOpenID}
	for _, s := range []string{application.ScopeProfile, application.ScopeEmail, application.ScopePhone, application.ScopeOrganization, application.ScopeAccess} {
		if has[s] {
			out = append(out, s)
		}
	}
	return out
}

// begin is what the conversation is handed.
func (t *target) begin(n interaction.Needs) (interaction.Begin, error) {
	body, err := json.Marshal(t.request)
	return interaction.Begin{Protocol: protocol, Grant: gate.GrantAssertion, Application: t.provider.Application, Request: body, Needs: n, RedirectURI: t.ACS.Location}, err
}

const carryPurpose = "saml request"

// carry seals a checked request into a text that fits into an address of ours.
func (h *Handler) carry(t *target) (string, error) {
	a := t.request
	a.Until = h.DB.Now().Add(carryFor)
	return h.sealed(carryPurpose, a)
}

// carried reads what carry has sealed.
func (h *Handler) carried(text string) (a request, err error) {
	if err := h.opened(carryPurpose, text, &a); err != nil {
		return a, err
	}
	if !h.DB.Now().Before(a.Until) {
		return a, errOver
	}
	a.Until = time.Time{}
	return a, nil
}

// sealed is a text for an address of ours that only we can have made, and nobody else reads.
func (h *Handler) sealed(purpose string, v any) (string, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	text := base64.RawURLEncoding.EncodeToString(h.Keys.Seal(purpose, body))
	if len(text) > maxCarried {
		return "", interaction.ErrTooLarge
	}
	return text, nil
}

func (h *Handler) opened(purpose, text string, v any) error {
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(text) > maxCarried {
		return errCarried
	}
	body, err := h.Keys.Open(purpose, sealed)
	if err != nil {
		return errCarried
	}
	return json.Unmarshal(body, v)
}
