package audit

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
)

// Signed is a statement with the public key that proves it.
type Signed struct{ JWS, KID, JWK string }

// Signer signs the ends of chains.
type Signer interface {
	// SignHead makes a compact JWS over the claims.
	SignHead(ctx context.Context, claims []byte) (Signed, error)
}

// EventHead is the event that carries a signed head out of the house, where whoever may write into the database cannot
// reach it.
const EventHead = "audit.head"

// Head is the end of a chain at a moment, signed.
type Head struct {
	Chain     string    `json:"chain"`
	Position  int64     `json:"position"`
	Link      []byte    `json:"link"`
	At        time.Time `json:"at"`
	Signature string    `json:"signature"` // compact JWS over HeadClaims
}

// HeadClaims are what the signature of a head says.
type HeadClaims struct {
	Issuer   string `json:"iss,omitempty"`
	IssuedAt int64  `json:"iat"`
	Chain    string `json:"chain"`
	Position int64  `json:"position"`
	Link     string `json:"link"` // base64url
}

func (h *Head) claims(issuer string) HeadClaims {
	return HeadClaims{issuer, h.At.Unix(), h.Chain, h.Position, base64.RawURLEncoding.EncodeToString(h.Link)}
}

// Config is what a Sealer stands on.
type Config struct {
	DB     *sqldb.DB
	Issuer string
	Signer Signer                           // nil: heads are not signed
	Tell   func(tx *sqldb.Tx, h Head) error // carries a signed head out; nil: nobody is told
	Sealed func(entries int)                // told after each batch; nil: nobody is
	Log    *slog.Logger
}

// Sealer links entries into their chains and signs the chains' ends. Any number of nodes may run one; one works at a time.
//
// Invariant: entries are taken because they are in no chain, never because of their id or time, which late commits would
// fall behind (TestR47_LateCommitsAreSealed); a chain has no gap and no two ends, whoever seals (TestR47_OneChainWhoeverSeals).
type Sealer struct {
	cfg    Config
	holder string
	wake   chan struct{}
}

const (
	leaseName  = "audit.seal"
	leaseFor   = 5 * time.Second // how long entries wait where a process died; nothing else depends on it
	sealBatch  = 1000
	signEvery  = 10 * time.Minute
	signAfter  = 1000 // entries of one chain
	pollEvery  = 500 * time.Millisecond
	gatherWait = 150 * time.Millisecond // what is committed meanwhile goes into the same transaction
)

// NewSealer makes a sealer that does nothing until Run or Seal.
func NewSealer(cfg Config) *Sealer {
	return &Sealer{cfg: cfg, holder: secret.NewToken(), wake: make(chan struct{}, 1)}
}

// Wake has Run look for entries soon instead of at its next poll.
func (s *Sealer) Wake() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Run seals and signs until ctx ends, and leaves the work to another node then.
func (s *Sealer) Run(ctx context.Context) {
	defer s.handOver(context.WithoutCancel(ctx))
	poll, sign := time.NewTicker(pollEvery), time.NewTicker(signEvery)
	defer poll.Stop()
	defer sign.Stop()
	for first := true; ; {
		n, err := s.Seal(ctx)
		s.logged(ctx, "sealing", err)
		if n == sealBatch && ctx.Err() == nil {
			continue
		}
		if first { // what a process before us left unsigned
			first = false
			s.logged(ctx, "signing", s.Sign(ctx))
		}
		select {
		case <-ctx.Done():
			return
		case <-sign.C:
			s.logged(ctx, "signing", s.Sign(ctx))
		case <-poll.C:
		case <-s.wake:
			select {
			case <-ctx.Done():
				return
			case <-time.After(gatherWait):
			}
		}
	}
}

func (s *Sealer) handOver(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	s.logged(ctx, "handing over", releaseLease(ctx, s.cfg.DB, s.holder))
}

func (s *Sealer) logged(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil && s.cfg.Log != nil {
		s.cfg.Log.ErrorContext(ctx, "audit: "+what+" failed", "error", err)
	}
}

// Seal links what waits, at most a batch, and answers how many entries it linked: none where another node works.
func (s *Sealer) Seal(ctx context.Context) (int, error) {
	any, err := anyWaiting(ctx, s.cfg.DB)
	if err != nil || !any {
		return 0, err
	}
	mine, err := s.cfg.DB.Lease(ctx, leaseName, s.holder, leaseFor)
	if err != nil || !mine {
		return 0, err
	}
	n := 0
	var long []Head
	err = s.cfg.DB.Update(ctx, func(tx *sqldb.Tx) error {
		n, long = 0, nil
		held, err := holdLease(ctx, tx, s.holder)
		if err != nil || !held {
			return err
		}
		waiting, err := waitingEntries(ctx, tx)
		if err != nil {
			return err
		}
		n = len(waiting)
		long, err = link(ctx, tx, waiting)
		return err
	})
	if err != nil {
		return 0, err
	}
	if n > 0 && s.cfg.Sealed != nil {
		s.cfg.Sealed(n)
	}
	return n, s.sign(ctx, long)
}

// link puts entries at the ends of their chains, in their order, and answers the ends that are to be signed by now.
func link(ctx context.Context, tx *sqldb.Tx, waiting []stored) (long []Head, err error) {
	from, to := map[string]end{}, map[string]end{}
	var chains []string
	for i := range waiting {
		e := &waiting[i]
		chain := e.chain()
		at, known := to[chain]
		if !known {
			if at, err = endOf(ctx, tx, chain); err != nil {
				return nil, err
			}
			from[chain], chains = at, append(chains, chain)
		}
		at = end{at.position + 1, e.linkTo(at.link, at.position+1)}
		setPosition(tx, e.id, at)
		to[chain] = at
	}
	for _, chain := range chains {
		moved, err := moveEnd(ctx, tx, chain, from[chain], to[chain])
		if err != nil {
			return nil, err
		}
		if !moved {
			return nil, fmt.Errorf("audit: the chain of %s was moved by somebody else", chain)
		}
		if to[chain].position/signAfter > from[chain].position/signAfter {
			long = append(long, Head{Chain: chain, Position: to[chain].position, Link: to[chain].link})
		}
	}
	return long, nil
}

// Sign signs the end of every chain that has grown since it was last signed.
func (s *Sealer) Sign(ctx context.Context) error {
	if s.cfg.Signer == nil {
		return nil
	}
	mine, err := s.cfg.DB.Lease(ctx, leaseName, s.holder, leaseFor)
	if err != nil || !mine {
		return err
	}
	heads, err := unsigned(ctx, s.cfg.DB)
	if err != nil {
		return err
	}
	return s.sign(ctx, heads)
}

func (s *Sealer) sign(ctx context.Context, heads []Head) error {
	if s.cfg.Signer == nil {
		return nil
	}
	for _, h := range heads {
		h.At = s.cfg.DB.Now()
		claims, err := json.Marshal(h.claims(s.cfg.Issuer))
		if err != nil {
			return err
		}
		signed, err := s.cfg.Signer.SignHead(ctx, claims)
		if err != nil {
			return err
		}
		h.Signature = signed.JWS
		err = s.cfg.DB.Update(ctx, func(tx *sqldb.Tx) error {
			if tx.Vault() == nil {
				return ErrNoVault
			}
			made, err := insertHead(ctx, tx, h)
			if err != nil || !made {
				return err
			}
			insertSigner(tx, signed.KID, tx.Vault().Seal(signerPurpose(signed.KID), []byte(signed.JWK)))
			if s.cfg.Tell == nil {
				return nil
			}
			return s.cfg.Tell(tx, h)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func signerPurpose(kid string) string { return "audit signer " + kid }
