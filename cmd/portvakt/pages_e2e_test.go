//go:build e2e

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"portvakt/internal/testenv"
)

// catalogue are the names of all pages, as their templates stand: whoever adds one has it looked at, or a test fails.
func catalogue(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, folder := range []string{"idp/web", "internal/web", "internal/console"} {
		files, err := filepath.Glob(filepath.Join("..", "..", folder, "templates", "*.html"))
		if err != nil || len(files) == 0 {
			t.Fatal(folder, files, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if name := strings.TrimSuffix(filepath.Base(file), ".html"); strings.Contains(string(text), `{{define "content"}}`) && name != "dev-message" { // which is dev-mail, too
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// TestPagesAreInTheContract: docs/contract.md tells of every page, and of none that is not there.
func TestPagesAreInTheContract(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "contract.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "| `data-page` |")
	table, _, _ := strings.Cut(rest, "\n\n")
	var told []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\|").FindAllStringSubmatch(table, -1) {
		told = append(told, m[1])
	}
	slices.Sort(told)
	if want := catalogue(t); !slices.Equal(told, want) {
		t.Errorf("the contract tells of\n%v\nthere are\n%v", told, want)
	}
}

// startGallery serves the samples of idp/web in the page's own headers, and answers its address and the samples' names.
func startGallery(t *testing.T) (string, []string) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "gallery")
	if out, err := exec.Command("go", "test", "-c", "-o", program, "portvakt/idp/web").CombinedOutput(); err != nil {
		t.Fatalf("go test -c: %v\n%s", err, out)
	}
	cmd := exec.Command(program, "-gallery", "127.0.0.1:0")
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	_, address, ok := strings.Cut(strings.TrimSpace(line), "all pages: ")
	if !ok {
		t.Fatalf("the gallery said %q, %v", line, err)
	}
	res, err := http.Get(address + "?json")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var names []string
	if err := json.NewDecoder(res.Body).Decode(&names); err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	return strings.TrimSuffix(address, "/"), names
}

// TestPagesInEveryState: every page in every state that the gallery knows, in both schemes and widths and all languages, is
// as WCAG 2.2 AA wants it, valid HTML, keeps to its content policy, scrolls in one direction, and is used by the keyboard alone.
func TestPagesInEveryState(t *testing.T) {
	t.Parallel()
	tools := testenv.Installed(t, "testdata/page-judges")
	address, names := startGallery(t)
	const browsers = 2
	seen := make(chan string, len(names))
	t.Run("judge", func(t *testing.T) {
		t.Run("html", func(t *testing.T) {
			t.Parallel()
			texts := map[string]string{}
			for _, name := range names {
				texts[name] = newPerson(t).open(address + "/" + name + "?ui_locales=de").text
			}
			valid(t, tools, texts)
		})
		for part := range browsers {
			t.Run("browser "+strconv.Itoa(part), func(t *testing.T) {
				t.Parallel()
				var mine []string
				for i := part; i < len(names); i += browsers {
					mine = append(mine, names[i])
				}
				newJudge(t, tools).gallery(address, mine, seen)
			})
		}
	})
	close(seen)
	visited := map[string]bool{}
	for name := range seen {
		visited[name] = true
	}
	for _, name := range catalogue(t) {
		if !visited[name] && !strings.HasPrefix(name, "operator-") { // the console's are looked at in TestPagesOfTheService
			t.Errorf("no sample shows the page %s", name)
		}
	}
}

// gallery looks at samples and sends on which pages they are. Those whose words are as long as they may be are only
// looked at for what that can break, where there is least room.
func (j *judge) gallery(address string, names []string, seen chan<- string) {
	j.t.Helper()
	report := func(name, where string, wrong []string) {
		for _, w := range wrong {
			j.t.Errorf("%s, %s: %s", name, where, w)
		}
	}
	at := func(name, language string) string { return address + "/" + name + "?ui_locales=" + language }
	for _, v := range visits {
		value(j.browser, chromedp.EmulateViewport(v.width, 740))
		where := fmt.Sprintf("%d px in %s", v.width, v.language)
		for _, name := range names {
			long := strings.HasPrefix(name, "long/")
			if long && v.width > 320 {
				continue
			}
			report(name, where, j.looked(at(name, v.language), v.language))
			if long {
				j.picture(fmt.Sprintf("%s.%d", name, v.width))
				continue
			}
			report(name, where, j.judged(name, v))
			if v.width == 320 {
				seen <- j.page()
				for _, language := range []string{"nb", "sv"} {
					report(name, language, j.looked(at(name, language), language))
				}
			}
		}
	}
}
