package httpserver_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portvakt/internal/httpserver"
)

func newServer(t *testing.T, cfg httpserver.Config, h http.HandlerFunc) *httpserver.Server {
	t.Helper()
	s, err := httpserver.New(cfg, h, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestServeFinishesRunningRequests(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	s := newServer(t, httpserver.Config{Addr: "127.0.0.1:0"}, func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-release
		if r.Context().Err() == nil {
			io.WriteString(w, "finished")
		}
	})
	addr, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served, answered := make(chan error, 1), make(chan string, 1)
	go func() { served <- s.Serve(ctx) }()
	go func() {
		res, err := http.Get("http://" + addr.String())
		if err != nil {
			answered <- err.Error()
			return
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		answered <- string(body)
	}()
	<-entered
	stop()
	for { // the port is given up before the request ends
		conn, err := net.Dial("tcp", addr.String())
		if err != nil {
			break
		}
		conn.Close()
	}
	close(release)
	if got := <-answered; got != "finished" {
		t.Error(got)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestServeCutsWhatDoesNotEnd(t *testing.T) {
	entered := make(chan struct{})
	s := newServer(t, httpserver.Config{Addr: "127.0.0.1:0", DrainTimeout: time.Millisecond}, func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
	})
	addr, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	go func() {
		if res, err := http.Get("http://" + addr.String()); err == nil {
			res.Body.Close()
		}
	}()
	<-entered
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestPortInUse(t *testing.T) {
	first := newServer(t, httpserver.Config{Addr: "127.0.0.1:0"}, hello)
	addr, err := first.Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	_, err = newServer(t, httpserver.Config{Addr: addr.String()}, hello).Listen()
	if want := addr.String() + " is already in use by another program; stop that one or choose another address"; err == nil || err.Error() != want {
		t.Error(err)
	}
	if _, err := newServer(t, httpserver.Config{Addr: "192.0.2.1:0"}, hello).Listen(); err == nil || !strings.Contains(err.Error(), "no address of this machine") {
		t.Error(err)
	}
}

func TestDevTLS(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "data")
	cfg, caFile, err := httpserver.DevTLS(folder, "op.example")
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(caFile)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(ca), "PRIVATE") {
		t.Fatal("the public file holds the private key")
	}
	if info, err := os.Stat(filepath.Join(folder, "dev-ca-key.pem")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v %v", info.Mode(), err)
	}
	if _, _, err := httpserver.DevTLS(folder); err != nil {
		t.Fatal(err)
	}
	if again, err := os.ReadFile(caFile); err != nil || string(again) != string(ca) {
		t.Error("the second start made another CA")
	}

	s := newServer(t, httpserver.Config{Addr: "127.0.0.1:0", TLS: cfg}, hello)
	addr, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	defer func() { stop(); <-served }()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	for _, name := range []string{"localhost", "127.0.0.1", "op.example"} {
		conn, err := tls.Dial("tcp", addr.String(), &tls.Config{RootCAs: roots, ServerName: name, NextProtos: []string{"h2"}})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if conn.ConnectionState().NegotiatedProtocol != "h2" {
			t.Error("no HTTP/2")
		}
		conn.Close()
	}
	for name, weak := range map[string]*tls.Config{
		"TLS 1.1": {RootCAs: roots, ServerName: "localhost", MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11},
		"CBC": {RootCAs: roots, ServerName: "localhost", MaxVersion: tls.VersionTLS12,
			CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}},
		"another CA": {RootCAs: x509.NewCertPool(), ServerName: "localhost"},
	} {
		if conn, err := tls.Dial("tcp", addr.String(), weak); err == nil {
			conn.Close()
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestTLSFiles(t *testing.T) {
	for _, cfg := range []httpserver.Config{{TLSCert: "a"}, {TLSKey: "b"}, {TLSCert: "/does/not", TLSKey: "/exist"}} {
		if _, err := httpserver.New(cfg, http.NotFoundHandler(), slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%+v started without TLS", cfg)
		}
	}
}
