//go:build e2e

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"portvakt/internal/testenv"
)

// process is the product as a process of its own, to be killed.
type process struct {
	*service
	cmd *exec.Cmd
}

func startProcess(t *testing.T, program, data, database string) *process {
	t.Helper()
	ready, seed := filepath.Join(data, "ready"), filepath.Join(data, "seed.yaml")
	_ = os.Remove(ready)
	if err := os.WriteFile(seed, []byte(unlimited), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "serve", "--dev", "--addr", "127.0.0.1:0", "--demo-addr", "127.0.0.1:0", "--data", data, "--database", database, "--ready-file", ready, "--seed", seed)
	var output syncBuffer
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{service: &service{t: t}, cmd: cmd}
	t.Cleanup(p.kill)
	deadline := time.Now().Add(30 * time.Second)
	for {
		if b, err := os.ReadFile(ready); err == nil && len(b) > 0 {
			p.bound = strings.TrimSpace(string(b))
			_, port, _ := strings.Cut(p.bound, ":")
			p.issuer = "http://localhost:" + port
			return p
		}
		if time.Now().After(deadline) {
			t.Fatalf("the process was not ready:\n%s", output.String())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// TestKilledInTheMiddleOfCreates: kill -9 while an HR system creates 1,000 people. After a restart every acknowledged
// create is there once, with its mail.
func TestKilledInTheMiddleOfCreates(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "portvakt")
	if out, err := exec.CommandContext(context.Background(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	eachEngine(t, func(t *testing.T, database string) {
		data := t.TempDir()
		p := startProcess(t, program, data, database)
		const people, killAfter = 1000, 400
		var acknowledged sync.Map
		var done atomic.Int64
		var group sync.WaitGroup
		jobs := make(chan int)
		for range 8 {
			group.Go(func() {
				for i := range jobs {
					if email := fmt.Sprintf("person%d@nordlys.example", i); create(p.issuer, email) {
						acknowledged.Store(email, true)
						if done.Add(1) == killAfter {
							_ = p.cmd.Process.Kill()
						}
					}
				}
			})
		}
		for i := range people {
			jobs <- i
		}
		close(jobs)
		group.Wait()
		p.kill()
		if n := done.Load(); n < killAfter || n >= people {
			t.Fatalf("%d creates were acknowledged; the kill came at the wrong time", n)
		}

		p = startProcess(t, program, data, database)
		mailed := map[string]int{}
		testenv.Within(t, time.Minute, "every acknowledged create has its mail", func() bool {
			mailed = p.mailCounts()
			missing := 0
			acknowledged.Range(func(email, _ any) bool {
				if mailed[email.(string)] == 0 {
					missing++
				}
				return true
			})
			return missing == 0
		})
		acknowledged.Range(func(email, _ any) bool {
			status, out, _ := p.call(http.MethodGet, p.users()+`?filter=userName%20eq%20%22`+email.(string)+`%22`, hrToken, nil)
			if total, _ := out["totalResults"].(float64); status != http.StatusOK || total != 1 {
				t.Errorf("%s is there %v times (status %d)", email, out["totalResults"], status)
			}
			return true
		})
	})
}

// unlimited is an organization without a limit of seats.
const unlimited = `organizations:
  - {slug: nordlys, name: Nordlys AS, domains: [nordlys.example], provisioning_clients: [{name: HR, token: scim-dev-nordlys}]}
`

// mailCounts is how many captured mails each address has.
func (p *process) mailCounts() map[string]int {
	p.t.Helper()
	res, err := http.Get(p.issuer + "/dev/mail.json")
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	var all []captured
	if err := json.NewDecoder(res.Body).Decode(&all); err != nil {
		p.t.Fatal(err)
	}
	counts := map[string]int{}
	for _, m := range all {
		counts[m.To]++
	}
	return counts
}

// create reports whether the create was acknowledged; a broken connection is not.
func create(issuer, email string) bool {
	body := fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q,"name":{"givenName":"A","familyName":"B"}}`, email)
	req, err := http.NewRequest(http.MethodPost, issuer+"/scim/v2/nordlys/Users", strings.NewReader(body))
	if err != nil {
		return false
	}
	req.Header.Set("Content-Type", "application/scim+json")
	req.Header.Set("Authorization", "Bearer "+hrToken)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	return res.StatusCode == http.StatusCreated
}
