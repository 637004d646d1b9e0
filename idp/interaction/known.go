package interaction

import (
	"net/http"

	"portvakt/idp/credential"
	"portvakt/internal/actor"
	"portvakt/internal/directory"
)

// visitor is where the request comes from, for the counting of guesses.
func (s *Service) visitor(r *http.Request) credential.Visitor {
	cookies := s.sessions.Cookies()
	known, _ := cookies.Value(r, cookies.Known())
	return credential.Visitor{Address: actor.AddressOr(r.Context(), r.RemoteAddr), Browser: known}
}

// recognize makes the browser known for whoever has signed in. Without it the sign-in is as good.
//
// Invariant: only a sign-in sets the cookie, so that no cookie shows who exists (TestWall086_StrangersLearnAndCostTheSame).
func (s *Service) recognize(w http.ResponseWriter, r *http.Request, user directory.UserID) {
	fresh, err := s.credentials.Remember(r.Context(), user, s.visitor(r).Browser)
	if err != nil {
		s.log.ErrorContext(r.Context(), "the browser is not remembered", "error", err)
		return
	}
	s.sessions.Cookies().SetKnown(w, fresh)
}
