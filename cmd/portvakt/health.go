package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"
)

type healthCommand struct {
	Addr string `help:"Where the service listens." default:"127.0.0.1:8080" placeholder:"HOST:PORT" env:"PORTVAKT_SERVER_ADDR"`
}

// Run asks /readyz and fails where the service is not ready.
func (c healthCommand) Run(w world) error {
	ctx, cancel := context.WithTimeout(w.ctx, 3*time.Second)
	defer cancel()
	host, port, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return mistakef("--addr %q is not host:port", c.Addr)
	}
	if host == "" || host == "0.0.0.0" || host == "::" {
		host = "127.0.0.1"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/readyz", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("the service does not answer: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the service is not ready (status %d)", res.StatusCode)
	}
	fmt.Fprintln(w.stdout, "ready")
	return nil
}
