package testenv

import (
	"os"
	"os/exec"
	"testing"
)

// Installed is a copy of a test's folder with the packages from npm that its lock file pins, each by its checksum. Without
// node or npm, or what they bring, the test fails.
func Installed(t testing.TB, folder string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	install := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	return dir
}
