package outgoing

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func newClient(t *testing.T, cfg Config) *Client {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdle)
	return c
}

func TestAddresses(t *testing.T) {
	closed := newClient(t, Config{})
	open := newClient(t, Config{AllowLoopback: true, AllowNetworks: prefixes("10.0.0.0/8", "fd00::/8", "169.254.0.0/16")})
	for _, tc := range []struct {
		addr         string
		closed, open bool
	}{
		{"1.1.1.1", true, true},
		{"2606:4700::1111", true, true},
		{"::ffff:1.1.1.1", true, true},
		{"127.0.0.1", false, true},
		{"127.1.2.3", false, true},
		{"::1", false, true},
		{"::ffff:127.0.0.1", false, true},
		{"10.1.2.3", false, true},
		{"::ffff:10.1.2.3", false, true},
		{"fd00::1", false, true},
		{"172.16.0.1", false, false},
		{"192.168.1.1", false, false},
		{"169.254.1.1", false, true},
		{"169.254.169.254", false, false},
		{"::ffff:169.254.169.254", false, false},
		{"fd00:ec2::254", false, false},
		{"168.63.129.16", false, false},
		{"100.100.100.200", false, false},
		{"0.0.0.0", false, false},
		{"0.1.2.3", false, false},
		{"100.64.0.1", false, false},
		{"192.0.2.1", false, false},
		{"198.18.0.1", false, false},
		{"224.0.0.1", false, false},
		{"240.0.0.1", false, false},
		{"255.255.255.255", false, false},
		{"::", false, false},
		{"::127.0.0.1", false, false},
		{"64:ff9b::7f00:1", false, false},
		{"64:ff9b::a00:1", false, false},
		{"64:ff9b:1::1", false, false},
		{"2002:7f00:1::1", false, false},
		{"2001:0:7f00:1::", false, false},
		{"2001:db8::1", false, false},
		{"fe80::1", false, false},
		{"fe80::1%eth0", false, false},
		{"ff02::1", false, false},
		{"fc00::1", false, false},
	} {
		addr := netip.MustParseAddr(tc.addr)
		if got := closed.judge(addr); (got == "") != tc.closed {
			t.Errorf("%s by default: %q", tc.addr, got)
		}
		if got := open.judge(addr); (got == "") != tc.open {
			t.Errorf("%s with an allow-list: %q", tc.addr, got)
		}
	}
}

func TestURLs(t *testing.T) {
	closed, open := newClient(t, Config{}), newClient(t, Config{AllowLoopback: true})
	for _, tc := range []struct {
		url          string
		closed, open bool
	}{
		{"https://rp.example/logout", true, true},
		{"http://rp.example/logout", false, false},
		{"http://localhost:9000/logout", false, true},
		{"http://127.0.0.1:9000/logout", false, true},
		{"http://[::1]:9000/logout", false, true},
		{"http://localhost.rp.example/", false, false},
		{"https://127.0.0.1/", false, true},
		{"https://10.0.0.1/", false, false},
		{"https://[::ffff:10.0.0.1]/", false, false},
		{"https://user:password@rp.example/", false, false},
		{"https:///path", false, false},
		{"file:///etc/passwd", false, false},
		{"gopher://rp.example/", false, false},
		{"javascript:alert(1)", false, false},
		{"/relative", false, false},
	} {
		u, err := url.Parse(tc.url)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			client *Client
			want   bool
		}{{closed, tc.closed}, {open, tc.open}} {
			if err := c.client.Check(u); (err == nil) != c.want || err != nil && !errors.Is(err, ErrRefused) {
				t.Errorf("%s (loopback allowed: %t): %v", tc.url, c.client.cfg.AllowLoopback, err)
			}
		}
	}
}

// canary is a server that must not be reached.
func canary(t *testing.T) (*httptest.Server, *atomic.Int32) {
	var hits atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			hits.Add(1)
		}
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s, &hits
}

func TestNamesAreJudgedByTheirAddress(t *testing.T) {
	s, hits := canary(t)
	port := strings.TrimPrefix(s.URL, "https://127.0.0.1:")
	c := newClient(t, Config{})
	// Literals that net.Dial understands and netip does not, and a name that resolves to loopback.
	for _, host := range []string{"localhost", "127.0.0.1", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433", "0x7f000001", "127.1", "0177.0.0.1"} {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		_, err := c.PostForm(ctx, "https://"+host+":"+port+"/", nil)
		cancel()
		if err == nil {
			t.Errorf("%s was reached", host)
		}
		if host == "localhost" && !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", host, err)
		}
	}
	if n := hits.Load(); n != 0 {
		t.Errorf("%d connections", n)
	}
}

func TestClient(t *testing.T) {
	forbidden, hits := canary(t)
	t.Setenv("HTTPS_PROXY", forbidden.URL)
	t.Setenv("HTTP_PROXY", forbidden.URL)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/form":
			http.SetCookie(w, &http.Cookie{Name: "a", Value: "b", Path: "/"})
			w.WriteHeader(http.StatusBadRequest)
			io.WriteString(w, r.PostFormValue("logout_token")+r.Header.Get("Cookie")+r.UserAgent())
		case "/redirect":
			http.Redirect(w, r, forbidden.URL, http.StatusTemporaryRedirect)
		case "/large":
			_, _ = w.Write(bytes.Repeat([]byte("x"), 1025))
		case "/fits":
			_, _ = w.Write(bytes.Repeat([]byte("x"), 1024))
		case "/slow":
			<-r.Context().Done()
		}
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	c := newClient(t, Config{AllowLoopback: true, ExtraCA: ca, MaxBody: 1024, Timeout: time.Second})

	for range 2 {
		res, err := c.PostForm(t.Context(), s.URL+"/form", url.Values{"logout_token": {"abc"}})
		if err != nil || res.Status != 400 || string(res.Body) != "abcPortvakt" {
			t.Fatalf("%+v %v", res, err)
		}
	}
	if res, err := c.PostForm(t.Context(), s.URL+"/redirect", nil); err != nil || res.Status != 307 {
		t.Errorf("%+v %v", res, err)
	}
	if res, err := c.PostForm(t.Context(), s.URL+"/fits", nil); err != nil || len(res.Body) != 1024 {
		t.Errorf("%+v %v", res, err)
	}
	if _, err := c.PostForm(t.Context(), s.URL+"/large", nil); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
	_, err := c.PostForm(t.Context(), s.URL+"/slow?secret=hunter2", nil)
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Error(err)
	}
	if n := hits.Load(); n != 0 {
		t.Errorf("%d connections to the proxy or the redirect's target", n)
	}

	if _, err := newClient(t, Config{AllowLoopback: true}).PostForm(t.Context(), s.URL+"/form", nil); err == nil || errors.Is(err, ErrRefused) {
		t.Errorf("an unknown CA was trusted: %v", err)
	}
	if _, err := New(Config{ExtraCA: []byte("nothing")}); err == nil {
		t.Error("an empty CA file was accepted")
	}
}
