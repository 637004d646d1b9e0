// Package credential proves who somebody is: passwords (argon2id), one-time codes (TOTP, RFC 6238), passkeys and security
// keys (WebAuthn). It answers with Evidence; what follows from evidence is for session and interaction to decide. It knows no cookie and no page.
//
// Invariant: attempts are counted in the verify functions themselves, by the folded address or the person's id, so that
// no way in has a counter of its own (TestThrottleSharesOneCounter).
// Invariant: whoever cannot sign in with a password (unknown, disabled, none set, voided) gets the same fault after the
// same work as a wrong password (TestSameFaultForEverybody).
// Invariant: a credential made under another credentials epoch than the person's counts as absent (TestVoidedCredentials).
// Invariant: a one-time code is accepted once (TestCodeIsAcceptedOnce).
package credential

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"portvakt/internal/fault"
	"portvakt/internal/ratelimit"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
)

// Config is how much guessing is borne; the zero value is the default.
type Config struct {
	NetworkAttempts int                        // passwords tried from one network in a quarter of an hour; 0: 300
	Breached        func(password string) bool // whether a password is known from breaches; nil: there is no list
	Issuer          string                     // its host is what passkeys belong to; without a domain there are none
	Makers          *Makers                    // whose keys are told from others; nil: nobody's
	RelatedOrigins  []string                   // further origins whose pages may use them
}

// The rules of throttling. Pauses grow with wrong guesses and never lock anybody out for longer than a quarter of an
// hour, so that nobody can use them as a weapon. Codes have a counter of their own that a right password does not reset.
var (
	passwordRule = ratelimit.Rule{Scope: "password.account", Max: 5, Window: 24 * time.Hour}
	browserRule  = ratelimit.Rule{Scope: "password.browser", Max: 5, Window: 24 * time.Hour}
	codeRule     = ratelimit.Rule{Scope: "code.user", Max: 5, Window: 24 * time.Hour}
)

const (
	networkScope    = "password.network"
	networkWindow   = 15 * time.Minute
	networkAttempts = 300
)

// Credentials verifies and stores credentials.
type Credentials struct {
	db        *sqldb.DB
	passwords *secret.Passwords
	keys      *secret.Keys
	throttle  *ratelimit.Limiter
	network   ratelimit.Rule
	blocked   func() map[string]struct{}
	breached  func(password string) bool
	party     *party // nil: no passkeys under this issuer
	makers    *Makers
	drift     [2*codeSkew + 1]atomic.Int64
}

// New makes the store of credentials.
func New(db *sqldb.DB, passwords *secret.Passwords, keys *secret.Keys, throttle *ratelimit.Limiter, cfg Config) *Credentials {
	if cfg.NetworkAttempts == 0 {
		cfg.NetworkAttempts = networkAttempts
	}
	return &Credentials{
		db: db, passwords: passwords, keys: keys, throttle: throttle,
		network:  ratelimit.Rule{Scope: networkScope, Max: cfg.NetworkAttempts, Window: networkWindow},
		blocked:  sync.OnceValue(loadBlocked),
		breached: cfg.Breached,
		party:    newParty(cfg),
		makers:   cfg.Makers,
	}
}

// Faults of verification. They tell nobody what exactly was wrong.
var (
	ErrWrongPassword = fault.New(fault.Unauthenticated, "wrong_password", "The e-mail and the password do not fit together")
	ErrBusy          = fault.New(fault.Exhausted, "busy", "Too many people sign in at this moment, try again in a few seconds")
	ErrWrongCode     = fault.New(fault.Unauthenticated, "wrong_code", "The code does not fit").On("code")
)

// guess counts a wrong guess in advance, or refuses where the guesser must wait.
func (c *Credentials) guess(ctx context.Context, rule ratelimit.Rule, key string) error {
	wait, err := c.throttle.Attempt(ctx, rule, key)
	if err != nil {
		return err
	}
	if wait > 0 {
		return ratelimit.Refusal(wait)
	}
	return nil
}

// take counts an attempt from a network; from tells nothing where it is the machine itself.
func (c *Credentials) take(ctx context.Context, from string) error {
	network, ok := Network(from)
	if !ok {
		return nil
	}
	allowed, wait, err := c.throttle.Take(ctx, c.network, network)
	if err != nil {
		return err
	}
	if !allowed {
		return ratelimit.Refusal(wait)
	}
	return nil
}
