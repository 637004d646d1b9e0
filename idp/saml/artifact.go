package saml

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"portvakt/idp/gate"
	"portvakt/idp/interaction"
	"portvakt/idp/saml/wire"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
)

const (
	artifactFor     = time.Minute
	artifactIndex   = 0 // of our one resolution service
	artifactPurpose = "saml artifact"
)

// guard is what the gate is asked once more when an answer is fetched: a moment has passed since it let the person in.
type guard struct {
	Membership directory.MembershipID `json:"membership"`
	UserEpoch  int64                  `json:"user_epoch"`
	Epoch      int64                  `json:"epoch"`
	ACR        string                 `json:"acr"`
	AMR        []string               `json:"amr,omitempty"`
	FactorAt   time.Time              `json:"factor_at,omitzero"`
	Use        gate.Use               `json:"use"`
}

func newGuard(o interaction.Outcome) *guard {
	st := o.Pass.Standing()
	return &guard{st.Membership, st.UserEpoch, st.Epoch, o.Session.ACR, o.Session.AMR, o.Session.FactorAt, o.Session.Use()}
}

func (g guard) request(a gate.Application) gate.Request {
	return gate.Request{Membership: g.Membership, UserEpoch: g.UserEpoch, MembershipEpoch: g.Epoch, Application: a, Grant: gate.GrantAssertion,
		ACR: g.ACR, AMR: g.AMR, FactorAt: g.FactorAt, Use: g.Use}
}

// waiting is an answer that waits to be fetched.
type waiting struct {
	Guard   *guard `json:"guard,omitempty"` // nil: the answer lets nobody in
	Message []byte `json:"message"`
}

// keep stores an answer, sealed, and makes the artifact for it.
func (h *Handler) keep(r *http.Request, t *target, m *wire.Message, g *guard) (wire.Artifact, error) {
	issuer, err := h.issuer(r, t.entity)
	if err != nil {
		return wire.Artifact{}, err
	}
	artifact, err := issuer.NewArtifact(artifactIndex)
	if err != nil {
		return artifact, err
	}
	w := waiting{Guard: g}
	if w.Message, err = m.XML(); err != nil {
		return artifact, err
	}
	body, err := json.Marshal(w)
	if err != nil {
		return artifact, err
	}
	return artifact, storeArtifact(r.Context(), h.DB, t.Application, handleHash(artifact), h.Keys.Seal(artifactPurpose, body))
}

func handleHash(a wire.Artifact) []byte { return secret.HashToken(string(a.Handle[:])) }

// resolve gives a service provider what its artifact stands for, once (profiles §5). It proves by its signature who it is.
//
// Invariant: without a good signature nothing is given, nor to anybody but whom it is for, nor twice
// (TestArtifactsAreFetchedOnce).
func (h *Handler) resolve(w http.ResponseWriter, r *http.Request, e entity) {
	h.answerSOAP(w, r, func(body []byte) (*wire.Message, error) { return h.resolved(r, e, body) })
}

func (h *Handler) resolved(r *http.Request, e entity, body []byte) (*wire.Message, error) {
	received, err := wire.DecodeSOAP(body)
	if err != nil {
		return nil, err
	}
	p, err := h.usable(h.Providers.ByEntityID(r.Context(), e.owner, received.Issuer))
	if err != nil {
		return nil, err
	}
	issuer, err := h.issuer(r, e)
	if err != nil {
		return nil, err
	}
	trust := p.Trust
	trust.Required = true
	q, err := received.ArtifactResolve(wire.Expect{Now: h.DB.Now(), Destinations: []string{e.base + endArtifact}, Trust: trust})
	if f := fault.Of(err); err != nil {
		return issuer.RefuseArtifact(received.ID, h.DB.Now(), wire.StatusRequester.Saying(f.Text))
	}
	var message []byte
	if issuer.Issues(q.Artifact) && q.Artifact.Endpoint == artifactIndex {
		if message, err = h.fetched(r.Context(), p, q.Artifact); err != nil {
			return nil, err
		}
	}
	return issuer.ArtifactResponse(q.ID, h.DB.Now(), message)
}

// fetched takes the answer out of the store, if there is one and the person may still come in.
func (h *Handler) fetched(ctx context.Context, p *Provider, a wire.Artifact) ([]byte, error) {
	client, err := h.Clients.ByID(ctx, p.ID())
	if err != nil {
		return nil, err
	}
	var message []byte
	err = h.DB.Update(ctx, func(tx *sqldb.Tx) error {
		message = nil
		sealed, ok, err := takeArtifact(ctx, tx, p.ID(), handleHash(a))
		if err != nil || !ok {
			return err
		}
		body, err := h.Keys.Open(artifactPurpose, sealed)
		if err != nil {
			return err
		}
		var w waiting
		if err := json.Unmarshal(body, &w); err != nil {
			return err
		}
		if message = w.Message; w.Guard == nil {
			return nil
		}
		_, err = h.Gate.MayIssue(ctx, tx, w.Guard.request(client.Gate))
		switch {
		case fault.Is(err, fault.Internal):
			return err
		case err != nil: // and what was refused is used up
			message = nil
		}
		return nil
	})
	return message, err
}
