package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"portvakt/cmd/portvakt/demo"
	"portvakt/cmd/portvakt/seed"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/httpserver"
	"portvakt/internal/secret"
)

// The demo application is a client like any other; its secret is in the open because --dev protects nothing.
const (
	demoClientID     = "demo-web"
	demoClientSecret = "dev-demo-secret"
)

// declares reports whether a seed file brings the application itself.
func declares(file *seed.File, clientID string) bool {
	if file == nil {
		return false
	}
	for _, a := range file.Applications {
		if a.ClientID.Text == clientID {
			return true
		}
	}
	return false
}

// registerDemo registers the demo application at the address where it is this time. Other processes on the same database
// keep theirs for signing in; who is told of the end is the one that came last.
func (h *house) registerDemo(ctx context.Context, at string) error {
	redirects, returns := []string{at + "/callback"}, []string{at + "/signed-out"}
	was, err := h.dir.Applications.ByClientID(ctx, demoClientID)
	if err == nil {
		redirects, returns = keep(redirects, was.Metadata.RedirectURIs), keep(returns, was.Metadata.PostLogoutRedirectURIs)
	} else if !fault.Is(err, fault.NotFound) {
		return err
	}
	_, err = h.dir.Applications.Save(ctx, directory.Application{
		ClientID: demoClientID, Name: "Fjordkontor", AllOrganizations: true,
		Secrets: []directory.ApplicationSecret{{Hash: secret.HashToken(demoClientSecret)}},
		Metadata: directory.ClientMetadata{
			RedirectURIs: redirects, PostLogoutRedirectURIs: returns,
			BackchannelLogoutURI: at + "/backchannel-logout", BackchannelSessionRequired: true,
			GrantTypes:              []string{"authorization_code", "refresh_token", "client_credentials"},
			TokenEndpointAuthMethod: "client_secret_basic", IDTokenSignedResponseAlg: "ES256", ClientURI: at,
			Scopes: []string{"openid", "profile", "email", "phone", "address", "offline_access", "organization", "organizations", "access"},
		},
	})
	return err
}

const keptAddresses = 8

// keep adds former addresses behind the present one, the latest few.
func keep(present, former []string) []string {
	for _, uri := range former {
		if !slices.Contains(present, uri) && len(present) < keptAddresses {
			present = append(present, uri)
		}
	}
	return present
}

// listenDemo takes the demo application's port.
func (s *server) listenDemo(w world) (err error) {
	log := newLog(w, s.o.Log)
	var app http.Handler
	cfg := httpserver.DefaultConfig()
	cfg.Addr = s.o.demoAddr
	if s.demo, err = httpserver.New(cfg, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { app.ServeHTTP(w, r) }), log); err != nil {
		return mistake{err}
	}
	bound, err := s.demo.Listen()
	if err != nil {
		return mistakef("the demo application: %w", err)
	}
	s.at.demo = localURL(bound, false)
	client, err := s.demoClient()
	if err != nil {
		return err
	}
	app = demo.New(demo.Config{Issuer: s.o.Issuer, ClientID: demoClientID, ClientSecret: demoClientSecret, BaseURL: s.at.demo,
		HTTPClient: client, Log: log, Now: s.now}).Handler()
	return nil
}

// now is the house's clock once it stands: under --dev it can be moved, and the demo application goes by the same.
func (s *server) now() time.Time {
	if s.house != nil && s.house.clock != nil {
		return s.house.clock.now()
	}
	return time.Now()
}

// demoClient is how the demo application reaches the service: over https it must know the CA of --tls.
func (s *server) demoClient() (*http.Client, error) {
	if !s.o.tls {
		return nil, nil
	}
	ca, err := os.ReadFile(filepath.Join(s.o.data, "tls", "dev-ca.pem"))
	if err != nil {
		return nil, fmt.Errorf("the CA of --tls: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return nil, errors.New("the CA of --tls holds no certificate")
	}
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}, nil
}

const shownPeople = 4

// hints tells how to sign in with the seed's people, and how an HR system calls.
func hints(file *seed.File) string {
	if file == nil {
		return ""
	}
	var b strings.Builder
	b.WriteString("\nPeople to sign in as:\n\n")
	shown, without := 0, ""
	for _, o := range file.Organizations {
		for _, m := range o.Members {
			switch {
			case m.Password == "" && without == "" && m.Kind.Text != "contact":
				without = m.Email.Text
			case m.Password != "" && m.TOTP == "" && shown < shownPeople:
				fmt.Fprintf(&b, "  %-32s %s\n", m.Email.Text, m.Password.Reveal())
				shown++
			}
		}
	}
	if without != "" {
		fmt.Fprintf(&b, "  %-32s has no password yet: choose \"First time here?\" and look into the captured mail\n", without)
	}
	for _, o := range file.Organizations {
		if len(o.ProvisioningClients) > 0 {
			fmt.Fprintf(&b, "\nAn HR system calls /scim/v2/%s/Users with the token %s\n", o.Slug.Text, o.ProvisioningClients[0].Token.Reveal())
			break
		}
	}
	return b.String()
}
