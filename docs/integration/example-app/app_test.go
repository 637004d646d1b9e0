package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"portvakt/authz/client"
)

// user is somebody with an access token of the application.
type user struct {
	t     *testing.T
	app   string
	token string
	party client.Party
}

func (u *user) call(method, path string, body any) (int, []byte) {
	u.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		u.t.Fatal(err)
	}
	req, err := http.NewRequest(method, u.app+path, bytes.NewReader(raw))
	if err != nil {
		u.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+u.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		u.t.Fatal(err)
	}
	defer res.Body.Close()
	var out bytes.Buffer
	if _, err := out.ReadFrom(res.Body); err != nil {
		u.t.Fatal(err)
	}
	return res.StatusCode, out.Bytes()
}

// create makes an invoice and answers its number, 0 if that is refused.
func (u *user) create(i invoice) int64 {
	u.t.Helper()
	status, raw := u.call(http.MethodPost, "/invoices", i)
	if status == http.StatusForbidden {
		return 0
	}
	var out invoice
	if err := json.Unmarshal(raw, &out); err != nil || status != http.StatusCreated {
		u.t.Fatalf("creating %+v answered %d: %s", i, status, raw)
	}
	return out.Number
}

// sees are the customers in the list; one that may be edited has a star.
func (u *user) sees() string {
	u.t.Helper()
	status, raw := u.call(http.MethodGet, "/invoices", nil)
	var found []invoice
	if err := json.Unmarshal(raw, &found); err != nil || status != http.StatusOK {
		u.t.Fatalf("the list was answered %d: %s", status, raw)
	}
	var out []string
	for _, i := range found {
		name := i.Customer
		if i.MayEdit {
			name += "*"
		}
		out = append(out, name)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func (u *user) edit(number int64) int {
	u.t.Helper()
	status, _ := u.call(http.MethodPut, fmt.Sprint("/invoices/", number), invoice{Amount: 42})
	return status
}

// TestEverybodySeesTheirOwn runs the application against the real service: who sees and edits which invoices is what the
// seed file says of roles, sharing rules, packages and segments.
func TestEverybodySeesTheirOwn(t *testing.T) {
	s := startService(t)
	ask, err := client.New(client.Config{Issuer: s.issuer, ClientID: "invoices", ClientSecret: "dev-invoices-secret", BatchWindow: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ask.Close)
	rows, err := openInvoices(filepath.Join(t.TempDir(), "invoices.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rows.db.Close() })
	web := httptest.NewServer((&app{ask, rows}).routes())
	t.Cleanup(web.Close)
	as := func(email, password string) *user {
		token := s.signIn(email, password)
		read, err := ask.Verify(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		return &user{t, web.URL, token, client.User(read.Subject)}
	}
	kari, per, nora := as("kari@nordlys.example", "dev only secret 1"), as("per@nordlys.example", "dev only secret 2"), as("nora@nordlys.example", "dev only secret 3")
	ola, maja := as("ola@tallsmia.example", "dev only secret 4"), as("maja@bjorkvik.example", "dev only secret 5")

	pers := per.create(invoice{Customer: "per", Amount: 1})
	bergen := per.create(invoice{Customer: "per-bergen", Amount: 2, Segment: "bergen"})
	noras := nora.create(invoice{Customer: "nora", Amount: 3, Segment: "oslo"})
	karis := kari.create(invoice{Customer: "kari", Amount: 4})
	group := per.create(invoice{Customer: "group", Amount: 5, Owner: client.Group(s.group(ask, "key_accounts", per.party))})
	majas := maja.create(invoice{Customer: "maja", Amount: 6})
	if pers*bergen*noras*karis*group*majas == 0 {
		t.Fatal("an invoice was refused")
	}

	for _, row := range []struct {
		name string
		who  *user
		want string
	}{
		{"the chief sees and edits the sellers' in her segment", kari, "kari* nora* per*"},
		{"a seller sees their own and the group's", per, "group* per* per-bergen*"},
		{"a seller sees no colleague's", nora, "nora*"},
		{"the external accountant sees what is shared, and edits nothing", ola, "kari nora per per-bergen"},
		{"another organization sees its own", maja, "maja*"},
	} {
		if got := row.who.sees(); got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
	for _, row := range []struct {
		name   string
		who    *user
		number int64
		want   int
	}{
		{"own", per, pers, 200}, {"the seller's", kari, pers, 200}, {"the seller's in another segment", kari, bergen, 404}, {"the group's", per, group, 200}, {"a colleague's", nora, pers, 404},
		{"the chief's", per, karis, 404}, {"shared for reading", ola, pers, 403}, {"another organization's", maja, pers, 404}, {"one that is not there", per, 999, 404},
	} {
		if got := row.who.edit(row.number); got != row.want {
			t.Errorf("editing %s: %d, want %d", row.name, got, row.want)
		}
	}
	if ola.create(invoice{Customer: "ola"}) != 0 || nora.create(invoice{Customer: "in per's name", Owner: per.party}) != 0 || kari.create(invoice{Customer: "x", Segment: "bergen"}) != 0 {
		t.Error("an invoice was made that may not be")
	}
	for _, token := range []string{"", "x", per.token + "x"} {
		if status, _ := (&user{t, web.URL, token, ""}).call(http.MethodGet, "/invoices", nil); status != http.StatusUnauthorized {
			t.Errorf("the token %.9q was answered %d", token, status)
		}
	}

	s.stop() // what is remembered ends within a second; then there is no answer, and no answer shows nothing
	time.Sleep(1100 * time.Millisecond)
	if status, raw := per.call(http.MethodGet, "/invoices", nil); status != http.StatusServiceUnavailable || bytes.Contains(raw, []byte("per")) {
		t.Errorf("without the service the list was answered %d: %s", status, raw)
	}
	if got := per.edit(pers); got != http.StatusServiceUnavailable {
		t.Errorf("without the service an edit was answered %d", got)
	}
}
