package account

import (
	"net/http"
	"net/http/httptest"
)

// OpenThenStore sends the form of a link, with something happening between the checks and the transaction.
func OpenThenStore(a *Account, r *http.Request, token string, between func()) (refused bool, err error) {
	o, err := a.open(httptest.NewRecorder(), r, token)
	if err != nil {
		return false, err
	}
	hash, err := a.credentials.Hash(r.Context(), "three green boats at noon")
	if err != nil {
		return false, err
	}
	between()
	done, err := a.store(r.Context(), o, means{hash: hash})
	return done.refused, err
}
