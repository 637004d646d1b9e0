package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// outcome is what a command answered.
type outcome struct {
	code   int
	stdout string
	stderr string
}

func command(t *testing.T, environ []string, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	code := run(world{ctx: ctx, stdout: &stdout, stderr: &stderr, environ: environ}, args)
	return outcome{code, stdout.String(), stderr.String()}
}

// TestMistakesAreToldAllAtOnce: one clear message each, exit code 2, and nothing half done.
func TestMistakesAreToldAllAtOnce(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() }) // after the parallel cases, unlike a defer
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	badConfig := write("config.yaml", "issuer: ftp://x\nserver:\n  adr: \":1\"\nlog:\n  level: loud\n")
	badSeed := write("seed.yaml", "organizations:\n  - slug: Nordlys\n    nmae: Nordlys\n    members:\n      - {email: nobody, role: chief}\n")
	dev := func(data string, more ...string) []string {
		return append([]string{"serve", "--dev", "--addr", "127.0.0.1:0", "--demo-addr", "127.0.0.1:0", "--data", filepath.Join(dir, data)}, more...)
	}
	for name, c := range map[string]struct {
		environ []string
		args    []string
		says    []string
		data    string // must not exist afterwards
	}{
		"nothing configured":  {nil, []string{"serve"}, []string{"issuer is missing", "keys.master is missing", "mail: "}, ""},
		"unknown flag":        {nil, []string{"serve", "--nonsense"}, []string{"--nonsense"}, ""},
		"configuration file":  {nil, []string{"serve", "--config", badConfig}, []string{badConfig + ":3:3", `"adr"`, "issuer:", "log.level", "keys.master"}, ""},
		"unknown variable":    {[]string{"PORTVAKT_SERVR_ADDR=x"}, dev("variable"), []string{"PORTVAKT_SERVR_ADDR"}, "variable"},
		"no such file":        {nil, []string{"serve", "--config", filepath.Join(dir, "none.yaml")}, []string{"none.yaml"}, ""},
		"--dev to the world":  {nil, append(dev("world"), "--addr", "0.0.0.0:0"), []string{"must not be reachable from outside"}, "world"},
		"--seed without dev":  {nil, []string{"serve", "--seed", badSeed}, []string{"--seed: works with --dev only"}, ""},
		"seed":                {nil, dev("seed", "--seed", badSeed), []string{badSeed + ":2:11", badSeed + ":3:5", badSeed + ":5:"}, "seed"},
		"port in use":         {nil, append(dev("port"), "--addr", taken.Addr().String()), []string{taken.Addr().String(), "in use"}, "port"},
		"demo port in use":    {nil, append(dev("demo"), "--demo-addr", taken.Addr().String()), []string{taken.Addr().String(), "in use"}, "demo"},
		"database":            {nil, dev("db", "--database", "postgres://nobody:topsecret@127.0.0.1:1/none"), []string{"127.0.0.1:1"}, "db"},
		"another database":    {nil, dev("other", "--database", "mysql://root:topsecret@127.0.0.1/x"), []string{"database.url: it must be postgres://"}, "other"},
		"command on another":  {nil, []string{"migrate", "--database", "postgre://root:topsecret@127.0.0.1/x"}, []string{"database.url: it must be postgres://"}, ""},
		"folder of the ready": {nil, dev("ready", "--ready-file", filepath.Join(dir, "none", "ready")), []string{"the ready file"}, "ready"},
		"values": {[]string{"PORTVAKT_DATABASE_MAX_CONNECTIONS=-1", "PORTVAKT_SERVER_MAX_BODY=0", "PORTVAKT_LOG_LEVEL=loud", "PORTVAKT_SERVER_TLS_CERT=x",
			"PORTVAKT_OUTGOING_CA_FILE=none.pem", "PORTVAKT_MAIL_HOST=m.example", "PORTVAKT_MAIL_CA_FILE=nothing.pem", "PORTVAKT_TOKENS_ACCESS=48h"}, dev("values"),
			[]string{"database.max_connections", "server.max_body", "log.level", "tls_key", "none.pem", "nothing.pem", "tokens.access", "from"}, "values"},
		"key of --dev, written otherwise": {[]string{"PORTVAKT_KEYS_MASTER= " + devMaster[:8] + "\n" + devMaster[8:]}, []string{"serve"}, []string{"keys.master is the one of --dev"}, ""},
		"key of --dev": {[]string{"PORTVAKT_KEYS_MASTER=" + devMaster, "PORTVAKT_ISSUER=https://id.example", "PORTVAKT_MAIL_HOST=m.example", "PORTVAKT_MAIL_FROM=a@id.example"},
			[]string{"serve"}, []string{"keys.master is the one of --dev"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := command(t, c.environ, c.args...)
			if got.code != exitMistake {
				t.Errorf("exit code %d, want %d\n%s", got.code, exitMistake, got.stderr)
			}
			for _, says := range c.says {
				if !strings.Contains(got.stderr, says) {
					t.Errorf("it does not say %q:\n%s", says, got.stderr)
				}
			}
			for _, never := range []string{"topsecret", "goroutine", "panic"} {
				if strings.Contains(got.stderr, never) {
					t.Errorf("it says %q:\n%s", never, got.stderr)
				}
			}
			if c.data != "" {
				if _, err := os.Stat(filepath.Join(dir, c.data)); err == nil {
					t.Error("something was written although nothing could start")
				}
			}
		})
	}
}

// TestOneProcessServesAFile: a second one is refused and says why.
func TestOneProcessServesAFile(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	args := []string{"serve", "--dev", "--addr", "127.0.0.1:0", "--demo-addr", "127.0.0.1:0", "--data", data}
	at, stop := background(t, nil, args...)
	defer stop()
	if got := command(t, nil, args...); got.code != exitMistake || !strings.Contains(got.stderr, "another process serves") {
		t.Errorf("the second ended with %d:\n%s", got.code, got.stderr)
	}
	file := filepath.Join(data, "apply.yaml")
	if err := os.WriteFile(file, []byte("organizations:\n  - {slug: late, name: Late}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := command(t, nil, "apply", "-f", file, "--database", filepath.Join(data, "portvakt.db"), "--dev")
	if got.code != exitOK || !strings.Contains(got.stdout, "late") {
		t.Errorf("apply through the serving process ended with %d:\n%s%s", got.code, got.stdout, got.stderr)
	}
	_ = at
}

// TestFilesArePrivate: whatever the folder allows, only the user who runs the service reads what it keeps there; and a
// path longer than a socket's name may be is no hindrance.
func TestFilesArePrivate(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), strings.Repeat("deep/", 30))
	if err := os.MkdirAll(data, 0o755); err != nil {
		t.Fatal(err)
	}
	ready := filepath.Join(data, "ready")
	if err := os.WriteFile(ready, []byte("stale\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	at, stop := background(t, nil, "serve", "--dev", "--addr", "127.0.0.1:0", "--demo-addr", "127.0.0.1:0", "--data", data, "--ready-file", ready)
	for _, name := range []string{"portvakt.db", "portvakt.db-wal", "portvakt.db-shm", "portvakt.db.lock", "portvakt.db.sock"} {
		if info, err := os.Stat(filepath.Join(data, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if text, err := os.ReadFile(ready); err != nil || string(text) != at.bound+"\n" {
		t.Errorf("the ready file says %q, %v", text, err)
	}
	file := filepath.Join(data, "apply.yaml")
	if err := os.WriteFile(file, []byte("organizations:\n  - {slug: late, name: Late}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := command(t, nil, "apply", "-f", file, "--database", filepath.Join(data, "portvakt.db"), "--dev"); got.code != exitOK {
		t.Errorf("apply ended with %d:\n%s", got.code, got.stderr)
	}
	stop()
	left, err := filepath.Glob(filepath.Join(data, "*sock*"))
	if hidden, _ := filepath.Glob(filepath.Join(data, ".socket*")); err != nil || len(left)+len(hidden) > 0 {
		t.Errorf("left behind: %v %v, %v", left, hidden, err)
	}
}

// TestStarting: who asks before the house stands waits for it, and hears in time that the process lives and is not ready.
func TestStarting(t *testing.T) {
	t.Parallel()
	ask := func(s *server, path string) int {
		answer := httptest.NewRecorder()
		s.late(answer, httptest.NewRequest(http.MethodGet, path, nil))
		return answer.Code
	}
	slow, quick := &server{tasks: newTasks(t.Context()), stands: make(chan struct{})}, &server{tasks: newTasks(t.Context()), stands: make(chan struct{})}
	if got := ask(quick, "/readyz"); got != http.StatusServiceUnavailable {
		t.Errorf("/readyz answers %d", got)
	}
	waited := make(chan int)
	go func() { waited <- ask(quick, "/sign-in") }()
	quick.handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	close(quick.stands)
	if got := <-waited; got != http.StatusTeapot {
		t.Errorf("who waited got %d", got)
	}
	slow.tasks.stop(nil)
	for path, want := range map[string]int{"/healthz": http.StatusOK, "/sign-in": http.StatusServiceUnavailable} {
		if got := ask(slow, path); got != want {
			t.Errorf("%s answers %d, want %d", path, got, want)
		}
	}
}

// TestIssuer: it has one form, since everybody compares it letter by letter.
func TestIssuer(t *testing.T) {
	t.Parallel()
	for issuer, good := range map[string]bool{
		"https://id.example.com": true, "https://id.example.com:8443": true, "http://localhost:8080": true, "http://127.0.0.1:1": true,
		"http://id.example.com": false, "https://id.example.com/": false, "https://id.example.com/x": false, "https://ID.example.com": false,
		"HTTPS://id.example.com": false, "https://id.example.com?": false, "https://id.example.com#": false, "https://me@id.example.com": false,
		"https://": false, "https://:8443": false, "id.example.com": false, "": false,
	} {
		if err := checkIssuer(issuer); (err == nil) != good {
			t.Errorf("%q: %v", issuer, err)
		}
	}
}

// TestWithoutDevThereAreNoDevTools: a start for production has neither the captured mail nor the clock.
func TestWithoutDevThereAreNoDevTools(t *testing.T) {
	t.Parallel()
	master := strings.TrimSpace(command(t, nil, "keys", "new-master").stdout)
	environ := []string{"PORTVAKT_KEYS_MASTER=" + master, "PORTVAKT_ISSUER=http://localhost:1", "PORTVAKT_MAIL_HOST=127.0.0.1", "PORTVAKT_MAIL_TLS=none",
		"PORTVAKT_MAIL_FROM=no-reply@id.example", "PORTVAKT_SERVER_ADDR=127.0.0.1:0", "PORTVAKT_METRICS_ADDR=",
		"PORTVAKT_DATABASE_URL=" + filepath.Join(t.TempDir(), "portvakt.db")}
	at, stop := background(t, environ, "serve")
	defer stop()
	for _, path := range []string{"/dev/mail", "/dev/mail.json", "/dev/clock", "/dev/keys/rotate"} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			req, err := http.NewRequest(method, "http://"+at.bound+path, strings.NewReader(`{"advance":"1h"}`))
			if err != nil {
				t.Fatal(err)
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != http.StatusNotFound {
				t.Errorf("%s %s answers %d", method, path, res.StatusCode)
			}
		}
	}
	if at.demo != "" {
		t.Error("the demo application runs in production")
	}
}

// background starts a service and answers its addresses once it is ready, and how to stop it.
func background(t *testing.T, environ []string, args ...string) (addresses, func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan addresses, 1), make(chan int, 1)
	var stdout, stderr bytes.Buffer
	go func() {
		ended <- run(world{ctx: ctx, stdout: &stdout, stderr: &stderr, environ: environ, started: func(a addresses) { ready <- a }}, args)
	}()
	select {
	case at := <-ready:
		return at, func() {
			cancel()
			if code := <-ended; code != exitOK {
				t.Errorf("the service ended with %d:\n%s", code, stderr.String())
			}
		}
	case code := <-ended:
		cancel()
		t.Fatalf("the service ended with %d:\n%s", code, stderr.String())
	}
	return addresses{}, nil
}
