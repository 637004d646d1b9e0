package scim

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"portvakt/internal/directory"
	"portvakt/internal/ratelimit"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
)

// Config is what a handler stands on.
type Config struct {
	Directory *directory.Directory
	DB        *sqldb.DB
	// BaseURL is where the handler is reached from outside, from configuration and never from a request:
	// https://issuer.example/scim/v2, without a slash at the end.
	BaseURL string
	Keys    *secret.Keys // seal the cursors of lists
	Tokens  Tokens       // nil: provisioning tokens alone open anything
	Log     *slog.Logger
}

// Handler serves /scim/v2/{organization}/… It is safe for concurrent use.
type Handler struct {
	dir       *directory.Directory
	db        *sqldb.DB
	base      string
	cursors   cursors
	log       *slog.Logger
	schemas   *registry
	discovery discovery
	filters   *filterCache
	routes    []route
	uses      *directory.Uses[directory.TokenUse]
	tokens    Tokens
	budgets   *budgets
	lanes     *lanes
	bulks     *turns
	stroke    int // users that a bulk request makes at once
	requests  *requestLog
}

// New makes the handler. It is mounted so that it sees the whole path, /scim/v2/ included.
func New(cfg Config) (*Handler, error) {
	if cfg.Keys == nil {
		return nil, errors.New("SCIM needs keys to seal cursors with")
	}
	schemas, err := readSchemas()
	if err != nil {
		return nil, err
	}
	discovery, err := newDiscovery(schemas)
	if err != nil {
		return nil, err
	}
	h := &Handler{dir: cfg.Directory, db: cfg.DB, base: strings.TrimSuffix(cfg.BaseURL, "/"), log: cfg.Log,
		schemas: schemas, discovery: discovery, filters: newFilterCache(), cursors: cursors{cfg.Keys, cfg.DB.Now},
		uses:   directory.NewUses(cfg.Directory.ProvisioningClients.NoteUsed),
		tokens: cfg.Tokens, budgets: newBudgets(ratelimit.New(cfg.DB), cfg.DB.Now), lanes: newLanes(), bulks: newTurns(), stroke: strokeOfUsers,
		requests: newRequestLog(cfg.Directory.ProvisioningLog)}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	h.routes = routes()
	return h, nil
}

// Run writes when tokens were last used, and what was asked, until ctx ends.
func (h *Handler) Run(ctx context.Context) {
	var group sync.WaitGroup
	group.Go(func() { h.writeLog(ctx) })
	h.uses.Run(ctx, h.log)
	group.Wait()
}

// Prefix is where the handler expects to be mounted.
const Prefix = "/scim/v2/"

// permission is a provisioning client's right that a route needs.
type permission string

const (
	anyClient   permission = "any"    // whoever has a token of the organization
	usersRight  permission = "users"  // read and write users; what needs more rights is decided by what changes
	groupsRight permission = "groups" // read and write groups
	themselves  permission = "me"     // a person with an own access token, and nobody else
)

func (p permission) heldBy(c directory.ProvisioningClient) bool {
	switch p {
	case anyClient:
		return true
	case usersRight:
		return c.MayUsers
	case groupsRight:
		return c.MayGroups
	}
	return false
}

// route is one row of the table: what is served, by whom, for whom. {id} in a pattern stands for one segment.
type route struct {
	method  string
	pattern string
	serve   func(*exchange) error
	needs   permission
}

func routes() []route {
	return []route{
		{"GET", "/", (*exchange).listAll, anyClient},                    // of those types that the client may read
		{"POST", "/.search", (*exchange).searchAll, anyClient},          // the same
		{"POST", "/Users/.search", (*exchange).searchUsers, usersRight}, // before {id}
		{"POST", "/Groups/.search", (*exchange).searchGroups, groupsRight},
		{"GET", "/Users", (*exchange).listUsers, usersRight},
		{"POST", "/Users", (*exchange).createUser, usersRight},
		{"GET", "/Users/{id}", (*exchange).getUser, usersRight},
		{"PUT", "/Users/{id}", (*exchange).replaceUser, usersRight},
		{"PATCH", "/Users/{id}", (*exchange).patchUser, usersRight},
		{"DELETE", "/Users/{id}", (*exchange).deleteUser, usersRight},
		{"GET", "/Groups", (*exchange).listGroups, groupsRight},
		{"POST", "/Groups", (*exchange).createGroup, groupsRight},
		{"GET", "/Groups/{id}", (*exchange).getGroup, groupsRight},
		{"PUT", "/Groups/{id}", (*exchange).replaceGroup, groupsRight},
		{"PATCH", "/Groups/{id}", (*exchange).patchGroup, groupsRight},
		{"DELETE", "/Groups/{id}", (*exchange).deleteGroup, groupsRight},
		{"GET", "/ServiceProviderConfig", (*exchange).serviceProviderConfig, anyClient},
		{"GET", "/ResourceTypes", (*exchange).resourceTypes, anyClient},
		{"GET", "/ResourceTypes/{id}", (*exchange).resourceType, anyClient},
		{"GET", "/Schemas", (*exchange).listSchemas, anyClient},
		{"GET", "/Schemas/{id}", (*exchange).oneSchema, anyClient},
		{"POST", bulkPath, (*exchange).bulk, anyClient}, // each operation needs its own right
		{"GET", mePattern, (*exchange).getMe, themselves},
	}
}

// match finds the route of a method and a path of unescaped segments: the first pattern that fits decides. Where the path
// is known and the method is not, it answers the methods there are.
func (h *Handler) match(method string, path []string) (r route, id string, allowed []string) {
	pattern := ""
	for _, c := range h.routes {
		if pattern == "" {
			value, ok := fits(c.pattern, path)
			if !ok {
				continue
			}
			pattern, id = c.pattern, value
		}
		if c.pattern != pattern {
			continue
		}
		if c.method == method || c.method == "*" {
			return c, id, nil
		}
		allowed = append(allowed, c.method)
	}
	return route{}, "", allowed
}

func fits(pattern string, path []string) (id string, ok bool) {
	words := strings.Split(pattern[1:], "/")
	if len(words) != len(path) {
		return "", false
	}
	for i, w := range words {
		switch {
		case w == "{id}" && path[i] != "":
			id = path[i]
		case w != path[i]:
			return "", false
		}
	}
	return id, true
}

func allow(methods []string) string {
	slices.Sort(methods)
	return strings.Join(slices.Compact(methods), ", ")
}
