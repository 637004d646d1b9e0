package scim_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestWall071_RevokedAtWork: what a client may no more, none of its operations may that is still to be done: whether its
// token, its client, its organization or a right of its has gone since the request began.
func TestWall071_RevokedAtWork(t *testing.T) {
	t.Parallel()
	for engine, url := range testenv.URLs(t) {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int64
			var at int64
			var gone func()
			clock := testenv.NewClock()
			db := testenv.Open(t, sqldb.Config{URL: url(t), Clock: clock.Now, Relaxed: true, MaxConnections: 8, Trace: func(text string) {
				if strings.Contains(text, "from provisioning_tokens t join") && asked.Add(1) == at {
					gone()
				}
			}})
			ctx := context.Background()
			w := newWorld(t, db, clock)
			clients := w.dir.ProvisioningClients
			client := must(clients.ByName(ctx, w.org.ID, token))(t)
			rights := func(users, groups, access bool) func() {
				return func() {
					must(clients.Create(ctx, directory.ProvisioningClient{Organization: w.org.ID, Name: token, MayUsers: users, MayGroups: groups, MayAccess: access}, token))(t)
				}
			}
			suspended := func(is bool) func() {
				return func() {
					must(w.dir.Organizations.Change(ctx, w.org.ID, func(o *directory.Organization) error { o.Suspended = is; return nil }))(t)
				}
			}
			again := func(i int) string { return `"userName":"` + strings.Repeat("x", i+1) + `@nordlys.example"` }
			user, group := w.create(again(50)).want(201).id(), w.group("Sales")
			title := op("PATCH", "/Users/"+user, "", steps(`{"op":"add","path":"title","value":"Selger"}`))
			rename := op("PATCH", "/Groups/"+group, "", steps(`{"op":"add","path":"externalId","value":"s"}`))
			seller := made("c", "seller@nordlys.example", `"roles":[{"value":"seller"}]`)
			for i, c := range []struct {
				what  string
				gone  func()
				at    int64 // at which asking, the request's own being the first
				ops   []string
				after string
				back  func()
			}{
				{"suspended", suspended(true), 3, []string{title, title, rename, made("a", "a1@nordlys.example")}, "200 401 401 401", suspended(false)},
				{"suspended before a stroke", suspended(true), 2, []string{made("a", "a2@nordlys.example"), made("b", "b2@nordlys.example")}, "401 401", suspended(false)},
				{"without users", rights(false, true, true), 2, []string{made("a", "a3@nordlys.example"), rename, title}, "403 200 403", rights(true, true, true)},
				{"without groups", rights(true, false, true), 3, []string{title, rename, title}, "200 403 200", rights(true, true, true)},
				{"without access", rights(true, true, false), 2, []string{made("a", "a4@nordlys.example"), seller}, "201 403", rights(true, true, true)},
				{"in a circle", suspended(true), 3, []string{made("m", "m5@nordlys.example", managedBy("bulkId:n")), made("n", "n5@nordlys.example", managedBy("bulkId:m"))}, "", suspended(false)},
				{"removed", func() { must(clients.Remove(ctx, w.org.ID, client.ID, directory.ProvisioningClientID{}))(t) }, 3, []string{title, title, rename, op("DELETE", "/Groups/"+group, "", "")}, "200 401 401 401", func() {}},
			} {
				asked.Store(0)
				at, gone = c.at, c.gone
				answer := w.bulk(c.ops...).want(200)
				if asked.Load() < at {
					t.Errorf("%d %s: asked %d times", i, c.what, asked.Load())
					gone()
				}
				at = 0
				if c.after != "" {
					answer.were(c.after)
				} else if strings.Contains(answer.statuses(), "200") || !strings.Contains(answer.raw, "circle") {
					t.Errorf("%s: %s", c.what, answer.raw)
				}
				c.back()
			}
			w.as(tokenAll, "nordlys").do("GET", "/Groups/"+group, "").want(200)
		})
	}
}
