package saml_test

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"portvakt/idp/saml/wire"
	"portvakt/idp/session"
	"portvakt/internal/directory"
)

// leave signs the browser out as our own pages and OpenID Connect do.
func (b *browser) leave(d session.Departure) string {
	t := b.d.t
	t.Helper()
	r := httptest.NewRequest("GET", "/", nil)
	for name, value := range b.cookies {
		r.AddCookie(httpCookie(name, value))
	}
	current, ok, err := b.d.sessions.Current(r)
	if err != nil || !ok {
		t.Fatalf("nobody is signed in: %v", err)
	}
	w := httptest.NewRecorder()
	next := must(b.d.sessions.SignOut(w, r, current, d))(t)
	b.keep(w.Result())
	return next
}

// TestTheSessionEndsFirst: a sign-out that begins with us takes the browser to everybody, and nothing of the session is left
// before the first is visited.
func TestTheSessionEndsFirst(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		first, second := d.peer("one", byRedirect), d.peer("two", byPOST)
		b := d.signedIn()
		k1 := first.signIn(b)
		second.signIn(b)
		next := b.leave(session.Departure{Back: "https://rp.example/bye?x=1&state=s"})
		if b.alive() {
			t.Fatal("the session lives on")
		}
		page := b.get(next)
		if page.StatusCode != 200 || !strings.Contains(page.body, `data-page="signing-out"`) || !strings.HasPrefix(page.Header.Get("Refresh"), "0;url=/saml/slo?logout=slo_") {
			t.Fatalf("%d %v %.300s", page.StatusCode, page.Header, page.body)
		}
		_, on, _ := strings.Cut(page.Header.Get("Refresh"), "url=")
		if !strings.Contains(page.body, `href="`+on+`"`) {
			t.Error("without a browser that obeys, nobody goes on")
		}
		q := first.asked(b.get(on))
		if q.Subject.Value != k1.name.Value || q.Reason != wire.ReasonUser {
			t.Errorf("asked of %+v", q)
		}
		q = second.asked(first.answer(b, q, wire.StatusSuccess, byRedirect))
		res := second.answer(b, q, wire.StatusSuccess, byPOST)
		if res.Header.Get("Location") != "https://rp.example/bye?x=1&state=s" {
			t.Errorf("leads to %d %q", res.StatusCode, res.Header.Get("Location"))
		}
	})
}

// TestManyAreVisited: a browser gives up after twenty redirects in a row, so between many participants is a page.
func TestManyAreVisited(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		b, peers := d.signedIn(), map[string]*peer{}
		for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
			peers[name+".example"] = d.peer(name, byRedirect)
			peers[name+".example"].signIn(b)
		}
		b.leave(session.Departure{Back: "https://rp.example/bye"})
		redirects, pages, refused := 0, 0, false
		for reply := b.get(b.round()); ; {
			to := reply.Header.Get("Location")
			if reply.StatusCode == 200 {
				_, to, _ = strings.Cut(reply.Header.Get("Refresh"), "url=")
				redirects, pages = 0, pages+1
			}
			if redirects++; redirects > 15 || to == "" {
				t.Fatalf("%d redirects in a row; %d %.300s", redirects, reply.StatusCode, reply.body)
			}
			u := must(url.Parse(to))(t)
			p := peers[u.Host]
			switch {
			case u.Host == "rp.example":
				if len(peers) != 0 || pages != 2 {
					t.Errorf("%d left, %d pages", len(peers), pages)
				}
				return
			case p == nil:
				reply = b.get(to)
			case len(peers) == 6 && !refused: // an answer that cannot be taken interrupts nothing either
				refused, reply = true, b.get(strings.TrimPrefix(must(p.response("_unasked", wire.StatusSuccess).RedirectURL(""))(t), issuer))
				delete(peers, u.Host)
			default:
				redirects++ // the one there
				q := p.asked(reply)
				reply = b.get(strings.TrimPrefix(must(p.response(q.ID, wire.StatusSuccess).RedirectURL(""))(t), issuer))
				delete(peers, u.Host)
			}
		}
	})
}

// TestThePersonHearsWhoIsLeft: without somewhere to go back to, the page names who has not signed out.
func TestThePersonHearsWhoIsLeft(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		good, bad, none := d.peer("good", byRedirect), d.peer("bad", byRedirect), d.peer("none")
		b := d.signedIn()
		good.signIn(b)
		bad.signIn(b)
		none.signIn(b)
		b.leave(session.Departure{})
		q := bad.asked(good.answer(b, good.asked(b.get(b.round())), wire.StatusSuccess, byRedirect))
		page := bad.answer(b, q, wire.StatusResponder, byRedirect)
		if !strings.Contains(page.body, `data-page="signed-out"`) || !strings.Contains(page.body, "<li>BAD</li>") || !strings.Contains(page.body, "<li>NONE</li>") || strings.Contains(page.body, "GOOD") {
			t.Errorf("%d %.1500s", page.StatusCode, page.body)
		}
		alone := d.signedIn()
		if next := alone.leave(session.Departure{}); next != "" {
			t.Errorf("nobody has to be visited, and the browser goes to %s", next)
		}
	})
}

// TestEndsElsewhere: whatever ends a session without its browser is told by SOAP, once, to whoever takes that.
func TestEndsElsewhere(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, d *door, b *browser){
		"a membership ends": func(t *testing.T, d *door, b *browser) {
			if err := d.dir.Memberships.End(ctx, d.org.ID, d.member.ID, directory.Ending{Choice: directory.EndPending}); err != nil {
				t.Fatal(err)
			}
		},
		"all of the person's": func(t *testing.T, d *door, b *browser) { must(d.dir.Users.EndSessions(ctx, d.user.ID, "test"))(t) },
		"by another browser": func(t *testing.T, d *door, b *browser) {
			r := httptest.NewRequest("GET", "/", nil)
			for name, value := range b.cookies {
				r.AddCookie(httpCookie(name, value))
			}
			current, _, err := d.sessions.Current(r)
			if err == nil {
				err = d.sessions.EndOther(ctx, current.User, current.ID)
			}
			if err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, d *door) {
				loud, quiet := d.peer("loud", byRedirect), d.peer("quiet", byPOST, bySOAP)
				told := d.backs(t, quiet)
				b := d.signedIn()
				loud.signIn(b)
				k := quiet.signIn(b)
				end(t, d, b)
				told.drain()
				if told.count() != 1 || told.asked[0].Subject.Value != k.name.Value || told.asked[0].SessionIndexes[0] != k.index || told.asked[0].NotOnOrAfter.IsZero() {
					t.Fatalf("told %+v", told.asked)
				}
				told.drain()
				if told.count() != 1 {
					t.Errorf("told %d times", told.count())
				}
				if b.alive() {
					t.Error("the session lives on")
				}
			})
		})
	}
}

// TestSOAPAnswers: an answer that is none is asked for again; one that refuses is taken as it is.
func TestSOAPAnswers(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		p := d.peer("quiet", bySOAP)
		told := d.backs(t, p)
		d.saml.Patience = time.Millisecond // the browser need not wait: told.drain does
		open := func() (n int64) {
			if err := d.db.QueryRow(ctx, "select count(*) from saml_participants where ended_at is null").Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		for name, breakIt := range map[string]func(){
			"500": func() { told.code = 500 }, "no answer": func() { told.body = []byte("<html/>") },
			"of another": func() { p.issuer.EntityID = "https://other.example" }, "signed by another": func() { p.issuer = d.strangerIssuer(t, p.entity) },
		} {
			was := p.issuer
			b := d.signedIn()
			p.signIn(b)
			before := open()
			breakIt()
			b.leave(session.Departure{})
			_ = b.get(b.round())
			told.drain()
			if open() != before {
				t.Errorf("%s counts as an answer", name)
			}
			told.code, told.body, p.issuer = 200, nil, was
		}
		before := open()
		b := d.signedIn()
		p.signIn(b)
		told.status = wire.StatusResponder
		b.leave(session.Departure{})
		b.get(b.round())
		told.drain() // on a slow machine those from before, which are due again, have their answer as well
		if page := b.get(b.round()); open() > before || !strings.Contains(page.body, "<li>QUIET</li>") {
			t.Errorf("a refusal: %d left, %.500s", open(), page.body)
		}
	})
}

// TestSOAPBackChannel: a service provider signs out without a browser; who cannot be told so makes it partial.
func TestSOAPBackChannel(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		first, quiet, loud := d.peer("one", bySOAP), d.peer("quiet", bySOAP), d.peer("loud", byRedirect)
		told := d.backs(t, first, quiet)
		d.saml.Patience = 5 * time.Second
		run := func(k known) *wire.LogoutResponse {
			done := make(chan struct{})
			go func() {
				defer close(done)
				for range 20 {
					told.drain()
					time.Sleep(10 * time.Millisecond)
				}
			}()
			a := first.soapTold(first.soap(first.request(k, nil)))
			<-done
			return a
		}
		b := d.signedIn()
		k := first.signIn(b)
		quiet.signIn(b)
		if a := run(k); !a.Status.Succeeded() || b.alive() || told.count() != 1 {
			t.Errorf("%+v, told %d", a.Status, told.count())
		}
		b = d.signedIn()
		k = first.signIn(b)
		loud.signIn(b)
		if a := run(k); !a.Status.Partial() || b.alive() {
			t.Errorf("with one that only a browser reaches: %+v", a.Status)
		}
		if a := first.soapTold(first.soap(first.request(known{name: wire.NameID{Value: "nobody"}}, nil))); a.Status.Second != wire.StatusUnknownPrincipal.Second {
			t.Errorf("nobody: %+v", a.Status)
		}
		b = d.signedIn()
		m := first.request(first.signIn(b), nil)
		first.soapTold(first.soap(m))
		if res := first.soap(m); res.StatusCode != 500 || !strings.Contains(res.body, "used already") {
			t.Errorf("twice: %d %s", res.StatusCode, res.body)
		}
		r := httptest.NewRequest("POST", "/saml/slo", strings.NewReader("<x/>"))
		r.Header.Set("Content-Type", "text/xml")
		if res := d.browser().do(r); res.StatusCode != 500 || !strings.Contains(res.body, "Fault") {
			t.Errorf("no message: %d", res.StatusCode)
		}
	})
}

// TestAnAbandonedSignOut: whom the browser never reached is told by SOAP later.
func TestAnAbandonedSignOut(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		first, second := d.peer("one", byRedirect), d.peer("two", byRedirect, bySOAP)
		told := d.backs(t, second)
		b := d.signedIn()
		first.signIn(b)
		second.signIn(b)
		b.leave(session.Departure{})
		first.asked(b.get(b.round())) // and the window is closed
		told.drain()
		if told.count() != 0 {
			t.Fatal("told although the browser is on its way")
		}
		d.clock.Advance(11 * time.Minute)
		for range 2 {
			if err := d.saml.Purge(ctx); err != nil {
				t.Fatal(err)
			}
			told.drain()
		}
		if told.count() != 1 {
			t.Errorf("told %d times", told.count())
		}
	})
}

// TestNobodyEntersADeadSession: a sign-in that ends after the session gives no assertion.
func TestNobodyEntersADeadSession(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		p := d.peer("one", byRedirect)
		b := d.signedIn()
		k := p.signIn(b)
		copied := d.signedInCopy(b)
		p.told(p.signOut(b, k, byRedirect, ""))
		if res := copied.ask(ask{from: p.entity}); strings.Contains(res.body, "SAMLResponse") {
			t.Errorf("a session that is over lets in: %d", res.StatusCode)
		}
		again := p.signIn(d.signedIn())
		if again.index == k.index || again.name.Value != k.name.Value {
			t.Error("another session has the same index")
		}
	})
}

// TestWall014_AfterASignOut: neither the cookie nor whoever comes next in the browser gets anything of the session.
func TestWall014_AfterASignOut(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		p := d.peer("one", byRedirect)
		b := d.signedIn()
		k := p.signIn(b)
		stolen := d.signedInCopy(b)
		b.leave(session.Departure{})
		if a := stolen.ask(ask{from: p.entity, attributes: `IsPassive="true"`}).answer(t); a.status() != "Responder NoPassive" {
			t.Errorf("the old cookie: %s", a.status())
		}
		colleague := must(d.dir.Users.ByID(ctx, d.join(d.org, "ola@nordlys.example", directory.Member{}).User))(t)
		next := d.signedInAs(colleague, false)
		next.cookies["__Host-portvakt-browser"] = b.cookies["__Host-portvakt-browser"]
		theirs := p.signIn(next)
		if theirs.index == k.index || theirs.name.Value == k.name.Value {
			t.Error("who comes next is who was there before")
		}
		q := p.asked(next.get(next.round())) // the sign-out of before goes on, and ends nothing of who came next
		if q.Subject.Value != k.name.Value || !next.alive() {
			t.Errorf("asked of %s", q.Subject.Value)
		}
	})
}

// TestMetadataShowsSignOuts at every owner's address.
func TestMetadataShowsSignOuts(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		d.peerOf("own", d.org, nil, byRedirect)
		for _, base := range []string{"/saml", "/saml/o/nordlys"} {
			a := readAnswer(t, []byte(d.browser().get(base+"/metadata").body))
			var got []string
			for _, el := range a.root.FindElements("//SingleLogoutService") {
				if el.SelectAttrValue("Location", "") != issuer+base+"/slo" {
					t.Errorf("at %s", el.SelectAttrValue("Location", ""))
				}
				got = append(got, el.SelectAttrValue("Binding", ""))
			}
			if strings.Join(got, " ") != byRedirect+" "+byPOST+" "+bySOAP {
				t.Errorf("bindings %v", got)
			}
		}
	})
}

// TestWall046_SignOutPages: what others send stands in no page of ours but escaped, and no address but a registered one is
// gone to (46, 47).
func TestWall046_SignOutPages(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		p, b := d.peer("one", byPOST), d.signedIn()
		evil := `"><script>alert(1)</script>`
		res := p.signOut(b, p.signIn(b), byPOST, evil)
		if strings.Contains(res.body, "<script>alert") || p.message(res).Kind != wire.KindLogoutResponse {
			t.Errorf("%.800s", res.body)
		}
		if policy := res.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "script-src 'self'") || !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("policy %s", policy)
		}
		for _, query := range []string{"logout=" + url.QueryEscape(evil), "logout=https://evil.example", "request=" + url.QueryEscape(evil), "SAMLResponse=" + url.QueryEscape(evil), "SAMLRequest=AAAA&RelayState=" + url.QueryEscape(evil)} {
			res := b.get("/saml/slo?" + query)
			if strings.Contains(res.body, "<script>alert") || strings.HasPrefix(res.Header.Get("Location"), "http") || res.StatusCode >= 500 {
				t.Errorf("%s: %d %q", query, res.StatusCode, res.Header.Get("Location"))
			}
		}
	})
}
