package session

import (
	"context"
	"net/http"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// Departure is a sign-out at our own pages or by an application.
type Departure struct {
	Browser string                                        // the value of the browser's cookie
	Back    string                                        // where the browser goes in the end, checked already; "": the page that says so
	Locales string                                        // of that page
	Also    func(ctx context.Context, tx *sqldb.Tx) error // what else ends in the same transaction; nil: nothing
}

// Round takes a browser around the applications that can be told of a sign-out in no other way.
type Round interface {
	// Begin notes, in the transaction in which the session ends, whom the browser visits. It answers the address of ours that
	// the browser is sent to, "" where there is nobody.
	Begin(ctx context.Context, tx *sqldb.Tx, v Session, d Departure) (string, error)
}

// Send has every sign-out go the round. It is called once, before anything is served.
func (s *Sessions) Send(round Round) { s.round = round }

// SignOut is End for a browser that may be taken around: it goes to the address of ours that is answered, or where there is
// none straight to where the departure leads.
//
// Invariant: the session is over before the first application is visited (TestTheSessionEndsFirst).
func (s *Sessions) SignOut(w http.ResponseWriter, r *http.Request, v Session, d Departure) (next string, err error) {
	d.Browser = s.cookies.EnsureBrowser(w, r)
	err = s.db.Update(r.Context(), func(tx *sqldb.Tx) error {
		next = ""
		if d.Also != nil {
			if err := d.Also(r.Context(), tx); err != nil {
				return err
			}
		}
		if err := s.EndIn(r.Context(), tx, v.User, v.ID); err != nil || s.round == nil {
			return err
		}
		var err error
		next, err = s.round.Begin(r.Context(), tx, v, d)
		return err
	})
	if err != nil {
		return "", err // the cookie stays, so that the person can try again
	}
	s.cookies.Clear(w, s.cookies.Session)
	return next, nil
}

// EndIn ends a session of the person in a transaction of the caller's; one that is over stays so.
func (s *Sessions) EndIn(ctx context.Context, tx *sqldb.Tx, user directory.UserID, id ID) error {
	return s.endByID(ctx, tx, user, id)
}
