package session

import (
	"context"
	"net/http"
	"strings"

	"portvakt/idp/credential"
	"portvakt/internal/actor"
	"portvakt/internal/audit"
	"portvakt/internal/directory"
	"portvakt/internal/outbox"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
)

// Current is the live session of the request's browser; false where there is none.
func (s *Sessions) Current(r *http.Request) (Session, bool, error) {
	value, ok := s.cookies.Value(r, s.cookies.Session)
	if !ok {
		return Session{}, false, nil
	}
	v, ok, err := s.byHash(r.Context(), secret.HashToken(value))
	if ok {
		s.touch(v, actor.From(r.Context()).Address)
	}
	return v, ok, err
}

// Start begins a session on evidence: a new id, a new cookie value, whatever the browser brought. The browser's earlier
// session ends. Where it was the same person's, its sids go on under the new one: the person has signed in once more, not
// out of the applications.
func (s *Sessions) Start(ctx context.Context, w http.ResponseWriter, r *http.Request, e credential.Evidence) (Session, error) {
	value := secret.NewToken()
	old, _ := s.cookies.Value(r, s.cookies.Session)
	var v Session
	err := s.db.Update(ctx, func(tx *sqldb.Tx) error {
		v = Session{
			ID: sqldb.NewID[sessionPrefix](tx.Now()), User: e.User, UserEpoch: e.Epoch, AuthenticatedAt: e.At, ACR: e.ACR(), AMR: e.AMR(),
			CreatedAt: tx.Now(), SeenAt: tx.Now(), ExpiresAt: tx.Now().Add(s.life), UserAgent: UserAgent(r), FactorAt: e.TrustedSince(),
		}
		var err error
		if v.Email, err = startable(ctx, tx, e); err != nil {
			return err
		}
		insertSession(tx, v, secret.HashToken(value), actor.From(ctx).Address)
		if old != "" {
			if err := s.replace(ctx, tx, secret.HashToken(old), v); err != nil {
				return err
			}
		}
		return audit.Append(ctx, tx, directory.OrganizationID{}, audit.Entry{
			Action: "session.started", Object: v.ID.String(), Person: v.User.String(),
			Detail: map[string]any{"user": v.User.String(), "acr": v.ACR, "amr": v.AMR},
		})
	})
	if err != nil {
		return Session{}, err
	}
	s.note(v.ID, actor.From(ctx).Address)
	s.cookies.Set(w, s.cookies.Session, value)
	return v, nil
}

// replace ends the browser's earlier session in favour of the new one.
func (s *Sessions) replace(ctx context.Context, tx *sqldb.Tx, hash []byte, v Session) error {
	old, err := s.takeOver(ctx, tx, hash, v)
	if err != nil {
		return err
	}
	if old.IsZero() { // another person's, or dead already
		return s.endByHash(ctx, tx, hash)
	}
	if err := moveSIDs(ctx, tx, old, v); err != nil {
		return err
	}
	return audit.Append(ctx, tx, directory.OrganizationID{}, audit.Entry{
		Action: "session.replaced", Object: old.String(), Person: v.User.String(), Detail: map[string]any{"user": v.User.String(), "by": v.ID.String()},
	})
}

const maxUserAgent = 400

// UserAgent is what the browser says that it is, within bounds.
func UserAgent(r *http.Request) string { return bounded(r.UserAgent()) }

func bounded(s string) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "")
	if len(s) > maxUserAgent {
		s = strings.ToValidUTF8(s[:maxUserAgent], "")
	}
	return s
}

// End signs the browser out: the row is ended, the cookie gone, and who was opened from it will be told.
func (s *Sessions) End(ctx context.Context, w http.ResponseWriter, v Session) error {
	if err := s.EndOther(ctx, v.User, v.ID); err != nil {
		return err // the cookie stays, so that the person can try again
	}
	s.cookies.Clear(w, s.cookies.Session)
	return nil
}

// EndOther signs another browser of the same person out.
func (s *Sessions) EndOther(ctx context.Context, user directory.UserID, id ID) error {
	return s.db.Update(ctx, func(tx *sqldb.Tx) error { return s.endByID(ctx, tx, user, id) })
}

// announce tells that a session was ended; its sids end with it.
func announce(ctx context.Context, tx *sqldb.Tx, user directory.UserID, id ID) error {
	endSIDs(tx, id)
	entry := audit.Entry{Action: EventEnded, Object: id.String(), Person: user.String(), Detail: map[string]any{"user": user.String()}}
	if err := audit.Append(ctx, tx, directory.OrganizationID{}, entry); err != nil {
		return err
	}
	return outbox.Append(tx, directory.OrganizationID{}, EventEnded, id.String(), Event{Session: id.String(), User: user.String()})
}
