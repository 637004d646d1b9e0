package archtest

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	declaredTest = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark|Example)\w+)\(`)
	namedTest    = regexp.MustCompile(`\b(?:Test|Fuzz|Benchmark)[A-Z0-9]\w*`)
	paragraph    = regexp.MustCompile(`(?m)^\s*//\s?(.*)$`)
)

// TestNamedTestsExist: whoever names a test, in a comment or in the documentation, names one that there is; and a rule that
// begins with "Invariant:" names the test that shows it.
func TestNamedTestsExist(t *testing.T) {
	t.Parallel()
	texts, top := map[string]string{}, root(t)
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains([]string{".git", "bin", "data", "node_modules"}, d.Name()) {
			return filepath.SkipDir
		}
		if ext := filepath.Ext(path); ext != ".go" && ext != ".md" {
			return nil
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(top, path)
		texts[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	found, invariants := misnamed(texts)
	for _, f := range found {
		t.Error(f)
	}
	if invariants < 100 {
		t.Errorf("only %d invariants were looked at", invariants)
	}
}

// misnamed gives a sentence for each name of no test, and for each invariant without a name, and the number of invariants.
func misnamed(texts map[string]string) (out []string, invariants int) {
	declared := map[string]bool{}
	for file, text := range texts {
		if strings.HasSuffix(file, "_test.go") {
			for _, m := range declaredTest.FindAllStringSubmatch(text, -1) {
				declared[m[1]] = true
			}
		}
	}
	for file, text := range texts {
		rule := "" // the paragraph that begins with Invariant:, as far as it was read
		for i, line := range strings.Split(text+"\n", "\n") {
			said := line
			if strings.HasSuffix(file, ".go") {
				_, said, _ = strings.Cut(line, "//")
			}
			for _, name := range namedTest.FindAllString(said, -1) {
				if !declared[name] {
					out = append(out, fmt.Sprintf("%s:%d: there is no %s", file, i+1, name))
				}
			}
			if strings.HasSuffix(file, "_test.go") || strings.HasSuffix(file, ".md") {
				continue
			}
			comment := paragraph.FindStringSubmatch(line)
			begins := comment != nil && strings.HasPrefix(strings.TrimPrefix(comment[1], "- "), "Invariant:")
			if rule != "" && (begins || comment == nil || comment[1] == "") {
				if !namedTest.MatchString(rule) {
					out = append(out, fmt.Sprintf("%s:%d: no test is named for this invariant", file, i))
				}
				rule = ""
			}
			switch {
			case begins:
				invariants++
				rule = comment[1]
			case rule != "":
				rule += "\n" + comment[1]
			}
		}
	}
	slices.Sort(out)
	return out, invariants
}

func TestMisnamedTestsAreSeen(t *testing.T) {
	t.Parallel()
	texts := map[string]string{
		"a_test.go": "package a\nfunc {T}There(t *testing.T) {}\nfunc {F}There(f *testing.F) {}\n// as {T}Gone\n",
		"a.go": "package a\n\n// Invariant: one holds ({T}There,\n// {F}There).\nfunc a() {}\n\n// b is.\n//\n// Invariant: two holds ({T}Not).\n" +
			"func b() {\n\t// Invariant: three holds.\n\tc()\n}\n\n// Invariant: four.\n// Invariant: five ({T}There).",
		"docs/a.md": "See `{T}There` and {F}Gone.\n",
	}
	for name, text := range texts { // in full the names would be looked for here, too
		texts[name] = strings.NewReplacer("{T}", "Test", "{F}", "Fuzz").Replace(text)
	}
	got, n := misnamed(texts)
	want := []string{"a.go:11: no test is named for this invariant", "a.go:15: no test is named for this invariant", "a.go:9: there is no TestNot",
		"a_test.go:4: there is no TestGone", "docs/a.md:1: there is no FuzzGone"}
	if !slices.Equal(got, want) || n != 5 {
		t.Errorf("%d invariants\n%s", n, strings.Join(got, "\n"))
	}
}
