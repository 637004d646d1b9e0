package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
	"portvakt/scim"
)

// provisioned is an organization with a provisioning client that asks it over HTTP.
type provisioned struct {
	base, token string
	members     int
	client      *http.Client
}

// scimQuestion is what a provisioning client asks, of an organization and by turns of different people in it.
type scimQuestion struct {
	name string
	path func(p *provisioned, i int) string
}

// MeasureSCIM makes organizations of so many members and asks each the same over HTTP, rounds times by turns, so that whatever
// else the machine does falls on all of them.
func MeasureSCIM(ctx context.Context, db *sqldb.DB, rounds int, members ...int) ([][]Latency, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	base := "http://" + listener.Addr().String() + "/scim/v2"
	keys, err := secret.NewKeys(secret.Random(secret.MasterSize))
	if err != nil {
		return nil, err
	}
	handler, err := scim.New(scim.Config{Directory: directory.New(db), DB: db, BaseURL: base, Keys: keys})
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	asked := make([]*provisioned, len(members))
	for i, n := range members {
		if asked[i], err = provision(ctx, db, base, n); err != nil {
			return nil, err
		}
	}
	if _, err := db.Exec(ctx, "analyze"); err != nil { // an import has changed what the planner knows
		return nil, err
	}
	questions, err := scimQuestions(ctx, asked)
	if err != nil {
		return nil, err
	}
	out := make([][]Latency, len(asked))
	for _, q := range questions {
		took := make([][]time.Duration, len(asked))
		for i := range rounds + rounds/5 { // the first fifth warms up
			for o, p := range asked {
				began := time.Now()
				if _, err := p.ask(ctx, q.path(p, i)); err != nil {
					return nil, fmt.Errorf("%s: %w", q.name, err)
				}
				if i >= rounds/5 {
					took[o] = append(took[o], time.Since(began))
				}
			}
		}
		for o := range took {
			slices.Sort(took[o])
			out[o] = append(out[o], Latency{Name: q.name, P50: took[o][rounds/2], P99: took[o][rounds*99/100]})
		}
	}
	return out, nil
}

// provision makes an organization with its members and a client.
func provision(ctx context.Context, db *sqldb.DB, base string, members int) (*provisioned, error) {
	dir := directory.New(db)
	slug := fmt.Sprintf("scim-%d-%d", members, time.Now().UnixNano())
	o, err := dir.Organizations.Create(ctx, directory.Organization{Slug: slug, Name: "SCIM", Seats: directory.UnlimitedSeats})
	if err != nil {
		return nil, err
	}
	p := &provisioned{base: base + "/" + slug, token: secret.NewToken(), members: members, client: &http.Client{Timeout: time.Minute}}
	if _, err := dir.ProvisioningClients.Create(ctx, directory.ProvisioningClient{Organization: o.ID, Name: "bench", MayUsers: true, MayGroups: true}, p.token); err != nil {
		return nil, err
	}
	crowd := Crowd{Seed: 1}
	for from := 0; from < members; from += 1000 {
		var lines []directory.ImportLine
		for i := from; i < min(from+1000, members); i++ {
			lines = append(lines, directory.ImportLine{Line: i + 2, Email: p.userName(i), ExternalID: fmt.Sprint("E", i), Details: crowd.person(i)})
		}
		if _, err := dir.Memberships.Import(ctx, o.ID, lines, directory.ImportQuietly); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// userName is that of member number i; people of different organizations are different people.
func (p *provisioned) userName(i int) string { return fmt.Sprintf("u%d@scim%d.example", i, p.members) }

// ask reads an answer to its end and gives the cursor of the next page.
func (p *provisioned) ask(ctx context.Context, path string) (next string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.base+path, nil)
	if err != nil {
		return "", err
	}
	r.Header.Set("Authorization", "Bearer "+p.token)
	answer, err := p.client.Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %d: %.300s", path, answer.StatusCode, body)
	}
	if err != nil || !strings.Contains(path, "cursor=") {
		return "", err
	}
	var page struct{ NextCursor string }
	return page.NextCursor, json.Unmarshal(body, &page)
}

// walk is the cursor behind so many members in an order.
func (p *provisioned) walk(ctx context.Context, sort string, behind int) (cursor string, err error) {
	for at := 0; at < behind && err == nil; {
		n := min(1000, behind-at)
		cursor, err = p.ask(ctx, fmt.Sprintf("/Users?attributes=id&sortBy=%s&count=%d&cursor=%s", sort, n, cursor))
		at += n
	}
	return cursor, err
}

func scimQuestions(ctx context.Context, asked []*provisioned) (out []scimQuestion, err error) {
	filter := func(name string, of func(p *provisioned, i int) string) {
		out = append(out, scimQuestion{name, func(p *provisioned, i int) string { return "/Users?filter=" + url.QueryEscape(of(p, i)) }})
	}
	someone := func(p *provisioned, i int) int { return i * 7919 % p.members }
	filter("userName eq", func(p *provisioned, i int) string { return fmt.Sprintf("userName eq %q", p.userName(someone(p, i))) })
	filter("userName eq, of nobody", func(_ *provisioned, i int) string { return fmt.Sprintf(`userName eq "nobody%d"`, i) })
	filter("externalId eq", func(p *provisioned, i int) string { return fmt.Sprintf(`externalId eq "E%d"`, someone(p, i)) })
	filter("displayName co, that few have", func(_ *provisioned, i int) string { return fmt.Sprintf(`displayName co "x%dx"`, i) })
	filter("name.familyName co, that many have", func(*provisioned, int) string { return `name.familyName co "sen"` })
	filter("emails.value eq", func(p *provisioned, i int) string {
		return fmt.Sprintf("emails.value eq %q", p.userName(someone(p, i)))
	})
	out = append(out, scimQuestion{"page by index, the first", func(*provisioned, int) string { return "/Users?count=50" }},
		scimQuestion{"page by index, in the middle", func(p *provisioned, _ int) string { return fmt.Sprintf("/Users?count=50&startIndex=%d", p.members/2) }})
	for _, sort := range []string{"", "userName", "name.familyName", "title"} {
		out = append(out, scimQuestion{"page by cursor, by " + sort + ", the first", func(*provisioned, int) string { return "/Users?count=50&cursor=&sortBy=" + sort }})
		for _, place := range []struct {
			name   string
			behind func(members int) int
		}{{"in the middle", func(n int) int { return n / 2 }}, {"the last", func(n int) int { return n - 50 }}} {
			cursors := map[*provisioned]string{}
			for _, p := range asked {
				if cursors[p], err = p.walk(ctx, sort, place.behind(p.members)); err != nil {
					return nil, err
				}
			}
			out = append(out, scimQuestion{"page by cursor, by " + sort + ", " + place.name, func(p *provisioned, _ int) string {
				return "/Users?count=50&cursor=" + cursors[p] + "&sortBy=" + sort
			}})
		}
	}
	return out, nil
}
