package interaction

import (
	"context"
	"encoding/json"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

// Forget takes away an erased person's conversations and consents, and the conversations in which somebody typed an
// address that is nobody's by now: one of them may have been the person.
func (s *Service) Forget(ctx context.Context, user directory.UserID) error {
	strays, err := s.strays(ctx)
	if err != nil {
		return err
	}
	return s.db.Update(ctx, func(tx *sqldb.Tx) error {
		tx.Later(`delete from interactions where user_id = $1`, user)
		tx.Later(`delete from consents where user_id = $1`, user)
		for _, id := range strays {
			tx.Later(`delete from interactions where id = $1 and user_id is null`, id)
		}
		return nil
	})
}

// strays are conversations about nobody whose typed address nobody signs in with.
func (s *Service) strays(ctx context.Context) ([]ID, error) {
	unproven, err := sqldb.All(ctx, s.db, func(r sqldb.Row) (w waiting, err error) {
		var text string
		if err := r.Scan(&w.id, &text); err != nil {
			return w, err
		}
		var st state
		err = json.Unmarshal([]byte(text), &st)
		w.email = st.Email
		return w, err
	}, `select id, state from interactions where user_id is null`)
	if err != nil {
		return nil, err
	}
	var out []ID
	for _, w := range unproven {
		if w.email == "" {
			continue
		}
		email, err := directory.ParseEmail(w.email)
		if err != nil {
			continue
		}
		if _, err := s.dir.Users.ByEmail(ctx, email); fault.Is(err, fault.NotFound) {
			out = append(out, w.id)
		} else if err != nil {
			return nil, err
		}
	}
	return out, nil
}
