package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// EverySegment stands alone in Filter.Segments where every segment is seen.
const EverySegment = "*"

// Filter is which records of a module somebody may do something with, for a list's own query. The zero Filter shows
// nothing. Where neither None nor Everyone is said, the owners are.
type Filter struct {
	None     bool    // nothing at all
	Everyone bool    // whoever owns it
	Owners   []Party // in the form of the question's subject: user:… or member:…, and group:grp_…
	// Segments are keys, or EverySegment alone. A record in no segment is never held back by them.
	Segments []string
	Version  string    // of the organization's access model
	Until    time.Time // when it may change by the clock; zero for never
}

// Allows reports whether a record is within the filter, for lists that no database makes.
func (f Filter) Allows(owner Party, segment string) bool {
	return !f.None && (f.Everyone || owner != "" && slices.Contains(f.Owners, owner)) &&
		(segment == "" || f.everySegment() || slices.Contains(f.Segments, segment))
}

func (f Filter) everySegment() bool { return len(f.Segments) == 1 && f.Segments[0] == EverySegment }

const (
	filterPage  = 10_000 // owners in a page
	subjectPage = 1_000
	maxPages    = 1_000 // more is an answer that never ends
	maxAgain    = 3     // readings that a change of the model may interrupt
)

// Filter asks which records of q.Module the subject may do q.Action with; the question's record is not looked at. All of
// the answer is of one version: where the model changes while it is read, reading begins again.
func (c *Client) Filter(ctx context.Context, q Question) (Filter, error) {
	q = Question{Organization: q.Organization, Subject: q.Subject, Action: q.Action, Module: q.Module}
	if err := c.ready(&q, q.check); err != nil {
		return Filter{}, err
	}
	key := cacheKey{q.Organization, q.key("filter")}
	if v, known := c.cache.get(key); known {
		return v.(Filter).clone(), nil
	}
	for again := 1; ; again++ {
		asked := c.cfg.Now()
		f, fresh, err := c.readFilter(ctx, &q)
		switch {
		case err == nil:
			c.cache.put(cacheEntry{key: key, value: f.clone(), fresh: fresh, asked: asked, weight: 1 + (len(f.Owners)+len(f.Segments))/4})
			return f, nil
		case !errors.Is(err, ErrChanged) || again == maxAgain:
			return Filter{}, err
		}
	}
}

func (f Filter) clone() Filter {
	f.Owners, f.Segments = slices.Clone(f.Owners), slices.Clone(f.Segments)
	return f
}

// wireFilter is one page of a filter.
type wireFilter struct {
	Page    wireNext `json:"page"`
	Context struct {
		wireFreshness
		Filter *struct {
			Module   string   `json:"module"`
			Action   string   `json:"action"`
			None     bool     `json:"none"`
			Everyone bool     `json:"everyone"`
			Owners   []Party  `json:"owners"`
			Segments []string `json:"segments"`
		} `json:"filter"`
	} `json:"context"`
}

type wireNext struct {
	Next string `json:"next_token"`
}

// readFilter reads all pages of one version.
func (c *Client) readFilter(ctx context.Context, q *Question) (f Filter, first freshness, err error) {
	body := q.wire(q.Organization)
	body.Resource = &wireEntity{Type: q.Module}
	body.Page = &wirePage{Limit: filterPage}
	for page := 0; page < maxPages; page++ {
		var out wireFilter
		if err := c.post(ctx, q.Organization, func(e *endpoints) string { return e.resources }, body, &out); err != nil {
			return Filter{}, first, err
		}
		fresh, err := out.Context.read()
		if err != nil {
			return Filter{}, first, err
		}
		part := out.Context.Filter
		if part == nil || part.Module != q.Module || part.Action != q.Action || (part.None || part.Everyone) && len(part.Owners) > 0 || part.None && part.Everyone {
			return Filter{}, first, fmt.Errorf("%w: the filter is missing, or another one, or contradicts itself", ErrAnswer)
		}
		if page == 0 {
			first = fresh
			f = Filter{None: part.None, Everyone: part.Everyone, Segments: part.Segments, Version: fresh.version, Until: fresh.until}
		} else if fresh.version != first.version || part.None || part.Everyone {
			return Filter{}, first, ErrChanged
		}
		if !fresh.until.IsZero() && (f.Until.IsZero() || fresh.until.Before(f.Until)) {
			f.Until, first.until = fresh.until, fresh.until
		}
		f.Owners = append(f.Owners, part.Owners...)
		if out.Page.Next == "" {
			return f, first, nil
		}
		if out.Page.Next == body.Page.Token {
			break
		}
		body.Page.Token = out.Page.Next
	}
	return Filter{}, first, fmt.Errorf("%w: the filter never ends", ErrAnswer)
}
