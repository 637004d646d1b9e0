package account

import (
	"context"
	"encoding/json"
	"time"

	"portvakt/idp/session"
	"portvakt/internal/audit"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
)

const fullDay = 24 * time.Hour

// maxExported is how many entries of the history a copy holds; whoever has more finds them on the page.
const maxExported = 20_000

// The copy of everything that a person is entitled to. It holds no secret, and of other people nothing but what sort of
// actor did something.
type (
	exported struct {
		MadeAt       time.Time            `json:"made_at"`
		Issuer       string               `json:"issuer"`
		Account      exportedAccount      `json:"account"`
		SignIn       exportedSignIn       `json:"sign_in"`
		Memberships  []exportedMembership `json:"memberships"`
		Sessions     []exportedSession    `json:"sessions"`
		Applications []exportedConnection `json:"applications"`
		Erasure      *exportedErasure     `json:"erasure,omitempty"`
		History      []exportedEvent      `json:"history"`
		HistoryCut   bool                 `json:"history_cut,omitempty"` // there is more on the page
	}
	exportedAccount struct {
		ID              string            `json:"id"`
		Email           string            `json:"email"`
		EmailVerifiedAt *time.Time        `json:"email_verified_at,omitempty"`
		State           string            `json:"state"`
		Operator        bool              `json:"operator"`
		Details         directory.Details `json:"details"`
		CreatedAt       time.Time         `json:"created_at"`
		ChangedAt       time.Time         `json:"changed_at"`
	}
	exportedSignIn struct {
		Password      bool             `json:"password"`
		Authenticator bool             `json:"authenticator_app"`
		Keys          []exportedKey    `json:"keys"`
		RecoveryCodes int              `json:"recovery_codes_left"`
		Devices       []exportedDevice `json:"trusted_browsers"`
	}
	exportedKey struct {
		Name      string     `json:"name"`
		Passkey   bool       `json:"passkey"`
		CreatedAt time.Time  `json:"created_at"`
		UsedAt    *time.Time `json:"used_at,omitempty"`
	}
	exportedDevice struct {
		Browser string    `json:"browser"`
		Address string    `json:"address"`
		Since   time.Time `json:"since"`
	}
	exportedMembership struct {
		ID            string                     `json:"id"`
		Organization  string                     `json:"organization"`
		Name          string                     `json:"organization_name"`
		Kind          string                     `json:"kind"`
		State         string                     `json:"state"`
		Start         time.Time                  `json:"start"`
		End           *time.Time                 `json:"end,omitempty"`
		AcceptedAt    *time.Time                 `json:"accepted_at,omitempty"`
		SuspendedAt   *time.Time                 `json:"suspended_at,omitempty"`
		EndedAt       *time.Time                 `json:"ended_at,omitempty"`
		Administrator bool                       `json:"administrator"`
		UserName      string                     `json:"user_name"`
		ExternalID    string                     `json:"external_id,omitempty"`
		Packages      []string                   `json:"packages,omitempty"`
		Grants        map[string]directory.Grade `json:"grants,omitempty"`
		Functions     []directory.Function       `json:"functions,omitempty"`
		Segments      []string                   `json:"segments,omitempty"`
		Details       directory.Details          `json:"details"`
		CreatedAt     time.Time                  `json:"created_at"`
	}
	exportedSession struct {
		Browser  string    `json:"browser"`
		Network  string    `json:"network,omitempty"`
		Since    time.Time `json:"since"`
		LastUsed time.Time `json:"last_used"`
		This     bool      `json:"this_browser,omitempty"`
	}
	exportedConnection struct {
		Application  string     `json:"application"`
		Organization string     `json:"organization"`
		Scopes       []string   `json:"agreed_to,omitempty"`
		Since        time.Time  `json:"since"`
		LastUsed     *time.Time `json:"last_used,omitempty"`
	}
	exportedErasure struct {
		RequestedAt time.Time `json:"requested_at"`
		Own         bool      `json:"requested_by_you"`
	}
	exportedEvent struct {
		At           time.Time       `json:"at"`
		Action       string          `json:"action"`
		By           string          `json:"by"`
		Organization string          `json:"organization,omitempty"`
		Address      string          `json:"address,omitempty"` // the person's own
		Browser      string          `json:"browser,omitempty"`
		Changes      []audit.Change  `json:"changes,omitempty"`
		Detail       json.RawMessage `json:"detail,omitempty"`
	}
)

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// everything gathers the copy.
func (a *Account) everything(ctx context.Context, v visitor) (exported, error) {
	u := v.person
	out := exported{
		MadeAt: a.db.Now(), Issuer: a.cfg.Issuer,
		Account: exportedAccount{ID: u.ID.String(), Email: u.Email.Address, EmailVerifiedAt: moment(u.EmailVerifiedAt), State: string(u.State),
			Operator: u.Operator, Details: u.Details, CreatedAt: u.CreatedAt, ChangedAt: u.ChangedAt},
		Memberships: []exportedMembership{}, Sessions: []exportedSession{}, Applications: []exportedConnection{}, History: []exportedEvent{},
	}
	for _, gather := range []func(context.Context, visitor, *exported) error{a.copySignIn, a.copyMemberships, a.copySessions, a.copyConnections, a.copyHistory} {
		if err := gather(ctx, v, &out); err != nil {
			return out, err
		}
	}
	e, err := a.dir.Users.WaitingErasure(ctx, u.ID)
	if err == nil {
		out.Erasure = &exportedErasure{e.RequestedAt, e.Own()}
	} else if fault.Is(err, fault.NotFound) {
		err = nil
	}
	return out, err
}

func (a *Account) copySignIn(ctx context.Context, v visitor, out *exported) error {
	has, err := a.credentials.Of(ctx, a.db, v.session.User)
	if err != nil {
		return err
	}
	out.SignIn = exportedSignIn{Password: has.Password, Authenticator: has.Code, RecoveryCodes: has.Recovery}
	if out.SignIn.Keys, err = a.namedKeys(ctx, v.session.User); err != nil {
		return err
	}
	out.SignIn.Devices, err = a.trustedBrowsers(ctx, v.session.User)
	return err
}

// copyMemberships tells of each membership what the organization sees; what was deleted there is not there any more.
func (a *Account) copyMemberships(ctx context.Context, v visitor, out *exported) error {
	all, err := a.dir.Memberships.StandingsOf(ctx, v.session.User)
	if err != nil {
		return err
	}
	for i := range all {
		st := &all[i]
		m, err := a.dir.Memberships.ByID(ctx, st.Organization, st.Membership)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return err
		}
		segments := m.Segments
		if m.AllSegments {
			segments = []string{"*"}
		}
		out.Memberships = append(out.Memberships, exportedMembership{
			ID: m.ID.String(), Organization: st.Slug, Name: st.Name, Kind: string(m.Kind), State: string(st.State(a.db.Now())), Start: m.Start, End: moment(m.End),
			AcceptedAt: moment(m.AcceptedAt), SuspendedAt: moment(m.SuspendedAt), EndedAt: moment(m.EndedAt), Administrator: m.Administrator,
			UserName: m.UserName, ExternalID: m.ExternalID, Packages: m.Packages, Grants: m.Grants, Functions: m.Functions, Segments: segments,
			Details: m.Details, CreatedAt: m.CreatedAt,
		})
	}
	return nil
}

func (a *Account) copySessions(ctx context.Context, v visitor, out *exported) error {
	all, err := a.sessions.List(ctx, v.session.User)
	if err != nil {
		return err
	}
	networks, err := a.sessions.Networks(ctx, v.session.User)
	for _, s := range all {
		out.Sessions = append(out.Sessions, exportedSession{Browser: s.UserAgent, Network: networks[s.ID], Since: s.AuthenticatedAt, LastUsed: s.SeenAt,
			This: s.ID == v.session.ID})
	}
	return err
}

func (a *Account) copyConnections(ctx context.Context, v visitor, out *exported) error {
	all, err := a.connections(ctx, v.session.User)
	for _, c := range all {
		out.Applications = append(out.Applications, exportedConnection{c.application.Name, c.name, c.scopes, c.since, moment(c.last)})
	}
	return err
}

func (a *Account) copyHistory(ctx context.Context, v visitor, out *exported) error {
	names := organizationNames{a: a, known: map[string]string{}}
	for ask := (audit.Ask{}); ; {
		page, err := audit.OfPerson(ctx, a.db, v.session.User.String(), ask)
		if err != nil {
			return err
		}
		for i := range page.Records {
			e, err := exportEvent(ctx, &page.Records[i], v.session, &names)
			if err != nil {
				return err
			}
			out.History = append(out.History, e)
		}
		if page.Next == "" {
			return nil
		}
		if len(out.History) >= maxExported {
			out.HistoryCut = true
			return nil
		}
		ask.Cursor = page.Next
	}
}

// exportEvent is an entry whole where the person did it, and without other people's whereabouts where somebody else did.
// What else an entry says in clear names others at times; it stays with the organization.
func exportEvent(ctx context.Context, r *audit.Record, v session.Session, names *organizationNames) (exportedEvent, error) {
	e := exportedEvent{At: r.At, Action: r.Action, By: by(r, v.User), Changes: r.Changes}
	var err error
	if e.Organization, err = names.of(ctx, r.Organization); err != nil {
		return e, err
	}
	if e.By == "you" {
		e.Address, e.Browser, e.Detail = r.Address, r.UserAgent, r.Detail
	}
	return e, nil
}
