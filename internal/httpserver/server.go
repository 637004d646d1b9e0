// Package httpserver is the listener that every request comes through: limits, request ids, the panic guard, the access
// log, the client's address, and a graceful end. It knows no route and no protocol.
//
// Invariants: a path reaches the handler only in its one clean form (TestUncleanPaths), so routing and authorization
// look at the same thing. Forwarded headers count only from trusted proxies, and only for the client's address
// (TestAddress); Host and forwarded headers never become part of a URL. A request id is made here, never taken from the
// client (TestRequestID). Neither a query nor a header is ever logged (TestAccessLog).
package httpserver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"
)

// Config says where to listen and what to bear. The zero value of a limit means its default.
type Config struct {
	Addr              string         `yaml:"addr" doc:"Address and port to listen on; port 0 takes a free one."`
	TLSCert           string         `yaml:"tls_cert" doc:"Certificate chain (PEM file). With it and tls_key the server speaks https." example:"/etc/portvakt/tls.crt"`
	TLSKey            string         `yaml:"tls_key" doc:"Private key of the certificate (PEM file)." example:"/etc/portvakt/tls.key"`
	TrustedProxies    []netip.Prefix `yaml:"trusted_proxies" doc:"Networks of the reverse proxies whose X-Forwarded-For is believed." example:"[10.0.0.0/8]"`
	ReadHeaderTimeout time.Duration  `yaml:"read_header_timeout" doc:"How long the head of a request may take to arrive."`
	ReadTimeout       time.Duration  `yaml:"read_timeout" doc:"How long a whole request may take to arrive."`
	WriteTimeout      time.Duration  `yaml:"write_timeout" doc:"How long answering may take."`
	IdleTimeout       time.Duration  `yaml:"idle_timeout" doc:"How long an idle connection is kept."`
	DrainTimeout      time.Duration  `yaml:"drain_timeout" doc:"How long running requests may go on when the server stops."`
	MaxHeader         int            `yaml:"max_header" doc:"Largest head of a request, in bytes. Addresses are read up to 64 KiB."`
	MaxBody           int64          `yaml:"max_body" doc:"Largest body of a request, in bytes."`

	TLS *tls.Config `yaml:"-"` // instead of the two files, for DevTLS
	// LargeBody is the largest body of a request to a path that may have a larger one than MaxBody, 0 for every other path.
	LargeBody func(path string) int64 `yaml:"-"`
}

// DefaultConfig has the limits that fit almost everybody.
func DefaultConfig() Config {
	return Config{
		Addr:              ":8080",
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		DrainTimeout:      10 * time.Second,
		MaxHeader:         96 << 10,
		MaxBody:           1 << 20,
	}
}

func (c Config) withDefaults() Config {
	d := DefaultConfig()
	orDuration := func(v *time.Duration, def time.Duration) {
		if *v == 0 {
			*v = def
		}
	}
	orDuration(&c.ReadHeaderTimeout, d.ReadHeaderTimeout)
	orDuration(&c.ReadTimeout, d.ReadTimeout)
	orDuration(&c.WriteTimeout, d.WriteTimeout)
	orDuration(&c.IdleTimeout, d.IdleTimeout)
	orDuration(&c.DrainTimeout, d.DrainTimeout)
	if c.Addr == "" {
		c.Addr = d.Addr
	}
	if c.MaxHeader == 0 {
		c.MaxHeader = d.MaxHeader
	}
	if c.MaxBody == 0 {
		c.MaxBody = d.MaxBody
	}
	return c
}

// maxBody is the largest body of a request to the path, in bytes.
func (c Config) maxBody(path string) int64 {
	if c.LargeBody == nil {
		return c.MaxBody
	}
	return max(c.MaxBody, c.LargeBody(path))
}

// Server is one listener and the requests that came through it.
type Server struct {
	cfg      Config
	log      *slog.Logger
	http     *http.Server
	listener net.Listener
	panics   atomic.Int64
}

// New makes a server; nothing listens yet. It fails when the certificate cannot be used.
func New(cfg Config, handler http.Handler, log *slog.Logger) (*Server, error) {
	s := &Server{cfg: cfg.withDefaults(), log: log}
	tlsConfig, err := s.cfg.tlsConfig()
	if err != nil {
		return nil, err
	}
	s.http = &http.Server{
		Handler:                      s.Wrap(handler),
		TLSConfig:                    tlsConfig,
		ReadHeaderTimeout:            s.cfg.ReadHeaderTimeout,
		ReadTimeout:                  s.cfg.ReadTimeout,
		WriteTimeout:                 s.cfg.WriteTimeout,
		IdleTimeout:                  s.cfg.IdleTimeout,
		MaxHeaderBytes:               s.cfg.MaxHeader,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(log.Handler(), slog.LevelDebug), // handshakes and broken peers
	}
	return s, nil
}

// tlsConfig is nil for plain http. TLS 1.3, and 1.2 with its forward-secret AEAD suites only.
func (c Config) tlsConfig() (*tls.Config, error) {
	out := &tls.Config{}
	switch {
	case c.TLS != nil:
		out = c.TLS.Clone()
	case c.TLSCert == "" && c.TLSKey == "":
		return nil, nil
	case c.TLSCert == "" || c.TLSKey == "":
		return nil, errors.New("tls_cert and tls_key belong together; one of them is missing")
	default:
		pair, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
		if err != nil {
			return nil, fmt.Errorf("the certificate cannot be used: %w", err)
		}
		out.Certificates = []tls.Certificate{pair}
	}
	out.MinVersion = tls.VersionTLS12
	out.CipherSuites = []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
		tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	}
	return out, nil
}

// Listen takes the port and gives the bound address, so that callers of port 0 learn it before anything is served.
func (s *Server) Listen() (*net.TCPAddr, error) {
	l, err := net.Listen("tcp", s.cfg.Addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is already in use by another program; stop that one or choose another address", s.cfg.Addr)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("%s may not be used by this user; ports below 1024 need a privilege", s.cfg.Addr)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("%s is no address of this machine", s.cfg.Addr)
	case err != nil:
		return nil, fmt.Errorf("cannot listen on %s: %w", s.cfg.Addr, err)
	}
	s.listener = l
	return l.Addr().(*net.TCPAddr), nil
}

// Serve answers until ctx ends, then takes no more connections and lets running requests finish for DrainTimeout. It
// listens first if Listen was not called.
func (s *Server) Serve(ctx context.Context) error {
	if s.listener == nil {
		if _, err := s.Listen(); err != nil {
			return err
		}
	}
	failed := make(chan error, 1)
	go func() {
		if s.http.TLSConfig != nil {
			failed <- s.http.ServeTLS(s.listener, "", "")
		} else {
			failed <- s.http.Serve(s.listener)
		}
	}()
	select {
	case err := <-failed:
		return fmt.Errorf("the server stopped: %w", err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.DrainTimeout)
	defer cancel()
	err := s.http.Shutdown(drain)
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.Warn("requests were still running when the time to drain was over; they were cut off", "drain", s.cfg.DrainTimeout)
		err = s.http.Close()
	}
	<-failed
	return err
}

// Close gives up a port that Listen took when Serve will not be called.
func (s *Server) Close() error {
	if s.listener == nil {
		return nil
	}
	return s.listener.Close()
}

// Panics is how many requests have panicked since the start.
func (s *Server) Panics() int64 { return s.panics.Load() }
