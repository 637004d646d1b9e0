package scim

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	scimerrors "github.com/elimity-com/scim/errors"

	"portvakt/internal/actor"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

// refusal is a SCIM error: status, scimType and detail (RFC 7644 §3.12).
type refusal = scimerrors.ScimError

func refuse(status int, scimType scimerrors.ScimType, format string, args ...any) refusal {
	return refusal{Status: status, ScimType: scimType, Detail: fmt.Sprintf(format, args...)}
}

func badSyntax(format string, args ...any) refusal {
	return refuse(http.StatusBadRequest, scimerrors.ScimTypeInvalidSyntax, format, args...)
}

func badValue(format string, args ...any) refusal {
	return refuse(http.StatusBadRequest, scimerrors.ScimTypeInvalidValue, format, args...)
}

func badPath(format string, args ...any) refusal {
	return refuse(http.StatusBadRequest, scimerrors.ScimTypeInvalidPath, format, args...)
}

func badFilter(format string, args ...any) refusal {
	return refuse(http.StatusBadRequest, scimerrors.ScimTypeInvalidFilter, format, args...)
}

func readOnly(name string) refusal {
	return refuse(http.StatusBadRequest, scimerrors.ScimTypeMutability, "%s cannot be changed", name)
}

func noTarget(path string) refusal {
	return refuse(http.StatusBadRequest, scimerrors.ScimTypeNoTarget, "Nothing matches the path %.200s", path)
}

var (
	errNotFound     = refuse(http.StatusNotFound, "", "There is no such resource")
	errUnavailable  = refuse(http.StatusServiceUnavailable, "", "The service cannot answer now")
	errUnauthorized = refuse(http.StatusUnauthorized, "", "A valid bearer token is needed")
)

// answer is what a kind of fault becomes outside.
type answer struct {
	status   int
	scimType scimerrors.ScimType
}

// kinds is the one table from the directory's faults to SCIM; codes has the exceptions.
var (
	kinds = map[fault.Kind]answer{
		fault.Internal:        {http.StatusInternalServerError, ""},
		fault.Invalid:         {http.StatusBadRequest, scimerrors.ScimTypeInvalidValue},
		fault.NotFound:        {http.StatusNotFound, ""},
		fault.Conflict:        {http.StatusConflict, scimerrors.ScimTypeUniqueness},
		fault.Stale:           {http.StatusPreconditionFailed, ""},
		fault.Forbidden:       {http.StatusForbidden, ""},
		fault.Unauthenticated: {http.StatusUnauthorized, ""},
		fault.Expired:         {http.StatusNotFound, ""},
		fault.Exhausted:       {http.StatusTooManyRequests, ""},
	}
	codes = map[string]answer{
		"bad_query":          {http.StatusBadRequest, scimerrors.ScimTypeInvalidFilter},
		"last_administrator": {http.StatusConflict, ""},
		"not_of_agency":      {http.StatusConflict, ""},
		"group_cycle":        {http.StatusBadRequest, scimerrors.ScimTypeInvalidValue},
		"group_in_use":       {http.StatusConflict, ""},
	}
)

// names says how SCIM calls the directory's fields, where it has other words.
var names = map[string]string{
	"user_name": "userName", "external_id": "externalId", "email": "emails", "packages": "entitlements", "role": "roles",
	"given_name": "name.givenName", "family_name": "name.familyName", "middle_name": "name.middleName", "name_prefix": "name.honorificPrefix",
	"name_suffix": "name.honorificSuffix", "formatted_name": "name.formatted", "display_name": "displayName", "name": "displayName", "nick_name": "nickName",
	"user_type": "userType", "profile_url": "profileUrl", "preferred_language": "preferredLanguage", "phones": "phoneNumbers",
	"employee_number": "employeeNumber", "cost_center": "costCenter", "company": "organization", "certificates": "x509Certificates",
}

// toRefusal makes any error a SCIM error. What is neither a refusal nor a fault is a 500 that tells nothing.
func toRefusal(err error) refusal {
	var r refusal
	if errors.As(err, &r) {
		return r
	}
	f := fault.Of(err)
	if f.Kind == fault.Internal && sqldb.IsUnavailable(err) {
		return errUnavailable
	}
	if f.Kind == fault.NotFound {
		return errNotFound // one body for everything that is not there, whatever it was
	}
	a := kinds[f.Kind]
	if special, ok := codes[f.Code]; ok {
		a = special
	}
	detail := f.Text
	if f.Field != "" {
		name := f.Field
		if n, ok := names[name]; ok {
			name = n
		}
		detail += " (" + name + ")"
	}
	return refuse(a.status, a.scimType, "%s", detail)
}

func (x *exchange) writeError(err error) {
	r := toRefusal(err)
	header := x.w.Header()
	switch r.Status {
	case http.StatusUnauthorized:
		challenge := `Bearer realm="scim"`
		if x.r.Header.Get("Authorization") != "" { // RFC 6750 §3.1: who shows nothing is told no error
			challenge += `, error="invalid_token"`
		}
		header.Set("WWW-Authenticate", challenge)
	case http.StatusTooManyRequests:
		if f := fault.Of(err); f.Retry > 0 {
			header.Set("Retry-After", strconv.Itoa(int(f.Retry.Seconds())+1))
		}
	case http.StatusServiceUnavailable:
		header.Set("Retry-After", comeBack)
		if r == errFull {
			x.h.log.WarnContext(x.r.Context(), "SCIM bulk request sent away: too many at once")
			break
		}
		x.h.log.WarnContext(x.r.Context(), "SCIM request failed: the database cannot be reached", "error", err)
	case http.StatusInternalServerError:
		id := actor.From(x.r.Context()).RequestID
		x.h.log.ErrorContext(x.r.Context(), "SCIM request failed", "error", err, "request_id", id, "method", x.r.Method)
		if id != "" {
			r.Detail += "; the request is " + id
		}
	}
	if x.note != nil {
		x.note.why = r
	}
	x.writeJSON(r.Status, r)
}

func (x *exchange) writeJSON(status int, v any) {
	body, err := json.Marshal(v)
	if err != nil { // only a programming mistake can bring us here
		x.h.log.ErrorContext(x.r.Context(), "SCIM answer cannot be written", "error", err)
		status, body = http.StatusInternalServerError, []byte(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"500"}`)
	}
	x.writeBytes(status, body)
}

// writeBytes answers with JSON. Nothing of it is kept by caches between: all of it is for the one client.
func (x *exchange) writeBytes(status int, body []byte) {
	header := x.w.Header()
	header.Set("Content-Type", "application/scim+json")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	x.w.WriteHeader(status)
	_, _ = x.w.Write(body)
}
