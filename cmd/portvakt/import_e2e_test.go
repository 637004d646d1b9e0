//go:build e2e

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestImportKilled: a process that is killed in the middle of an import leaves whole chunks; the next goes on behind them.
func TestImportKilled(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "portvakt")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for engine, database := range testenv.URLs(t) {
		t.Run(engine, func(t *testing.T) {
			folder, url := t.TempDir(), database(t)
			seed := filepath.Join(folder, "seed.yaml")
			file := filepath.Join(folder, "people.csv")
			report := filepath.Join(folder, "refused.csv")
			var people strings.Builder
			people.WriteString("email;family_name\n")
			for i := range 12000 {
				fmt.Fprintf(&people, "person%d@import.example;Person %d\n", i, i)
			}
			people.WriteString("no address;Nobody\n")
			for path, text := range map[string]string{seed: "organizations:\n  - {slug: nordlys, name: Nordlys}\n", file: people.String()} {
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			start := func(args ...string) (*exec.Cmd, *bytes.Buffer) {
				cmd, out := exec.Command(binary, append(args, "--database", url)...), &bytes.Buffer{}
				cmd.Stdout, cmd.Stderr = out, out
				cmd.Env = append(os.Environ(), "PORTVAKT_KEYS_MASTER=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				return cmd, out
			}
			if cmd, out := start("apply", "-f", seed); cmd.Wait() != nil {
				t.Fatal(out)
			}
			cmd, _ := start("import", "--organization", "nordlys", file)
			db, err := sqldb.Open(context.Background(), sqldb.Config{URL: url, MaxConnections: 2})
			if err != nil {
				t.Fatal(err)
			}
			members := func() (n int64) {
				if err := db.QueryRow(context.Background(), "select count(*) from memberships").Scan(&n); err != nil {
					t.Error(err)
				}
				return n
			}
			for deadline := time.Now().Add(time.Minute); members() < 2000 && time.Now().Before(deadline); {
				time.Sleep(5 * time.Millisecond)
			}
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			left := members()
			db.Close()
			if left%1000 != 0 || left == 0 || left == 12000 {
				t.Fatalf("%d members are there after the kill", left)
			}
			cmd, out := start("import", "--organization", "nordlys", "--report", report, file)
			if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != exitFailure {
				t.Errorf("with a refused line it ends with %v: %s", err, out)
			}
			for _, want := range []string{fmt.Sprintf("going on behind line %d\n", left+1), "12001 lines: 12000 made members, 0 were members already and follow the file, 1 refused"} {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%q is not in %s", want, out)
				}
			}
			if text, err := os.ReadFile(report); err != nil || string(text) != "line,field,code,text\n12002,email,bad_email,This is not an e-mail address\n" {
				t.Errorf("the report says %q, %v", text, err)
			}
		})
	}
}

// TestImportFollowsTheFileBesideServe: what a line says of a member is changed and kept in the history, on both engines; without
// the service's key nothing is begun.
func TestImportFollowsTheFileBesideServe(t *testing.T) {
	eachEngine(t, func(t *testing.T, database string) {
		serve(t, database)
		file := filepath.Join(t.TempDir(), "people.csv")
		if err := os.WriteFile(file, []byte("email,title\nPer <per.hansen@nordlys.example>,Head of sales\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		code, out := cli(t, "import", "--dev", "--database", database, "--organization", "nordlys", file)
		if code != exitOK || !strings.Contains(out, "1 line: 0 made members, 1 were members already and follow the file, 0 refused") {
			t.Errorf("ends with %d: %s", code, out)
		}
		code, out = cli(t, "audit", "list", "--dev", "--database", database, "--organization", "nordlys", "--person", "per.hansen@nordlys.example")
		if code != exitOK || !strings.Contains(out, `title: "Salgssjef" → "Head of sales"`) {
			t.Errorf("the history, %d: %s", code, out)
		}
	})
	file := filepath.Join(t.TempDir(), "people.csv")
	if err := os.WriteFile(file, []byte("email\nx@y.example\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out := cli(t, "import", "--database", filepath.Join(t.TempDir(), "x.db"), "--organization", "nordlys", file); code != exitMistake || !strings.Contains(out, "keys.master is missing") {
		t.Errorf("without a key it ends with %d: %s", code, out)
	}
}

// TestImportBesideServe: beside a SQLite file that is being served, an import goes through the serving process.
func TestImportBesideServe(t *testing.T) {
	folder := t.TempDir()
	url, file := filepath.Join(folder, "portvakt.db"), filepath.Join(folder, "people.jsonl")
	if err := os.WriteFile(file, []byte(`{"email":"new@import.example","given_name":"New"}`+"\n"+`{"email":"?"}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	serve(t, url)
	importing := func(args ...string) (string, int) {
		var out bytes.Buffer
		code := run(world{ctx: t.Context(), stdout: &out, stderr: &out}, append([]string{"import", "--database", url, "--organization", "nordlys", file}, args...))
		return out.String(), code
	}
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"--dry-run"}, "2 lines: 1 made members, 0 were members already and follow the file, 1 refused (a dry run: nothing was kept)"},
		{nil, "2 lines: 1 made members, 0 were members already and follow the file, 1 refused\n"},
		{nil, "2 lines: 0 made members, 1 were members already and follow the file, 1 refused\n"},
	} {
		if out, code := importing(tc.args...); code != exitFailure || !strings.Contains(out, tc.want) || !strings.Contains(out, "line 2 refused: email: This is not an e-mail address (bad_email)\n") {
			t.Errorf("%v ends with %d: %s", tc.args, code, out)
		}
	}
	if err := os.WriteFile(file, []byte(`{"mail":"x"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := importing(); code != exitMistake || !strings.Contains(out, `people.jsonl: line 1: there is no key "mail"`) {
		t.Errorf("a bad file ends with %d: %s", code, out)
	}
}
