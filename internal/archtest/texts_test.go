package archtest

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// composedTexts are groups of keys that the code puts together: the prefix, and which part of the rest must stand in quotes
// somewhere in the source. The empty part says that the rest is not looked for.
var composedTexts = []struct{ prefix, part string }{
	{"time.month.", ""}, // 1 to 12: TestFormats
	{"fault.kind.", "first"}, {"fault.", "first"},
	{"error.", "first"}, {"notice.", "first"}, {"security.", "first"}, {"account.", "first"},
	{"kind.", "all"}, {"state.", "all"}, {"scope.", "all"}, {"by.", "all"}, {"history.", "all"}, {"field.", "all"}, {"function.", "all"},
	{"console.appoint.done.", "all"},
}

// TestEveryTextIsUsed: no catalogue of pages and mails holds sentences that nobody is ever shown. (What a page shows and no catalogue
// holds, the tests of the catalogues find.)
func TestEveryTextIsUsed(t *testing.T) {
	t.Parallel()
	said, catalogues := readSaid(t)
	for _, codes := range composed {
		for _, code := range codes {
			said[code] = true
		}
	}
	if len(catalogues) < 4 {
		t.Fatalf("only the catalogues %v", catalogues)
	}
	for _, name := range catalogues {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var texts map[string]any
		if err := json.Unmarshal(raw, &texts); err != nil {
			t.Fatal(name, err)
		}
		if inner, ok := texts["texts"].(map[string]any); ok {
			texts = inner
		}
		for key := range texts {
			if !sayable(said, key) {
				t.Errorf("%s: nobody says %s", name, key)
			}
		}
	}
}

// sayable reports whether the source says the key, or what it is put together from.
func sayable(said map[string]bool, key string) bool {
	stem := strings.TrimSuffix(strings.TrimSuffix(key, ".one"), ".other")
	if said[key] || said[stem] {
		return true
	}
	for _, c := range composedTexts {
		rest, ok := strings.CutPrefix(key, c.prefix)
		if !ok {
			continue
		}
		first, _, _ := strings.Cut(rest, ".")
		if c.part == "" || c.part == "all" && said[rest] || c.part == "first" && (said[first] || said[rest]) {
			return true
		}
	}
	// A mail's texts are asked for by the mail's name: "name" and then ".subject", ".text" and so on.
	for at := strings.LastIndexByte(key, '.'); at > 0; at = strings.LastIndexByte(key[:at], '.') {
		if said[key[:at]] || said[key[:at+1]] {
			return said[key[at:]] || said[key[at+1:]]
		}
	}
	return false
}

var quoted = regexp.MustCompile("\"([^\"\\s]+)\"|`([^`\\s]+)`")

// readSaid are all quoted words of the source and the templates, and where the English catalogues are.
func readSaid(t *testing.T) (said map[string]bool, catalogues []string) {
	t.Helper()
	said = map[string]bool{}
	err := filepath.WalkDir(root(t), func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && slices.Contains([]string{".git", ".cache", "node_modules", "testdata", "bench", "authz"}, e.Name()) {
			return fs.SkipDir
		}
		if name := e.Name(); filepath.Base(filepath.Dir(path)) == "locales" && (name == "en.json" || strings.HasPrefix(name, "en.")) {
			catalogues = append(catalogues, path)
		}
		if kind := filepath.Ext(path); kind != ".go" && kind != ".html" || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		raw, err := os.ReadFile(path)
		for _, m := range quoted.FindAllStringSubmatch(string(raw), -1) {
			said[m[1]+m[2]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return said, catalogues
}
