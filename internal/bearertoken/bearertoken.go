// Package bearertoken reads the bearer token of a request (RFC 6750 §2.1) for the APIs that programs call. Whose it is, and
// whether it counts, is for others to say.
package bearertoken

import "strings"

// Of is the one bearer token among the values of the Authorization header, "" if there is none or more than one header.
func Of(authorization []string) string {
	if len(authorization) != 1 {
		return ""
	}
	scheme, token, _ := strings.Cut(authorization[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
