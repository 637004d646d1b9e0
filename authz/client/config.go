package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Config says whom to ask and as which application. Issuer and ClientID are needed, and one of ClientSecret and Tokens
// where decisions are asked for; everything else has a default.
type Config struct {
	Issuer       string // https://…; http on this machine alone
	ClientID     string
	ClientSecret string
	// Tokens obtains this application's own access token with the scope authzen, instead of ClientSecret: for
	// private_key_jwt and the like.
	Tokens TokenSource
	// Organization is the slug of the organization that questions are about which name none.
	Organization string
	// Audience is what must stand in aud of the access tokens that people present; ClientID if it is empty.
	Audience string
	// HTTPClient sends everything. Redirects are never followed, whatever it says.
	HTTPClient *http.Client

	CacheSize int           // answers remembered at most; 10,000 if zero, none if negative
	MaxAge    time.Duration // how long an answer may be remembered; 1 s if zero, not at all if negative, a minute at most
	// BatchWindow is how long a Check waits for others to be asked in the same request; zero asks at once.
	BatchWindow time.Duration
	BatchSize   int           // questions in one request at most; 100 if zero
	Attempts    int           // tries of one request, the first among them; 3 if zero
	MaxWait     time.Duration // longest wait before another try; 5 s if zero. A longer Retry-After is an error at once

	Algorithms []string      // of access tokens; ES256, EdDSA, PS256 and RS256 if empty
	Leeway     time.Duration // for exp, nbf and iat, because clocks differ; 30 s if zero, a minute at most
	KeyRefresh time.Duration // an unknown key is looked for once in this time at most; 10 s if zero

	// RequestID names the X-Request-ID of what is sent for a context, so that both sides' logs can be read together.
	RequestID func(ctx context.Context) string
	Now       func() time.Time // for tests; time.Now if nil
}

// TokenSource obtains an access token of the scope authzen for an organization ("" where the credentials decide), and says
// when it expires. It is called again before that.
type TokenSource func(ctx context.Context, organization string) (token string, expires time.Time, err error)

// Client asks one installation. Any number of goroutines may use it. Close ends it.
type Client struct {
	cfg     Config
	http    *http.Client
	own     *http.Transport // closed with the client; nil where the application brought its own
	ctx     context.Context // of everything that outlives one call
	cancel  context.CancelFunc
	running *group

	metadata *metadata
	keys     *keyring
	tokens   *ownTokens
	cache    *cache
	batches  *batches
}

// New makes a client. It asks nothing yet: an installation that starts later than the application is no trouble.
func New(cfg Config) (*Client, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	cfg.fill()
	c := &Client{cfg: cfg, running: &group{}}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.http, c.own = sender(cfg.HTTPClient)
	c.metadata = newMetadata(c)
	c.keys = newKeyring(c)
	c.tokens = newOwnTokens(c)
	c.cache = newCache(cfg.CacheSize, cfg.MaxAge, cfg.Now)
	c.batches = newBatches(c)
	return c, nil
}

// Close ends what is under way and waits for it. Whoever still asks gets ErrClosed.
func (c *Client) Close() {
	c.running.close()
	c.cancel()
	c.running.wait()
	if c.own != nil {
		c.own.CloseIdleConnections()
	}
}

func (cfg *Config) check() error {
	issuer, err := url.Parse(cfg.Issuer)
	switch {
	case err != nil:
		return fmt.Errorf("the issuer: %w", err)
	case issuer.Host == "" || issuer.User != nil || issuer.RawQuery != "" || issuer.Fragment != "" || strings.HasSuffix(cfg.Issuer, "/"):
		return errors.New("the issuer is an address without query, fragment and final slash")
	case issuer.Scheme != "https" && (issuer.Scheme != "http" || !loopback(issuer.Hostname())):
		return errors.New("the issuer must be https; http is for this machine alone")
	case cfg.ClientID == "":
		return errors.New("no ClientID")
	case cfg.ClientSecret != "" && cfg.Tokens != nil:
		return errors.New("one of ClientSecret and Tokens is enough")
	case cfg.MaxAge > time.Minute:
		return errors.New("the longest MaxAge is a minute: for that long a right that was taken away would still count")
	case cfg.Leeway < 0 || cfg.Leeway > time.Minute:
		return errors.New("the widest Leeway is a minute")
	case cfg.BatchWindow < 0 || cfg.BatchSize < 0 || cfg.Attempts < 0 || cfg.MaxWait < 0 || cfg.KeyRefresh < 0:
		return errors.New("a time or number is negative")
	}
	return checkAlgorithms(cfg.Algorithms)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (cfg *Config) fill() {
	set(&cfg.Audience, cfg.ClientID)
	set(&cfg.CacheSize, 10_000)
	set(&cfg.MaxAge, time.Second)
	set(&cfg.BatchSize, 100)
	set(&cfg.Attempts, 3)
	set(&cfg.MaxWait, 5*time.Second)
	set(&cfg.Leeway, 30*time.Second)
	set(&cfg.KeyRefresh, 10*time.Second)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.RequestID == nil {
		cfg.RequestID = func(context.Context) string { return "" }
	}
}

// set gives a field its default.
func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// group is a sync.WaitGroup that can be closed: afterwards nothing begins.
type group struct {
	mu     sync.Mutex
	closed bool
	wg     sync.WaitGroup
}

// run runs f in a goroutine, unless the group is closed.
func (g *group) run(f func()) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.wg.Go(f)
	return true
}

func (g *group) over() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed
}

func (g *group) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
}

func (g *group) wait() { g.wg.Wait() }
