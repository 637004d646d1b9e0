package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/textproto"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"portvakt/internal/fault"
	"portvakt/internal/secret"
)

// TLSMode is how the connection to the mail server is protected.
type TLSMode string

// The modes. PlainTLS, which is none, exists for a mail server on the same machine and is refused for any other.
const (
	StartTLS    TLSMode = "starttls"
	ImplicitTLS TLSMode = "tls"
	PlainTLS    TLSMode = "none"
)

// SMTPConfig says where mails go out and in whose name.
type SMTPConfig struct {
	Host      string
	Port      int // 0: 587, 465 or 25 by TLS
	User      string
	Password  secret.Text
	From      string        // the sender's bare address
	FromName  string        // what mail programs show
	TLS       TLSMode       // "" is starttls
	CA        []byte        // PEM; where given, only these certificates are trusted
	HelloName string        // the name in EHLO; "" is the machine's
	Timeout   time.Duration // for a whole delivery; 0: 20 s
}

// SMTP sends over one connection a message.
type SMTP struct {
	cfg     SMTPConfig
	tls     *tls.Config
	options []gomail.Option
	domain  string
}

// NewSMTP checks the configuration; it does not connect. All mistakes are reported together.
func NewSMTP(cfg SMTPConfig) (*SMTP, error) {
	if cfg.TLS == "" {
		cfg.TLS = StartTLS
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 20 * time.Second
	}
	if cfg.Port == 0 {
		cfg.Port = map[TLSMode]int{StartTLS: 587, ImplicitTLS: 465, PlainTLS: 25}[cfg.TLS]
	}
	if err := cfg.mistakes(); err != nil {
		return nil, err
	}
	s := &SMTP{cfg: cfg, tls: &tls.Config{ServerName: cfg.Host, MinVersion: tls.VersionTLS12}}
	if len(cfg.CA) > 0 {
		s.tls.RootCAs = x509.NewCertPool()
		if !s.tls.RootCAs.AppendCertsFromPEM(cfg.CA) {
			return nil, errors.New("mail: the CA holds no certificate")
		}
	}
	_, s.domain, _ = strings.Cut(cfg.From, "@")
	s.options = []gomail.Option{
		gomail.WithPort(cfg.Port), gomail.WithTimeout(cfg.Timeout), gomail.WithTLSConfig(s.tls),
		gomail.WithTLSPolicy(gomail.NoTLS), gomail.WithoutNoop(),
	}
	if cfg.TLS == StartTLS {
		s.options = append(s.options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if cfg.HelloName != "" {
		s.options = append(s.options, gomail.WithHELO(cfg.HelloName))
	}
	if cfg.User != "" {
		s.options = append(s.options, gomail.WithUsername(cfg.User), gomail.WithPassword(cfg.Password.Reveal()),
			gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin))
	}
	return s, nil
}

func (cfg SMTPConfig) mistakes() error {
	var all []error
	say := func(wrong bool, text string) {
		if wrong {
			all = append(all, errors.New("mail: "+text))
		}
	}
	say(cfg.Host == "" || !oneLine(cfg.Host) || strings.ContainsAny(cfg.Host, " /"), "the host of the mail server is missing or no host name")
	say(cfg.Port < 1 || cfg.Port > 65535, "the port must be between 1 and 65535")
	say(!validAddress(cfg.From), "the sender's address (from) is missing or not an e-mail address")
	say(!oneLine(cfg.FromName) || !oneLine(cfg.HelloName), "names must not have control characters")
	say(cfg.User == "" && cfg.Password != "", "there is a password but no user")
	say(cfg.User != "" && cfg.Password == "", "there is a user but no password")
	say(cfg.Timeout < 0, "the timeout is negative")
	switch cfg.TLS {
	case StartTLS, ImplicitTLS:
	case PlainTLS:
		say(!loopback(cfg.Host), "tls: none is for a mail server on this machine alone (localhost, 127.0.0.1 or ::1)")
		say(cfg.User != "", "credentials are never sent without TLS")
	default:
		say(true, "tls must be starttls, tls or none")
	}
	return errors.Join(all...)
}

func loopback(host string) bool {
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Send delivers to the mail server. Once the server has taken the message it succeeds, however the connection ends.
func (s *SMTP) Send(ctx context.Context, m Message) error {
	if err := check(m); err != nil {
		return err
	}
	msg := s.compose(m)
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	var d dialer // go-mail forgets a connection whose greeting or TLS fails, and listens to ctx only while dialling
	defer d.close()
	client, err := gomail.NewClient(s.cfg.Host, append(s.options[:len(s.options):len(s.options)],
		gomail.WithDialContextFunc(func(ctx2 context.Context, network, address string) (net.Conn, error) {
			return d.dial(ctx, s, network, address)
		}))...)
	if err != nil {
		return fault.New(fault.Internal, "mail_configuration", "The mail settings cannot be used").Because(err)
	}
	err = client.DialAndSendWithContext(ctx, msg)
	if err == nil || msg.IsDelivered() {
		return nil
	}
	return sendFault(err, d.conn != nil)
}

func (s *SMTP) compose(m Message) *gomail.Msg {
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(&mail.Address{Name: s.cfg.FromName, Address: s.cfg.From})
	msg.ToMailAddress(&mail.Address{Address: m.To})
	msg.Subject(m.Subject)
	msg.SetDate()
	msg.SetMessageIDWithValue(secret.NewToken() + "@" + s.domain)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834 §5: no vacation replies, no loops
	msg.SetGenHeader("X-Auto-Response-Suppress", "All")
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	return msg
}

// dialer makes the one connection of a delivery and ends it with the delivery's context.
type dialer struct {
	conn   net.Conn
	detach func() bool
}

func (d *dialer) dial(ctx context.Context, s *SMTP, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	d.conn = conn
	d.detach = context.AfterFunc(ctx, func() { conn.Close() })
	if s.cfg.TLS != ImplicitTLS {
		return conn, nil
	}
	secured := tls.Client(conn, s.tls)
	return secured, secured.HandshakeContext(ctx)
}

func (d *dialer) close() {
	if d.conn != nil {
		d.detach()
		d.conn.Close()
	}
}

// sendFault keeps the codes and drops the texts: a mail server's reply repeats addresses.
func sendFault(err error, connected bool) error {
	var refused *gomail.SendError
	var reply *textproto.Error
	switch {
	case errors.As(err, &refused) && refused.ErrorCode() >= 500:
		return fault.Newf(fault.Internal, "mail_rejected", "The mail server rejected the mail (%s)", codes(refused))
	case errors.As(err, &refused) && refused.ErrorCode() >= 400:
		return fault.Newf(fault.Internal, "mail_deferred", "The mail server deferred the mail (%s)", codes(refused))
	case errors.As(err, &refused):
		return fault.Newf(fault.Internal, "mail_interrupted", "The delivery was interrupted (%s)", refused.Reason)
	case errors.As(err, &reply):
		return fault.Newf(fault.Internal, "mail_refused", "The mail server refused the session (%d)", reply.Code)
	case connected:
		return fault.New(fault.Internal, "mail_connection", "No safe session with the mail server could be made").Because(err)
	}
	return fault.New(fault.Internal, "mail_unreachable", "The mail server cannot be reached").Because(err)
}

func codes(e *gomail.SendError) string {
	return strings.TrimSpace(fmt.Sprint(e.ErrorCode(), " ", e.EnhancedStatusCode()))
}
