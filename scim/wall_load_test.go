package scim_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

func TestWall073_Races(t *testing.T) {
	each(t, func(w *world) {
		results := make(chan int, 30)
		var wg sync.WaitGroup
		for range 30 {
			wg.Go(func() { results <- w.create(`"userName":"race@nordlys.example","externalId":"race"`).status })
		}
		wg.Wait()
		close(results)
		counts := map[int]int{}
		for s := range results {
			counts[s]++
		}
		if counts[201] != 1 || counts[409] != 29 {
			w.t.Errorf("30 equal POSTs: %v", counts)
		}
		id := w.create(`"userName":"ola@nordlys.example"`).want(201).id()
		for i := range 16 { // writes without a version lose nothing of each other
			wg.Go(func() {
				w.patch(id, fmt.Sprintf(`{"op":"add","path":"phoneNumbers","value":{"value":"%d"}}`, i)).want(200)
			})
		}
		wg.Wait()
		if phones := w.member(id).Details.Phones; len(phones) != 16 {
			w.t.Errorf("of 16 parallel additions %d are there: %v", len(phones), phones)
		}
	})
}

func TestWall137_Bombs(t *testing.T) {
	each(t, func(w *world) {
		for name, body := range map[string]string{
			"deep arrays":   strings.Repeat("[", 100_000),
			"deep objects":  strings.Repeat(`{"a":`, 100_000),
			"deep inside":   `{` + core + `,"userName":"x@nordlys.example","title":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`,
			"many keys":     "{" + strings.Repeat(`"k`+"0"+`":1,`, 100_000) + `"z":1}`,
			"many values":   `{"a":[` + strings.Repeat("1,", 150_000) + `1]}`,
			"garbage after": `{` + core + `,"userName":"x@nordlys.example"} {}`,
			"twice":         `{` + core + `,"userName":"x@nordlys.example","USERNAME":"y@nordlys.example"}`,
			"array":         `[]`, "string": `"x"`, "nothing": ` `, "NUL": `{` + core + `,"userName":"x\u0000@nordlys.example"}`,
			"bad UTF-8": "{" + core + ",\"userName\":\"\xff@nordlys.example\"}", "single quotes": `{'a':1}`, "comment": `{/**/}`, "number": `1e999999`,
			"control": `{` + core + `,"userName":"x@nordlys.example","title":"a\nb"}`,
		} {
			if got := w.do("POST", "/Users", body); got.status != 400 {
				w.t.Errorf("%s: %d %s", name, got.status, got.raw)
			}
		}
		wide := "" // what compresses to no less than an index takes
		for i := range 1000 {
			wide += string(rune(0x20000 + i*7919%40000))
		}
		for _, attribute := range []string{`"name":{"familyName":"` + wide + `"}`, `"displayName":"` + wide + `"`, `"phoneNumbers":["` + wide + `"]`, `"title":"` + wide + `"`, `"nickName":"` + wide + `"`, `"name":{"givenName":"` + wide + `"}`,
			`"name":{"formatted":"` + wide + `"}`, `"locale":"` + wide + `"`, `"photos":["` + wide + `"]`} {
			w.create(`"userName":"wide@nordlys.example",`+attribute).want(400).is("invalidValue", "scimType")
		}
		full := wide[:2000]
		w.create(`"userName":"wide@nordlys.example","name":{"middleName":"` + wide + `","givenName":"` + full + `","familyName":"` + full + `","formatted":"` + full +
			`"},"title":"` + full + `","nickName":"` + full + `"`).want(201)
		w.do("POST", "/Users", `{"a":"`+strings.Repeat("x", 1<<20)+`"}`).want(413)
		w.do("POST", "/Users", `{}`, "Content-Type", "text/plain").want(415)
		w.do("POST", "/Users", `{}`, "Content-Type", "application/x-www-form-urlencoded").want(415)
		w.do("GET", "/Users?filter="+strings.Repeat("x", 70<<10), "").want(414)
		w.do("GET", "/Users?"+strings.Repeat("a=1&", 10_001), "") // 200 or 400, never 500: do checks
		ops := strings.Repeat(`{"op":"add","path":"phoneNumbers","value":{"value":"1","type":"work"}},`, 1001)
		id := w.create(`"userName":"ola@nordlys.example"`).want(201).id()
		w.patch(id, strings.TrimSuffix(ops, ",")).want(400)
		w.patch(id, `{"op":"add","path":"phoneNumbers","value":[`+strings.TrimSuffix(strings.Repeat(`{"value":"1"},`, 500), ",")+`]}`).want(200)
		many := ""
		for i := range 300 {
			many += fmt.Sprintf(`,{"value":"%d"}`, i)
		}
		w.patch(id, `{"op":"add","path":"phoneNumbers","value":[`+many[1:]+`]}`).want(400)
	})
}
