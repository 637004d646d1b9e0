package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	clientID     = "bench"
	clientSecret = "bench-secret-of-no-value-to-anybody"
	scimToken    = "bench-scim-token-of-no-value"
)

var seed = `organizations:
  - {slug: bench, name: Bench, domains: [bench.example], provisioning_clients: [{name: bench, token: ` + scimToken + `, requests_per_minute: 1000000}],
     members: [{email: ` + email + `, given_name: Person, family_name: Bench, password: ` + password + `}]}
applications:
  - {client_id: bench, name: Bench, secret: ` + clientSecret + `, grant_types: [client_credentials, authorization_code, refresh_token],
     redirect_uris: ["` + redirectURI + `"], scopes: [openid, email, offline_access, organization], organizations: "*"}
`

// Run measures everything that the configuration allows.
func Run(ctx context.Context, cfg Config) ([]Figure, error) {
	seedFile := filepath.Join(cfg.Scratch, "seed.yaml")
	if err := os.WriteFile(seedFile, []byte(seed), 0o600); err != nil {
		return nil, err
	}
	floor, err := start(ctx, cfg, "floor", "bench", "floor")
	if err != nil {
		return nil, err
	}
	defer floor.stop()
	var figures []Figure
	add := func(f []Figure, err error) error {
		figures = append(figures, f...)
		return err
	}
	serve := func(name, database string) (*child, error) {
		args := []string{"serve", "--dev", "--addr", "127.0.0.1:0", "--demo-addr", "127.0.0.1:0", "--data", filepath.Join(cfg.Scratch, name), "--seed", seedFile}
		if database != "" {
			args = append(args, "--database", database)
		}
		return start(ctx, cfg, name, args...)
	}
	subject, err := serve("sqlite", "")
	if err != nil {
		return nil, err
	}
	defer func() { subject.stop() }()
	if err := add(measureTokens(ctx, cfg, subject, floor)); err != nil {
		return figures, err
	}
	if err := add(measureDocuments(ctx, cfg, subject, floor)); err != nil {
		return figures, err
	}
	if err := add(measureUse(ctx, cfg, subject, floor)); err != nil {
		return figures, err
	}
	subject.stop()
	if subject, err = serve("sqlite", ""); err != nil { // again, on the file that is there
		return figures, err
	}
	if err := add(measureSize(cfg, subject)); err != nil {
		return figures, err
	}
	if cfg.Database == "" {
		return figures, nil
	}
	pg, err := serve("postgresql", cfg.Database)
	if err != nil {
		return figures, err
	}
	defer pg.stop()
	return figures, add(measureProvisioning(ctx, cfg, pg))
}

func tokenRequest(addr string) func(int) (*http.Request, error) {
	path := "/token"
	body := url.Values{"grant_type": {"client_credentials"}}.Encode()
	if !strings.HasPrefix(addr, "floor ") {
		path = "/oauth2/token"
	}
	target := "http://" + strings.TrimPrefix(addr, "floor ") + path
	return func(int) (*http.Request, error) {
		req, err := http.NewRequest(http.MethodPost, target, strings.NewReader(body))
		if err != nil {
			return nil, err
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.SetBasicAuth(clientID, clientSecret)
		return req, nil
	}
}

func get(target string) func(int) (*http.Request, error) {
	return func(int) (*http.Request, error) { return http.NewRequest(http.MethodGet, target, nil) }
}

// measured is a child with the requests that it is sent.
type measured struct {
	*child
	next func(i int) (*http.Request, error)
}

// compare warms both up and measures them in turns, so that a slow minute of the machine hits both; the better turn counts.
func compare(ctx context.Context, cfg Config, subject, floor measured) (mine, bare float64, err error) {
	mine, bare = 1e18, 1e18
	a, b := subject.next, floor.next
	warm := cfg
	warm.Requests = max(cfg.Requests/10, 100)
	if err := load(ctx, warm, http.StatusOK, a); err != nil {
		return 0, 0, err
	}
	if err := load(ctx, warm, http.StatusOK, b); err != nil {
		return 0, 0, err
	}
	for range 3 {
		m, _, err := subject.cost(cfg.Requests, func() error { return load(ctx, cfg, http.StatusOK, a) })
		if err != nil {
			return 0, 0, err
		}
		f, _, err := floor.cost(cfg.Requests, func() error { return load(ctx, cfg, http.StatusOK, b) })
		if err != nil {
			return 0, 0, err
		}
		mine, bare = min(mine, m), min(bare, f)
	}
	return mine, bare, nil
}

func measureTokens(ctx context.Context, cfg Config, subject, floor *child) ([]Figure, error) {
	bare, err := signatureCost()
	if err != nil {
		return nil, err
	}
	mine, server, err := compare(ctx, cfg, measured{subject, tokenRequest(subject.addr)}, measured{floor, tokenRequest("floor " + floor.addr)})
	if err != nil {
		return nil, err
	}
	return []Figure{
		{Name: "client_credentials (ES256) / bare signature", Subject: mine, Floor: bare, Unit: "µs", Goal: "≤ 3"},
		{Name: "client_credentials (ES256) / floor server", Subject: mine, Floor: server, Unit: "µs", Goal: "≤ 2"},
	}, nil
}

func measureDocuments(ctx context.Context, cfg Config, subject, floor *child) ([]Figure, error) {
	var figures []Figure
	for name, path := range map[string]string{"discovery": "/.well-known/openid-configuration", "jwks": "/oauth2/jwks"} {
		mine, bare, err := compare(ctx, cfg, measured{subject, get("http://" + subject.addr + path)}, measured{floor, get("http://" + floor.addr + "/document")})
		if err != nil {
			return figures, err
		}
		figures = append(figures, Figure{Name: name + " / floor server", Subject: mine, Floor: bare, Unit: "µs", Goal: "≤ 1.25"})
	}
	return figures, nil
}

func measureSize(cfg Config, subject *child) ([]Figure, error) {
	time.Sleep(2 * time.Second) // idle is when start-up work is over
	memory, err := subject.memory()
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(cfg.Binary)
	if err != nil {
		return nil, err
	}
	return []Figure{
		{Name: "start to ready, existing SQLite file", Subject: float64(subject.started.Milliseconds()), Unit: "ms", Goal: "< 300"},
		{Name: "idle memory", Subject: memory, Unit: "MB", Goal: "< 50"},
		{Name: "size of the program", Subject: float64(info.Size()) / (1 << 20), Unit: "MB", Goal: "< 40"},
	}, nil
}

// measureProvisioning compares SCIM creates with pgbench writing the same rows in one transaction on the same cluster. A
// create of somebody who may work leads to a mail, whose link and delivery are more rows and commits beside the request;
// people who begin suspended are written to by nobody, so they show the request alone.
func measureProvisioning(ctx context.Context, cfg Config, subject *child) ([]Figure, error) {
	alone, err := creates(ctx, cfg, subject, "suspended")
	if err != nil {
		return nil, err
	}
	mailed, err := creates(ctx, cfg, subject, "active")
	if err != nil {
		return nil, err
	}
	figures := []Figure{
		{Name: "SCIM creates a second (PostgreSQL)", Subject: alone, Unit: "/s"},
		{Name: "the same with a mail for each", Subject: mailed, Unit: "/s"},
	}
	if cfg.PgBench == "" {
		return figures, nil
	}
	floor, err := pgbench(ctx, cfg)
	if err != nil {
		return figures, err
	}
	figures[0].Floor, figures[0].Name, figures[0].Goal = floor, "SCIM creates a second / pgbench, same rows", "≥ 0.5"
	figures[1].Floor = floor
	return figures, nil
}

// creates is the best of three rates of people made over SCIM.
func creates(ctx context.Context, cfg Config, subject *child, state string) (float64, error) {
	best := 0.0
	for run := range 3 {
		_, rate, err := subject.cost(cfg.Requests, func() error {
			return load(ctx, cfg, http.StatusCreated, func(i int) (*http.Request, error) {
				return creationOf(subject.addr, fmt.Sprintf("%s-%d-%d@bench.example", state, run, i), state)
			})
		})
		if err != nil {
			return 0, err
		}
		best = max(best, rate)
	}
	return best, nil
}

func creationOf(addr, email, state string) (*http.Request, error) {
	body, err := json.Marshal(map[string]any{
		"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:User"}, "userName": email, "externalId": email, "active": state == "active",
		"name":   map[string]any{"givenName": "Person", "familyName": email},
		"emails": []any{map[string]any{"value": email, "type": "work", "primary": true}},
	})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequest(http.MethodPost, "http://"+addr+"/scim/v2/bench/Users", strings.NewReader(string(body)))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/scim+json")
	req.Header.Set("Authorization", "Bearer "+scimToken)
	return req, nil
}
