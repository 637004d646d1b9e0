package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"portvakt/authz"
	"portvakt/cmd/portvakt/importer"
	"portvakt/internal/directory"
)

type recalculateCommand struct {
	target
	Organization string `help:"The organization's slug." placeholder:"SLUG" xor:"which" required:""`
	All          bool   `help:"Every organization." xor:"which" required:""`
}

// recalculateArguments say for which organization; none for all.
type recalculateArguments struct {
	Organization string `json:"organization"`
}

// recalculateAsked names what was asked for: one, or all since a moment.
type recalculateAsked struct {
	ID    directory.RecalculationID `json:"id"`
	Since time.Time                 `json:"since"`
}

// recalculateState is how far that is.
type recalculateState struct {
	Done   int64                   `json:"done"`
	Total  int64                   `json:"total"`
	Over   bool                    `json:"over"`
	Drifts int64                   `json:"drifts"`
	Drift  []directory.AccessDrift `json:"drift"`
}

const (
	recalculateLook = 200 * time.Millisecond
	// nobodyCame is after how long a command does itself what no serving node has taken up.
	nobodyCame = 3 * time.Second
)

// Run asks for it, shows how far it is, and tells what was found.
func (c recalculateCommand) Run(w world) error {
	text, err := c.ask(w, "recalculate", recalculateArguments{c.Organization})
	if err != nil {
		return err
	}
	var asked recalculateAsked
	if err := json.Unmarshal([]byte(text), &asked); err != nil {
		return err
	}
	show := newBar(w.stderr)
	show.certain = true
	defer show.end()
	for {
		if text, err = c.ask(w, "recalculation", asked); err != nil {
			return err
		}
		var s recalculateState
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			return err
		}
		if s.Total > 0 { // else it has not begun
			show.progress(importer.Progress{Done: int(s.Done), Total: int(s.Total)})
		}
		if s.Over {
			show.end()
			return c.tell(w, s)
		}
		select {
		case <-w.ctx.Done():
			return w.ctx.Err()
		case <-time.After(recalculateLook):
		}
	}
}

var errDrift = errors.New("what was running differed from the rows; it does no longer")

// tell prints what was found. A drift is a failure, so that a script sees it.
func (c recalculateCommand) tell(w world, s recalculateState) error {
	what := many(int(s.Total), "member", "members")
	if c.All {
		what = many(int(s.Total), "organization", "organizations")
	}
	if s.Drifts == 0 {
		fmt.Fprintf(w.stdout, "%s: what was running is what the rows say\n", what)
		return nil
	}
	for _, d := range s.Drift {
		fmt.Fprintf(w.stdout, "%s %s: was running: %s; the rows say: %s\n", d.Member, d.Module, wordList(d.Running), wordList(d.Rows))
	}
	fmt.Fprintf(w.stdout, "%s: %s\n", what, many(int(s.Drifts), "difference", "differences"))
	return errDrift
}

func wordList(words []string) string {
	if len(words) == 0 {
		return "nothing"
	}
	return strings.Join(words, ", ")
}

func askRecalculation(ctx context.Context, h *house, a recalculateArguments) (string, error) {
	var asked recalculateAsked
	if a.Organization == "" {
		since, _, err := h.dir.Access.RecalculateAll(ctx)
		if err != nil {
			return "", err
		}
		asked.Since = since
	} else {
		o, err := h.dir.Organizations.BySlug(ctx, a.Organization)
		if err != nil {
			return "", err
		}
		r, err := h.dir.Access.Recalculate(ctx, o.ID)
		if err != nil {
			return "", err
		}
		asked.ID = r.ID
	}
	text, err := json.Marshal(asked)
	return string(text), err
}

// watchRecalculation says how far it is. Where nobody serves, it does a part of the work first.
func watchRecalculation(ctx context.Context, h *house, a recalculateAsked) (string, error) {
	if err := h.recalculateAlone(ctx); err != nil {
		return "", err
	}
	var s recalculateState
	if a.ID.IsZero() {
		p, err := h.dir.Access.RecalculationsSince(ctx, a.Since)
		if err != nil {
			return "", err
		}
		s = recalculateState{Done: p.Finished, Total: p.Asked, Over: p.Finished == p.Asked, Drifts: p.Drifts}
	} else {
		r, err := h.dir.Access.Recalculation(ctx, a.ID)
		if err != nil {
			return "", err
		}
		s = recalculateState{Done: r.Done, Total: r.Total, Over: !r.FinishedAt.IsZero(), Drifts: r.Drifts, Drift: r.Drift}
	}
	text, err := json.Marshal(s)
	return string(text), err
}

// recalculateAlone works for a while in a command's own process: at once on a file that nobody serves, else when no node has
// come for it.
func (h *house) recalculateAlone(ctx context.Context) error {
	if h.engine != nil {
		return nil
	}
	engine := authz.New(h.dir.Access, authz.Config{DB: h.db})
	for began := time.Now(); time.Since(began) < recalculateLook; {
		r, there, err := h.dir.Access.NextRecalculation(ctx)
		if err != nil || !there {
			return err
		}
		if h.db.Engine() == "postgresql" && h.db.Now().Sub(r.AskedAt) < nobodyCame {
			return nil
		}
		if did, err := engine.RecalculateNext(ctx, "command"); err != nil || !did {
			return err
		}
	}
	return nil
}
