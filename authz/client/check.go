package client

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"

	"github.com/go-jose/go-jose/v4/json"
)

// Check asks one question. A Decision that comes with an error allows nothing.
//
// Invariant: nothing but the service's own clear yes is a yes (TestTroubleAllowsNothing).
func (c *Client) Check(ctx context.Context, q Question) (Decision, error) {
	if err := c.ready(&q, q.check); err != nil {
		return Decision{}, err
	}
	if d, known := c.remembered(&q); known {
		return d, nil
	}
	if c.cfg.BatchWindow > 0 {
		return c.batches.ask(ctx, q)
	}
	asked := c.cfg.Now()
	var out wireDecision
	if err := c.post(ctx, q.Organization, evaluationOf, q.wire(q.Organization), &out); err != nil {
		return Decision{}, err
	}
	d, fresh, err := out.read()
	if err != nil {
		return Decision{}, err
	}
	c.remember(&q, cacheEntry{value: d, fresh: fresh, asked: asked})
	return d, nil
}

// CheckAll asks many questions in as few requests as Config.BatchSize allows. The answers stand in the questions' order.
// Where one of them could not be answered, none is.
func (c *Client) CheckAll(ctx context.Context, questions []Question) ([]Decision, error) {
	out := make([]Decision, len(questions))
	open := map[string][]int{} // by organization: one request asks about one
	for i := range questions {
		q := questions[i]
		if err := c.ready(&q, q.check); err != nil {
			return nil, fmt.Errorf("question %d: %w", i, err)
		}
		if d, known := c.remembered(&q); known {
			out[i] = d
			continue
		}
		open[q.Organization] = append(open[q.Organization], i)
	}
	for organization, indexes := range open {
		for len(indexes) > 0 {
			some := indexes[:min(len(indexes), c.cfg.BatchSize)]
			indexes = indexes[len(some):]
			ask := make([]Question, len(some))
			for i, at := range some {
				ask[i] = questions[at]
				ask[i].Organization = organization
			}
			answers, err := c.evaluations(ctx, organization, ask)
			if err != nil {
				return nil, err
			}
			for i, a := range answers {
				if a.err != nil {
					return nil, fmt.Errorf("question %d: %w", some[i], a.err)
				}
				out[some[i]] = a.Decision
			}
		}
	}
	return out, nil
}

// answer is one of a batch.
type answer struct {
	Decision
	err error
}

// evaluations asks all questions, which are about one organization, in one request.
func (c *Client) evaluations(ctx context.Context, organization string, questions []Question) ([]answer, error) {
	asked := c.cfg.Now()
	body := wireBatch{Context: &wireContext{Organization: organization}, Options: wireOptions{"execute_all"}, Evaluations: make([]wireRequest, len(questions))}
	for i := range questions {
		body.Evaluations[i] = questions[i].wire(organization)
	}
	var out struct {
		Evaluations []wireDecision `json:"evaluations"`
	}
	if err := c.post(ctx, organization, evaluationsOf, body, &out); err != nil {
		return nil, err
	}
	if len(out.Evaluations) != len(questions) {
		return nil, fmt.Errorf("%w: %d answers to %d questions", ErrAnswer, len(out.Evaluations), len(questions))
	}
	answers := make([]answer, len(questions))
	for i := range out.Evaluations {
		d, fresh, err := out.Evaluations[i].read()
		if answers[i] = (answer{d, err}); err == nil {
			c.remember(&questions[i], cacheEntry{value: d, fresh: fresh, asked: asked})
		}
	}
	return answers, nil
}

// ready fills the organization in and refuses what cannot be asked.
func (c *Client) ready(q *Question, check func() error) error {
	if c.running.over() {
		return ErrClosed
	}
	set(&q.Organization, c.cfg.Organization)
	return check()
}

const decisionKey = "decision"

func (c *Client) remembered(q *Question) (Decision, bool) {
	if q.Explain {
		return Decision{}, false
	}
	v, known := c.cache.get(cacheKey{q.Organization, q.key(decisionKey)})
	if !known {
		return Decision{}, false
	}
	d := v.(Decision)
	d.Fields = maps.Clone(d.Fields)
	return d, true
}

// remember keeps a decision; an explained one only tells the version.
func (c *Client) remember(q *Question, e cacheEntry) {
	d := e.value.(Decision)
	d.Fields, d.Explanation = maps.Clone(d.Fields), nil
	plain := *q
	e.key, e.value, e.weight = cacheKey{q.Organization, plain.key(decisionKey)}, d, 1+len(d.Fields)/4
	c.cache.put(e)
}

// door picks one of the decision API's addresses.
type door func(*endpoints) string

func evaluationOf(e *endpoints) string  { return e.evaluation }
func evaluationsOf(e *endpoints) string { return e.evaluations }

// post sends a question to the decision API with this application's own token. A token that is refused is renewed once.
func (c *Client) post(ctx context.Context, organization string, to door, body, out any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrQuestion, err)
	}
	at, err := c.metadata.get(ctx)
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		token, err := c.tokens.get(ctx, organization)
		if err != nil {
			return err
		}
		err = c.send(ctx, ask{method: http.MethodPost, url: to(at), kind: "application/json", body: raw,
			prepare: func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }}, out)
		if e := (*Error)(nil); !errors.As(err, &e) || e.Status != http.StatusUnauthorized {
			return err
		}
		c.tokens.drop(organization, token)
		if try == 2 {
			return err
		}
	}
}
