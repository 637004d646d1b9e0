// Package outgoing is the one HTTP client of the whole process: back-channel logout, webhooks and metadata go through
// it, and nothing else may dial. The addresses it calls were written by customers, so they are hostile.
//
// Invariants: the address that is dialled is judged after name resolution, so no name, redirect or second answer of a
// name server leads into our own network (TestAddresses, TestNamesAreJudgedByTheirAddress). Redirects are not followed,
// proxies of the environment are ignored, answers are read to a limit, no cookie is kept (TestClient). Plain http goes to
// loopback only, and only where loopback is allowed.
package outgoing

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Config says where the client may go and how much it bears. The zero value goes to public addresses only.
type Config struct {
	AllowLoopback bool           `yaml:"allow_loopback" doc:"Allow requests to this machine itself, also over plain http. For development."`
	AllowNetworks []netip.Prefix `yaml:"allow_networks" doc:"Private networks that requests may go to." example:"[10.20.0.0/16]"`
	Timeout       time.Duration  `yaml:"timeout" doc:"How long a whole request may take."`
	MaxBody       int64          `yaml:"max_body" doc:"Largest answer that is read, in bytes."`

	ExtraCA []byte `yaml:"-"` // PEM certificates that are trusted beside the system's
}

// DefaultConfig has the limits that fit almost everybody.
func DefaultConfig() Config { return Config{Timeout: 10 * time.Second, MaxBody: 1 << 20} }

var (
	// ErrRefused is in the chain of the error when the destination is not allowed; trying again makes no sense.
	ErrRefused = errors.New("the destination is not allowed")
	// ErrTooLarge is in the chain of the error when the answer was larger than MaxBody.
	ErrTooLarge = errors.New("the answer is too large")
)

// Client makes guarded requests. It is safe for concurrent use.
type Client struct {
	cfg  Config
	http *http.Client
}

// Response is an answer, read whole.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// New makes a client. It fails when ExtraCA holds no certificate.
func New(cfg Config) (*Client, error) {
	def := DefaultConfig()
	if cfg.Timeout == 0 {
		cfg.Timeout = def.Timeout
	}
	if cfg.MaxBody == 0 {
		cfg.MaxBody = def.MaxBody
	}
	c := &Client{cfg: cfg}
	tlsConfig := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(cfg.ExtraCA) > 0 {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(cfg.ExtraCA) {
			return nil, errors.New("the additional CA file holds no PEM certificate")
		}
		tlsConfig.RootCAs = pool
	}
	dialer := &net.Dialer{Timeout: cfg.Timeout, ControlContext: c.control}
	c.http = &http.Client{
		Timeout:       cfg.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  nil, // a proxy would do the dialling, unjudged
			DialContext:            dialer.DialContext,
			TLSClientConfig:        tlsConfig,
			TLSHandshakeTimeout:    cfg.Timeout,
			ForceAttemptHTTP2:      true,
			DisableCompression:     true,
			MaxIdleConnsPerHost:    2,
			MaxIdleConns:           32,
			IdleConnTimeout:        30 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
		},
	}
	return c, nil
}

// PostForm sends a form and gives the answer, whatever its status.
func (c *Client) PostForm(ctx context.Context, target string, values url.Values) (*Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(values.Encode()))
	if err != nil {
		return nil, fmt.Errorf("outgoing: %w: it is no URL", ErrRefused)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return c.Do(req)
}

// Get asks for JSON and gives the answer, whatever its status.
func (c *Client) Get(ctx context.Context, target string) (*Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, fmt.Errorf("outgoing: %w: it is no URL", ErrRefused)
	}
	req.Header.Set("Accept", "application/json")
	return c.Do(req)
}

// Do sends a request and gives the answer, whatever its status. Errors name the host only: the rest of a URL may hold
// secrets.
func (c *Client) Do(req *http.Request) (*Response, error) {
	if err := c.Check(req.URL); err != nil {
		return nil, err
	}
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", "Portvakt")
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.failure(req.URL, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, c.cfg.MaxBody+1))
	if err != nil {
		return nil, c.failure(req.URL, err)
	}
	if int64(len(body)) > c.cfg.MaxBody {
		return nil, fmt.Errorf("outgoing: %s: %w", req.URL.Host, ErrTooLarge)
	}
	return &Response{Status: res.StatusCode, Header: res.Header, Body: body}, nil
}

// Check refuses a URL that no request may go to, as far as it can be told without resolving its name. Forms and APIs
// that take a URL ask it early; Do asks it always.
func (c *Client) Check(u *url.URL) error {
	refuse := func(why string) error { return fmt.Errorf("outgoing: %s: %w: %s", u.Host, ErrRefused, why) }
	switch {
	case u.Hostname() == "":
		return refuse("it has no host")
	case u.User != nil:
		return refuse("it holds a user or a password")
	case u.Scheme != "https" && u.Scheme != "http":
		return refuse("it is not https")
	case u.Scheme == "http" && !(c.cfg.AllowLoopback && isLoopbackName(u.Hostname())):
		return refuse("it is not https")
	}
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil {
		if why := c.judge(addr); why != "" {
			return refuse(why)
		}
	}
	return nil
}

func isLoopbackName(host string) bool {
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && addr.Unmap().IsLoopback()
}

// failure drops what the http package says around the cause: the whole URL.
func (c *Client) failure(u *url.URL, err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	return fmt.Errorf("outgoing: %s: %w", u.Host, err)
}

// CloseIdle closes connections that nobody uses.
func (c *Client) CloseIdle() { c.http.CloseIdleConnections() }
