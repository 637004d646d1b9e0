package oidc

import (
	"net/http"
	"slices"
	"sync/atomic"

	"portvakt/idp/application"
	"portvakt/idp/gate"
	"portvakt/idp/signing"
	"portvakt/internal/jwk"
	"portvakt/internal/web"
)

// configuration is the discovery document (OpenID Connect Discovery 1.0 §3, RFC 8414 §2): what this door does, no more.
type configuration struct {
	Issuer                string         `json:"issuer"`
	Authorization         string         `json:"authorization_endpoint"`
	Token                 string         `json:"token_endpoint"`
	Userinfo              string         `json:"userinfo_endpoint"`
	Keys                  string         `json:"jwks_uri"`
	Introspection         string         `json:"introspection_endpoint"`
	Revocation            string         `json:"revocation_endpoint"`
	EndSession            string         `json:"end_session_endpoint"`
	Scopes                []string       `json:"scopes_supported"`
	ResponseTypes         []string       `json:"response_types_supported"`
	ResponseModes         []string       `json:"response_modes_supported"`
	GrantTypes            []string       `json:"grant_types_supported"`
	ACRValues             []string       `json:"acr_values_supported"`
	SubjectTypes          []string       `json:"subject_types_supported"`
	IDTokenAlgs           []string       `json:"id_token_signing_alg_values_supported"`
	TokenAuth             []string       `json:"token_endpoint_auth_methods_supported"`
	IntrospectionAuth     []string       `json:"introspection_endpoint_auth_methods_supported"`
	RevocationAuth        []string       `json:"revocation_endpoint_auth_methods_supported"`
	TokenAuthAlgs         []string       `json:"token_endpoint_auth_signing_alg_values_supported"`
	IntrospectionAuthAlgs []string       `json:"introspection_endpoint_auth_signing_alg_values_supported"`
	RevocationAuthAlgs    []string       `json:"revocation_endpoint_auth_signing_alg_values_supported"`
	ChallengeMethods      []string       `json:"code_challenge_methods_supported"`
	Prompts               []string       `json:"prompt_values_supported"`
	Displays              []string       `json:"display_values_supported"`
	ClaimTypes            []string       `json:"claim_types_supported"`
	Claims                []string       `json:"claims_supported"`
	UILocales             []web.Language `json:"ui_locales_supported"`
	ClaimsParameter       bool           `json:"claims_parameter_supported"`
	RequestParameter      bool           `json:"request_parameter_supported"`
	RequestURIParameter   bool           `json:"request_uri_parameter_supported"`
	RequestURIRegistered  bool           `json:"require_request_uri_registration"`
	IssInResponse         bool           `json:"authorization_response_iss_parameter_supported"`
	BackchannelLogout     bool           `json:"backchannel_logout_supported"`
	BackchannelLogoutSID  bool           `json:"backchannel_logout_session_supported"`
	FrontchannelLogout    bool           `json:"frontchannel_logout_supported"`
	FrontchannelLogoutSID bool           `json:"frontchannel_logout_session_supported"`
}

func (h *Handler) configuration() configuration {
	confidential := []string{application.AuthBasic, application.AuthPost, application.AuthKey}
	all, algs := append(slices.Clone(confidential), application.AuthNone), jwk.Algorithms()
	return configuration{
		Issuer: h.Issuer, Authorization: h.Issuer + pathAuthorize, Token: h.Issuer + pathToken, Userinfo: h.Issuer + pathUserinfo,
		Keys: h.Issuer + pathKeys, Introspection: h.Issuer + pathIntrospect, Revocation: h.Issuer + pathRevoke, EndSession: h.Issuer + pathLogout,
		Scopes:        []string{"openid", "profile", "email", "phone", "address", "offline_access", "organization", "organizations", "access"},
		ResponseTypes: []string{"code"}, ResponseModes: []string{modeQuery, modeFormPost},
		GrantTypes: []string{application.GrantCode, application.GrantRefresh, application.GrantClientCredentials},
		ACRValues:  gate.Classes(), SubjectTypes: []string{"public"}, IDTokenAlgs: signing.Algorithms(),
		TokenAuth: all, IntrospectionAuth: confidential, RevocationAuth: all,
		TokenAuthAlgs: algs, IntrospectionAuthAlgs: algs, RevocationAuthAlgs: algs, ChallengeMethods: []string{"S256"},
		Prompts: []string{promptNone, promptLogin, promptConsent, promptSelect}, Displays: []string{"page"}, ClaimTypes: []string{"normal"},
		Claims: []string{"sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "at_hash",
			"name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture", "website", "gender",
			"birthdate", "zoneinfo", "locale", "updated_at", "email", "email_verified", "phone_number", "phone_number_verified", "address",
			"org_id", "org_slug", "org_name", "membership_id", "membership_kind", "membership_end", "organizations",
			"roles", "role_path", "groups", "entitlements", "profiles", "functions", "segments",
			"access_version", "access_ref", "access_omitted"},
		UILocales: web.Languages(), IssInResponse: true, BackchannelLogout: true, BackchannelLogoutSID: true,
	}
}

// keySet serves the ring's public keys; the document is rebuilt when the ring changes.
type keySet struct {
	ring *signing.Ring
	now  atomic.Pointer[web.Document]
}

// ServeHTTP answers GET and HEAD.
func (k *keySet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, etag, err := k.ring.JWKS(r.Context())
	if err != nil {
		writeError(w, wireError{status: http.StatusServiceUnavailable, code: "temporarily_unavailable", text: "The keys cannot be read now"})
		return
	}
	d := k.now.Load()
	if d == nil || d.ETag() != etag {
		d = web.Prepared(body, etag, "public, max-age=300")
		k.now.Store(d)
	}
	d.ServeHTTP(w, r)
}
