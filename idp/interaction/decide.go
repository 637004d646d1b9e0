package interaction

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"portvakt/idp/credential"
	"portvakt/idp/gate"
	"portvakt/idp/session"
	"portvakt/internal/actor"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

// verdict is what the dispatcher found: a page to show, a refusal, or that everything is there.
type verdict struct {
	page   string       // the page that comes next; "" where the conversation is at its end
	refuse *fault.Fault // the end, if it is a refusal
	pass   gate.Pass    // the end of a conversation for an application: the gate's yes

	choices     []directory.Standing // for the page organization
	invitations []directory.Standing // for the pages organization and invitation
	barred      *fault.Fault         // why there is nothing to choose
	status      int                  // of the page; 0: 200
}

// at reports whether the step may be shown or taken now.
func (v *verdict) at(p step) bool {
	return v.page != "" && (v.page == p.path || slices.Contains(p.also, v.page))
}

// who is the person of a conversation whose sign-in is complete.
type who struct {
	user     directory.UserID
	epoch    int64
	acr      string
	amr      []string
	factorAt time.Time // gate.Request
	use      gate.Use
}

func ofSession(v session.Session) who {
	return who{v.User, v.UserEpoch, v.ACR, v.AMR, v.FactorAt, v.Use()}
}

// decide is the dispatcher: it looks at what is stored and says what comes next. It changes the visit, not the store;
// only a completed sign-in it turns into a session at once.
func (s *Service) decide(w http.ResponseWriter, r *http.Request, v *visit) error {
	v.verdict = verdict{}
	person, page, err := s.authenticated(r.Context(), v)
	if err != nil || page != "" {
		v.verdict.page = page
		return err
	}
	if hint := v.c.Demand.Needs.UserHint; !hint.IsZero() && hint != person.user {
		v.verdict.refuse = ErrLoginRequired
		return nil
	}
	if err := s.read(r.Context(), v, person.user); err != nil {
		return err
	}
	if v.client != nil && v.wanted().insists(person.acr) {
		v.verdict.refuse = ErrUnmet
		return nil
	}
	if err := s.begin(w, r, v, person); err != nil {
		return err
	}
	if err := s.place(r.Context(), v, person); err != nil || v.verdict.page != "" || v.verdict.refuse != nil {
		return err
	}
	if w := v.wanted(); w.must && v.client != nil && !w.met(v.verdict.pass.Class(), nil) { // the organization counts less
		v.verdict.refuse = ErrUnmet
		return nil
	}
	missing, err := s.consentMissing(r.Context(), v.c.Demand.Needs, v.verdict.pass, v.c.State.Consented)
	if err == nil && missing {
		v.verdict.page = pathConsent
	}
	return err
}

// authenticated says who has signed in, or which page asks next. What was proven in this conversation comes before
// whoever the browser was signed in as.
func (s *Service) authenticated(ctx context.Context, v *visit) (who, string, error) {
	st := &v.c.State
	if e := st.Evidence; !e.User.IsZero() {
		page, err := s.weigh(ctx, v, e)
		if err != nil || page != "" {
			return who{}, page, err
		}
		if !st.Evidence.User.IsZero() {
			return who{e.User, e.Epoch, e.ACR(), e.AMR(), e.TrustedSince(), gate.Use{SignedInAt: e.At, SeenAt: s.db.Now()}}, "", nil
		}
	}
	if v.signedIn {
		gap, err := s.lacks(ctx, v.needs(), v.session, st)
		if err != nil {
			return who{}, "", err
		}
		if gap == nil {
			v.follow(v.session)
			return ofSession(v.session), "", nil
		}
		if gap.factorOnly && s.carry(v) {
			return s.authenticated(ctx, v)
		}
	}
	if !v.c.Session.IsZero() {
		if !v.signedIn || !st.Again { // signed out, or ended, in the middle; who is only asked again has chosen already
			st.unchoose()
		}
		v.c.Session, v.c.User, v.changed = session.ID{}, directory.UserID{}, true
	}
	if st.Email != "" {
		return who{}, pathPassword, nil
	}
	return who{}, pathSignIn, nil
}

// weigh says which page completes the evidence; evidence that is worth nothing any more it drops.
func (s *Service) weigh(ctx context.Context, v *visit, e credential.Evidence) (string, error) {
	u, err := s.dir.Users.ByID(ctx, e.User)
	if err != nil {
		return "", err
	}
	if u.State != directory.UserActive || u.Epoch != e.Epoch {
		v.c.State.Evidence, v.c.User, v.changed = credential.Evidence{}, directory.UserID{}, true
		v.c.State.unchoose()
		return "", nil
	}
	has, err := s.credentials.Of(ctx, s.db, e.User)
	v.keys, v.mail, v.mustMail = has.Keys, false, false
	switch {
	case err != nil:
		return "", err
	case !e.First():
		return pathPassword, nil
	case !e.Shown(has), v.wanted().asksMore(e, has):
		return pathSecondFactor, nil
	case !e.Complete(has):
		return pathNewPassword, nil
	case len(v.c.State.Codes) > 0:
		return pathRecovery, nil
	case has.SecondFactor():
		return s.beyondKeys(ctx, v, e, has)
	}
	return s.further(ctx, v, u, has)
}

// follow makes the conversation go by the session; choices of another session count no more.
func (v *visit) follow(current session.Session) {
	if v.c.Session == current.ID {
		return
	}
	if !v.c.Session.IsZero() {
		v.c.State.unchoose()
	}
	v.c.Session, v.c.User, v.changed = current.ID, current.User, true
}

// gap is what a session does not give that a request needs.
type gap struct {
	*fault.Fault
	factorOnly bool // a further factor would do
}

// lacks says what the session does not give that the request needs; nil if nothing. st.Before is the session with which the
// conversation began: a session made since is a fresh sign-in.
func (s *Service) lacks(ctx context.Context, n Needs, current session.Session, st *state) (*gap, error) {
	if !n.UserHint.IsZero() && n.UserHint != current.User && current.ID == st.Before {
		return &gap{Fault: ErrLoginRequired}, nil
	}
	if current.ID != st.Before {
		return nil, nil
	}
	if n.ForceLogin || st.Again && !st.StepUp || n.MaxAge != nil && (*n.MaxAge <= 0 || s.db.Now().Sub(current.AuthenticatedAt) > *n.MaxAge) {
		return &gap{Fault: ErrLoginRequired}, nil
	}
	if st.StepUp {
		return &gap{ErrLoginRequired, true}, nil
	}
	w := n.wanted()
	if w.met(current.ACR, current.AMR) {
		return nil, nil
	}
	if w.least != "" && !gate.Reaches(current.ACR, w.least) {
		return &gap{ErrFactorRequired, true}, nil
	}
	if w.must {
		return &gap{ErrLoginRequired, true}, nil
	}
	has, err := s.credentials.Of(ctx, s.db, current.User) // a wish (OpenID Connect Core §3.1.2.1): only where it can be met
	if err != nil || !w.within(has) {
		return nil, err
	}
	return &gap{ErrLoginRequired, true}, nil
}

// begin turns a complete proof into a session, where the gate lets the person in anywhere.
func (s *Service) begin(w http.ResponseWriter, r *http.Request, v *visit, person who) error {
	e := v.c.State.Evidence
	if e.User.IsZero() || !s.welcome(v, person) {
		return nil
	}
	started, err := s.sessions.Start(r.WithContext(actor.AsPerson(r.Context(), e.User.String())).Context(), w, r, e)
	if errors.Is(err, session.ErrNoMembership) {
		return nil
	}
	if err != nil {
		return err
	}
	s.log.InfoContext(r.Context(), "signed in", "user", started.User.String(), "acr", started.ACR)
	s.recognize(w, r, started.User)
	v.session, v.signedIn = started, true
	v.c.State.Evidence = credential.Evidence{}
	v.c.Session, v.c.User, v.changed = started.ID, started.User, true
	return nil
}

// welcome reports whether the gate lets the person into any organization, whatever the application.
func (s *Service) welcome(v *visit, person who) bool {
	for i := range v.standings {
		if v.standings[i].Operator {
			return true
		}
		if _, err := judge(v.standings[i], s.db, person, gate.Application{}, gate.GrantSession); err == nil {
			return true
		}
	}
	return len(v.standings) == 0 // an operator without membership, or nobody: session.Start knows
}

func judge(st directory.Standing, q sqldb.Queryer, person who, a gate.Application, grant string) (gate.Pass, error) {
	return gate.Judge(st, q.Now(), request(st.Membership, person, a, grant))
}

func request(m directory.MembershipID, person who, a gate.Application, grant string) gate.Request {
	return gate.Request{Membership: m, UserEpoch: person.epoch, Application: a, Grant: grant, ACR: person.acr, AMR: person.amr, FactorAt: person.factorAt, Use: person.use}
}
