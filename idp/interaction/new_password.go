package interaction

import (
	"errors"
	"net/http"

	"portvakt/idp/credential"
	pages "portvakt/idp/web"
	"portvakt/internal/actor"
	"portvakt/internal/directory"
	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
)

// EventPasswordChanged is the event of a password that took the place of another; account has it told to the person.
const EventPasswordChanged = "account.password_changed"

// showNewPassword asks for a password in place of the initial one (R35). Until it is given there is no session.
func (s *Service) showNewPassword(w http.ResponseWriter, r *http.Request, v *visit) {
	view, err := s.newPassword(w, r, v)
	if err != nil {
		s.stop(w, r, err)
		return
	}
	s.pages.NewPassword(w, r, view)
}

func (s *Service) newPassword(w http.ResponseWriter, r *http.Request, v *visit) (pages.NewPasswordView, error) {
	about, err := s.about(r, v)
	view := pages.NewPasswordView{
		Conversation: s.frame(w, v), Email: v.c.State.Email, Initial: true, NewPasswordFields: PasswordFields(about),
	}
	return view, err
}

// about is what an attacker who knows the person would try first.
func (s *Service) about(r *http.Request, v *visit) (credential.About, error) {
	id := v.c.State.Evidence.User
	u, err := s.dir.Users.ByID(r.Context(), id)
	if err != nil {
		return credential.About{}, err
	}
	has, err := s.credentials.Of(r.Context(), s.db, id)
	if err != nil {
		return credential.About{}, err
	}
	if err := s.read(r.Context(), v, id); err != nil {
		return credential.About{}, err
	}
	return credential.AboutPerson(u, has, v.standings), nil
}

// takeNewPassword stores the password that the person has chosen, ends whatever was begun with the initial one, and goes on.
func (s *Service) takeNewPassword(w http.ResponseWriter, r *http.Request, v *visit) {
	about, err := s.about(r, v)
	if err != nil {
		s.stop(w, r, err)
		return
	}
	password, fields, err := s.ChosenPassword(r, v.c.State.Evidence.User, about)
	if err == nil && fields.Good() {
		if err = s.replace(r, v, password); err == nil {
			s.proceed(w, r, v)
			return
		}
	}
	if err != nil {
		s.again(w, r, v, err, s.showNewPassword)
		return
	}
	v.notice, v.verdict.status = pages.NoticeNotSaved, http.StatusUnprocessableEntity
	view, err := s.newPassword(w, r, v)
	if err != nil {
		s.stop(w, r, err)
		return
	}
	view.NewPasswordFields = fields
	s.pages.NewPassword(w, r, view)
}

// replace stores the password and renews the evidence: whatever else was begun under the initial password is dead.
func (s *Service) replace(r *http.Request, v *visit, password string) error {
	old := v.c.State.Evidence
	ctx := r.WithContext(actor.AsPerson(r.Context(), old.User.String())).Context()
	hash, err := s.credentials.Hash(ctx, password)
	if err != nil {
		return err
	}
	var fresh credential.Evidence
	err = s.db.Update(ctx, func(tx *sqldb.Tx) error {
		if err := s.credentials.Replace(ctx, tx, old, hash); err != nil {
			return err
		}
		has, err := s.credentials.Of(ctx, tx, old.User)
		if err != nil {
			return err
		}
		reason := directory.ReasonSetUp // an initial password opened no session
		if has.Passkeys > 0 {
			reason = "password_set"
		}
		u, err := s.dir.WithTx(tx).Users.EndSessions(ctx, old.User, reason)
		if err != nil {
			return err
		}
		fresh = credential.Evidence{User: u.ID, Epoch: u.Epoch, At: tx.Now(), Password: true, Code: old.Code, Key: old.Key, Recovery: old.Recovery}
		return outbox.Append(tx, directory.OrganizationID{}, EventPasswordChanged, u.ID.String(), map[string]string{"user": u.ID.String()})
	})
	if errors.Is(err, credential.ErrNotMustReset) { // in another tab: what is proven here counts no more
		fresh, err = credential.Evidence{}, nil
		v.c.User = directory.UserID{}
	}
	if err != nil {
		return err
	}
	v.c.State.Evidence, v.changed, v.standings = fresh, true, nil
	if !fresh.User.IsZero() {
		v.proven = true
	}
	return nil
}
