package client

import (
	"fmt"
	"strconv"
	"time"

	"github.com/go-jose/go-jose/v4/json"
)

// wireDecision is the answer to one evaluation.
type wireDecision struct {
	Decision *bool `json:"decision"`
	Context  struct {
		wireFreshness
		Reason      string            `json:"reason"`
		Fields      map[string]string `json:"fields"`
		Explanation *struct {
			Language string   `json:"language"`
			Text     []string `json:"text"`
			Facts    []any    `json:"facts"`
			Needed   []any    `json:"needed"`
		} `json:"explanation"`
		// Error stands in an answer of a batch instead of a reason (AuthZEN 1.0 §7).
		Error json.RawMessage `json:"error"`
	} `json:"context"`
}

// wireFreshness is how long an answer counts.
type wireFreshness struct {
	Version string `json:"version"`
	Until   string `json:"until"`
}

// freshness is the same, read.
type freshness struct {
	version string
	number  int64
	until   time.Time
}

func (w wireFreshness) read() (freshness, error) {
	f := freshness{version: w.Version}
	var err error
	if w.Version != "" {
		if f.number, err = strconv.ParseInt(w.Version, 10, 64); err != nil {
			return f, fmt.Errorf("%w: the version %q is no number", ErrAnswer, w.Version)
		}
	}
	if w.Until != "" {
		if f.until, err = time.Parse(time.RFC3339Nano, w.Until); err != nil {
			return f, fmt.Errorf("%w: until %q is no moment", ErrAnswer, w.Until)
		}
	}
	return f, nil
}

// read makes a Decision of it. Anything that is not clearly a decision is an error.
func (w *wireDecision) read() (Decision, freshness, error) {
	f, err := w.Context.read()
	switch {
	case err != nil:
		return Decision{}, f, err
	case len(w.Context.Error) > 0 && string(w.Context.Error) != "null":
		return Decision{}, f, fmt.Errorf("%w: the service could not decide: %.200s", ErrUnavailable, w.Context.Error)
	case w.Decision == nil:
		return Decision{}, f, fmt.Errorf("%w: it holds no decision", ErrAnswer)
	}
	d := Decision{Allowed: *w.Decision, Reason: w.Context.Reason, Version: f.version, Until: f.until, Fields: w.Context.Fields}
	if e := w.Context.Explanation; e != nil {
		d.Explanation = &Explanation{Language: e.Language, Text: e.Text, Facts: e.Facts, Needed: e.Needed}
	}
	return d, f, nil
}
