package saml_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"portvakt/idp/saml/wire"
	"portvakt/internal/directory"
)

func eachBinding(t *testing.T, test func(t *testing.T, d *door, binding string)) {
	t.Helper()
	t.Parallel()
	for _, binding := range []string{byRedirect, byPOST} {
		t.Run(binding[strings.LastIndex(binding, ":")+1:], func(t *testing.T) {
			each(t, func(t *testing.T, d *door) { test(t, d, binding) })
		})
	}
}

// TestCTK_SLOSingleSP: the request is answered, and the session is over.
func TestCTK_SLOSingleSP(t *testing.T) {
	eachBinding(t, func(t *testing.T, d *door, binding string) {
		p, b := d.peer("one", binding), d.signedIn()
		k := p.signIn(b)
		stolen := d.signedInCopy(b)
		m := p.request(k, nil)
		res := b.carry(m, binding, "")
		if a := p.told(res); !a.Status.Succeeded() || a.InResponseTo != m.ID {
			t.Errorf("answered %+v", a)
		}
		if res.Header.Get("Cache-Control") != "no-store" || strings.Contains(res.body, "RelayState") || strings.Contains(res.Header.Get("Location"), "RelayState") {
			t.Errorf("%v", res.Header)
		}
		if b.alive() || stolen.alive() {
			t.Error("the session lives on")
		}
		again := b.carry(m, binding, "")
		if again.StatusCode != http.StatusBadRequest || !strings.Contains(again.body, "saml_replayed") {
			t.Errorf("the request counts twice: %d", again.StatusCode)
		}
		if a := p.told(p.signOut(b, k, binding, "")); !a.Status.Succeeded() {
			t.Errorf("who is signed out already: %+v", a.Status)
		}
	})
}

// TestCTK_SLOSeveralSPs: the others are asked first, whoever asked is answered last.
func TestCTK_SLOSeveralSPs(t *testing.T) {
	eachBinding(t, func(t *testing.T, d *door, binding string) {
		first, second, third := d.peer("one", binding), d.peer("two", byRedirect), d.peer("three", byPOST)
		b := d.signedIn()
		k, at2, at3 := first.signIn(b), second.signIn(b), third.signIn(b)
		res := first.signOut(b, k, binding, "r")
		q2 := second.asked(res)
		if q2.Subject.Value != at2.name.Value || q2.Subject.NameQualifier != idpID || q2.Subject.SPNameQualifier != second.entity || !slices.Equal(q2.SessionIndexes, []string{at2.index}) {
			t.Errorf("asked of %+v %v", q2.Subject, q2.SessionIndexes)
		}
		if b.alive() {
			t.Error("TestTheSessionEndsFirst: others are asked while the session lives")
		}
		res = second.answer(b, q2, wire.StatusSuccess, byRedirect)
		q3 := third.asked(res)
		if q3.Subject.Value != at3.name.Value || q3.ID == q2.ID {
			t.Errorf("asked of %+v", q3.Subject)
		}
		if a := first.told(third.answer(b, q3, wire.StatusSuccess, byPOST)); !a.Status.Succeeded() {
			t.Errorf("answered %+v", a.Status)
		}
	})
}

// TestCTK_SLORelayState: handed back exactly, also one that is longer than the bindings allow, as many are.
func TestCTK_SLORelayState(t *testing.T) {
	eachBinding(t, func(t *testing.T, d *door, binding string) {
		p, b := d.peer("one", binding), d.signedIn()
		k := p.signIn(b)
		for _, relay := range []string{"here", "a&b=c d+é", `"><script>`, strings.Repeat("x", 81)} {
			r := p.message(p.signOut(b, k, binding, relay))
			if r.RelayState != relay {
				t.Errorf("%q came back as %q", relay, r.RelayState)
			}
		}
		if res := b.carry(p.request(k, nil), binding, strings.Repeat("x", 2049)); res.StatusCode != http.StatusBadRequest {
			t.Errorf("a RelayState without end: %d", res.StatusCode)
		}
	})
}

// TestPartialLogoutIsReported (CTK: a second SP answers with an error): success is said only if everybody said so.
func TestPartialLogoutIsReported(t *testing.T) {
	eachBinding(t, func(t *testing.T, d *door, binding string) {
		first, second := d.peer("one", binding), d.peer("two", binding)
		for _, s := range []wire.Status{wire.StatusResponder, wire.StatusRequester, wire.StatusPartialLogout, wire.StatusRequestDenied} {
			b := d.signedIn()
			k := first.signIn(b)
			second.signIn(b)
			q := second.asked(first.signOut(b, k, binding, ""))
			if a := first.told(second.answer(b, q, s, binding)); !a.Status.Partial() {
				t.Errorf("after %+v: %+v", s, a.Status)
			}
		}
		// One that has nowhere to be asked, and one that never answers.
		none := d.peer("none")
		b := d.signedIn()
		k := first.signIn(b)
		none.signIn(b)
		if a := first.told(first.signOut(b, k, binding, "")); !a.Status.Partial() {
			t.Errorf("with one that cannot be asked: %+v", a.Status)
		}
		b = d.signedIn()
		k = first.signIn(b)
		second.signIn(b)
		second.asked(first.signOut(b, k, binding, ""))
		here := b.round()
		second.asked(b.get(here)) // the person has come back: once more
		if a := first.told(b.get(here)); !a.Status.Partial() {
			t.Errorf("with one that is silent: %+v", a.Status)
		}
	})
}

// TestUnsignedSignOuts: who has keys must use them, and who has none reaches the browser's own session alone.
func TestUnsignedSignOuts(t *testing.T) {
	eachBinding(t, func(t *testing.T, d *door, binding string) {
		p, b := d.peer("one", binding), d.signedIn()
		k := p.signIn(b)
		unsigned := `<samlp:LogoutRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="%s" Version="2.0" IssueInstant="` +
			d.db.Now().UTC().Format(time.RFC3339) + `" Destination="` + issuer + `/saml/slo"><saml:Issuer>%s</saml:Issuer><saml:NameID>%s</saml:NameID>%s</samlp:LogoutRequest>`
		send := func(b *browser, entity string, k known) *reply {
			index := ""
			if k.index != "" {
				index = "<samlp:SessionIndex>" + k.index + "</samlp:SessionIndex>"
			}
			return b.follow(b.raw(fmt.Sprintf(unsigned, freshID(), entity, k.name.Value, index), binding))
		}
		if res := send(b, p.entity, k); res.StatusCode != http.StatusBadRequest || !strings.Contains(res.body, "saml_unsigned") || !b.alive() {
			t.Errorf("unsigned: %d", res.StatusCode)
		}
		stranger := p.issuer
		p.issuer = d.strangerIssuer(t, p.entity)
		if res := p.signOut(b, k, binding, ""); res.StatusCode != http.StatusBadRequest || !b.alive() {
			t.Errorf("signed by another key: %d", res.StatusCode)
		}
		p.issuer = stranger
		keyless := d.peerOf("keyless", directory.Organization{}, func(r *directory.ServiceProvider) { r.Metadata.Keys = nil }, binding)
		other := keyless.signIn(b)
		if a := keyless.told(send(d.signedIn(), keyless.entity, other)); a.Status.Second != wire.StatusUnknownPrincipal.Second || !b.alive() {
			t.Errorf("without keys, from another browser: %+v", a.Status)
		}
		if a := keyless.told(send(b, keyless.entity, known{name: other.name})); a.Status.Second != wire.StatusUnknownPrincipal.Second || !b.alive() {
			t.Errorf("without keys, by a name that others may know: %+v", a.Status)
		}
		p.asked(send(b, keyless.entity, other))
		if b.alive() {
			t.Error("without keys, from the person's own browser: nothing has happened")
		}
		if res := keyless.soap(keyless.request(other, nil)); res.StatusCode != http.StatusInternalServerError {
			t.Errorf("without keys and browser: %d", res.StatusCode)
		}
	})
}

// TestASignOutTellsNothing: names and sessions that are not the service provider's.
func TestASignOutTellsNothing(t *testing.T) {
	eachBinding(t, func(t *testing.T, d *door, binding string) {
		p, other := d.peer("one", binding), d.peer("two", binding)
		b := d.signedIn()
		k, theirs := p.signIn(b), other.signIn(b)
		for name, of := range map[string]known{
			"another's name": {theirs.name, ""}, "another's index": {k.name, theirs.index}, "nobody": {wire.NameID{Value: "nobody"}, ""},
			"an address": {wire.NameID{Value: "kari@nordlys.example", Format: byEmail}, ""}, "the person": {wire.NameID{Value: d.user.ID.String()}, ""},
			"another qualifier":      {wire.NameID{Value: k.name.Value, SPNameQualifier: other.entity}, ""},
			"another name qualifier": {wire.NameID{Value: k.name.Value, NameQualifier: "https://other.example"}, ""},
		} {
			if a := p.told(p.signOut(b, of, binding, "")); a.Status.Second != wire.StatusUnknownPrincipal.Second || a.Status.Message != "" {
				t.Errorf("%s: %+v", name, a.Status)
			}
		}
		if !b.alive() {
			t.Fatal("the session has ended")
		}
		late := p.request(k, func(q *wire.LogoutRequest) { q.NotOnOrAfter = d.db.Now().Add(-4 * time.Minute) })
		if res := b.carry(late, binding, ""); res.StatusCode != http.StatusBadRequest || !strings.Contains(res.body, "saml_time") {
			t.Errorf("after NotOnOrAfter: %d", res.StatusCode)
		}
		away := p.request(k, func(q *wire.LogoutRequest) { q.Destination = issuer + "/saml/o/nordlys/slo" })
		form := must(away.Form(""))(t)
		if res := b.post("/saml/slo", map[string][]string{"SAMLRequest": {form.Value}}); res.StatusCode != http.StatusBadRequest || !strings.Contains(res.body, "saml_destination") {
			t.Errorf("for another address: %d", res.StatusCode)
		}
		many := p.request(k, func(q *wire.LogoutRequest) {
			for range 100 {
				q.SessionIndexes = append(q.SessionIndexes, "_x")
			}
		})
		if a := p.told(b.post("/saml/slo", map[string][]string{"SAMLRequest": {must(many.Form(""))(t).Value}})); a.Status.Code != wire.StatusRequester.Code || !b.alive() {
			t.Errorf("too many sessions: %+v", a.Status)
		}
		if strings.Contains(k.name.Value, theirs.name.Value) {
			t.Error("two service providers share a name")
		}
	})
}

// TestSessionIndexes: one, several, and none for all of the person at the service provider.
func TestSessionIndexes(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		p := d.peer("one", byRedirect)
		alive := func(bs ...*browser) (out []bool) {
			for _, b := range bs {
				out = append(out, b.alive())
			}
			return out
		}
		one, two, three := d.signedIn(), d.signedIn(), d.signedIn()
		k1, k2 := p.signIn(one), p.signIn(two)
		p.signIn(three)
		if k1.name.Value != k2.name.Value || k1.index == k2.index {
			t.Fatal("the sessions cannot be told apart")
		}
		if a := p.told(p.signOut(one, k1, byRedirect, "")); !a.Status.Succeeded() || !slices.Equal(alive(one, two, three), []bool{false, true, true}) {
			t.Errorf("one: %+v %v", a.Status, alive(one, two, three))
		}
		again := d.signedIn()
		k4 := p.signIn(again)
		both := p.request(k2, func(q *wire.LogoutRequest) { q.SessionIndexes = append(q.SessionIndexes, k4.index, "_unknown") })
		if a := p.told(again.carry(both, byRedirect, "")); !a.Status.Succeeded() || !slices.Equal(alive(again, two, three), []bool{false, false, true}) {
			t.Errorf("several: %+v %v", a.Status, alive(again, two, three))
		}
		elsewhere := d.signedIn() // another browser, at another service provider
		all := d.signedIn()
		k5 := p.signIn(all)
		k5.index = ""
		if a := p.told(p.signOut(all, k5, byRedirect, "")); !a.Status.Succeeded() || !slices.Equal(alive(all, three, elsewhere), []bool{false, false, true}) {
			t.Errorf("all: %+v %v", a.Status, alive(all, three, elsewhere))
		}
		// Names of other formats.
		for _, format := range []directory.SAMLNameID{directory.NameIDTransient, directory.NameIDEmail} {
			q := d.peerOf("p"+string(format), directory.Organization{}, func(r *directory.ServiceProvider) { r.Settings.NameIDFormat = format }, byPOST)
			b := d.signedIn()
			if a := q.told(q.signOut(b, q.signIn(b), byPOST, "")); !a.Status.Succeeded() || b.alive() {
				t.Errorf("%s: %+v", format, a.Status)
			}
		}
	})
}

// TestAnswersAreProven: of whom was asked, to what was asked, signed; whatever else comes counts as no sign-out, and the
// browser goes on.
func TestAnswersAreProven(t *testing.T) {
	eachBinding(t, func(t *testing.T, d *door, binding string) {
		first, second, third := d.peer("one", binding), d.peer("two", binding), d.peer("three", binding)
		good := second.issuer
		for name, forge := range map[string]func(b *browser, q *wire.LogoutRequest) *reply{
			"of another": func(b *browser, q *wire.LogoutRequest) *reply { return third.answer(b, q, wire.StatusSuccess, binding) },
			"to nothing": func(b *browser, q *wire.LogoutRequest) *reply {
				q.ID = "_other"
				return second.answer(b, q, wire.StatusSuccess, binding)
			},
			"of another key": func(b *browser, q *wire.LogoutRequest) *reply {
				second.issuer = d.strangerIssuer(t, second.entity)
				return second.answer(b, q, wire.StatusSuccess, binding)
			},
			"of nobody known": func(b *browser, q *wire.LogoutRequest) *reply {
				second.issuer.EntityID = "https://nobody.example"
				return second.answer(b, q, wire.StatusSuccess, binding)
			},
		} {
			b := d.signedIn()
			k := first.signIn(b)
			second.signIn(b)
			q := second.asked(first.signOut(b, k, binding, ""))
			res := forge(b, q)
			second.issuer = good
			if a := first.told(res); !a.Status.Partial() {
				t.Errorf("%s: %+v", name, a.Status)
			}
		}
		// A second answer changes nothing.
		b := d.signedIn()
		k := first.signIn(b)
		second.signIn(b)
		q := second.asked(first.signOut(b, k, binding, ""))
		if a := first.told(second.answer(b, q, wire.StatusSuccess, binding)); !a.Status.Succeeded() {
			t.Errorf("%+v", a.Status)
		}
		if a := first.told(second.answer(b, q, wire.StatusResponder, binding)); !a.Status.Succeeded() {
			t.Errorf("after a second answer: %+v", a.Status)
		}
	})
}

// TestARoundIsItsBrowsers: nobody else goes on with a sign-out, or learns whose it is.
func TestARoundIsItsBrowsers(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		first, second := d.peer("one", byRedirect), d.peer("two", byRedirect)
		b := d.signedIn()
		k := first.signIn(b)
		second.signIn(b)
		q := second.asked(first.signOut(b, k, byRedirect, ""))
		here := b.round()
		for _, other := range []*browser{d.browser(), d.signedIn()} {
			for _, at := range []string{here, "/saml/slo?logout=here"} {
				if res := other.get(at); res.StatusCode != http.StatusOK || !strings.Contains(res.body, `data-page="signed-out"`) || strings.Contains(res.body, "TWO") {
					t.Errorf("%s: %d %.300s", at, res.StatusCode, res.body)
				}
			}
		}
		if res := b.get("/saml/slo?logout=x"); res.StatusCode != http.StatusBadRequest {
			t.Errorf("no identifier: %d", res.StatusCode)
		}
		first.told(second.answer(b, q, wire.StatusSuccess, byRedirect))
		d.clock.Advance(11 * time.Minute)
		if res := b.get(here); !strings.Contains(res.body, `data-page="signed-out"`) {
			t.Errorf("later: %d", res.StatusCode)
		}
	})
}

// TestASecondRequestMeanwhile: whoever asks again is answered last; whom the browser was sent to has answered by asking.
func TestASecondRequestMeanwhile(t *testing.T) {
	eachBinding(t, func(t *testing.T, d *door, binding string) {
		first, second, third := d.peer("one", binding), d.peer("two", binding), d.peer("three", binding)
		begin := func() (*browser, known, known, known, *wire.LogoutRequest) {
			b := d.signedIn()
			k1, k2, k3 := first.signIn(b), second.signIn(b), third.signIn(b)
			return b, k1, k2, k3, second.asked(first.signOut(b, k1, binding, "1"))
		}
		// The same once more: the same way, the latest is answered.
		b, k1, _, _, _ := begin()
		m := first.request(k1, nil)
		q := third.asked(second.answer(b, second.asked(b.carry(m, binding, "again")), wire.StatusSuccess, binding))
		if r := first.message(third.answer(b, q, wire.StatusSuccess, binding)); r.RelayState != "again" {
			t.Errorf("answered with %q", r.RelayState)
		} else if a := must(r.LogoutResponse(first.expect()))(t); a.InResponseTo != m.ID || !a.Status.Succeeded() {
			t.Errorf("answered %+v", a)
		}
		// The one that was asked asks itself.
		b, _, k2, _, _ := begin()
		q = third.asked(second.signOut(b, k2, binding, "2"))
		if r := first.message(third.answer(b, q, wire.StatusSuccess, binding)); r.RelayState != "1" || !must(r.LogoutResponse(first.expect()))(t).Status.Succeeded() {
			t.Errorf("crossing: answered with %q", r.RelayState)
		}
		// One that is still to be asked asks itself: it is answered last, and the one in whose hands the browser was is asked again.
		b, _, _, k3, _ := begin()
		q = second.asked(third.signOut(b, k3, binding, "3"))
		if r := third.message(second.answer(b, q, wire.StatusSuccess, binding)); r.RelayState != "3" || !must(r.LogoutResponse(third.expect()))(t).Status.Succeeded() {
			t.Errorf("elsewhere: answered with %q", r.RelayState)
		}
	})
}

// TestARequestToSignOutCountsOnce, however many come at the same time.
func TestARequestToSignOutCountsOnce(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		p, b := d.peer("one", byRedirect), d.signedIn()
		m := p.request(p.signIn(b), nil)
		at := strings.TrimPrefix(must(m.RedirectURL(""))(t), issuer)
		var wg sync.WaitGroup
		var mu sync.Mutex
		taken := 0
		for range 30 {
			wg.Go(func() {
				if res := d.signedInCopy(b).get(at); res.StatusCode == http.StatusSeeOther {
					mu.Lock()
					defer mu.Unlock()
					taken++
				}
			})
		}
		wg.Wait()
		if taken != 1 || b.alive() {
			t.Errorf("taken %d times", taken)
		}
	})
}

// TestEveryOwnersSignOut: an organization's own service provider at its address, the installation's at its own, in one round.
func TestEveryOwnersSignOut(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		own, all := d.peerOf("own", d.org, nil, byPOST), d.peer("all", byRedirect)
		b := d.signedIn()
		k, theirs := own.signIn(b), all.signIn(b)
		elsewhere := *own
		elsewhere.base = "/saml"
		if res := elsewhere.signOut(b, k, byPOST, ""); res.StatusCode != http.StatusBadRequest || !strings.Contains(res.body, "saml_unknown_issuer") || !b.alive() {
			t.Errorf("under the installation's address: %d", res.StatusCode)
		}
		elsewhere.base = "/saml/o/fjord"
		if res := b.carry(elsewhere.request(k, nil), byPOST, ""); res.StatusCode != http.StatusNotFound {
			t.Errorf("under a neighbour's address: %d", res.StatusCode)
		}
		q := own.asked(all.signOut(b, theirs, byRedirect, ""))
		if a := all.told(own.answer(b, q, wire.StatusSuccess, byPOST)); !a.Status.Succeeded() {
			t.Errorf("%+v", a.Status)
		}
	})
}
