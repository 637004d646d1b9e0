package account_test

import (
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/descope/virtualwebauthn"

	"portvakt/idp/credential"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

const keysIssuer = "https://id.portvakt.example"

var (
	ceremonyForm = regexp.MustCompile(`(?s)<form[^>]*data-ceremony.*?</form>`)
	data         = regexp.MustCompile(`data-(options|ceremony)="([^"]*)"`)
)

// device is a person's authenticator, in software.
type device struct {
	h   *house
	rp  virtualwebauthn.RelyingParty
	own virtualwebauthn.Authenticator
	key virtualwebauthn.Credential
}

func (h *house) device() *device {
	return &device{h, virtualwebauthn.RelyingParty{Name: "Portvakt", ID: "id.portvakt.example", Origin: keysIssuer},
		virtualwebauthn.NewAuthenticator(), testenv.Passkey(virtualwebauthn.KeyTypeEC2)}
}

// registered is a device of the person's; a key for beside the password is no passkey.
func (h *house) registered(user directory.UserID, passkey bool) *device {
	h.t.Helper()
	d := h.device()
	d.own.Options.UserNotVerified = !passkey
	c := must(h.credentials.BeginRegistration(ctx, credential.NewKey{User: user, Passkey: passkey, Account: "x", Bound: "test"}))(h.t)
	p := must(h.credentials.ProveKey(ctx, user, credential.Answer{Ceremony: c.Ceremony.String(), Credential: d.make(string(c.Options)), Bound: "test"}, "Phone"))(h.t)
	h.update(func(tx *sqldb.Tx) error {
		_, err := h.credentials.EnrolKey(ctx, tx, p)
		return err
	})
	return d
}

func (d *device) make(options string) string {
	d.h.t.Helper()
	o := must(virtualwebauthn.ParseAttestationOptions(options))(d.h.t)
	d.own.Options.UserHandle = []byte(o.UserID)
	return virtualwebauthn.CreateAttestationResponse(d.rp, d.own, d.key, *o)
}

func (d *device) sign(options string) string {
	d.h.t.Helper()
	d.key.Counter++
	return virtualwebauthn.CreateAssertionResponse(d.rp, d.own, d.key, *must(virtualwebauthn.ParseAssertionOptions(options))(d.h.t))
}

// ceremony is what the page gives to its script: the form's hidden fields, and where the challenge is.
func (b *browser) ceremony() (form url.Values, options, purpose string) {
	b.h.t.Helper()
	raw := ceremonyForm.FindString(b.body)
	if raw == "" {
		b.h.t.Fatalf("no ceremony on the page %s", b.page)
	}
	form = url.Values{}
	for _, m := range hidden.FindAllStringSubmatch(raw, -1) {
		form.Set(m[1], html.UnescapeString(m[2]))
	}
	for _, m := range data.FindAllStringSubmatch(raw, -1) {
		if m[1] == "options" {
			options = m[2]
		} else {
			purpose = m[2]
		}
	}
	return form, options, purpose
}

// ask sends the script's request and answers status and body.
func (b *browser) ask(path string, body any, headers ...string) (int, map[string]json.RawMessage) {
	b.h.t.Helper()
	text, ok := body.(string)
	if !ok {
		text = string(must(json.Marshal(body))(b.h.t))
	}
	r := must(http.NewRequest(http.MethodPost, b.absolute(path), strings.NewReader(text)))(b.h.t)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res := must(b.client.Do(r))(b.h.t)
	defer res.Body.Close()
	var out map[string]json.RawMessage
	_ = json.NewDecoder(res.Body).Decode(&out)
	return res.StatusCode, out
}

func asked(form url.Values, purpose string) map[string]string {
	q := map[string]string{"i": form.Get("i"), "csrf": form.Get("csrf"), "purpose": purpose}
	if token := form.Get("token"); token != "" {
		q["token"] = token
	}
	return q
}

// challenge is what the script of the page gets.
func (b *browser) challenge(purpose string) (form url.Values, options string) {
	b.h.t.Helper()
	form, where, own := b.ceremony()
	if purpose == "" {
		purpose = own
	}
	status, out := b.ask(where, asked(form, purpose))
	if status != http.StatusOK {
		b.h.t.Fatalf("%s: %d %s", where, status, out["code"])
	}
	var id string
	if err := json.Unmarshal(out["ceremony"], &id); err != nil {
		b.h.t.Fatal(err)
	}
	form.Set("ceremony", id)
	return form, string(out["publicKey"])
}

// use does what the script does with the page's button.
func (b *browser) use(d *device) *browser {
	b.h.t.Helper()
	at := b.at
	form, options := b.challenge("")
	form.Set("credential", d.sign(options))
	return b.post(at, form)
}

// add registers the device on the page keys.
func (b *browser) add(d *device, purpose, name string) *browser {
	b.h.t.Helper()
	form, options := b.challenge(purpose)
	form.Set("credential", d.make(options))
	form.Set("name", name)
	return b.post("/account/keys", form)
}
