package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// source is one parsed file that is no test.
type source struct {
	fset *token.FileSet
	file *ast.File
	name string // inside the module: internal/sqldb/db.go
	pkg  string // inside the module: internal/sqldb
}

// at writes a place in a file.
func (s source) at(n ast.Node) string {
	return fmt.Sprintf("%s:%d", s.name, s.fset.Position(n.Pos()).Line)
}

// sources parses the files of all packages, without generated ones.
func sources(t *testing.T) []source {
	t.Helper()
	var out []source
	for _, p := range listPackages(t) {
		for _, name := range p.GoFiles {
			s := parse(t, filepath.Join(p.Dir, name), nil)
			if s.name, s.pkg = filepath.Join(p.path(), name), p.path(); !ast.IsGenerated(s.file) {
				out = append(out, s)
			}
		}
	}
	return out
}

func parse(t *testing.T, path string, text any) source {
	t.Helper()
	s := source{fset: token.NewFileSet(), name: path}
	var err error
	if s.file, err = parser.ParseFile(s.fset, path, text, parser.ParseComments|parser.SkipObjectResolution); err != nil {
		t.Fatal(err)
	}
	return s
}

var (
	sqlText = regexp.MustCompile(`(?s)\bselect\s.*\sfrom\s|\binsert into\s|\bupdate \w+\s+set\s|\bdelete from\s|\bwhere\s+[\w.]+\s*(=|<|>|in\b|is\b)|` +
		`\bSELECT\s.*\sFROM\s|\bINSERT INTO\s|\bUPDATE \w+\s+SET\s|\bDELETE FROM\s|\bWHERE\s+[\w.]+\s*(=|<|>|IN\b|IS\b)`)
	forwardedHeader = regexp.MustCompile(`(?i)^(x-forwarded-(host|proto|port|prefix|server|scheme|uri)|forwarded|x-original-(url|host|uri)|x-rewrite-url|x-host)$`)
)

// checkSource gives a sentence for each thing that may not stand in this file.
func checkSource(s source) []string {
	var out []string
	say := func(n ast.Node, format string, args ...any) {
		out = append(out, s.at(n)+": "+fmt.Sprintf(format, args...))
	}
	requests := requestNames(s.file)
	written := map[ast.Node]bool{}
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, left := range n.Lhs {
				written[left] = true
			}
		case *ast.BasicLit:
			text, err := strconv.Unquote(n.Value)
			if n.Kind != token.STRING || err != nil {
				break
			}
			if sqlText.MatchString(text) && !within(s.pkg, sqlFiles) && !strings.HasSuffix(s.name, "_sql.go") {
				say(n, "SQL stands here; only internal/sqldb and files named *_sql.go may hold it")
			}
			if forwardedHeader.MatchString(text) {
				say(n, "%s is read; whoever sends a request writes it. Links are built from the configured issuer only", text)
			}
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && (n.Sel.Name == "Now" || n.Sel.Name == "Since" || n.Sel.Name == "Until") && !within(s.pkg, clockFiles) {
				say(n, "time.%s reads the machine's clock; ask db.Now or tx.Now", n.Sel.Name)
			}
			if readsHost(n, requests) && !written[n] && !within(s.pkg, hostFiles) {
				say(n, "the host of a request is read; whoever sends it writes it. Links are built from the configured issuer only")
			}
		case *ast.FuncDecl:
			if n.Name.Name == "init" && n.Recv == nil {
				say(n, "func init runs unasked; make it a function that somebody calls")
			}
		}
		return true
	})
	return out
}

// requestNames are the names that a file gives to requests: parameters of the type *http.Request, and the usual ones.
func requestNames(f *ast.File) map[string]bool {
	names := map[string]bool{"r": true, "req": true, "request": true}
	ast.Inspect(f, func(n ast.Node) bool {
		field, ok := n.(*ast.Field)
		if !ok {
			return true
		}
		if star, ok := field.Type.(*ast.StarExpr); ok {
			if sel, ok := star.X.(*ast.SelectorExpr); ok && sel.Sel.Name == "Request" {
				for _, name := range field.Names {
					names[name.Name] = true
				}
			}
		}
		return true
	})
	return names
}

// readsHost finds r.Host and r.URL.Host.
func readsHost(n *ast.SelectorExpr, requests map[string]bool) bool {
	if n.Sel.Name != "Host" && n.Sel.Name != "Hostname" {
		return false
	}
	x := n.X
	if sel, ok := x.(*ast.SelectorExpr); ok && sel.Sel.Name == "URL" {
		x = sel.X
	}
	id, ok := x.(*ast.Ident)
	return ok && requests[id.Name]
}

func TestSource(t *testing.T) {
	for _, s := range sources(t) {
		for _, sentence := range checkSource(s) {
			t.Error(sentence)
		}
	}
}

func TestSourceRules(t *testing.T) {
	for _, tc := range []struct {
		body string
		want int
	}{
		{"_ = `select id from users`", 1},
		{`_ = "insert into users (id)"`, 1},
		{"_ = `update users\n   set name = $1`", 1},
		{`_ = "DELETE FROM users"`, 1},
		{`_ = " and x where a.id = $1"`, 1},
		{`_ = "Select an organization from the list"`, 0},
		{`_ = "update the settings"`, 0},
		{`_ = "X-Forwarded-Host"`, 1},
		{`_ = "x-forwarded-proto"`, 1},
		{`_ = "Forwarded"`, 1},
		{`_ = time.Now()`, 1},
		{`f := time.Now`, 1},
		{`_ = time.Since(x)`, 1},
		{`_ = db.Now()`, 0},
		{`_ = r.Host`, 1},
		{`_ = incoming.Host`, 1},
		{`_ = incoming.URL.Host`, 1},
		{`_ = r.URL.Hostname()`, 1},
		{`r.URL.Host = ""`, 0},
		{`_ = issuer.Host`, 0},
		{`_ = cfg.Host`, 0},
	} {
		s := parse(t, "x.go", "package x\nfunc f(incoming *http.Request) {\n"+tc.body+"\n}\n")
		if got := checkSource(s); len(got) != tc.want {
			t.Errorf("%s: %v", tc.body, got)
		}
	}
	if got := checkSource(parse(t, "x.go", "package x\nfunc init() {}\n")); len(got) != 1 {
		t.Error(got)
	}
	if got := checkSource(parse(t, "user_sql.go", "package x\nconst q = `select id from users`\n")); len(got) != 0 {
		t.Error(got)
	}
}
