package bench

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Timed is how long a question takes for a group of people, and how well that tells them from people who do not exist.
type Timed struct {
	Question, Group string
	Median          time.Duration
	// Apart is the probability that an answer about somebody of the group takes longer than one about nobody: at 0.5 the time
	// tells nothing.
	Apart float64
	P     float64 // of the rank test (Mann, Whitney): how often chance alone would set the groups so far apart
}

// tries is how often an address can be guessed before it costs a pause.
const tries = 5

// groups of people: who they are in the seed, "" for nobody. The first is what the others are compared with.
var groups = []struct{ name, member string }{
	{"unknown", ""},
	{"unknown as well", ""},
	{"known", "password: a quiet horse in the rain"},
	{"without a password", "given_name: None"},
	{"second factor", "password: a quiet horse in the rain, totp: KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU"},
	{"ended", "kind: external, start: 2020-01-01T00:00:00Z, end: 2020-02-01T00:00:00Z, password: a quiet horse in the rain"},
	{"imported hash", `password_hash: "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"`},
}

func addressOf(group, i int) string { return fmt.Sprintf("group%d-%d@bench.example", group, i/tries) }

// Timing asks interleaved, in an order drawn anew each time, so that whatever the machine does meanwhile hits every group.
func Timing(ctx context.Context, cfg Config) ([]Timed, error) {
	var b strings.Builder
	b.WriteString("organizations:\n  - slug: bench\n    name: Bench\n    domains: [bench.example]\n    members:\n")
	for g, group := range groups {
		for i := 0; group.member != "" && i < cfg.Requests; i += tries {
			fmt.Fprintf(&b, "      - {email: %s, %s}\n", addressOf(g, i), group.member)
		}
	}
	seed := filepath.Join(cfg.Scratch, "timing.yaml")
	if err := os.WriteFile(seed, []byte(b.String()), 0o600); err != nil {
		return nil, err
	}
	args := []string{"serve", "--dev", "--addr", "127.0.0.1:0", "--demo-addr", "127.0.0.1:0", "--data", filepath.Join(cfg.Scratch, "timing"), "--seed", seed}
	if cfg.Database != "" {
		args = append(args, "--database", cfg.Database)
	}
	subject, err := start(ctx, cfg, "timing", args...)
	if err != nil {
		return nil, err
	}
	defer subject.stop()
	questions := []string{"password", "forgot"}
	took := make([][2][]float64, len(groups))
	for i := range cfg.Requests {
		for _, g := range rand.Perm(len(groups)) {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			answers, err := ask(subject.addr, addressOf(g, i))
			if err != nil {
				return nil, err
			}
			for q := range questions {
				took[g][q] = append(took[g][q], answers[q].Seconds())
			}
		}
	}
	var out []Timed
	for q, question := range questions {
		for g, group := range groups {
			t := Timed{Question: question, Group: group.name, Median: median(took[g][q]), Apart: 0.5, P: 1}
			if g > 0 {
				t.Apart, t.P = ranks(took[g][q], took[0][q])
			}
			out = append(out, t)
		}
	}
	return out, nil
}

// ask guesses a password, then asks for a link, in a browser of its own.
func ask(addr, email string) (took [2]time.Duration, err error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return took, err
	}
	client := &http.Client{Jar: jar}
	at, page, err := read(client.Get("http://" + addr + "/sign-in"))
	for i, step := range []url.Values{{"email": {email}}, {"password": {"certainly not this one"}}, {"action": {"forgot"}}} {
		if err != nil {
			return took, err
		}
		for _, field := range hidden.FindAllStringSubmatch(page, -1) {
			step.Set(field[1], field[2])
		}
		began := time.Now()
		at, page, err = read(client.PostForm(at, step))
		if i > 0 {
			took[i-1] = time.Since(began)
		}
	}
	return took, err
}

// read takes a page whatever its status says, but for a pause.
func read(res *http.Response, err error) (at, page string, _ error) {
	if err != nil {
		return "", "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && (res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests) {
		err = fmt.Errorf("%s answered %d", res.Request.URL.Path, res.StatusCode)
	}
	return res.Request.URL.String(), string(body), err
}

func median(seconds []float64) time.Duration {
	sorted := slices.Sorted(slices.Values(seconds))
	return time.Duration(sorted[len(sorted)/2] * float64(time.Second))
}

// ranks compares two samples by the rank test of Mann and Whitney, in its normal approximation.
func ranks(these, those []float64) (apart, p float64) {
	var u float64
	for _, x := range these {
		for _, y := range those {
			switch {
			case x > y:
				u++
			case x == y:
				u += 0.5
			}
		}
	}
	n, m := float64(len(these)), float64(len(those))
	z := (u - n*m/2) / math.Sqrt(n*m*(n+m+1)/12)
	return u / (n * m), math.Erfc(math.Abs(z) / math.Sqrt2)
}

// PrintTiming writes the report.
func PrintTiming(w io.Writer, all []Timed) {
	fmt.Fprintf(w, "%-10s %-20s %10s %8s %8s\n", "question", "group", "median", "apart", "p")
	for _, t := range all {
		fmt.Fprintf(w, "%-10s %-20s %7.2f ms %8.3f %8.3f\n", t.Question, t.Group, float64(t.Median)/1e6, t.Apart, t.P)
	}
}
