package testenv

import (
	"bytes"
	"io"
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

// Node starts a script of a test's folder with what Installed brings, and ends it with the test by closing what it reads.
func Node(t testing.TB, folder string, args ...string) (in io.WriteCloser, out io.Reader) {
	t.Helper()
	cmd, said := exec.Command("node", args...), &bytes.Buffer{}
	cmd.Dir, cmd.Stderr = Installed(t, folder), said
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_, _ = io.Copy(io.Discard, pipe)
		if err := cmd.Wait(); err != nil {
			t.Errorf("node: %v\n%s", err, said)
		}
	})
	return in, pipe
}
