package authzen

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"portvakt/authz"
	"portvakt/internal/directory"
	"portvakt/internal/secret"
	"portvakt/internal/web"
)

// Prefix begins every address of this door.
const Prefix = "/access/v1/"

// PathConfiguration is where the door is described (§9.2).
const PathConfiguration = "/.well-known/authzen-configuration"

const (
	scope     = "authzen"
	oneSecond = time.Second
)

// Tokens says whose own access token it is, where it counts at this moment; else an Unauthenticated fault. // idp/bearer
type Tokens interface {
	Verify(ctx context.Context, text string) (Caller, error)
}

// Engine gives an organization's access model as it stands now; authz.ErrUnavailable where that cannot be known.
// // authz.Engine
type Engine interface {
	Snapshot(ctx context.Context, org directory.OrganizationID) (*authz.Snapshot, error)
	// Knowing is Snapshot where nobody of who is unknown whom the rows know.
	Knowing(ctx context.Context, org directory.OrganizationID, who ...authz.Who) (*authz.Snapshot, error)
}

// Caller is the client behind a token.
type Caller struct {
	ClientID     string
	Scopes       []string
	Audience     []string
	Organization directory.OrganizationID // the token is for this one alone; zero: for all that the client serves
	// Find is the organization with a slug, where the caller may ask about it; else a NotFound fault.
	Find func(ctx context.Context, slug string) (directory.OrganizationID, error)
}

// Config is what the door stands on.
type Config struct {
	Issuer string
	Tokens Tokens
	Engine Engine
	Names  Names // for explanations
	Keys   *secret.Keys
	Now    func() time.Time
	Log    *slog.Logger
	// Rate is how many questions a second a client may ask on average, on this node; 0: 3,000. A few are asked with one
	// question of evaluations, more with a search.
	Rate int
}

// Handler answers everything below Prefix.
type Handler struct {
	Config
	audience string
	metadata *web.Document
	pages    []byte // the key of page tokens
	pace     *pace
	buffers  sync.Pool
}

// New makes the handler.
func New(c Config) (*Handler, error) {
	if c.Rate == 0 {
		c.Rate = 3000
	}
	h := &Handler{Config: c, audience: c.Issuer + strings.TrimSuffix(Prefix, "/"), pages: c.Keys.Derive("authzen pages"), pace: newPace(c.Rate)}
	h.buffers.New = func() any { return &buffer{req: &request{}} }
	var err error
	h.metadata, err = web.NewDocument(h.configuration())
	return h, err
}

// buffer is what a request reads into and writes from; the next one uses it again.
type buffer struct {
	in, out []byte
	req     *request
}

// What a buffer may hold to be used again.
const (
	keepBytes       = 64 << 10
	keepEvaluations = 512
)

// configuration is the metadata (§9.1). There is no registered capability that we could name, and what has no values is left
// out (§9.2.2).
func (h *Handler) configuration() any {
	at := h.Issuer + Prefix
	return struct {
		PDP         string `json:"policy_decision_point"`
		Evaluation  string `json:"access_evaluation_endpoint"`
		Evaluations string `json:"access_evaluations_endpoint"`
		Subject     string `json:"search_subject_endpoint"`
		Resource    string `json:"search_resource_endpoint"`
		Action      string `json:"search_action_endpoint"`
	}{h.Issuer, at + pathEvaluation, at + pathEvaluations, at + pathSubject, at + pathResource, at + pathAction}
}

// Metadata answers PathConfiguration.
func (h *Handler) Metadata() http.Handler { return h.metadata }

// The addresses, below Prefix.
const (
	pathEvaluation  = "evaluation"
	pathEvaluations = "evaluations"
	pathSubject     = "search/subject"
	pathResource    = "search/resource"
	pathAction      = "search/action"
)

var routes = map[string]func(*exchange, *request) error{
	pathEvaluation:  (*exchange).evaluation,
	pathEvaluations: (*exchange).evaluations,
	pathSubject:     (*exchange).searchSubjects,
	pathResource:    (*exchange).searchResources,
	pathAction:      (*exchange).searchActions,
}

// Paths are the addresses of the five endpoints.
func Paths() []string {
	out := make([]string, 0, len(routes))
	for path := range routes {
		out = append(out, Prefix+path)
	}
	return out
}

// ServeHTTP answers every request, refusals included, in this door's own form.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, _ := h.buffers.Get().(*buffer)
	b.out = b.out[:0]
	x := &exchange{h: h, w: w, r: r, ctx: r.Context(), buffer: b}
	x.identify()
	if err := x.serve(); err != nil {
		x.refuse(err)
	} else {
		x.send(http.StatusOK)
	}
	if cap(b.in) <= keepBytes && cap(b.out) <= keepBytes && cap(b.req.evaluations) <= keepEvaluations {
		b.req.forget()
		h.buffers.Put(b)
	}
}
