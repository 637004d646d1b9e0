package session

import (
	"net/http"
	"strings"
	"time"

	"portvakt/idp/credential"
)

// Known is the name of the cookie of a browser in which somebody has signed in before. It proves nothing
// (credential.Remember).
func (c Cookies) Known() string { return strings.Replace(c.Browser, "browser", "known", 1) }

// SetKnown gives the browser that cookie, which outlives its closing.
func (c Cookies) SetKnown(w http.ResponseWriter, value string) {
	c.write(w, c.Known(), value, int(credential.KnownFor/time.Second))
}
