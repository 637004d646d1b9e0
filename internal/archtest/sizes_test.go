package archtest

import (
	"bytes"
	"fmt"
	"go/ast"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// checkSizes gives a sentence for each function that grew too large, and each signature that says too little.
func checkSizes(s source) []string {
	var out []string
	for _, decl := range s.file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok {
			continue
		}
		name := f.Name.Name
		if forced[s.pkg+"."+name] {
			continue
		}
		if lines := s.fset.Position(f.End()).Line - s.fset.Position(f.Pos()).Line + 1; lines > maxFunctionLines {
			out = append(out, fmt.Sprintf("%s: %s has %d lines; %d are the most", s.at(f), name, lines, maxFunctionLines))
		}
		if n := f.Type.Params.NumFields(); n > maxParameters {
			out = append(out, fmt.Sprintf("%s: %s takes %d parameters; %d are the most, a struct has names", s.at(f), name, n, maxParameters))
		}
		if f.Name.IsExported() && exportedReceiver(f) && takesBool(f) {
			out = append(out, fmt.Sprintf("%s: %s takes a bool; at the call nobody knows what true means", s.at(f), name))
		}
	}
	return out
}

// exportedReceiver is true for functions, and for methods that others can call.
func exportedReceiver(f *ast.FuncDecl) bool {
	if f.Recv == nil {
		return true
	}
	x := f.Recv.List[0].Type
	for {
		switch t := x.(type) {
		case *ast.StarExpr:
			x = t.X
		case *ast.IndexExpr:
			x = t.X
		case *ast.Ident:
			return t.IsExported()
		default:
			return false
		}
	}
}

func takesBool(f *ast.FuncDecl) bool {
	return slices.ContainsFunc(f.Type.Params.List, func(p *ast.Field) bool {
		id, ok := p.Type.(*ast.Ident)
		return ok && id.Name == "bool"
	})
}

func TestSizes(t *testing.T) {
	for _, s := range sources(t) {
		for _, sentence := range checkSizes(s) {
			t.Error(sentence)
		}
	}
}

// TestFileLines counts every Go file, tests too.
func TestFileLines(t *testing.T) {
	folder := root(t)
	err := filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && (strings.HasPrefix(name, ".") || name == "node_modules" || name == "testdata") {
			return filepath.SkipDir
		}
		if d.IsDir() || filepath.Ext(path) != ".go" {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if lines := bytes.Count(data, []byte("\n")); lines > maxFileLines && !bytes.Contains(data[:min(len(data), 1000)], []byte("// Code generated ")) {
			name, _ := filepath.Rel(folder, path)
			t.Errorf("%s has %d lines; %d are the most", name, lines, maxFileLines)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestPackages wants names after jobs, and a comment that says which job.
func TestPackages(t *testing.T) {
	for _, p := range listPackages(t) {
		if slices.Contains(shapes, p.Name) {
			t.Errorf("%s is named after a shape; name it after its job", p.path())
		}
		if len(p.GoFiles) > 0 && p.Doc == "" {
			t.Errorf("%s has no package comment", p.path())
		}
	}
}

func TestSizeRules(t *testing.T) {
	long := "func F() {\n" + strings.Repeat("_ = 1\n", 80) + "}\n"
	for text, want := range map[string]int{
		long:                                1,
		"func f(a, b, c, d, e, g int) {}\n": 1,
		"func f(a, b, c, d, e int) {}\n":    0,
		"func F(on bool) {}\n":              1,
		"func (t *T) F(on bool) {}\n":       1,
		"func (t *t) F(on bool) {}\n":       0,
		"func f(on bool) {}\n":              0,
	} {
		if got := checkSizes(parse(t, "x.go", "package x\n"+text)); len(got) != want {
			t.Errorf("%.40s: %v", text, got)
		}
	}
}
