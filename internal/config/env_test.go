package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"portvakt/internal/config"
)

func TestEnv(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(secret, []byte("from the file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := file{Server: server{Addr: ":1", Workers: 2}}
	ps := config.Env("PORTVAKT", []string{
		"HOME=/root", "PORTVAKTX=1", "PORTVAKT_NAME=Nordlys", "PORTVAKT_SERVER_READ_TIMEOUT=30d", "PORTVAKT_SERVER_DEBUG=true",
		"PORTVAKT_SERVER_TRUSTED=10.0.0.0/8, fd00::/8", "PORTVAKT_KEY_FILE=" + secret,
	}, &got)
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	if got.Common.Name != "Nordlys" || got.Server.ReadTimeout != 30*24*time.Hour || !got.Server.Debug || got.Server.Addr != ":1" ||
		len(got.Server.Trusted) != 2 || got.Key != "from the file" {
		t.Errorf("%+v", got)
	}
}

func TestEnvProblems(t *testing.T) {
	var got file
	ps := config.Env("PORTVAKT", []string{
		"PORTVAKT_SERVER_ADRESS=x", "PORTVAKT_SERVER_WORKERS=many", "PORTVAKT_SERVER_ADDR_FILE=/etc/passwd", "PORTVAKT_MEMBERS=x", "PORTVAKT_QQQ=",
		"PORTVAKT_KEY=a", "PORTVAKT_KEY_FILE=/dev/null", "PORTVAKT_NAME=", "PORTVAKT_OPTIONAL=1",
	}, &got)
	want := strings.Join([]string{
		`PORTVAKT_KEY_FILE: PORTVAKT_KEY sets the same option; keep one of them`,
		`PORTVAKT_MEMBERS: this option can only be set in the configuration file`,
		`PORTVAKT_OPTIONAL: this option can only be set in the configuration file`,
		`PORTVAKT_QQQ: no option has this name`,
		`PORTVAKT_SERVER_ADDR_FILE: no option has this name; did you mean PORTVAKT_SERVER_ADDR?`,
		`PORTVAKT_SERVER_ADRESS: no option has this name; did you mean PORTVAKT_SERVER_ADDR?`,
		`PORTVAKT_SERVER_WORKERS: expected a whole number, found "many"`,
	}, "\n")
	if diff := cmp.Diff(want, ps.Error()); diff != "" {
		t.Error(diff)
	}
}

func TestExample(t *testing.T) {
	defaults := file{
		Common:  shared{"Nord: lys"},
		Server:  server{Addr: ":8080", ReadTimeout: 15 * time.Minute, Workers: 4},
		Key:     "never shown",
		Names:   map[string]string{"no": "a", "en": "b c"},
		Members: []person{{Email: "kari@nordlys.example"}},
		Scopes:  scope{"openid", "email"},
	}
	const want = `name: "Nord: lys"

# The listener.
server:
  # Where it listens.
  addr: ":8080"
  # How long a request may take to arrive.
  read_timeout: 15m
  # How many.
  workers: 4
  small: 0
  debug: false
  # Proxies.
  # trusted: [10.0.0.0/8]

# The master key.
# key:

names: {en: "b c", no: a}

members:
  - email: "kari@nordlys.example"
    # phone:
    # admin: false
    # end:

scopes: [openid, email]

# A second listener.
# optional:
  # Where it listens.
  # addr:
  # How long a request may take to arrive.
  # read_timeout: 0s
  # How many.
  # workers: 0
  # small: 0
  # debug: false
  # Proxies.
  # trusted: [10.0.0.0/8]
`
	text := config.Example(&defaults)
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Error(diff)
	}
	var again file
	if ps := config.Decode("example.yaml", text, &again); len(ps) > 0 {
		t.Fatal(ps)
	}
	if again.Server.Addr != ":8080" || again.Server.Workers != 4 || len(again.Members) != 1 || again.Optional != nil || len(again.Scopes) != 2 {
		t.Errorf("%+v", again)
	}
}
