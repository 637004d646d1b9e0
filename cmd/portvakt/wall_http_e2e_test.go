//go:build e2e

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"portvakt/internal/sqldb"
)

// raw writes bytes as they are and answers everything that comes back until the service closes, or for half a second.
func (w *wall) raw(request string) string {
	w.t.Helper()
	conn, err := net.Dial("tcp", w.bound)
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(3 * time.Second))
	if _, err := io.WriteString(conn, request); err != nil {
		return ""
	}
	var out strings.Builder
	buf, in := make([]byte, 32<<10), bufio.NewReader(conn)
	for {
		n, err := in.Read(buf)
		out.Write(buf[:n])
		if err != nil {
			return out.String()
		}
		_ = conn.SetDeadline(time.Now().Add(250 * time.Millisecond))
	}
}

// answersIn are the status lines of an answer on the wire.
func answersIn(raw string) (statuses []string) {
	for line := range strings.SplitSeq(raw, "\r\n") {
		if strings.HasPrefix(line, "HTTP/1.") && len(line) > 12 {
			statuses = append(statuses, line[9:12])
		}
	}
	return statuses
}

func TestWall136_OnePathOneMeaning(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		host := strings.TrimPrefix(w.issuer, "http://")
		anna := w.signedIn("anna@nordlys.example", annaPassword)
		cookie := "Cookie: " + w.cookieName("session") + "=" + w.cookie(anna, "portvakt-session") + "\r\n"
		get := func(target, headers string) string {
			return w.raw("GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n" + cookie + "Authorization: Bearer " + hrToken + "\r\n" + headers + "Connection: close\r\n\r\n")
		}
		for _, page := range []string{"/account", "/scim/v2/nordlys/Users", "/sign-in", "/oauth2/authorize", "/.well-known/openid-configuration"} {
			if got := answersIn(get(page, "")); len(got) != 1 || got[0] == "404" {
				t.Fatalf("%s itself: %v", page, got)
			}
			first, rest, _ := strings.Cut(page[1:], "/")
			tail := "/" + rest
			if rest == "" {
				tail = ""
			}
			for _, unclean := range []string{"/" + page, page + "//", "/./" + page[1:], "/x/.." + page, "/x/%2e%2e" + page, "/%2e" + page, "/x/..;" + page, page + ";x", page + ";jsessionid=1", "/" + first + ";x" + tail, page + "%3bx",
				page + "%00", page + "%2f", page + "%2F..%2F", page + "%5c", page + `\`, "/x%2f.." + page, "/x/..%2f" + page[1:], "/%2e%2e" + page, page + "/.", page + "/..", page + "/%2e%2e/x", page + "%0d%0aX:y", page + "%09", page + "%ff",
				"/" + strings.ToUpper(first) + tail, "/" + fmt.Sprintf("%%%02x", first[0]) + first[1:] + tail + "%252f", page + "/", page + ".json", page + "%20"} {
				got := answersIn(get(unclean, ""))
				if len(got) != 1 || got[0] != "404" && got[0] != "400" {
					t.Errorf("%s: %v", unclean, got)
				}
			}
		}
		for _, header := range []string{"X-HTTP-Method-Override: DELETE", "X-HTTP-Method: DELETE", "X-Method-Override: DELETE", "x-http-method-override: PATCH"} {
			id := w.member("nordlys", "bob@nordlys.example")
			for _, method := range []string{"GET", "POST"} {
				got := w.raw(method + " /scim/v2/nordlys/Users/" + id + " HTTP/1.1\r\nHost: " + host + "\r\nAuthorization: Bearer " + hrToken + "\r\n" + header + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
				if s := answersIn(got); len(s) != 1 || s[0] != "400" {
					t.Errorf("%s with %s: %v", method, header, s)
				}
			}
			w.member("nordlys", "bob@nordlys.example")
		}
		for _, method := range []string{"TRACE", "CONNECT", "PROPFIND", "get", "GET\t", strings.Repeat("G", 5000), "DEBUG"} {
			got := answersIn(w.raw(method + " /account HTTP/1.1\r\nHost: " + host + "\r\n" + cookie + "Connection: close\r\n\r\n"))
			if len(got) != 1 || got[0][0] != '4' {
				t.Errorf("method %.20q: %v", method, got)
			}
		}
		t.Run("host", func(t *testing.T) { w.under(t).rawHosts() })
		t.Run("smuggling", func(t *testing.T) { w.under(t).smuggling(host) })
		t.Run("forwarded", func(t *testing.T) { w.under(t).forwarded(anna) })
	})
}

// rawHosts: the request line and several Host headers say where the request wants to go; nothing believes them (76).
func (w *wall) rawHosts() {
	host := strings.TrimPrefix(w.issuer, "http://")
	for name, request := range map[string]string{
		"absolute form":           "GET http://evil.example/.well-known/openid-configuration HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n",
		"absolute form, evil":     "GET https://evil.example/sign-in HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
		"user in absolute form":   "GET http://" + host + "@evil.example/account HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n",
		"two hosts":               "GET /account HTTP/1.1\r\nHost: " + host + "\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
		"two hosts, evil first":   "GET /account HTTP/1.1\r\nHost: evil.example\r\nHost: " + host + "\r\nConnection: close\r\n\r\n",
		"no host":                 "GET /account HTTP/1.1\r\nConnection: close\r\n\r\n",
		"HTTP/1.0":                "GET /account HTTP/1.0\r\n\r\n",
		"host with a slash":       "GET /account HTTP/1.1\r\nHost: evil.example/\r\nConnection: close\r\n\r\n",
		"host on the next line":   "GET /account HTTP/1.1\r\nHost: " + host + "\r\n evil.example\r\nConnection: close\r\n\r\n",
		"scheme-relative account": "GET //evil.example/account HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n",
		"authorize":               "GET /oauth2/authorize?" + authorization("c1", "v").Encode() + " HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
	} {
		got := w.raw(request)
		if strings.Contains(got, "evil.example") || len(answersIn(got)) != 1 || strings.HasPrefix(answersIn(got)[0], "5") {
			w.t.Errorf("%s: %.600s", name, got)
		}
	}
}

// smuggling: a request has one length, or it is refused; what follows is never a second request.
func (w *wall) smuggling(host string) {
	second := "GET /healthz HTTP/1.1\r\nHost: " + host + "\r\n\r\n"
	head := "POST /oauth2/token HTTP/1.1\r\nHost: " + host + "\r\nContent-Type: " + formType + "\r\n"
	length := fmt.Sprintf("Content-Length: %d\r\n", len(second)+5)
	for name, request := range map[string]string{
		"CL and TE":           head + length + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + second,
		"TE and CL":           head + "Transfer-Encoding: chunked\r\n" + length + "\r\n0\r\n\r\n" + second,
		"two lengths":         head + "Content-Length: 0\r\n" + length + "\r\n" + second,
		"length list":         head + "Content-Length: 0, 5\r\n\r\n" + second,
		"plus":                head + "Content-Length: +0\r\n\r\n" + second,
		"negative":            head + "Content-Length: -1\r\n\r\n" + second,
		"TE unknown":          head + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + second,
		"TE twice":            head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + second,
		"TE with a blank":     head + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + second,
		"TE with VT":          head + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + second,
		"TE folded":           head + "Transfer-Encoding:\r\n chunked\r\n" + length + "\r\n0\r\n\r\n" + second,
		"bare LF":             "POST /oauth2/token HTTP/1.1\nHost: " + host + "\nContent-Length: 3\nTransfer-Encoding: chunked\n\n0\n\n" + second,
		"chunk size overflow": head + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff0\r\n" + second,
		"NUL in a header":     head + "X: a\x00b\r\n\r\n" + second,
		"CR in a header":      head + "X: a\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + second,
	} {
		got := w.raw(request)
		for _, status := range answersIn(got) {
			if status[0] == '5' && status != "501" {
				w.t.Errorf("%s: %v", name, answersIn(got))
			}
		}
		if strings.Contains(got, `"alive"`) {
			w.t.Errorf("%s smuggles a second request: %v", name, answersIn(got))
		}
	}
}

// forwarded: nobody is anybody because a header says so.
func (w *wall) forwarded(anna *person) {
	sub := "usr_x"
	for _, header := range []string{"X-Forwarded-User", "X-Remote-User", "Remote-User", "X-Auth-Request-Email", "X-Forwarded-Client-Cert", "X-Client-Cert", "Ssl-Client-Cert", "X_Forwarded_For", "X-Real-IP", "X-Forwarded-For", "True-Client-IP",
		"CF-Connecting-IP", "X-Original-URL", "X-Rewrite-URL"} {
		for _, value := range []string{"anna@nordlys.example", "127.0.0.1", "::1", "not an address", sub, strings.Repeat("10.0.0.1, ", 100) + "127.0.0.1", "/account"} {
			if got := w.ask("GET", "/account", "", header, value); got.status == 200 || got.status >= 500 {
				w.t.Errorf("%s: %s opens the account: %d", header, value, got.status)
			}
			if got := w.ask("GET", "/scim/v2/nordlys/Users", "", header, value); got.status != 401 {
				w.t.Errorf("%s: %s opens SCIM: %d", header, value, got.status)
			}
		}
	}
	if !w.signedInNow(anna) {
		w.t.Error("a header has ended a session")
	}
}

func TestWall137_BombsAreRefusedQuickly(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		anna := w.signedIn("anna@nordlys.example", annaPassword)
		r := w.tokens(anna, "c1")
		large := strings.Repeat("x", 1<<20)
		many := func(n int, each string) string {
			var b strings.Builder
			for i := range n {
				fmt.Fprintf(&b, each, i)
			}
			return b.String()
		}
		scim := func(method, path, body string) func() wallAnswer {
			return func() wallAnswer { return w.scim("nordlys", method, path, body) }
		}
		post := func(path, body string, headers ...string) func() wallAnswer {
			return func() wallAnswer {
				return w.ask("POST", path, body, append([]string{"Content-Type", formType, "Authorization", "Basic YzE6d2FsbC1zZWNyZXQtb25l"}, headers...)...)
			}
		}
		get := func(path string, headers ...string) func() wallAnswer {
			return func() wallAnswer { return w.ask("GET", path, "", headers...) }
		}
		rows := map[string]func() wallAnswer{
			"deep JSON": scim("POST", "/Users", strings.Repeat(`{"a":`, 100_000)+"1"+strings.Repeat("}", 100_000)), "deep arrays": scim("POST", "/Users", strings.Repeat("[", 500_000)),
			"deep PATCH": scim("PATCH", "/Users/x", patch(`{"op":"add","path":"title","value":`+strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000)+`}`)),
			"many keys":  scim("POST", "/Users", "{"+many(60_000, `"k%d":1,`)+`"z":1}`), "many values": scim("POST", "/Users", user("x@nordlys.example", `"emails":[`+strings.Repeat(`{},`, 200_000)+`{}]`)),
			"large number": scim("POST", "/Users", user("x@nordlys.example", `"title":1`+strings.Repeat("0", 500_000))), "large text": scim("POST", "/Users", user("x@nordlys.example", `"title":"`+large[:900_000]+`"`)),
			"large body": scim("POST", "/Users", user("x@nordlys.example", `"title":"`+large+`"`)), "many operations": scim("PATCH", "/Users/x", patch(strings.TrimSuffix(strings.Repeat(`{"op":"add","path":"title","value":"x"},`, 20_000), ","))),
			"long filter": get("/scim/v2/nordlys/Users?filter="+strings.Repeat("(", 60_000), "Authorization", "Bearer "+hrToken), "wide filter": get("/scim/v2/nordlys/Users?filter="+url.QueryEscape(strings.Repeat(`title eq "x" or `, 2000)+`title eq "x"`), "Authorization", "Bearer "+hrToken),
			"not filter": get("/scim/v2/nordlys/Users?filter="+strings.Repeat("not+(", 10_000), "Authorization", "Bearer "+hrToken),
			"long path":  scim("PATCH", "/Users/x", patch(`{"op":"add","path":"`+strings.Repeat("a.", 200_000)+`","value":1}`)), "bad UTF-8": scim("POST", "/Users", "{\"userName\":\"\xff\xfe\"}"), "nothing": scim("POST", "/Users", ""),
			"scope of a megabyte": post("/oauth2/token", "grant_type=client_credentials&scope="+large), "scope of 60 KB": post("/oauth2/token", "grant_type=client_credentials&scope="+strings.Repeat("a+", 30_000)),
			"many parameters": post("/oauth2/token", "grant_type=client_credentials"+many(10_000, "&p%d=1")), "many parameters, authorize": get("/oauth2/authorize?" + many(3000, "p%d=1&")), "one parameter often": post("/oauth2/token", strings.Repeat("grant_type=client_credentials&", 2000)),
			"dots": post("/oauth2/introspect", "token="+strings.Repeat(".", 60_000)), "a large token": post("/oauth2/introspect", "token="+strings.Repeat("a", 60_000)), "many parts": post("/oauth2/revoke", "token="+strings.Repeat("a.", 4_000)+"&x=1&x=2"),
			"a large bearer": get("/oauth2/userinfo", "Authorization", "Bearer "+strings.Repeat("a", 60_000)), "a bearer of dots": get("/oauth2/userinfo", "Authorization", "Bearer "+strings.Repeat(".", 60_000)),
			"a JWE": get("/oauth2/userinfo", "Authorization", "Bearer "+encoded(`{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483647,"p2s":"AA","zip":"DEF"}`)+".AA.AA.AA.AA"), "a deep header": get("/oauth2/userinfo", "Authorization", "Bearer "+encoded(strings.Repeat(`{"a":`, 5000))+".e30.AA"),
			"a large Basic": post("/oauth2/token", "grant_type=client_credentials", "Authorization", "Basic "+strings.Repeat("QUFB", 10_000)), "percent signs": post("/oauth2/token", strings.Repeat("%", 60_000)), "semicolons": post("/oauth2/token", strings.Repeat(";", 60_000)),
			"huge header": get("/account", "X-Large", strings.Repeat("x", 300<<10)), "long address": get("/account?" + strings.Repeat("x", 80<<10)), "long request": get("/oauth2/authorize?state=" + strings.Repeat("x", 60<<10)),
			"many headers": func() wallAnswer { return w.ask("GET", "/nowhere", "", manyHeaders(5000)...) }, "large form": func() wallAnswer { return w.post(anna, "/account", url.Values{"csrf": {large}}) },
			"large e-mail": func() wallAnswer {
				return w.post(w.person(), "/sign-in", url.Values{"email": {strings.Repeat("a", 60_000) + "@x.example"}})
			}, "clock": func() wallAnswer { return w.ask("POST", "/dev/clock", strings.Repeat("[", 100_000)) },
			"end session": get("/oauth2/logout?id_token_hint=" + strings.Repeat("a.", 20_000)), "organization": post("/oauth2/token", "grant_type=client_credentials&organization="+strings.Repeat("a", 8000)),
			"refresh": post("/oauth2/token", "grant_type=refresh_token&refresh_token="+strings.Repeat("A", 8000)), "code": post("/oauth2/token", "grant_type=authorization_code&redirect_uri=x&code="+strings.Repeat("A", 8000)),
			"NUL": post("/oauth2/token", "grant_type=authorization_code&redirect_uri=x&code=%00"), "NUL in the client": post("/oauth2/token", "grant_type=client_credentials", "Authorization", "Basic AGE6Yg=="),
		}
		for name, send := range rows {
			got := send()
			if refusedWell := got.status >= 400 && got.status < 500 || (name == "dots" || name == "a large token") && got.status == 200 && !strings.Contains(got.body, "true"); !refusedWell {
				t.Errorf("%s: %d %.200s", name, got.status, got.body)
			}
			if got.took > 10*time.Second { // idle it takes milliseconds; the machine may be busy
				t.Errorf("%s took %s", name, got.took)
			}
		}
		for name, headers := range map[string][]string{"Accept-Language": {"Accept-Language", strings.Repeat("de-DE-1996;q=0.5,", 4000)}, "cookies": {"Cookie", many(2500, "c%d=1; ")}, "one cookie": {"Cookie", "a=" + strings.Repeat("x", 60_000)},
			"If-None-Match": {"If-None-Match", strings.Repeat(`W/"a", `, 8000)}, "Accept-Encoding": {"Accept-Encoding", strings.Repeat("gzip;q=0.1,", 5000)}, "Range": {"Range", "bytes=" + strings.Repeat("0-0,", 10_000)}} {
			for _, path := range []string{"/sign-in", "/.well-known/openid-configuration", "/assets/portvakt.css", "/account"} {
				if got := w.ask("GET", path, "", headers...); got.status >= 500 || got.took > 10*time.Second {
					t.Errorf("%s at %s: %d in %s", name, path, got.status, got.took)
				}
			}
		}
		if w.userinfo(r.access) != 200 || !w.signedInNow(anna) {
			t.Error("the service is not what it was")
		}
	})
}

func manyHeaders(n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprintf("X-%d", i), "some value to fill it with")
	}
	return out
}

// TestWall074_134_NothingSecretIsStored: after a life with everything, no table holds a secret as it is. Captured mail is
// left out: it is what people get, and exists under --dev alone.
func TestWall074_134_NothingSecretIsStored(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		p := w.signedIn("anna@nordlys.example", annaPassword)
		r := w.tokens(p, "c1")
		w.refreshed("c1", r.refresh)
		w.as("c1", "/oauth2/revoke", url.Values{"token": {r.access}})
		w.hire("stored@nordlys.example", "Stor", "Ed", nil)
		w.person().setUp(w.link("stored@nordlys.example", 1)).on("account")
		w.person().open(w.issuer+"/account").signIn("admin@nordlys.example", adminPassword).on("second-factor")
		w.code(p, "c2", "scope", "openid")
		w.as("webshop", "/oauth2/token", url.Values{"grant_type": {"client_credentials"}})

		// 134: what breaks lines does not get into mails, nor into the log.
		for i, broken := range []string{"a\r\nBcc: evil@evil.example", "a\nX: y", "a\u2028b", "a\u0000b", "a\u001bb"} {
			got := w.scim("nordlys", "POST", "/Users", user(fmt.Sprintf("crlf%d@nordlys.example", i), `"name":{"givenName":`+quoted(broken)+`}`))
			if got.status != 201 && got.status != 400 {
				t.Errorf("%q: %d %s", broken, got.status, got.body)
			}
			if got.status == 201 {
				m := w.mails(fmt.Sprintf("crlf%d@nordlys.example", i), 1)[0]
				if strings.ContainsAny(m.Subject+m.To, "\r\n\u2028") {
					t.Errorf("%q breaks the mail's head: %q", broken, m.Subject)
				}
			}
		}
		for _, email := range []string{"a@x.example\r\nRCPT TO:<evil@evil.example>", "\"a\r\nRCPT\"@x.example", "a@x.example,b@x.example", "a@x.example>", "<a@x.example>", "a b@x.example", "a@x@y.example"} {
			if got := w.scim("nordlys", "POST", "/Users", `{"schemas":["`+coreSchema+`"],"userName":`+quoted(email)+`}`); got.status != 400 {
				t.Errorf("e-mail %q: %d %s", email, got.status, got.body)
			}
		}
		w.ask("GET", "/a%0ab=c%20level=ERROR", "", "User-Agent", "a\tb level=ERROR msg=forged")
		for line := range strings.SplitSeq(strings.TrimSpace(greeting.ReplaceAllString(w.output.String(), "")), "\n") {
			if strings.Contains(line, "level=") && !strings.HasPrefix(line, "time=") {
				t.Errorf("a line of the log that is no event: %s", line)
			}
		}
		w.dump(t)
	})
}

// dump reads every text and every byte of every table.
func (w *wall) dump(t *testing.T) {
	t.Helper()
	ctx := context.Background()
	db, err := sqldb.Open(ctx, sqldb.Config{URL: w.database, MaxConnections: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	list := "select name from sqlite_master where type = 'table' and name not like 'sqlite%'"
	text := "coalesce(cast(%s as text), '')"
	if strings.HasPrefix(w.database, "postgres") {
		list, text = "select table_name from information_schema.tables where table_schema = current_schema()", "coalesce(%s::text, '')"
	}
	w.witness.mu.Lock()
	secrets := map[string]string{}
	for value, what := range w.witness.seen {
		if !strings.HasPrefix(what, "a form's token") && !strings.HasPrefix(what, "csrf") {
			secrets[value] = what
		}
	}
	w.witness.mu.Unlock()
	for _, known := range []string{hrToken, "scim-dev-bjorkvik", "dev-webshop-secret", adminSecret, annaPassword, "wall-secret-one", devMaster} {
		secrets[known] = "a secret of the seed"
	}
	rows := 0
	for _, table := range strings1(t, db, list) {
		if strings.Contains(table, "mail") {
			continue
		}
		for _, column := range columns(t, db, w.database, table) {
			for _, value := range strings1(t, db, "select "+fmt.Sprintf(text, column)+" from "+table) {
				rows++
				for secret, what := range secrets {
					if strings.Contains(value, secret) || strings.Contains(value, fmt.Sprintf("%x", secret)) {
						t.Errorf("%s.%s holds %s: %.50q", table, column, what, secret)
					}
				}
			}
		}
	}
	if rows < 500 || len(secrets) < 20 {
		t.Errorf("only %d values were compared with %d secrets", rows, len(secrets))
	}
}

func strings1(t *testing.T, db *sqldb.DB, query string, args ...any) (out []string) {
	t.Helper()
	rows, err := db.Query(context.Background(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func columns(t *testing.T, db *sqldb.DB, database, table string) []string {
	t.Helper()
	if strings.HasPrefix(database, "postgres") {
		return strings1(t, db, "select column_name from information_schema.columns where table_schema = current_schema() and table_name = $1", table)
	}
	return strings1(t, db, "select name from pragma_table_info($1)", table)
}
