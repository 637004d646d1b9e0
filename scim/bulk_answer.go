package scim

import (
	"bytes"
	"net/http"
)

// caughtAnswer keeps an operation's answer for the one answer of the bulk request.
type caughtAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *caughtAnswer) Header() http.Header         { return a.header }
func (a *caughtAnswer) WriteHeader(status int)      { a.status = status }
func (a *caughtAnswer) Write(b []byte) (int, error) { return a.body.Write(b) }
