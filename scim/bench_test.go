package scim_test

import (
	"fmt"
	"net/url"
	"path/filepath"
	"testing"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// BenchmarkUsers measures whole requests, from the handler to SQLite and back.
func BenchmarkUsers(b *testing.B) {
	clock := testenv.NewClock()
	db := testenv.Open(b, sqldb.Config{URL: filepath.Join(b.TempDir(), "bench.db"), Clock: clock.Now, Relaxed: true})
	w := newWorld(b, db, clock)
	c := w.clientOf(token)
	c.RequestsPerMinute = directory.MaxRequestsPerMinute
	must(w.dir.ProvisioningClients.Create(b.Context(), c, token))(b)
	id := w.create(`"userName":"first@nordlys.example","name":{"familyName":"First"}`).want(201).id()
	n := 0
	for name, do := range map[string]func() reply{
		"get": func() reply { return w.do("GET", "/Users/"+id, "") },
		"find": func() reply {
			return w.do("GET", "/Users?filter="+url.QueryEscape(`userName eq "first@nordlys.example"`), "")
		},
		"patch": func() reply {
			n++
			return w.patch(id, fmt.Sprintf(`{"op":"replace","path":"title","value":"%d"}`, n))
		},
		"post": func() reply {
			n++
			return w.create(fmt.Sprintf(`"userName":"u%d@nordlys.example","name":{"familyName":"Nordmann","givenName":"Ola"},"emails":[{"value":"u%[1]d@nordlys.example","type":"work"}],"active":true`, n))
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if r := do(); r.status > 299 {
					b.Fatal(r.raw)
				}
			}
		})
	}
}
