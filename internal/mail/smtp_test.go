package mail_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"portvakt/internal/fault"
	"portvakt/internal/mail"
)

var letter = mail.Message{To: "kari@nordlys.example", Subject: "Kontoen din hos Nordlys, på én linje",
	Text: "Hei, Kåre!\n\n.\n..punktum\nhttps://id.example/account/setup?token=abc_DEF-123&x=1\n", HTML: "<p>Hei, <b>Kåre</b></p>"}

func TestStartTLSWithCredentials(t *testing.T) {
	t.Parallel()
	s := startServer(t, &server{user: "portvakt"}, offerStartTLS)
	cfg := s.config()
	cfg.User, cfg.Password = "portvakt", "mail-password"
	sender := newSMTP(t, cfg)
	for range 2 {
		if err := sender.Send(context.Background(), letter); err != nil {
			t.Fatal(err)
		}
	}
	got := s.all()
	if len(got) != 2 || !got[0].tls || got[0].user != "portvakt" {
		t.Fatalf("received %+v", got)
	}
	examine(t, got[0], got[1])
}

func TestImplicitTLS(t *testing.T) {
	t.Parallel()
	s := startServer(t, &server{user: "portvakt"}, onlyTLS)
	cfg := s.config()
	cfg.User, cfg.Password, cfg.TLS = "portvakt", "mail-password", mail.ImplicitTLS
	if err := newSMTP(t, cfg).Send(context.Background(), letter); err != nil {
		t.Fatal(err)
	}
	if got := s.all(); len(got) != 1 || !strings.Contains(string(got[0].raw), "Auto-Submitted: auto-generated\r\n") {
		t.Fatalf("received %+v", got)
	}
}

func TestLoopbackMayGoWithoutTLS(t *testing.T) {
	t.Parallel()
	s := startServer(t, &server{}, withoutTLS)
	cfg := s.config()
	cfg.TLS = mail.PlainTLS
	if err := newSMTP(t, cfg).Send(context.Background(), letter); err != nil {
		t.Fatal(err)
	}
	if got := s.all(); len(got) != 1 || got[0].tls {
		t.Fatalf("received %+v", got)
	}
}

// examine checks envelope, headers and both bodies of a received mail.
func examine(t *testing.T, got, second received) {
	t.Helper()
	if got.from != "noreply@portvakt.example" || len(got.to) != 1 || got.to[0] != letter.To {
		t.Errorf("envelope from %q to %q", got.from, got.to)
	}
	m, err := netmail.ReadMessage(bytes.NewReader(got.raw))
	if err != nil {
		t.Fatal(err)
	}
	decoder := new(mime.WordDecoder)
	if subject, err := decoder.DecodeHeader(m.Header.Get("Subject")); err != nil || subject != letter.Subject {
		t.Errorf("subject %q, %v", subject, err)
	}
	from, err := m.Header.AddressList("From")
	if err != nil || len(from) != 1 || from[0].Name != "Portvakt, Ås" || from[0].Address != "noreply@portvakt.example" {
		t.Errorf("From %v, %v", from, err)
	}
	id := m.Header.Get("Message-ID")
	other, err := netmail.ReadMessage(bytes.NewReader(second.raw))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(id, "@portvakt.example>") || id == other.Header.Get("Message-ID") {
		t.Errorf("Message-ID %q must be of the sender's domain and new each time", id)
	}
	if m.Header.Get("Auto-Submitted") != "auto-generated" || m.Header.Get("User-Agent") != "" {
		t.Errorf("headers %v", m.Header)
	}
	if date, err := m.Header.Date(); err != nil || time.Since(date) > time.Hour {
		t.Errorf("Date %v, %v", date, err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("Content-Type %q, %v", kind, err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for _, want := range []struct{ kind, body string }{{"text/plain", letter.Text}, {"text/html", letter.HTML}} {
		p, err := parts.NextRawPart()
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		if text := strings.TrimRight(strings.ReplaceAll(string(body), "\r\n", "\n"), "\n"); !strings.HasPrefix(p.Header.Get("Content-Type"), want.kind) || text != strings.TrimRight(want.body, "\n") {
			t.Errorf("part %v = %q, want %s %q", p.Header, text, want.kind, want.body)
		}
	}
}

// Whatever goes wrong, the error is a fault with a code, and holds neither address nor password nor the server's text.
func TestFailuresHaveCodes(t *testing.T) {
	t.Parallel()
	refused := startServer(t, &server{refuse: &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no kari@nordlys.example here"}}, offerStartTLS)
	deferred := startServer(t, &server{refuse: &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "kari@nordlys.example is greylisted"}}, offerStartTLS)
	secured := startServer(t, &server{user: "portvakt"}, offerStartTLS)
	plain := startServer(t, &server{}, withoutTLS)
	foreign := startServer(t, &server{}, offerStartTLS)
	wrong := secured.config()
	wrong.User, wrong.Password = "portvakt", "wrong-password"
	noStartTLS := plain.config()
	foreignCA := foreign.config()
	foreignCA.CA = plain.ca
	implicit := plain.config()
	implicit.TLS = mail.ImplicitTLS
	nobody := plain.config()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody.Port = l.Addr().(*net.TCPAddr).Port
	l.Close()

	for name, c := range map[string]struct {
		cfg  mail.SMTPConfig
		code string
		text string
	}{
		"refused recipient":       {refused.config(), "mail_rejected", "550 5.1.1"},
		"deferred recipient":      {deferred.config(), "mail_deferred", "451 4.7.1"},
		"wrong password":          {wrong, "mail_refused", "454"},
		"no credentials":          {secured.config(), "mail_rejected", "502"},
		"server without STARTTLS": {noStartTLS, "mail_connection", ""},
		"certificate of another":  {foreignCA, "mail_connection", ""},
		"no TLS at all":           {implicit, "mail_unreachable", ""},
		"nobody listens":          {nobody, "mail_unreachable", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := newSMTP(t, c.cfg).Send(context.Background(), letter)
			f := fault.Of(err)
			if err == nil || f.Kind != fault.Internal {
				t.Fatalf("Send = %v", err)
			}
			if f.Code != c.code && !(name == "no TLS at all" && f.Code == "mail_connection") || !strings.Contains(f.Text, c.text) {
				t.Errorf("Send = %v, want %s with %q", err, c.code, c.text)
			}
			for _, personal := range []string{"kari", "greylisted", "password\"", "wrong-password", "wrong user"} {
				if strings.Contains(err.Error(), personal) {
					t.Errorf("the error tells %q: %v", personal, err)
				}
			}
		})
	}
	if got := append(plain.all(), foreign.all()...); len(got) != 0 {
		t.Errorf("a mail went out without the TLS that was asked for: %+v", got)
	}
}

// A message that the server has taken is not sent again only because the connection ended badly.
func TestTakenIsDelivered(t *testing.T) {
	t.Parallel()
	s := startServer(t, &server{hangUp: true}, offerStartTLS)
	if err := newSMTP(t, s.config()).Send(context.Background(), letter); err != nil || len(s.all()) != 1 {
		t.Errorf("Send = %v with %d messages taken", err, len(s.all()))
	}
}

func TestDeliveryEndsWithItsContext(t *testing.T) {
	t.Parallel()
	silent := make(chan struct{})
	s := startServer(t, &server{silent: silent}, offerStartTLS)
	t.Cleanup(func() { close(silent) })
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := newSMTP(t, s.config()).Send(ctx, letter); err == nil {
		t.Fatal("a delivery to a silent server succeeded")
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("gave up after %v, want soon after 200 ms", took)
	}
}

// Invariant: no value reaches a header or the envelope with a control character in it.
func TestHeadersRefuseControls(t *testing.T) {
	t.Parallel()
	s := startServer(t, &server{}, offerStartTLS)
	sender := newSMTP(t, s.config())
	with := func(change func(*mail.Message)) mail.Message { m := letter; change(&m); return m }
	for _, to := range []string{"", "kari", "@nordlys.example", "kari@", "a@b@nordlys.example", "kari@nordlys.example\r\nRCPT TO:<eve@evil.example>",
		"kari@nordlys.example\nBcc: eve@evil.example", "\"a\r\nRCPT\"@x.example", `"quoted local"@x.example`, "Kari <kari@nordlys.example>", "<kari@nordlys.example>",
		"kari@nordlys.example, eve@evil.example", "kari@nordlys.example;eve@evil.example", "kari@nordlys.example\x00", "kari@[127.0.0.1]", "kari(x)@nordlys.example",
		" kari@nordlys.example", "kari@nordlys.example\u2028x", "kari\u0085@nordlys.example", strings.Repeat("a", 65) + "@nordlys.example", "a@" + strings.Repeat("b", 300)} {
		if err := sender.Send(context.Background(), with(func(m *mail.Message) { m.To = to })); !errors.Is(err, mail.ErrRecipient) {
			t.Errorf("recipient %q: %v", to, err)
		}
	}
	for _, subject := range []string{"", "a\r\nBcc: eve@evil.example", "a\nb", "a\rb", "a\x00b", "a\u2028b", "a\u2029b", "a\u0085b", "a\x7fb", "a\xffb"} {
		if err := sender.Send(context.Background(), with(func(m *mail.Message) { m.Subject = subject })); !errors.Is(err, mail.ErrContent) {
			t.Errorf("subject %q: %v", subject, err)
		}
	}
	if err := sender.Send(context.Background(), with(func(m *mail.Message) { m.Text = "a\x00b" })); !errors.Is(err, mail.ErrContent) {
		t.Errorf("NUL in the text: %v", err)
	}
	if got := s.all(); len(got) != 0 {
		t.Errorf("a refused message went out: %+v", got)
	}
}

func TestConfigMistakes(t *testing.T) {
	t.Parallel()
	good := mail.SMTPConfig{Host: "smtp.example", From: "a@b.example", User: "u", Password: "p"}
	if _, err := mail.NewSMTP(good); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*mail.SMTPConfig){
		"host":               func(c *mail.SMTPConfig) { c.Host = "" },
		"port":               func(c *mail.SMTPConfig) { c.Port = 70000 },
		"from":               func(c *mail.SMTPConfig) { c.From = "Kari <a@b.example>" },
		"control characters": func(c *mail.SMTPConfig) { c.FromName = "a\r\nBcc: x" },
		"no user":            func(c *mail.SMTPConfig) { c.User = "" },
		"no password":        func(c *mail.SMTPConfig) { c.Password = "" },
		"on this machine":    func(c *mail.SMTPConfig) { c.TLS = mail.PlainTLS },
		"without TLS":        func(c *mail.SMTPConfig) { c.TLS, c.Host = mail.PlainTLS, "::1" },
		"tls must be":        func(c *mail.SMTPConfig) { c.TLS = "ssl" },
		"no certificate":     func(c *mail.SMTPConfig) { c.CA = []byte("x") },
	} {
		cfg := good
		change(&cfg)
		if _, err := mail.NewSMTP(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want a mistake with %q, got %v", want, err)
		}
	}
	if _, err := mail.NewSMTP(mail.SMTPConfig{TLS: "ssl", Port: -1}); err == nil || strings.Count(err.Error(), "\n") != 3 {
		t.Errorf("all mistakes together: %v", err)
	}
}
