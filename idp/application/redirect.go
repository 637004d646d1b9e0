package application

import (
	"net/url"
	"slices"
	"strings"
)

// AllowsRedirect reports whether the redirect URI is one that the client registered, byte by byte.
//
// Invariant: nothing is decoded, folded or completed before the comparison (TestRedirectMutants). Only a native
// application's loopback address may have any port (RFC 8252 §7.3).
func (c *Client) AllowsRedirect(uri string) bool {
	registered := c.Registered.Metadata.RedirectURIs
	if slices.Contains(registered, uri) {
		return uri != ""
	}
	if !c.Native {
		return false
	}
	asked, ok := withoutPort(uri)
	return ok && slices.ContainsFunc(registered, func(r string) bool {
		have, ok := withoutPort(r)
		return ok && have == asked
	})
}

// AllowsPostLogout reports whether the person may be sent there after a sign-out.
func (c *Client) AllowsPostLogout(uri string) bool {
	return uri != "" && slices.Contains(c.Registered.Metadata.PostLogoutRedirectURIs, uri)
}

// withoutPort takes the port out of http://127.0.0.1:PORT/… and http://[::1]:PORT/…; false for anything else. It works
// on the text, so that what is left is compared byte by byte.
func withoutPort(uri string) (string, bool) {
	for _, host := range []string{"http://127.0.0.1", "http://[::1]"} {
		rest, ok := strings.CutPrefix(uri, host)
		if !ok {
			continue
		}
		if after, ok := strings.CutPrefix(rest, ":"); ok {
			digits := 0
			for digits < len(after) && after[digits] >= '0' && after[digits] <= '9' {
				digits++
			}
			if digits == 0 || digits > 5 {
				return "", false
			}
			rest = after[digits:]
		}
		if rest != "" && rest[0] != '/' && rest[0] != '?' {
			return "", false
		}
		return host + rest, true
	}
	return "", false
}

// reserved are the names of authorization responses; a redirect URI with one of them in its query could be taken for
// an answer (RFC 9700 §4.1).
var reserved = []string{"code", "state", "iss", "error", "error_description", "error_uri", "response", "id_token",
	"access_token", "token_type", "expires_in", "scope", "session_state"}

// isLoopback reports whether the URL names this machine, in one of the spellings that people register.
func isLoopback(u *url.URL) bool {
	switch u.Hostname() {
	case "localhost", "127.0.0.1", "::1":
		return true
	}
	return false
}
