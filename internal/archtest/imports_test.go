package archtest

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// pkg is what go list says of a package; imports of tests are not in it.
type pkg struct {
	ImportPath string
	Dir        string
	Name       string
	Doc        string
	Imports    []string
	GoFiles    []string
}

// path is the package inside the module: "internal/sqldb".
func (p pkg) path() string { return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/") }

// root is the folder of go.mod.
func root(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Dir(strings.TrimSpace(string(out)))
}

func listPackages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Dir,Name,Doc,Imports,GoFiles", "./...")
	cmd.Dir = root(t)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p pkg
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 5 {
		t.Fatalf("go list gave only %d packages", len(all))
	}
	return all
}

// within reports whether a path is one of the names, or below one.
func within(path string, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return path == name || strings.HasPrefix(path, name+"/") })
}

// checkImports gives a sentence for each import through a wall.
func checkImports(p pkg) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	from := p.path()
	for _, imp := range p.Imports {
		if to, ours := strings.CutPrefix(imp, module+"/"); ours {
			if why := wall(from, to); why != "" {
				say("%s imports %s; %s", from, to, why)
			}
			continue
		}
		door, doored := "", false
		for library := range libraries {
			if within(imp, []string{library}) && len(library) > len(door) {
				door, doored = library, true
			}
		}
		switch {
		case doored && len(libraries[door]) == 0:
			say("%s imports %s; no package may, only tests", from, imp)
		case doored && !within(from, libraries[door]):
			say("%s imports %s; only %s may", from, imp, strings.Join(libraries[door], ", "))
		case !doored && within(from, withoutLibraries) && foreign(imp):
			say("%s imports %s; it lives from the standard library and golang.org/x", from, imp)
		}
	}
	return out
}

// foreign reports whether a library is neither Go's own nor golang.org/x.
func foreign(imp string) bool {
	host, _, _ := strings.Cut(imp, "/")
	return strings.Contains(host, ".") && !strings.HasPrefix(imp, "golang.org/x/")
}

// wall says why one of our packages may not import another, "" if it may.
func wall(from, to string) string {
	if within(to, tools) && !within(from, tools) {
		return "only tests may"
	}
	if within(from, []string{"cmd"}) || from == to {
		return ""
	}
	if allowed, has := doors[from]; has {
		switch {
		case within(to, allowed):
			return ""
		case len(allowed) == 0:
			return "it may import none of our packages"
		}
		return "it may import only " + strings.Join(allowed, ", ")
	}
	room, _, _ := strings.Cut(from, "/")
	switch {
	case within(to, []string{"internal"}):
		return ""
	case room == "internal":
		return "internal knows no room"
	case room == "idp" && within(to, []string{"idp"}):
		mine, known := floors[from]
		floor, alsoKnown := floors[to]
		switch {
		case !known:
			return from + " has no floor in archtest's rules"
		case !alsoKnown:
			return to + " has no floor in archtest's rules"
		case floor < mine:
			return ""
		}
		return "imports inside idp go downwards only"
	case within(to, []string{room}):
		return ""
	}
	return "rooms do not see each other; say what is needed as an interface, cmd hands it in"
}

func TestImports(t *testing.T) {
	for _, p := range listPackages(t) {
		for _, sentence := range checkImports(p) {
			t.Error(sentence)
		}
	}
}

func TestImportRules(t *testing.T) {
	for _, tc := range []struct{ from, imports, want string }{
		{"scim", "github.com/jackc/pgx/v5", "scim imports github.com/jackc/pgx/v5; only internal/sqldb may"},
		{"internal/sqldb", "github.com/jackc/pgx/v5/pgxpool", ""},
		{"internal/sqldb", "github.com/google/uuid", "internal/sqldb imports github.com/google/uuid; it lives from the standard library and golang.org/x"},
		{"internal/sqldb", "golang.org/x/sync/errgroup", ""},
		{"internal/sqldb", "portvakt/internal/fault", "internal/sqldb imports internal/fault; it may import none of our packages"},
		{"internal/directory", "portvakt/internal/mail", "internal/directory imports internal/mail; it may import only internal/sqldb, internal/outbox, internal/audit, internal/actor, internal/fault, internal/jwk, internal/brand"},
		{"internal/directory", "net/http", "internal/directory imports net/http; only " + strings.Join(libraries["net/http"], ", ") + " may"},
		{"idp/token", "net/url", ""},
		{"idp/token", "github.com/zitadel/oidc/v3/pkg/oidc", "idp/token imports github.com/zitadel/oidc/v3/pkg/oidc; only idp/oidc may"},
		{"idp/token", "portvakt/idp/session", "idp/token imports idp/session; imports inside idp go downwards only"},
		{"idp/signing", "portvakt/idp/oidc", "idp/signing imports idp/oidc; imports inside idp go downwards only"},
		{"idp/oidc", "portvakt/idp/account", ""},
		{"idp/oidc", "portvakt/scim", "idp/oidc imports scim; rooms do not see each other; say what is needed as an interface, cmd hands it in"},
		{"idp/oidc", "portvakt/idp/novel", "idp/oidc imports idp/novel; idp/novel has no floor in archtest's rules"},
		{"scim", "portvakt/internal/directory", ""},
		{"scim", "portvakt/internal/testenv", "scim imports internal/testenv; only tests may"},
		{"internal/novel", "portvakt/idp/token", "internal/novel imports idp/token; internal knows no room"},
		{"cmd/portvakt", "portvakt/scim", ""},
		{"cmd/portvakt", "github.com/jackc/pgx/v5", "cmd/portvakt imports github.com/jackc/pgx/v5; only internal/sqldb may"},
		{"scim", "github.com/google/go-cmp/cmp", "scim imports github.com/google/go-cmp/cmp; no package may, only tests"},
	} {
		got := strings.Join(checkImports(pkg{ImportPath: module + "/" + tc.from, Imports: []string{tc.imports}}), "\n")
		if got != tc.want {
			t.Errorf("got  %q\nwant %q", got, tc.want)
		}
	}
}
