package config_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"portvakt/internal/config"
)

// password is a secret as internal/secret has it: it prints as stars and has Reveal.
type password string

func (password) String() string   { return "***" }
func (p password) Reveal() string { return string(p) }

// scope takes one word or a list of them.
type scope []string

func (s *scope) UnmarshalYAML(n *yaml.Node) error {
	var words []string
	if n.Kind == yaml.ScalarNode {
		words = []string{""}
		if err := config.DecodeNode(n, &words[0]); err != nil {
			return err
		}
	} else if err := config.DecodeNode(n, &words); err != nil {
		return err
	}
	for _, w := range words {
		if w == "bad" {
			return errors.New("bad is no scope")
		}
	}
	*s = words
	return nil
}

type server struct {
	Addr        string         `yaml:"addr" doc:"Where it listens."`
	ReadTimeout time.Duration  `yaml:"read_timeout" doc:"How long a request may take to arrive."`
	Workers     int            `yaml:"workers" doc:"How many."`
	Small       uint8          `yaml:"small"`
	Debug       bool           `yaml:"debug"`
	Trusted     []netip.Prefix `yaml:"trusted" doc:"Proxies." example:"[10.0.0.0/8]"`
}

type person struct {
	At    config.Position
	Email string     `yaml:"email"`
	Phone string     `yaml:"phone"`
	Admin *bool      `yaml:"admin"`
	End   *time.Time `yaml:"end"`
}

type shared struct {
	Name string `yaml:"name"`
}

type file struct {
	Common   shared            `yaml:",inline"`
	Server   server            `yaml:"server" doc:"The listener."`
	Key      password          `yaml:"key" doc:"The master key."`
	Names    map[string]string `yaml:"names"`
	Members  []person          `yaml:"members"`
	Scopes   scope             `yaml:"scopes"`
	Optional *server           `yaml:"optional" doc:"A second listener."`
}

func TestDecode(t *testing.T) {
	const text = `# a comment
name: Nordlys
server: {addr: ":8080", read_timeout: 15m, workers: 3, debug: true, trusted: [10.0.0.0/8, "::1/128"]}
key: 1234
names: {en: Invoices, no: Fakturaer}
members:
  - {email: kari@nordlys.example, phone: +4790000001, admin: false, end: 2027-01-01T00:00:00+01:00}
  - email: ola@tallsmia.example
    end: 2027-01-01
  - {email: 0301}
scopes: openid
`
	got := file{Server: server{Addr: "x", Small: 7}}
	if ps := config.Decode("f.yaml", []byte(text), &got); len(ps) > 0 {
		t.Fatal(ps)
	}
	no, end, day := false, time.Date(2026, 12, 31, 23, 0, 0, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(line, column int) config.Position {
		return config.Position{Source: "f.yaml", Line: line, Column: column}
	}
	want := file{
		Common: shared{"Nordlys"},
		Server: server{":8080", 15 * time.Minute, 3, 7, true, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}},
		Key:    "1234",
		Names:  map[string]string{"en": "Invoices", "no": "Fakturaer"},
		Members: []person{
			{at(7, 5), "kari@nordlys.example", "+4790000001", &no, &end},
			{at(8, 5), "ola@tallsmia.example", "", nil, &day},
			{at(10, 5), "0301", "", nil, nil},
		},
		Scopes: scope{"openid"},
	}
	if diff := cmp.Diff(fmt.Sprintf("%+v", flat(want)), fmt.Sprintf("%+v", flat(got))); diff != "" {
		t.Error(diff)
	}
}

// flat replaces pointers by what they point at, to compare.
func flat(f file) []any {
	out := []any{f.Common, f.Server, f.Key.Reveal(), f.Names, f.Scopes}
	for _, m := range f.Members {
		admin, end := "nil", "nil"
		if m.Admin != nil {
			admin = fmt.Sprint(*m.Admin)
		}
		if m.End != nil {
			end = m.End.Format(time.RFC3339)
		}
		out = append(out, m.At, m.Email, m.Phone, admin, end)
	}
	return out
}

func TestDecodeAbsentKeepsDefaults(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "server:\nnames:\nmembers:\n", "---\n"} {
		got := file{Server: server{Addr: ":1"}, Members: []person{{Email: "x"}}}
		if ps := config.Decode("f", []byte(text), &got); len(ps) > 0 || got.Server.Addr != ":1" || len(got.Members) != 1 {
			t.Errorf("%q: %v %+v", text, ps, got)
		}
	}
}

func TestDecodeProblems(t *testing.T) {
	deep := strings.Repeat("[", 200) + strings.Repeat("]", 200)
	for name, tc := range map[string]struct{ text, want string }{
		"unknown key": {"server:\n  adress: x\n",
			`f.yaml:2:3: unknown key "adress" in server; did you mean "addr"?`},
		"unknown at the top": {"zzz: 1\n", `f.yaml:1:1: unknown key "zzz" at the top level`},
		"unknown in a list": {"members:\n  - email: a\n  - emial: b\n",
			`f.yaml:3:5: unknown key "emial" in members[1]; did you mean "email"?`},
		"go name is no key": {"Server: {}\n", `f.yaml:1:1: unknown key "Server" at the top level; did you mean "server"?`},
		"repeated key":      {"name: a\nserver: {}\nname: b\n", `f.yaml:3:1: key "name" stands here again; it is already on line 1`},
		"repeated in a map": {"names: {en: a, en: b}\n", `f.yaml:1:16: key "en" stands here again; it is already on line 1`},
		"all at once": {"server:\n  workers: many\n  debug: maybe\n  read_timeout: 15\nmembers: 3\nextra: 1\n",
			"f.yaml:2:12: server.workers is a whole number; found \"many\"\n" +
				"f.yaml:3:10: server.debug is true or false; found \"maybe\"\n" +
				"f.yaml:4:17: server.read_timeout: expected a duration such as \"15m\" or \"36h\", found \"15\"\n" +
				"f.yaml:5:10: members is a list; found the number 3\n" +
				"f.yaml:6:1: unknown key \"extra\" at the top level"},
		"number in quotes":  {"server: {workers: \"3\"}\n", `f.yaml:1:19: server.workers is a whole number; found "3"`},
		"octal":             {"server: {workers: 010}\n", `f.yaml:1:19: server.workers: expected a whole number, found "010"`},
		"too large":         {"server: {small: 256}\n", `f.yaml:1:17: server.small: the number 256 is too large or too small`},
		"negative unsigned": {"server: {small: -1}\n", `f.yaml:1:17: server.small: expected a whole number, found "-1"`},
		"fraction":          {"server: {workers: 1.5}\n", `f.yaml:1:19: server.workers is a whole number; found the number 1.5`},
		"yes is no boolean": {"server: {debug: yes}\n", `f.yaml:1:17: server.debug is true or false; found "yes"`},
		"bool as text":      {"name: true\n", `f.yaml:1:7: name is text; found true; put it in quotes`},
		"nothing":           {"name:\n", `f.yaml:1:6: name has no value; it is text`},
		"mapping as text":   {"name: {a: b}\n", `f.yaml:1:7: name is text; found a mapping`},
		"list as section":   {"server: []\n", `f.yaml:1:9: expected keys with values in server, found a list`},
		"text as section":   {"server: x\n", `f.yaml:1:9: expected keys with values in server, found "x"`},
		"text at the top":   {"hello\n", `f.yaml:1:1: expected keys with values at the top level, found "hello"`},
		"list as map":       {"names: [a]\n", `f.yaml:1:8: names has keys with values; found a list`},
		"hole in a list":    {"members:\n  -\n", `f.yaml:2:4: members[0] is empty`},
		"key is a list":     {"? [a]\n: 1\n", `f.yaml:1:3: expected a key at the top level, found a list`},
		"negative duration": {"server: {read_timeout: -1s}\n", `f.yaml:1:24: server.read_timeout: expected a duration such as "15m" or "36h", found "-1s"`},
		"wrong time":        {"members: [{end: tomorrow}]\n", `f.yaml:1:17: members[0].end: expected a time such as 2026-01-31T12:00:00Z, or a date, found "tomorrow"`},
		"impossible date":   {"members: [{end: 2026-02-30}]\n", `f.yaml:1:17: members[0].end: expected a time such as 2026-01-31T12:00:00Z, or a date, found "2026-02-30"`},
		"wrong prefix":      {"server: {trusted: [10.0.0.0]}\n", `f.yaml:1:20: server.trusted[0]: netip.ParsePrefix("10.0.0.0"): no '/'`},
		"own type":          {"scopes: [openid, bad]\n", `f.yaml:1:9: scopes: bad is no scope`},
		"own type, inside":  {"scopes: [openid, true]\n", `f.yaml:1:18: [1] is text; found true; put it in quotes`},
		"alias": {"name: &n x\nkey: *n\n",
			"f.yaml:1:7: anchors (&n) are not allowed; write the value out\nf.yaml:2:6: aliases (*n) are not allowed; write the value out"},
		"merge key":        {"server: {<<: {addr: x}}\n", `f.yaml:1:10: unknown key "<<" in server`},
		"merge in a map":   {"names: {<<: {a: x}}\n", `f.yaml:1:9: expected a key in names, found "<<"`},
		"tag":              {"name: !!binary aGVq\n", `f.yaml:1:7: tags (!!binary) are not allowed`},
		"second document":  {"name: a\n---\nname: b\n", `f.yaml:2:1: a second document begins here; one file holds one document`},
		"tab":              {"name: a\nserver:\n\taddr: x\n", `f.yaml:3:1: this is not YAML: a tab stands here; indent with spaces`},
		"open bracket":     {"name: a\nnames: [1, 2\nkey: 3\n", `f.yaml:2:1: this is not YAML: did not find expected ',' or ']'`},
		"indentation":      {"name: a\nkey: b\n  names: c\n", `f.yaml:3:3: this is not YAML: mapping values are not allowed in this context`},
		"list in mapping":  {"name: 1\n- b\n", `f.yaml:2:1: this is not YAML: did not find expected key`},
		"first line":       {"a: b: c\n", `f.yaml:1:1: this is not YAML: mapping values are not allowed in this context`},
		"unknown anchor":   {"name: x\nkey: *n\n", `f.yaml:2:1: this is not YAML: unknown anchor 'n' referenced`},
		"not text":         {"name: \x00\n", `f.yaml:1:1: this is not YAML: control characters are not allowed`},
		"nested too deep":  {"names: " + deep + "\n", ``},
		"long words clip":  {"name: a\n" + strings.Repeat("k", 100) + ": 1\n", `f.yaml:2:1: unknown key "` + strings.Repeat("k", 40) + `…" at the top level`},
		"too large a file": {"# " + strings.Repeat("x", config.MaxSize), `f.yaml: is larger than 8 MiB`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got file
			ps := config.Decode("f.yaml", []byte(tc.text), &got)
			if len(ps) == 0 || tc.want != "" && ps.Error() != tc.want {
				t.Errorf("got\n%v\nwant\n%s", ps, tc.want)
			}
		})
	}
}

func TestAliasBombIsCheap(t *testing.T) {
	var b strings.Builder
	b.WriteString("a: &a [x,x,x,x,x,x,x,x,x]\n")
	for c := 'b'; c <= 'z'; c++ {
		fmt.Fprintf(&b, "%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	b.WriteString("scopes: *z\n")
	var got file
	if ps := config.Decode("f", []byte(b.String()), &got); len(ps) == 0 || len(got.Scopes) > 0 {
		t.Fatal("the bomb was taken")
	}
}

func TestSecretsAreNotQuoted(t *testing.T) {
	var got file
	ps := config.Decode("f", []byte("key: true\n"), &got)
	ps = append(ps, config.Decode("f", []byte("key: [hunter2]\n"), &got)...)
	ps = append(ps, config.Env("P", []string{"P_KEY=hunter2", "P_KEY_FILE=/does/not/exist"}, &got)...)
	if len(ps) != 3 {
		t.Fatal(ps)
	}
	for _, leak := range []string{"hunter2", "found true"} {
		if strings.Contains(ps.Error(), leak) {
			t.Errorf("%s stands in: %v", leak, ps)
		}
	}
}

func TestErr(t *testing.T) {
	if err := config.Problems(nil).Err(); err != nil {
		t.Error("no problem is no error")
	}
	many := make(config.Problems, 60)
	if s := many.Error(); !strings.HasSuffix(s, "… and 10 more") {
		t.Error(s)
	}
}

func TestDecodeFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	var got file
	if ps := config.DecodeFile(path, &got); ps.Error() != path+": cannot be read: no such file or directory" {
		t.Error(ps)
	}
	if err := os.WriteFile(path, []byte("name: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if ps := config.DecodeFile(path, &got); len(ps) > 0 || got.Common.Name != "x" {
		t.Error(ps, got)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("name: a\nserver: {addr: x}\nmembers: [{email: a}]\n")
	f.Add("a: &a [*a]\n")
	f.Add("? {a: b}\n: [c]\n---\n...\n")
	f.Fuzz(func(t *testing.T, text string) {
		var got file
		for _, p := range config.Decode("f", []byte(text), &got) {
			if p.Text == "" {
				t.Error("a problem without a sentence")
			}
		}
	})
}
