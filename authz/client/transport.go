package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/json"
)

const (
	maxAnswer  = 16 << 20         // bytes of an answer that are read
	tryTimeout = 10 * time.Second // of one try, where the application's http.Client has no timeout of its own
	firstWait  = 100 * time.Millisecond
)

// sender is what requests are sent with: the application's client, or one of our own.
func sender(given *http.Client) (*http.Client, *http.Transport) {
	refuse := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if given != nil {
		c := *given
		c.CheckRedirect = refuse
		set(&c.Timeout, tryTimeout)
		return &c, nil
	}
	t := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: 5 * time.Second,
		MaxIdleConnsPerHost: 32,
		IdleConnTimeout:     time.Minute,
		ForceAttemptHTTP2:   true,
	}
	return &http.Client{Transport: t, CheckRedirect: refuse, Timeout: tryTimeout}, t
}

// ask is a request that changes nothing, so that it may be sent again.
type ask struct {
	method, url string
	kind        string // Content-Type
	body        []byte
	prepare     func(*http.Request) // headers that only one try has
}

// send sends an ask until there is an answer of 200, and decodes it into out. What is not 200 is an error; 429, 503 and a
// broken connection are tried again.
func (c *Client) send(ctx context.Context, a ask, out any) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.ctx, cancel)()
	wait := firstWait
	for try := 1; ; try++ {
		err := c.try(ctx, a, out)
		if err == nil || try == c.cfg.Attempts || !errors.Is(err, ErrUnavailable) || ctx.Err() != nil {
			return c.why(ctx, err)
		}
		pause := wait/2 + rand.N(wait) // so that many do not come back in the same moment
		if e := (*Error)(nil); errors.As(err, &e) {
			switch {
			case e.Status != http.StatusTooManyRequests && e.Status != http.StatusServiceUnavailable:
				return err
			case e.RetryAfter > 0:
				pause = e.RetryAfter
			}
		}
		if end, has := ctx.Deadline(); pause > c.cfg.MaxWait || has && time.Until(end) < pause {
			return err
		}
		if err := sleep(ctx, pause); err != nil {
			return c.why(ctx, err)
		}
		wait *= 2
	}
}

// why says ErrClosed instead of the cancellation that Close caused.
func (c *Client) why(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		if c.ctx.Err() != nil {
			return ErrClosed
		}
		return ctx.Err()
	}
	return err
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Client) try(ctx context.Context, a ask, out any) error {
	req, err := http.NewRequestWithContext(ctx, a.method, a.url, bytes.NewReader(a.body))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrQuestion, err)
	}
	req.Header.Set("Accept", "application/json")
	if a.kind != "" {
		req.Header.Set("Content-Type", a.kind)
	}
	if id := c.cfg.RequestID(ctx); id != "" {
		req.Header.Set("X-Request-ID", id)
	}
	if a.prepare != nil {
		a.prepare(req)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case res.StatusCode != http.StatusOK:
		return refusalOf(res, raw)
	case len(raw) > maxAnswer:
		return fmt.Errorf("%w: it is larger than %d bytes", ErrAnswer, maxAnswer)
	}
	if kind, _, err := mime.ParseMediaType(res.Header.Get("Content-Type")); err != nil || kind != "application/json" && !strings.HasSuffix(kind, "+json") {
		return fmt.Errorf("%w: it is %q, not JSON", ErrAnswer, res.Header.Get("Content-Type"))
	}
	// This decoder takes names letter by letter and refuses a name that stands there twice.
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	return nil
}

// refusalOf reads what is not 200: RFC 6749's form, which AuthZEN's endpoints share here.
func refusalOf(res *http.Response, raw []byte) *Error {
	var said struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	_ = json.Unmarshal(raw, &said) // a proxy's page is no JSON; the status says enough
	e := &Error{Status: res.StatusCode, Code: said.Error, Description: said.Description, RequestID: res.Header.Get("X-Request-ID")}
	if e.Code == "" {
		e.Code = strings.ReplaceAll(strings.ToLower(http.StatusText(res.StatusCode)), " ", "_")
	}
	if seconds, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.RetryAfter = time.Duration(min(seconds, 24*60*60)) * time.Second
	}
	return e
}
