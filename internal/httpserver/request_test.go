package httpserver_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"portvakt/internal/actor"
	"portvakt/internal/httpserver"
)

// start serves the handler behind the guard, and gives the address, the server and what it logs (to be read after the
// answer has been read).
func start(t *testing.T, cfg httpserver.Config, handler http.HandlerFunc) (*httptest.Server, *httpserver.Server, *bytes.Buffer) {
	t.Helper()
	log := &bytes.Buffer{}
	s, err := httpserver.New(cfg, handler, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ts := httptest.NewUnstartedServer(s.Wrap(handler))
	ts.Config.MaxHeaderBytes = 96 << 10
	ts.Config.DisableGeneralOptionsHandler = true
	ts.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	ts.Start()
	t.Cleanup(ts.Close)
	return ts, s, log
}

// raw sends bytes as they are and gives the answer, its body read.
func raw(t *testing.T, ts *httptest.Server, request string) (*http.Response, string) {
	t.Helper()
	conn, err := net.Dial("tcp", ts.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		body = append(body, " ["+err.Error()+"]"...)
	}
	return res, string(body)
}

func get(path string, headers ...string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + strings.Join(append(headers, "", ""), "\r\n")
}

func hello(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }

func TestUncleanPaths(t *testing.T) {
	ts, _, _ := start(t, httpserver.Config{}, hello)
	for path, want := range map[string]int{
		"/":                               200,
		"/a/b/":                           200,
		"/.well-known/x":                  200,
		"/a/...":                          200,
		"/%61dmin":                        200, // the same path as /admin, for the router and everybody else
		"/b%C3%A5t":                       200,
		"/a%20b":                          200,
		"/a?x=//..%2f;":                   200,
		"http://other.example/a":          200,
		"//admin":                         404,
		"/a//b":                           404,
		"/a//":                            404,
		"/a/../b":                         404,
		"/a/..":                           404,
		"/a/./b":                          404,
		"/.":                              404,
		"/a/%2e%2e/b":                     404,
		"/x/..%2fadmin":                   404,
		"/x%2Fadmin":                      404,
		"/%61%2fb":                        404,
		"/x%5cadmin":                      404,
		`/x\admin`:                        404,
		"/admin;a":                        404,
		"/admin%3Ba":                      404,
		"/a%00":                           404,
		"/a%0d%0ab":                       404,
		"/a%7f":                           404,
		"/a%ff":                           404,
		"*":                               404,
		"/" + strings.Repeat("a", 65535):  200,
		"/" + strings.Repeat("a", 65536):  414,
		"/?" + strings.Repeat("a", 70000): 414,
	} {
		method := "GET "
		if path == "*" {
			method = "OPTIONS "
		}
		res, body := raw(t, ts, method+strings.TrimPrefix(get(path), "GET "))
		if res.StatusCode != want || res.Header.Get("X-Content-Type-Options") != "nosniff" || res.Header.Get("X-Request-Id") == "" {
			t.Errorf("%.60s: %d %q %v, want %d", path, res.StatusCode, body, res.Header, want)
		}
		if want != 200 && (res.Header.Get("Location") != "" || strings.Contains(body, "hello")) {
			t.Errorf("%.60s was redirected or served", path)
		}
	}
}

func TestAbsoluteFormIsOnlyAPath(t *testing.T) {
	ts, _, _ := start(t, httpserver.Config{}, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.String()) })
	if _, body := raw(t, ts, get("https://user@evil.example/a?b=c")); body != "/a?b=c" {
		t.Error(body)
	}
}

func TestMethods(t *testing.T) {
	ts, _, _ := start(t, httpserver.Config{}, hello)
	for request, want := range map[string]int{
		strings.Replace(get("/"), "GET", "TRACE", 1):    405,
		strings.Replace(get("/"), "GET", "PROPFIND", 1): 405,
		"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n":     405,
		get("/", "X-HTTP-Method-Override: DELETE"):      400,
		get("/", "x-http-method: DELETE"):               400,
		get("/", "X-METHOD-OVERRIDE: DELETE"):           400,
		get("/", "Host: other.example"):                 400, // two hosts: refused by net/http
		strings.Replace(get("/"), "GET", "OPTIONS", 1):  200,
	} {
		if res, body := raw(t, ts, request); res.StatusCode != want {
			t.Errorf("%q: %d %s, want %d", request, res.StatusCode, body, want)
		}
	}
}

func TestAddress(t *testing.T) {
	var seen actor.Actor
	who := func(w http.ResponseWriter, r *http.Request) { seen = actor.From(r.Context()) }
	trusting, _, _ := start(t, httpserver.Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}}, who)
	plain, _, _ := start(t, httpserver.Config{}, who)
	hundred := strings.TrimSuffix(strings.Repeat("10.0.0.1, ", 100), ", ")
	for _, tc := range []struct {
		ts   *httptest.Server
		want string
		in   []string
	}{
		{plain, "127.0.0.1", nil},
		{plain, "127.0.0.1", []string{"X-Forwarded-For: 203.0.113.9", "Forwarded: for=203.0.113.9", "X-Real-Ip: 203.0.113.9"}},
		{trusting, "127.0.0.1", nil},
		{trusting, "203.0.113.9", []string{"X-Forwarded-For: 203.0.113.9"}},
		{trusting, "203.0.113.9", []string{"X-Forwarded-For: 198.51.100.1, 203.0.113.9, 10.1.2.3"}},
		{trusting, "203.0.113.9", []string{"X-Forwarded-For: 198.51.100.1", "X-Forwarded-For: 203.0.113.9,10.1.2.3"}},
		{trusting, "203.0.113.9", []string{"X-Forwarded-For: garbage, 203.0.113.9"}},
		{trusting, "203.0.113.9", []string{"X-Forwarded-For: 203.0.113.9:4711"}},
		{trusting, "203.0.113.9", []string{"X-Forwarded-For: ::ffff:203.0.113.9"}},
		{trusting, "2001:db8::1", []string{"X-Forwarded-For: [2001:db8::1]:4711"}},
		{trusting, "10.9.9.9", []string{"X-Forwarded-For: 10.9.9.9, 10.1.2.3"}},
		{trusting, "127.0.0.1", []string{"X-Forwarded-For: 203.0.113.9, garbage"}},
		{trusting, "127.0.0.1", []string{"X-Forwarded-For: "}},
		{trusting, "127.0.0.1", []string{"X-Forwarded-For: 203.0.113.9, , 10.0.0.1"}},
		{trusting, "127.0.0.1", []string{"X-Forwarded-For: 203.0.113.9, " + hundred}},
		{trusting, "127.0.0.1", []string{"X_Forwarded_For: 203.0.113.9", "X-Forwarded-User: admin", "X-Client-Ip: 203.0.113.9"}},
	} {
		raw(t, tc.ts, get("/", append(tc.in, "User-Agent: "+strings.Repeat("å", 200))...))
		if seen.Address != tc.want || seen.Kind != actor.Anonymous || seen.ID != "" || len(seen.UserAgent) != 256 {
			t.Errorf("%v: %+v, want %s", tc.in, seen, tc.want)
		}
	}
}

func TestRequestID(t *testing.T) {
	var inside, asActor string
	ts, _, _ := start(t, httpserver.Config{}, func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		inside, asActor = httpserver.RequestID(ctx), actor.From(ctx).RequestID
	})
	res, _ := raw(t, ts, get("/", "X-Request-Id: mine"))
	id := res.Header.Get("X-Request-Id")
	if len(id) != 26 || id == "mine" || id != inside || id != asActor {
		t.Errorf("%q %q %q", id, inside, asActor)
	}
	if res2, _ := raw(t, ts, get("/")); res2.Header.Get("X-Request-Id") == id {
		t.Error("the id came twice")
	}
	if httpserver.RequestID(t.Context()) != "" {
		t.Error("an id without a request")
	}
}

func TestPanics(t *testing.T) {
	ts, s, log := start(t, httpserver.Config{}, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "half=done")
		switch r.URL.Path {
		case "/early":
			panic("select secret from table")
		case "/late":
			io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
			panic(errors.New("late"))
		case "/abort":
			io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
	})
	res, body := raw(t, ts, get("/early"))
	id := res.Header.Get("X-Request-Id")
	if res.StatusCode != 500 || !strings.HasPrefix(body, "Something went wrong") || !strings.Contains(body, id) || strings.Contains(body, "select") ||
		res.Header.Get("Set-Cookie") != "" {
		t.Errorf("%d %q %v", res.StatusCode, body, res.Header)
	}
	if !strings.Contains(log.String(), "request="+id+" panic=\"select") || !strings.Contains(log.String(), "status=500") {
		t.Errorf("log: %s", log)
	}
	for _, path := range []string{"/late", "/abort"} {
		if _, body := raw(t, ts, get(path, "Connection: keep-alive")); !strings.Contains(body, "unexpected EOF") {
			t.Errorf("%s: half an answer looks whole: %q", path, body)
		}
	}
	if s.Panics() != 2 {
		t.Errorf("%d panics, want 2", s.Panics())
	}
}

func TestBodyLimit(t *testing.T) {
	ts, _, _ := start(t, httpserver.Config{MaxBody: 10}, func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}
	})
	for size, want := range map[int]int{0: 200, 10: 200, 11: 413, 5000: 413} {
		request := fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", size, strings.Repeat("x", size))
		if res, _ := raw(t, ts, request); res.StatusCode != want {
			t.Errorf("%d bytes: %d, want %d", size, res.StatusCode, want)
		}
	}
}

func TestAccessLog(t *testing.T) {
	ts, _, log := start(t, httpserver.Config{}, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusTeapot)
		io.WriteString(w, "12345")
		_, _ = w.Write([]byte("678"))
	})
	res, _ := raw(t, ts, get("/a/b?token=hunter2", "Authorization: Bearer hunter2", "Cookie: a=hunter2", "User-Agent: hunter2", "Referer: http://hunter2/"))
	if res.StatusCode != http.StatusEarlyHints {
		t.Fatal(res.StatusCode)
	}
	ts.Close() // waits for the log
	line := log.String()
	if strings.Contains(line, "hunter2") {
		t.Errorf("a secret was logged: %s", line)
	}
	for _, want := range []string{"method=GET", "path=/a/b", "status=418", "bytes=8", "duration=", "request="} {
		if !strings.Contains(line, want) {
			t.Errorf("%s is missing: %s", want, line)
		}
	}
}

func FuzzPath(f *testing.F) {
	for _, seed := range []string{"/", "//", "/%2f", "/a/%2e%2e/", "/a%zz", "/a;b", "/%", "/%2"} {
		f.Add(seed)
	}
	s, err := httpserver.New(httpserver.Config{}, http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	if err != nil {
		f.Fatal(err)
	}
	guarded := s.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p := r.URL.Path; p[0] != '/' || strings.Contains(p, "//") || strings.Contains(p+"/", "/../") || strings.ContainsAny(p, ";\\\x00") {
			panic("an unclean path came through: " + p)
		}
	}))
	f.Fuzz(func(t *testing.T, target string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n")))
		if err != nil {
			return
		}
		guarded.ServeHTTP(httptest.NewRecorder(), r)
		if s.Panics() > 0 {
			t.Fatal(target)
		}
	})
}

// nowhere is a ResponseWriter that costs nothing.
type nowhere struct{ header http.Header }

func (n *nowhere) Header() http.Header         { return n.header }
func (n *nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (n *nowhere) WriteHeader(int)             {}

func BenchmarkGuard(b *testing.B) {
	s, err := httpserver.New(httpserver.Config{}, http.NotFoundHandler(), slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		b.Fatal(err)
	}
	h := s.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) }))
	r := httptest.NewRequest("GET", "/oauth2/token?x=y", nil)
	r.RemoteAddr, r.RequestURI = "192.0.2.1:4711", "/oauth2/token?x=y"
	w := &nowhere{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(w, r)
	}
}
