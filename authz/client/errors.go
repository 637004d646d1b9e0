package client

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// The kinds of trouble, for errors.Is. None of them is an answer.
var (
	ErrUnavailable  = errors.New("the service cannot be reached at the moment")              // try again later: 503
	ErrCredentials  = errors.New("the service refuses this application")                     // its secret, its scope
	ErrOrganization = errors.New("no such organization for this application")                // or none named
	ErrQuestion     = errors.New("the question is not well formed")                          // a mistake of the program
	ErrAnswer       = errors.New("the service's answer was not understood")                  // a proxy in between, another version
	ErrToken        = errors.New("the access token is not valid")                            // answer 401
	ErrNotSaid      = errors.New("the access token does not say it, and it cannot be asked") // see Token.May
	ErrChanged      = errors.New("the access model changes faster than it can be read")      // begin again
	ErrClosed       = errors.New("the client is closed")                                     // Close was called
)

// Error is an answer of the service that is a refusal. errors.Is tells its kind.
type Error struct {
	Status      int           // of HTTP
	Code        string        // stable word, such as not_found
	Description string        // for the log
	RequestID   string        // the service's number of the request, for its log
	RetryAfter  time.Duration // what the service asked for; 0 for nothing
}

// Error says it in one line.
func (e *Error) Error() string {
	return fmt.Sprintf("portvakt answered %d %s: %s (request %s)", e.Status, e.Code, e.Description, e.RequestID)
}

// Is tells the kind.
func (e *Error) Is(target error) bool { return target == e.kind() }

func (e *Error) kind() error {
	switch {
	case e.Code == codeVersionChanged:
		return ErrChanged
	case e.Status == http.StatusTooManyRequests, e.Status >= 500:
		return ErrUnavailable
	case e.Status == http.StatusNotFound, e.Code == "access_denied", e.Code == "organization_missing":
		return ErrOrganization
	case e.Status == http.StatusUnauthorized, e.Status == http.StatusForbidden, e.Code == "invalid_client", e.Code == "invalid_scope", e.Code == "unauthorized_client":
		return ErrCredentials
	case e.Status == http.StatusBadRequest, e.Status == http.StatusRequestEntityTooLarge:
		return ErrQuestion
	}
	return ErrAnswer
}

const codeVersionChanged = "version_changed"
