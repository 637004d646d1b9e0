package archtest

import (
	"flag"
	"fmt"
	"go/ast"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"portvakt/internal/web"
)

var update = flag.Bool("update", false, "write docs/errors.md anew")

// spoken are the packages whose refusals people read: each of their codes has a sentence in every language.
var spoken = []string{"internal/directory", "internal/brand", "idp/account", "idp/interaction", "idp/credential"}

// composed are the codes that a function puts together, by package and function.
var composed = map[string][]string{
	"internal/directory.unknown":    {"unknown_field", "unknown_module", "unknown_profile", "unknown_role", "unknown_tool"},
	"internal/directory.checkLinks": {"unknown_managed_by", "unknown_manager", "unknown_role", "unknown_successor"},
}

// refusal is one place in the source that makes a fault.
type refusal struct {
	at, code, kind, field, text string
	values                      int // how many arguments a sentence can name
}

// key is where the catalogue keeps the sentence: the field's own, if there is one.
func (r refusal) key(texts *web.Catalogue) string {
	if own := "fault." + r.code + "." + r.field; texts.Has(own) {
		return own
	}
	return "fault." + r.code
}

// refusalsOf finds fault.New and fault.Newf in a file, with the field of an On that follows at once.
func refusalsOf(s source) (found []refusal, problems []string) {
	for _, decl := range s.file.Decls {
		name := ""
		if f, ok := decl.(*ast.FuncDecl); ok {
			name = f.Name.Name
		}
		fields := map[*ast.CallExpr]string{}
		ast.Inspect(decl, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if on, ok := call.Fun.(*ast.SelectorExpr); ok && on.Sel.Name == "On" {
				if made, ok := on.X.(*ast.CallExpr); ok && len(call.Args) == 1 {
					fields[made] = textOf(call.Args[0], "…")
				}
			}
			if !isFault(call) {
				return true
			}
			codes := []string{textOf(call.Args[1], "")}
			if codes[0] == "" {
				if codes = composed[s.pkg+"."+name]; codes == nil {
					problems = append(problems, s.at(call)+": the code is put together; write it out, or list what can come of it in composed")
				}
			}
			for _, code := range codes {
				r := refusal{at: s.at(call), code: code, kind: call.Args[0].(*ast.SelectorExpr).Sel.Name, field: fields[call], text: textOf(call.Args[2], "")}
				if !call.Ellipsis.IsValid() {
					r.values = len(call.Args) - 3
				}
				found = append(found, r)
			}
			return true
		})
	}
	return found, problems
}

func isFault(call *ast.CallExpr) bool {
	f, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || f.Sel.Name != "New" && f.Sel.Name != "Newf" || len(call.Args) < 3 {
		return false
	}
	x, ok := f.X.(*ast.Ident)
	return ok && x.Name == "fault"
}

// textOf is what a literal says; other stands for what is only known when the program runs. A concatenation has it in between.
func textOf(e ast.Expr, other string) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		if err == nil {
			return text
		}
	case *ast.BinaryExpr:
		if other == "" && !strings.Contains(textOf(e.X, "")+textOf(e.Y, ""), " ") {
			return "" // a code, not a sentence
		}
		return textOf(e.X, "…") + textOf(e.Y, "…")
	}
	return other
}

func spokenRefusals(t *testing.T) []refusal {
	t.Helper()
	var all []refusal
	for _, s := range sources(t) {
		if !slices.Contains(spoken, s.pkg) {
			continue
		}
		found, problems := refusalsOf(s)
		for _, p := range problems {
			t.Error(p)
		}
		all = append(all, found...)
	}
	if len(all) < 50 {
		t.Fatalf("only %d refusals found", len(all))
	}
	return all
}

func catalogue(t *testing.T) *web.Catalogue {
	t.Helper()
	r, err := web.New(web.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return r.Texts()
}

var placeholder = regexp.MustCompile(`\{([^}]*)\}`)

// checkSentence says what is wrong with the sentences of one key; values is the least that any of its places gives.
func checkSentence(texts *web.Catalogue, key string, values int) []string {
	var out []string
	for _, l := range web.Languages() {
		text := texts.T(l, key)
		if text == key {
			return []string{fmt.Sprintf("%s has no sentence: say in internal/web/locales what is wrong and what to do next, in all four languages", key)}
		}
		named := map[string]bool{}
		for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
			named[m[1]] = true
		}
		for name := range named {
			if n, err := strconv.Atoi(name); err != nil || n < 1 || n > values {
				out = append(out, fmt.Sprintf("%s: %s names {%s}, and there are %d values", l, key, name, values))
			}
		}
		if len(named) < values {
			out = append(out, fmt.Sprintf("%s: %s names %d of %d values", l, key, len(named), values))
		}
	}
	return out
}

// TestEveryRefusalIsSpokenInFourLanguages: a person never reads English that they did not ask for, and the sentence names
// the same numbers and names as the English one.
func TestEveryRefusalIsSpokenInFourLanguages(t *testing.T) {
	texts, least, where := catalogue(t), map[string]int{}, map[string]string{}
	for _, r := range spokenRefusals(t) {
		key := r.key(texts)
		if n, ok := least[key]; !ok || r.values < n {
			least[key], where[key] = r.values, r.at
		}
	}
	for _, key := range slices.Sorted(maps.Keys(least)) {
		for _, problem := range checkSentence(texts, key, least[key]) {
			t.Errorf("%s: %s", where[key], problem)
		}
	}
}

func TestRefusalRules(t *testing.T) {
	s := parse(t, "x.go", `package x
var a = fault.New(fault.Invalid, "a", "A text").On("f")
func b(n int, field string) error { return fault.Newf(fault.Conflict, "b", "%d of %d", n, n).On(field) }
func c(n string) error { return fault.New(fault.Invalid, "x_"+n, "No such "+n) }
`)
	s.pkg = "x"
	found, problems := refusalsOf(s)
	if len(found) != 2 || len(problems) != 1 || found[0].code != "a" || found[0].field != "f" || found[1].values != 2 || found[1].field != "…" || found[1].kind != "Conflict" {
		t.Errorf("%+v, %v", found, problems)
	}
	texts := catalogue(t)
	for key, row := range map[string]struct{ values, problems int }{
		"fault.seats_full": {1, 0}, "fault.stale": {0, 0}, "fault.nothing_of_ours": {0, 1},
	} {
		if got := checkSentence(texts, key, row.values); len(got) != row.problems {
			t.Errorf("%s: %v", key, got)
		}
	}
	if got := checkSentence(texts, "fault.seats_full", 0); len(got) != 4 {
		t.Errorf("values that are not there: %v", got)
	}
	if got := checkSentence(texts, "fault.seats_full", 2); len(got) != 4 {
		t.Errorf("values that are not named: %v", got)
	}
}

// TestErrorsAreDocumented keeps docs/errors.md in step with the source; -update writes it.
func TestErrorsAreDocumented(t *testing.T) {
	path := filepath.Join(root(t), "docs", "errors.md")
	was, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	intro, _, ok := strings.Cut(string(was), tableHead)
	if !ok {
		t.Fatalf("docs/errors.md has no table that begins with %q", tableHead)
	}
	want := intro + tableHead + errorRows(catalogue(t), spokenRefusals(t))
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want != string(was) {
		t.Error("docs/errors.md is not in step with the source: go test ./internal/archtest -run ErrorsAreDocumented -update")
	}
}

const tableHead = "| Code | Kind | Field | When | What a person is told |\n|---|---|---|---|---|\n"

var verb = regexp.MustCompile(`%(\[\d+\])?[a-z]`)

// errorRows is one row for each code, and for each field that has a sentence of its own.
func errorRows(texts *web.Catalogue, all []refusal) string {
	type row struct{ code, kinds, fields, when map[string]bool }
	rows := map[string]row{}
	for _, r := range all {
		key := r.key(texts)
		if rows[key].code == nil {
			rows[key] = row{map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}}
		}
		rows[key].code["`"+r.code+"`"] = true
		rows[key].kinds[strings.ToLower(strings.ReplaceAll(r.kind, "NotFound", "not_found"))] = true
		if r.field != "" {
			rows[key].fields[map[bool]string{true: "the field", false: "`" + r.field + "`"}[r.field == "…"]] = true
		}
		if r.text != "" {
			rows[key].when[verb.ReplaceAllString(r.text, "…")] = true
		}
	}
	join := func(set map[string]bool, between string) string {
		return strings.Join(slices.Sorted(maps.Keys(set)), between)
	}
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		r := rows[key]
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", join(r.code, ", "), join(r.kinds, ", "), join(r.fields, ", "), join(r.when, "; "), texts.T(web.English, key))
	}
	return b.String()
}
