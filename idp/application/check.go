package application

import (
	"net/url"
	"slices"
	"strings"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/jwk"
)

// Limits of a registration.
const (
	maxURI     = 2000
	maxURIs    = 100
	maxSeconds = 24 * 60 * 60
	maxRefresh = 400 * 24 * 60 * 60
)

var (
	grantTypes   = []string{GrantCode, GrantRefresh, GrantClientCredentials}
	authMethods  = []string{AuthBasic, AuthPost, AuthKey, AuthNone}
	tokenSigning = []string{"ES256", "RS256", "EdDSA"}
)

// checker gathers everything that is wrong with a registration, so that people hear it at once.
type checker struct {
	m      *directory.ClientMetadata
	native bool
	faults []*fault.Fault
}

// Check judges what an application registers; the faults name the fields in the words of RFC 7591.
func Check(m directory.ClientMetadata) []*fault.Fault {
	c := &checker{m: &m, native: m.ApplicationType == "native"}
	c.words()
	c.grants()
	c.keys()
	c.redirects("redirect_uris", m.RedirectURIs)
	c.redirects("post_logout_redirect_uris", m.PostLogoutRedirectURIs)
	if m.BackchannelLogoutURI != "" {
		c.web("backchannel_logout_uri", m.BackchannelLogoutURI)
	}
	if m.WebhookURI != "" {
		c.web("webhook_uri", m.WebhookURI)
	}
	for field, uri := range map[string]string{"client_uri": m.ClientURI, "initiate_login_uri": m.InitiateLoginURI,
		"policy_uri": m.PolicyURI, "tos_uri": m.TermsURI} {
		if uri != "" {
			c.web(field, uri)
		}
	}
	if m.DefaultMaxAge != nil {
		c.range64("default_max_age", *m.DefaultMaxAge, maxRefresh)
	}
	c.range64("access_token_seconds", m.AccessTokenSeconds, maxSeconds)
	c.range64("refresh_token_seconds", m.RefreshTokenSeconds, maxRefresh)
	if m.ClaimsBudget != 0 && (m.ClaimsBudget < directory.MinClaimsBudget || m.ClaimsBudget > directory.MaxClaimsBudget) {
		c.say("claims_budget", "It is between %d and %d bytes, or 0 for what the installation says", directory.MinClaimsBudget, directory.MaxClaimsBudget)
	}
	return c.faults
}

func (c *checker) say(field, format string, args ...any) {
	c.faults = append(c.faults, fault.Newf(fault.Invalid, "invalid_client_metadata", format, args...).On(field))
}

func (c *checker) words() {
	one := func(field, value string, allowed []string) {
		if value != "" && !slices.Contains(allowed, value) {
			c.say(field, "%q is not supported; it is one of %s", value, strings.Join(allowed, ", "))
		}
	}
	each := func(field string, values, allowed []string) {
		for i, v := range values {
			one(field, v, allowed)
			if v == "" || slices.Contains(values[:i], v) {
				c.say(field, "A value is empty or stands there twice")
			}
		}
	}
	one("application_type", c.m.ApplicationType, []string{"web", "native"})
	one("token_endpoint_auth_method", c.m.TokenEndpointAuthMethod, authMethods)
	one("token_endpoint_auth_signing_alg", c.m.TokenEndpointAuthSigningAlg, jwk.Algorithms())
	one("id_token_signed_response_alg", c.m.IDTokenSignedResponseAlg, tokenSigning)
	one("access_token_signed_response_alg", c.m.AccessTokenSignedResponseAlg, tokenSigning)
	one("second_factor", string(c.m.SecondFactor), []string{string(directory.SecondFactorOptional), string(directory.SecondFactorRequired)})
	each("grant_types", c.m.GrantTypes, grantTypes)
	each("response_types", c.m.ResponseTypes, []string{"code"})
	each("scopes", c.m.Scopes, knownScopes)
	for _, a := range c.m.Audience {
		if a == "" || len(a) > maxURI || strings.ContainsFunc(a, func(r rune) bool { return r <= ' ' || r > '~' }) {
			c.say("audience", "An audience is printable ASCII without spaces")
		}
	}
}

func (c *checker) grants() {
	grants := c.m.GrantTypes
	if len(grants) == 0 {
		grants = []string{GrantCode}
	}
	public := c.m.TokenEndpointAuthMethod == AuthNone
	if slices.Contains(grants, GrantCode) && len(c.m.RedirectURIs) == 0 {
		c.say("redirect_uris", "The grant type authorization_code needs a redirect URI")
	}
	if slices.Contains(grants, GrantClientCredentials) && public {
		c.say("grant_types", "A public application cannot use client_credentials")
	}
	if slices.Contains(grants, GrantRefresh) && !slices.Contains(grants, GrantCode) {
		c.say("grant_types", "refresh_token needs authorization_code")
	}
	if public && c.m.RequirePKCE != nil && !*c.m.RequirePKCE {
		c.say("require_pkce", "A public application must use PKCE")
	}
}

// keys judges the public keys that an application proves itself with.
func (c *checker) keys() {
	alg := c.m.TokenEndpointAuthSigningAlg
	if c.m.JWKSURI != "" {
		c.web("jwks_uri", c.m.JWKSURI)
		if len(c.m.JWKS) > 0 { // RFC 7591 §2
			c.say("jwks_uri", "Keys are registered by value (jwks) or by address (jwks_uri), not both")
		}
		return
	}
	if len(c.m.JWKS) == 0 {
		if c.m.TokenEndpointAuthMethod == AuthKey {
			c.say("jwks", "The method private_key_jwt needs the application's public keys")
		}
		return
	}
	keys, err := jwk.ParseSet(c.m.JWKS)
	if err != nil {
		c.say("jwks", "%s", fault.Of(err).Text)
		return
	}
	if alg != "" && !slices.ContainsFunc(keys, func(k jwk.Key) bool { return k.Fits(alg) }) {
		c.say("token_endpoint_auth_signing_alg", "No key of the set is for %s", alg)
	}
}

func (c *checker) redirects(field string, uris []string) {
	if len(uris) > maxURIs {
		c.say(field, "At most %d can be registered", maxURIs)
		return
	}
	for i, uri := range uris {
		if why := c.redirect(uri); why != "" {
			c.say(field, "%q %s", shortened(uri), why)
		} else if slices.Contains(uris[:i], uri) {
			c.say(field, "%q stands there twice", shortened(uri))
		}
	}
}

// redirect says what is wrong with a redirect URI, "" if nothing.
func (c *checker) redirect(uri string) string {
	u, why := parse(uri)
	if why != "" {
		return why
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return "has a query that cannot be read"
	}
	for name := range query {
		if slices.Contains(reserved, name) {
			return "uses the name " + name + ", which belongs to responses"
		}
	}
	switch {
	case u.Scheme == "https" && u.Host != "" && u.Hostname() != "":
		return ""
	case u.Scheme == "http" && isLoopback(u):
		return ""
	case u.Scheme == "http":
		return "is plain http and not on this machine"
	case !c.native:
		return "is not https"
	case !strings.Contains(u.Scheme, "."): // RFC 8252 §7.1: a reversed domain name; keeps javascript:, data: and the like out
		return "has a scheme that is no reversed domain name"
	}
	return ""
}

// web refuses what is not https, or http to this machine.
func (c *checker) web(field, uri string) {
	u, why := parse(uri)
	if why == "" && (u.Hostname() == "" || u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u))) {
		why = "is not https"
	}
	if why != "" {
		c.say(field, "%q %s", shortened(uri), why)
	}
}

func parse(uri string) (*url.URL, string) {
	if len(uri) > maxURI {
		return nil, "is too long"
	}
	if strings.ContainsFunc(uri, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"<>\^{|}`+"`", r) }) {
		return nil, "holds characters that no URI has"
	}
	u, err := url.Parse(uri)
	switch {
	case err != nil || !u.IsAbs():
		return nil, "is not an absolute URI"
	case strings.Contains(uri, "#"):
		return nil, "has a fragment"
	case u.User != nil:
		return nil, "holds a user or a password"
	}
	return u, ""
}

func (c *checker) range64(field string, n, most int64) {
	if n < 0 || n > most {
		c.say(field, "It is between 0 and %d", most)
	}
}

func shortened(s string) string {
	if len(s) > 100 {
		return strings.ToValidUTF8(s[:100], "") + "…"
	}
	return s
}
