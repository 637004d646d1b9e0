package token

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
)

// Whatever signs, derives a refresh token or stores a code or family stands in a function that was handed a pass, or the
// outcome that holds one. A logout token takes access away and needs none.
func TestEveryIssuanceTakesAPass(t *testing.T) {
	t.Parallel()
	issuing := map[string]bool{"Sign": true, "refreshToken": true, "insertCode": true, "insertFamily": true}
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	fset, found := token.NewFileSet(), 0
	for _, file := range files {
		if !strings.HasSuffix(file.Name(), ".go") || strings.HasSuffix(file.Name(), "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(fset, file.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range parsed.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || fn.Body == nil || fn.Name.Name == "LogoutToken" {
				continue
			}
			ast.Inspect(fn.Body, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || !issuing[nameOf(call.Fun)] {
					return true
				}
				found++
				if !takesPass(fn) {
					t.Errorf("%s issues without a pass", fn.Name.Name)
				}
				return true
			})
		}
	}
	if found < 6 {
		t.Errorf("only %d places issue: this test looks in the wrong place", found)
	}
}

func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.Ident:
		return e.Name
	}
	return ""
}

func takesPass(fn *ast.FuncDecl) bool {
	for _, p := range fn.Type.Params.List {
		switch t := p.Type.(type) {
		case *ast.SelectorExpr:
			if t.Sel.Name == "Pass" || t.Sel.Name == "ClientPass" {
				return true
			}
		case *ast.Ident:
			if t.Name == "outcome" {
				return true
			}
		}
	}
	return false
}
