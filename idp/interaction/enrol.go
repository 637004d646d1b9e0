package interaction

import (
	"context"
	"net/http"

	"portvakt/idp/credential"
	"portvakt/idp/gate"
	"portvakt/idp/session"
	pages "portvakt/idp/web"
	"portvakt/internal/actor"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
	"portvakt/internal/web"
)

// sealed binds what the conversation keeps of an enrolment to itself and to its person.
func (v *visit) sealed() string { return v.c.ID.String() + " " + v.c.State.Evidence.User.String() }

// authenticator is the key that is being set up in this conversation; a new one where there is none.
func (s *Service) authenticator(v *visit) credential.Authenticator {
	if a, ok := s.credentials.OpenAuthenticator(v.c.State.Key, v.sealed()); ok {
		return a
	}
	a := credential.NewAuthenticator()
	v.c.State.Key, v.changed = s.credentials.SealAuthenticator(a, v.sealed()), true
	return a
}

// showEnrolFactor has the person set up a second factor that something demands. Until it is proven there is no session.
func (s *Service) showEnrolFactor(w http.ResponseWriter, r *http.Request, v *visit) {
	a := s.authenticator(v)
	if err := s.keep(w, r, v); err != nil {
		s.stop(w, r, err)
		return
	}
	code, err := pages.NewQR(a.URI(s.cfg.Name, v.c.State.Email))
	if err == nil {
		v.addable, err = s.credentials.Addable(r.Context(), v.c.State.Evidence.User)
	}
	if err != nil {
		s.stop(w, r, err)
		return
	}
	s.pages.EnrolFactor(w, r, pages.EnrolFactorView{
		Conversation: s.frame(w, v), Email: v.c.State.Email, Forced: true, QR: code, Key: a.Text(), Problem: v.problem, ByMail: v.mail,
		KeyShort: v.c.State.Evidence.Key && !v.c.State.Evidence.Attested,
	})
}

func (s *Service) takeEnrolFactor(w http.ResponseWriter, r *http.Request, v *visit) {
	if s.chooseWay(w, r, v) {
		return
	}
	code := web.One(r.PostForm, "code")
	if code == "" {
		v.problem, v.verdict.status = pages.ProblemRequired, http.StatusUnprocessableEntity
		s.showEnrolFactor(w, r, v)
		return
	}
	user := v.c.State.Evidence.User
	proven, err := s.credentials.Prove(user, s.authenticator(v), code)
	if err != nil {
		s.again(w, r, v, err, s.showEnrolFactor)
		return
	}
	ctx := actor.AsPerson(r.Context(), user.String())
	if err = s.enrolled(ctx, v, func(tx *sqldb.Tx) (credential.Evidence, error) { return s.credentials.Enrol(ctx, tx, proven) }); err != nil {
		s.again(w, r, v, err, s.showEnrolFactor)
		return
	}
	s.proceed(w, r, v)
}

// enrolled stores a first factor, by store, for whoever has shown the password in this conversation, and makes the recovery
// codes that are shown next.
func (s *Service) enrolled(ctx context.Context, v *visit, store func(*sqldb.Tx) (credential.Evidence, error)) error {
	user := v.c.State.Evidence.User
	var e credential.Evidence
	var codes []string
	err := s.db.Update(ctx, func(tx *sqldb.Tx) (err error) {
		codes, e = nil, credential.Evidence{}
		if err = credential.LockUser(ctx, tx, user); err != nil {
			return err
		}
		// Somebody has enrolled a factor meanwhile: it is to be shown, not replaced by who knows the password alone.
		// Who has shown it adds one to it (beyondKeys).
		has, err := s.credentials.Of(ctx, tx, user)
		if err != nil || has.SecondFactor() && !v.c.State.Evidence.Second() {
			return err
		}
		if e, err = store(tx); err != nil || has.Recovery > 0 {
			return err
		}
		codes, err = s.credentials.MakeRecoveryCodes(ctx, tx, user)
		return err
	})
	if err != nil {
		return err
	}
	v.c.State.Key, v.changed = "", true
	if !e.User.IsZero() {
		v.c.State.Evidence, v.proven = v.c.State.Evidence.And(e), true
	}
	if len(codes) > 0 {
		v.c.State.Codes = s.credentials.SealCodes(codes, v.sealed())
	}
	return nil
}

// showRecoveryCodes shows the codes of an enrolment until the person says that they are saved. They are kept for that long,
// sealed, in this conversation.
func (s *Service) showRecoveryCodes(w http.ResponseWriter, r *http.Request, v *visit) {
	codes, err := s.credentials.OpenCodes(v.c.State.Codes, v.sealed())
	if err == nil { // in the person's language, also where nothing asked for the organizations before
		err = s.read(r.Context(), v, v.c.State.Evidence.User)
	}
	if err != nil {
		s.stop(w, r, err)
		return
	}
	s.pages.RecoveryCodes(w, r, pages.RecoveryCodesView{Conversation: s.frame(w, v), Codes: codes})
}

func (s *Service) takeRecoveryCodes(w http.ResponseWriter, r *http.Request, v *visit) {
	v.c.State.Codes, v.changed = nil, true
	s.proceed(w, r, v)
}

// Fresh reports whether the session may change what protects the account: the person has signed in within the last ten
// minutes, as strongly as is possible with what is enrolled, or by a recovery code, which stands in for it.
//
// Invariant: nothing that protects the account is changed in an older or weaker session (TestWall094_ChangesAskAgain).
func (s *Service) Fresh(r *http.Request, current session.Session) (bool, error) {
	has, err := s.credentials.Of(r.Context(), s.db, current.User)
	if err != nil || s.db.Now().Sub(current.AuthenticatedAt) > credential.StepWindow {
		return false, err
	}
	return current.Held().Recovered() || gate.Reaches(current.ACR, has.Strongest()), nil
}

// StepUp begins a conversation in which the signed-in person shows once more what Fresh asks for, and answers where. It
// leads back to one of our own pages.
func (s *Service) StepUp(w http.ResponseWriter, r *http.Request, current session.Session, back string) (location string, err error) {
	has, err := s.credentials.Of(r.Context(), s.db, current.User)
	if err != nil {
		return "", err
	}
	c := s.newConversation(secret.HashToken(s.sessions.Cookies().EnsureBrowser(w, r)), s.db.Now())
	c.State.Email, c.State.Before, c.State.Again, c.State.StepUp = current.Email, current.ID, true, true
	c.State.Want, c.State.Return = has.Strongest(), back
	// A password alone is shown again, however fresh: there is nothing else to show.
	c.State.Carried = has.Strongest() == credential.ACRPassword
	return c.address(pathPassword), s.insert(r.Context(), c)
}
