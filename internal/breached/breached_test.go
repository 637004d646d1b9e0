package breached_test

import (
	"crypto/sha1"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portvakt/internal/breached"
)

func filter(t *testing.T, lists ...string) (string, *breached.Filter) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "filter")
	w, err := breached.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range lists {
		if err := w.Read(strings.NewReader(list)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	f, err := breached.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("%d files are left, %v", len(left), err)
	}
	return path, f
}

func has(t *testing.T, f *breached.Filter, password string) bool {
	t.Helper()
	found, err := f.Has(password)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestLists(t *testing.T) {
	t.Parallel()
	_, f := filter(t, "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:3730471\r\n\r\ncbfdac6008f9cab4083784cbd1874f76618d2a97\n",
		"plainly written\nblåbær\n5BAA61E4C9B93F3F0682250B6CF8331B7EE68FDZ\n  spaces around  \n", "")
	for _, password := range []string{"password", "password123", "plainly written", "blåbær", "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FDZ", "  spaces around  "} {
		if !has(t, f, password) {
			t.Errorf("%q is not found", password)
		}
	}
	for _, password := range []string{"", "Password", "spaces around", "3730471", "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8"} {
		if has(t, f, password) {
			t.Errorf("%q is found", password)
		}
	}
	if f.Len() != 6 {
		t.Errorf("%d passwords", f.Len())
	}
	if _, empty := filter(t, ""); has(t, empty, "password") || empty.Len() != 0 {
		t.Error("an empty list holds something")
	}
}

// A password of the list is always found, one that is not hardly ever, and the file is small.
func TestManyPasswords(t *testing.T) {
	t.Parallel()
	const n = 200_000
	var list strings.Builder
	for i := range n {
		if i%2 == 0 {
			fmt.Fprintf(&list, "%X:1\n", sha1.Sum(fmt.Appendf(nil, "listed %d", i)))
		} else {
			fmt.Fprintf(&list, "listed %d\n", i)
		}
	}
	path, f := filter(t, list.String(), "listed 1\nlisted 2\n")
	if f.Len() != n {
		t.Errorf("%d passwords, want %d", f.Len(), n)
	}
	info, err := os.Stat(path)
	if err != nil || info.Size() > n*32/10 {
		t.Errorf("%d bytes for %d passwords, %v", info.Size(), n, err)
	}
	mistaken := 0
	for i := range n {
		if !has(t, f, fmt.Sprintf("listed %d", i)) {
			t.Fatalf("number %d is not found", i)
		}
		if has(t, f, fmt.Sprintf("not listed %d", i)) {
			mistaken++
		}
	}
	if mistaken > 15 { // three are to be expected
		t.Errorf("%d of %d are found by mistake", mistaken, n)
	}
}

func TestFilesThatAreNone(t *testing.T) {
	t.Parallel()
	path, _ := filter(t, "one\ntwo\nthree\n")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"empty": nil, "text": []byte(strings.Repeat("a list of passwords\n", 20)), "cut": whole[:len(whole)-1], "longer": append(whole[:len(whole):len(whole)], 0),
		"header alone": whole[:40], "another number": append(append(whole[:39:39], 9), whole[40:]...),
	} {
		bad := filepath.Join(t.TempDir(), "bad")
		if err := os.WriteFile(bad, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := breached.Open(bad); !errors.Is(err, breached.ErrNoFilter) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := breached.Open(filepath.Join(t.TempDir(), "nothing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}
