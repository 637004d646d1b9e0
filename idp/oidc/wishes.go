package oidc

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"portvakt/idp/application"
	"portvakt/idp/interaction"
	"portvakt/idp/signing"
	"portvakt/internal/directory"
)

// needs puts the request's wishes into the conversation's words.
func (h *Handler) needs(r *http.Request, values url.Values, c *application.Client, a *authorization) (n interaction.Needs, err error) {
	asked, err := scopes(values.Get("scope"))
	if err != nil {
		return n, err
	}
	a.Scope = c.Grantable(asked)
	n = interaction.Needs{
		LoginHint: values.Get("login_hint"), UILocales: a.UILocales, Scopes: a.Scope, ConsentNeeded: !c.SkipsConsent(),
		ACRValues: strings.Fields(values.Get("acr_values")),
	}
	if len(n.LoginHint) > maxHint || len(n.ACRValues) > 20 {
		return n, invalid("The login_hint or acr_values is too long")
	}
	if n.ACREssential, err = essentialACR(values.Get("claims")); err != nil {
		return n, err
	}
	a.ACR = append(slices.Clone(n.ACREssential), n.ACRValues...)
	if n.Organization, err = organization(values.Get("organization"), a.Scope); err != nil {
		return n, err
	}
	if err := prompts(values, &n); err != nil {
		return n, err
	}
	if values.Has("max_age") {
		seconds, err := strconv.ParseUint(values.Get("max_age"), 10, 31)
		if err != nil {
			return n, invalid("The max_age is no number of seconds")
		}
		age := time.Duration(seconds) * time.Second
		n.MaxAge = &age
	}
	n.MaxAge = shorter(n.MaxAge, c.Registered.Metadata.DefaultMaxAge)
	if values.Has("id_token_hint") {
		hint, err := h.hint(r, values.Get("id_token_hint"))
		if err != nil || hint.Audience != c.ClientID || hint.user.IsZero() {
			return n, invalid("The id_token_hint is not valid")
		}
		n.UserHint = hint.user
	}
	return n, nil
}

// shorter is the age that a sign-in may have: the request's, or the one that the application registered where that is less
// (OpenID Connect Dynamic Client Registration §2). The request passes through the browser, so it makes nothing laxer.
func shorter(asked *time.Duration, registered *int64) *time.Duration {
	if registered == nil {
		return asked
	}
	age := time.Duration(*registered) * time.Second
	if asked != nil && *asked < age {
		return asked
	}
	return &age
}

// organization is the one organization that the request is bound to, "" if it is not.
func organization(parameter string, scope []string) (string, error) {
	slug := parameter
	for _, s := range scope {
		named, ok := strings.CutPrefix(s, application.ScopeOrganizationPrefix)
		if !ok {
			continue
		}
		if named == "" || slug != "" && slug != named {
			return "", invalid("The organizations of the request disagree")
		}
		slug = named
	}
	if len(slug) > 100 {
		return "", invalid("The organization is too long")
	}
	return slug, nil
}

func prompts(values url.Values, n *interaction.Needs) error {
	list := strings.Fields(values.Get("prompt"))
	for _, p := range list {
		switch p {
		case promptNone:
			if len(list) > 1 {
				return invalid("The prompt none stands alone")
			}
		case promptLogin:
			n.ForceLogin = true
		case promptConsent:
			n.ForceConsent = true
		case promptSelect:
			n.SelectOrganization = true
		default:
			return invalid("The prompt is not supported")
		}
	}
	return nil
}

// hint is what an ID token of ours says when it is shown again. It may have expired, its signature may not.
type hint struct {
	Subject  string `json:"sub"`
	Audience string `json:"aud"`
	SID      string `json:"sid"`
	Issuer   string `json:"iss"`
	user     directory.UserID
}

func (h *Handler) hint(r *http.Request, text string) (hint, error) {
	var out hint
	claims, err := h.Ring.Verify(r.Context(), text, signing.TypeID)
	if err != nil {
		return hint{}, err
	}
	if err := json.Unmarshal(claims, &out); err != nil || out.Issuer != h.Issuer {
		return hint{}, signing.ErrBadToken
	}
	out.user, err = directory.ParseUserID(out.Subject)
	return out, err
}
