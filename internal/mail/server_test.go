package mail_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"portvakt/internal/mail"
)

// server is a real mail server in this process.
type server struct {
	mu       sync.Mutex
	received []received
	user     string
	refuse   *smtp.SMTPError
	hangUp   bool          // after it has taken a message
	silent   chan struct{} // where set, the server does not answer before it is closed
	port     int
	ca       []byte
}

type received struct {
	from string
	to   []string
	raw  []byte
	user string
	tls  bool
}

func (s *server) NewSession(c *smtp.Conn) (smtp.Session, error) {
	_, secure := c.TLSConnectionState()
	return &session{server: s, conn: c.Conn(), mail: received{tls: secure}}, nil
}

type session struct {
	server *server
	conn   net.Conn
	mail   received
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != s.server.user || password != "mail-password" {
			return errors.New("wrong user " + user)
		}
		s.mail.user = user
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.server.silent != nil {
		<-s.server.silent
	}
	if s.server.user != "" && s.mail.user == "" {
		return smtp.ErrAuthRequired
	}
	s.mail.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.server.refuse != nil {
		return s.server.refuse
	}
	s.mail.to = append(s.mail.to, to)
	return nil
}

func (s *session) Data(r io.Reader) (err error) {
	if s.mail.raw, err = io.ReadAll(r); err != nil {
		return err
	}
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.received = append(s.server.received, s.mail)
	return nil
}

func (s *session) Reset() {
	if s.server.hangUp && s.mail.raw != nil {
		s.conn.Close()
	}
	s.mail = received{tls: s.mail.tls, user: s.mail.user}
}

func (s *session) Logout() error { return nil }

func (s *server) all() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]received(nil), s.received...)
}

type serverMode int

const (
	offerStartTLS serverMode = iota
	onlyTLS
	withoutTLS
)

func startServer(t *testing.T, s *server, mode serverMode) *server {
	t.Helper()
	cert, ca := certificate(t)
	s.ca = ca
	smtpd := smtp.NewServer(s)
	smtpd.Domain = "localhost"
	smtpd.AllowInsecureAuth = mode == withoutTLS
	smtpd.ErrorLog = silence{}
	if mode == offerStartTLS {
		smtpd.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.port = l.Addr().(*net.TCPAddr).Port
	if mode == onlyTLS {
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}})
	}
	go smtpd.Serve(l)
	t.Cleanup(func() { smtpd.Close() })
	return s
}

type silence struct{}

func (silence) Printf(string, ...any) {}
func (silence) Println(...any)        {}

// certificate makes a certificate for 127.0.0.1 that signs itself.
func certificate(t *testing.T) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func (s *server) config() mail.SMTPConfig {
	return mail.SMTPConfig{Host: "127.0.0.1", Port: s.port, From: "noreply@portvakt.example", FromName: "Portvakt, Ås",
		CA: s.ca, HelloName: "portvakt.example", Timeout: 5 * time.Second}
}

func newSMTP(t *testing.T, cfg mail.SMTPConfig) *mail.SMTP {
	t.Helper()
	s, err := mail.NewSMTP(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
