package client

import (
	"context"
	"fmt"
	"iter"
)

// Subjects are all who may do what q asks, in pages that are read as the loop goes on; q.Subject is not looked at, as
// decides whether they come as users or as members. A loop that gets an error has not seen all of them.
func (c *Client) Subjects(ctx context.Context, q Question, as Kind) iter.Seq2[Party, error] {
	return func(yield func(Party, error) bool) {
		q := q
		q.Subject = Party(string(as) + ":any") // for the check; the wire has no id
		if err := c.ready(&q, q.check); err != nil {
			yield("", err)
			return
		}
		body := q.wire(q.Organization)
		body.Subject = &wireEntity{Type: string(as)}
		body.Page = &wirePage{Limit: subjectPage}
		for {
			var out struct {
				Results []wireEntity `json:"results"`
				Page    wireNext     `json:"page"`
			}
			if err := c.post(ctx, q.Organization, func(e *endpoints) string { return e.subjects }, body, &out); err != nil {
				yield("", err)
				return
			}
			for _, r := range out.Results {
				if r.ID == "" || r.Type != string(as) {
					yield("", fmt.Errorf("%w: a subject of type %q with id %q", ErrAnswer, r.Type, r.ID))
					return
				}
				if !yield(Party(r.Type+":"+r.ID), nil) {
					return
				}
			}
			switch out.Page.Next {
			case "":
				return
			case body.Page.Token:
				yield("", fmt.Errorf("%w: the same page comes again", ErrAnswer))
				return
			}
			body.Page = &wirePage{Limit: subjectPage, Token: out.Page.Next}
		}
	}
}

// Actions are what the subject may do with the record of q, in the order view, create, edit, delete, then the module's
// tools: what a page needs for its buttons. q.Action is not looked at.
func (c *Client) Actions(ctx context.Context, q Question) ([]string, error) {
	q.Action = "any" // for the check; the wire has none
	if err := c.ready(&q, q.check); err != nil {
		return nil, err
	}
	body := q.wire(q.Organization)
	body.Action = nil
	var out struct {
		Results []wireAction `json:"results"`
	}
	if err := c.post(ctx, q.Organization, func(e *endpoints) string { return e.actionSearch }, body, &out); err != nil {
		return nil, err
	}
	names := make([]string, len(out.Results))
	for i, r := range out.Results {
		if names[i] = r.Name; r.Name == "" {
			return nil, fmt.Errorf("%w: an action without a name", ErrAnswer)
		}
	}
	return names, nil
}
