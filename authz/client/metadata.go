package client

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// metadataAge is how long the issuer's description of itself is taken as it was. Where it cannot be read again, it stays.
const metadataAge = time.Hour

// endpoints are the addresses of one installation.
type endpoints struct {
	token, keys                       string
	evaluation, evaluations           string
	subjects, resources, actionSearch string
	readAt                            time.Time
}

// metadata reads the issuer's description of itself (OpenID Connect Discovery 1.0, AuthZEN 1.0 §9).
type metadata struct {
	c       *Client
	known   atomic.Pointer[endpoints]
	flights *flights[*endpoints]
}

func newMetadata(c *Client) *metadata { return &metadata{c: c, flights: newFlights[*endpoints](c)} }

func (m *metadata) get(ctx context.Context) (*endpoints, error) {
	known := m.known.Load()
	if known != nil && m.c.cfg.Now().Sub(known.readAt) < metadataAge {
		return known, nil
	}
	read, err := m.flights.do(ctx, "", m.read)
	if err != nil && known != nil && ctx.Err() == nil {
		return known, nil
	}
	return read, err
}

func (m *metadata) read(ctx context.Context) (*endpoints, error) {
	issuer := m.c.cfg.Issuer
	var openid struct {
		Issuer string `json:"issuer"`
		Token  string `json:"token_endpoint"`
		Keys   string `json:"jwks_uri"`
	}
	var authzen struct {
		PDP         string `json:"policy_decision_point"`
		Evaluation  string `json:"access_evaluation_endpoint"`
		Evaluations string `json:"access_evaluations_endpoint"`
		Subjects    string `json:"search_subject_endpoint"`
		Resources   string `json:"search_resource_endpoint"`
		Actions     string `json:"search_action_endpoint"`
	}
	for path, out := range map[string]any{"/.well-known/openid-configuration": &openid, "/.well-known/authzen-configuration": &authzen} {
		if err := m.c.send(ctx, ask{method: http.MethodGet, url: issuer + path}, out); err != nil {
			return nil, fmt.Errorf("reading %s: %w", issuer+path, err)
		}
	}
	// Who speaks for another issuer is not believed (Discovery §4.3).
	if openid.Issuer != issuer || authzen.PDP != issuer {
		return nil, fmt.Errorf("%w: the issuer calls itself %q and %q, and not %q", ErrAnswer, openid.Issuer, authzen.PDP, issuer)
	}
	e := &endpoints{token: openid.Token, keys: openid.Keys, evaluation: authzen.Evaluation, evaluations: authzen.Evaluations,
		subjects: authzen.Subjects, resources: authzen.Resources, actionSearch: authzen.Actions, readAt: m.c.cfg.Now()}
	for _, url := range []string{e.token, e.keys, e.evaluation, e.evaluations, e.subjects, e.resources, e.actionSearch} {
		// Secrets and tokens go to the issuer alone, whatever stands in a document.
		if !strings.HasPrefix(url, issuer+"/") {
			return nil, fmt.Errorf("%w: the address %q is not the issuer's", ErrAnswer, url)
		}
	}
	m.known.Store(e)
	return e, nil
}
