// Package webhook tells applications what happened in the organizations that they serve: each registered webhook_uri gets a
// signed Security Event Token (RFC 8417) by POST (RFC 8935), at least once. It decides nothing; whoever hears of a transfer
// asks the API what there is to do.
//
// One event becomes one delivery for each application, so one that does not answer keeps nobody else waiting.
//
// Invariants:
//   - Only applications that serve the organization are told, also when that changed since (TestOnlyWhoServesIsTold).
//   - A token says identifiers and no personal value; its audience is the one application (TestSecurityEventToken).
package webhook

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/outbox"
	"portvakt/internal/outgoing"
	"portvakt/internal/sqldb"
)

// Signer makes a compact JWS over claims. // signing.Ring
type Signer interface {
	Sign(ctx context.Context, algorithm, typ string, claims []byte) (string, error)
}

// Poster sends a body to an address that somebody else chose, and answers the status. // outgoing.Client
type Poster interface {
	Post(ctx context.Context, target, media string, body []byte) (status int, err error)
}

// EventDeliver is one event on its way to one application.
const EventDeliver = "webhook.deliver"

// kinds are the events that applications are told of.
var kinds = []string{
	directory.EventMembershipEnded, directory.EventMembershipSuspended, directory.EventMembershipReactivated,
	directory.EventTransferRequested, directory.EventTransferWithdrawn, directory.EventTransferCompleted, directory.EventUserErased,
}

const (
	typ       = "secevent+jwt"
	media     = "application/secevent+jwt"
	namespace = "urn:portvakt:event:"
	algorithm = "ES256" // where the application registered none for its ID tokens
)

// Config is what webhooks stand on.
type Config struct {
	DB        *sqldb.DB
	Directory *directory.Directory
	Signer    Signer
	Poster    Poster
	Issuer    string
	Log       *slog.Logger
}

// Webhooks tells applications.
type Webhooks struct {
	Config
	mu      sync.Mutex
	running map[directory.ApplicationID]int
}

// New makes webhooks.
func New(c Config) *Webhooks {
	return &Webhooks{Config: c, running: map[directory.ApplicationID]int{}}
}

// Subscribe has events spread to applications, and each delivered until the application has taken it.
func (w *Webhooks) Subscribe(o *outbox.Outbox) {
	for _, kind := range kinds {
		o.Subscribe(kind, "webhook.spread", w.spread)
	}
	o.Subscribe(EventDeliver, "webhook.deliver", w.deliver)
}

// notice is one delivery.
type notice struct {
	Application  string          `json:"application"`
	Organization string          `json:"organization,omitempty"` // that the application must serve; "" for an event about a user
	Event        string          `json:"event"`
	Kind         string          `json:"kind"`
	At           int64           `json:"at"`
	About        json.RawMessage `json:"about"`
}

// about is what an application hears of an event: identifiers, nothing else.
type about struct {
	Organization     string `json:"organization,omitempty"`
	OrganizationSlug string `json:"organization_slug,omitempty"`
	Membership       string `json:"membership,omitempty"`
	User             string `json:"user,omitempty"`
	Transfer         string `json:"transfer,omitempty"`
	From             string `json:"from,omitempty"`
	To               string `json:"to,omitempty"`
	FromUser         string `json:"from_user,omitempty"`
	ToUser           string `json:"to_user,omitempty"`
}

// spread writes one delivery for each application that is to be told. Run twice it writes twice; the tokens have the same
// jti, by which receivers recognize them.
func (w *Webhooks) spread(ctx context.Context, e outbox.Event) error {
	var what about
	if err := json.Unmarshal(e.Data, &what); err != nil {
		return err
	}
	if e.Kind == directory.EventUserErased {
		return w.spreadErasure(ctx, e, what.User)
	}
	org, err := directory.ParseOrganizationID(what.Organization)
	if err != nil {
		return err
	}
	o, err := w.Directory.Organizations.ByID(ctx, org)
	if err != nil {
		return err
	}
	what.OrganizationSlug = o.Slug
	if known, err := w.known(ctx, org, what.Membership); err != nil || !known {
		return err
	}
	applications, err := w.listeners(ctx, org)
	if err != nil || len(applications) == 0 {
		return err
	}
	return w.write(ctx, e, what, applications)
}

// known reports whether applications can have met the member. Of whoever never accepted they have nothing, and the
// person's identifier, which tells how long there has been an account, is not theirs to learn.
//
// Invariant: no application hears of an invitation's person (TestWall125_InvitedPeopleAreNobodysToKnow).
func (w *Webhooks) known(ctx context.Context, org directory.OrganizationID, membership string) (bool, error) {
	if membership == "" {
		return true, nil
	}
	id, err := directory.ParseMembershipID(membership)
	if err != nil {
		return false, err
	}
	m, err := w.Directory.Memberships.Former(ctx, org, id)
	return !m.AcceptedAt.IsZero(), err
}

// spreadErasure tells the applications of every organization in which the person has been a member.
func (w *Webhooks) spreadErasure(ctx context.Context, e outbox.Event, id string) error {
	user, err := directory.ParseUserID(id)
	if err != nil {
		return err
	}
	organizations, err := organizationsOf(ctx, w.DB, user)
	if err != nil {
		return err
	}
	var all []directory.Application
	for _, org := range organizations {
		applications, err := w.listeners(ctx, org)
		if err != nil {
			return err
		}
		for _, a := range applications {
			if !slices.ContainsFunc(all, func(b directory.Application) bool { return a.ID == b.ID }) {
				all = append(all, a)
			}
		}
	}
	return w.write(ctx, e, about{User: id}, all)
}

// listeners are the applications that serve the organization and want to be told.
func (w *Webhooks) listeners(ctx context.Context, org directory.OrganizationID) ([]directory.Application, error) {
	all, err := w.Directory.Applications.Serving(ctx, org)
	return slices.DeleteFunc(all, func(a directory.Application) bool { return a.Metadata.WebhookURI == "" }), err
}

func (w *Webhooks) write(ctx context.Context, e outbox.Event, what about, applications []directory.Application) error {
	body, err := json.Marshal(what)
	if err != nil {
		return err
	}
	org, _ := directory.ParseOrganizationID(what.Organization)
	return w.DB.Update(ctx, func(tx *sqldb.Tx) error {
		for _, a := range applications {
			n := notice{Application: a.ID.String(), Organization: what.Organization, Event: e.ID.String(), Kind: e.Kind, At: happened(e.ID), About: body}
			if err := outbox.Append(tx, org, EventDeliver, a.ID.String(), n); err != nil {
				return err
			}
		}
		return nil
	})
}

// happened is when an event was written, in seconds: its identifier begins with the time (RFC 9562 §5.7).
func happened(id outbox.EventID) int64 {
	var ms [8]byte
	copy(ms[2:], id[:6])
	return int64(binary.BigEndian.Uint64(ms[:])) / 1000
}

var errBusy = fault.New(fault.Exhausted, "webhook_busy", "The application is being told of other things")

// atOnce is how many deliveries to one application run at the same time: one that hangs must not take all workers.
const atOnce = 3

func (w *Webhooks) enter(id directory.ApplicationID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running[id] >= atOnce {
		return false
	}
	w.running[id]++
	return true
}

func (w *Webhooks) leave(id directory.ApplicationID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running[id]--; w.running[id] == 0 {
		delete(w.running, id)
	}
}

// patience is how long an application may take to accept a token: it is to queue it, not to act on it.
const patience = 5 * time.Second

// deliver posts the token. The application answers 202 (RFC 8935 §2.2), 200 or 204; anything else is tried again.
func (w *Webhooks) deliver(ctx context.Context, e outbox.Event) error {
	var n notice
	if err := json.Unmarshal(e.Data, &n); err != nil {
		return err
	}
	id, err := directory.ParseApplicationID(n.Application)
	if err != nil {
		return err
	}
	a, err := w.Directory.Applications.ByID(ctx, id)
	if err != nil || !listens(&a, n.Organization) {
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		return err
	}
	if !w.enter(id) {
		return errBusy
	}
	defer w.leave(id)
	token, err := w.token(ctx, &a, &n)
	if err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	status, err := w.Poster.Post(bounded, a.Metadata.WebhookURI, media, []byte(token))
	switch {
	case errors.Is(err, outgoing.ErrRefused): // trying again makes no sense
		w.Log.WarnContext(ctx, "webhook: the address is not allowed", "application", a.ClientID, "error", err)
		return nil
	case err != nil:
		return err
	case status != http.StatusAccepted && status != http.StatusOK && status != http.StatusNoContent:
		return fmt.Errorf("webhook: %s answered %d", a.ClientID, status)
	}
	return nil
}

// listens reports whether the application still wants to be told, and still may be.
func listens(a *directory.Application, organization string) bool {
	if a.Disabled || a.Metadata.WebhookURI == "" {
		return false
	}
	if organization == "" || a.AllOrganizations {
		return true
	}
	return slices.ContainsFunc(a.Organizations, func(id directory.OrganizationID) bool { return id.String() == organization })
}

// token is the Security Event Token: no sub and no exp, so that nobody takes it for a token of another kind (RFC 8417 §4).
func (w *Webhooks) token(ctx context.Context, a *directory.Application, n *notice) (string, error) {
	claims, err := json.Marshal(struct {
		Issuer   string                     `json:"iss"`
		Audience string                     `json:"aud"`
		ID       string                     `json:"jti"`
		IssuedAt int64                      `json:"iat"`
		Happened int64                      `json:"toe"`
		Events   map[string]json.RawMessage `json:"events"`
	}{w.Issuer, a.ClientID, n.Event, w.DB.Now().Unix(), n.At, map[string]json.RawMessage{namespace + n.Kind: n.About}})
	if err != nil {
		return "", err
	}
	alg := a.Metadata.IDTokenSignedResponseAlg
	if alg == "" {
		alg = algorithm
	}
	return w.Signer.Sign(ctx, alg, typ, claims)
}
