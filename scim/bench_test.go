package scim_test

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
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

// BenchmarkBulk measures whole bulk requests of a thousand people, to SQLite and back, for each person.
func BenchmarkBulk(b *testing.B) {
	w := fuzzWorld(b)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		b.StopTimer()
		ops := make([]string, 1000)
		for i := range ops {
			email := fmt.Sprintf("u%d-%d@nordlys.example", n, i)
			ops[i] = made(email, email, `"externalId":"`+email+`"`, `"name":{"familyName":"Nordmann","givenName":"Ola"}`, `"emails":[{"value":"`+email+`","type":"work","primary":true}]`)
		}
		b.StartTimer()
		if r := w.bulk(ops...); r.status != 200 || !strings.Contains(r.raw, `"201"`) {
			b.Fatal(r.raw)
		}
	}
}
