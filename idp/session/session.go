// Package session is the browser's session: a cookie of 256 random bits, a row with its hash, and for each organization
// that an application was opened in a sid, the row (session, membership, membership's epoch).
//
// A session is the person's, not an organization's. It counts only while nothing ended it, neither idle nor absolute
// limit has passed, the person is active under the epoch it was made under, and has an active membership or is an
// operator: one indexed read says all that, so an end is felt at once and no worker is needed for it.
//
// Invariant: a session's id and cookie value are always made new; nothing that a client sends becomes one (TestAlwaysMinted).
// Invariant: evidence given under another epoch than the person's present one starts nothing (TestStaleEvidence).
// Invariant: reading never waits for a write; seen_at is written in the background, once a minute at most (TestIdle).
package session

import (
	"context"
	"log/slog"
	"time"

	"portvakt/idp/credential"
	"portvakt/idp/gate"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

type (
	sessionPrefix struct{}
	sidPrefix     struct{}
)

func (sessionPrefix) Prefix() string { return "ses" }
func (sidPrefix) Prefix() string     { return "sid" }

type (
	// ID identifies a session.
	ID = sqldb.ID[sessionPrefix]
	// SID identifies a session in one organization; it is the claim sid.
	SID = sqldb.ID[sidPrefix]
)

// ParseID reads a session's outside identifier.
func ParseID(s string) (ID, error) { return sqldb.ParseID[sessionPrefix](s) }

// ParseSID reads the claim sid.
func ParseSID(s string) (SID, error) { return sqldb.ParseID[sidPrefix](s) }

// Session is a person's signed-in browser.
type Session struct {
	ID              ID
	User            directory.UserID
	UserEpoch       int64
	Email           string // the sign-in address at present
	AuthenticatedAt time.Time
	ACR             string
	AMR             []string
	CreatedAt       time.Time
	SeenAt          time.Time
	ExpiresAt       time.Time
	UserAgent       string
	Pause           time.Duration // the longest without use since the sign-in, but for the one that goes on now
	FactorAt        time.Time     // where the second factor was not shown but trusted: when it was (gate.Request)
}

// Held is what the session says of the sign-in that it began with.
func (v Session) Held() credential.Held {
	return credential.Held{User: v.User, Epoch: v.UserEpoch, At: v.AuthenticatedAt, ACR: v.ACR, AMR: v.AMR}
}

// Use is what the gate is told of the session.
func (v Session) Use() gate.Use {
	return gate.Use{SignedInAt: v.AuthenticatedAt, SeenAt: v.SeenAt, Pause: v.Pause}
}

// Config are the limits of sessions; zero values are the defaults.
type Config struct {
	Issuer   string        // decides names and flags of cookies
	Idle     time.Duration // 0: 8 hours
	Absolute time.Duration // 0: 24 hours
}

// Sessions is the store of sessions.
type Sessions struct {
	db      *sqldb.DB
	cookies Cookies
	idle    time.Duration
	life    time.Duration
	seen    chan seenAt
	log     *slog.Logger
	round   Round // nil: nobody has to be visited
}

// EventEnded is the event of a session that somebody ended.
const EventEnded = "session.ended"

// Event is what an event about a session says.
type Event struct {
	Session string `json:"session"`
	User    string `json:"user"`
}

// Faults of sessions.
var (
	ErrStaleEvidence = fault.New(fault.Unauthenticated, "sign_in_again", "Please sign in again")
	ErrNoMembership  = fault.New(fault.Forbidden, "no_organization", "The person has no active membership")
	ErrSIDEnded      = fault.New(fault.Unauthenticated, "sid_ended", "The session in this organization has ended")
)

// New makes the store of sessions. Run writes in the background when sessions were last used.
func New(db *sqldb.DB, cfg Config, log *slog.Logger) (*Sessions, error) {
	if cfg.Idle == 0 {
		cfg.Idle = 8 * time.Hour
	}
	if cfg.Absolute == 0 {
		cfg.Absolute = 24 * time.Hour
	}
	cookies, err := NewCookies(cfg.Issuer)
	if err != nil {
		return nil, err
	}
	return &Sessions{db: db, cookies: cookies, idle: cfg.Idle, life: cfg.Absolute, seen: make(chan seenAt, 1024), log: log}, nil
}

// Cookies names and writes this installation's cookies.
func (s *Sessions) Cookies() Cookies { return s.cookies }

const seenEvery = time.Minute

// seenAt is a session in use, and from where.
type seenAt struct {
	id      ID
	address string
}

// touch has Run note that the session was used. It never waits: should the queue be full, a later request will do.
func (s *Sessions) touch(v Session, address string) {
	if s.db.Now().Sub(v.SeenAt) >= seenEvery {
		s.note(v.ID, address)
	}
}

func (s *Sessions) note(id ID, address string) {
	select {
	case s.seen <- seenAt{id, address}:
	default:
	}
}

// Run notes when and from where sessions were last used, many in one transaction, until ctx ends.
func (s *Sessions) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case first := <-s.seen:
			if err := s.writeSeen(ctx, s.gather(first)); err != nil && ctx.Err() == nil {
				s.log.WarnContext(ctx, "session: use was not recorded", "error", err)
			}
		}
	}
}

// gather takes what else is waiting, each session once.
func (s *Sessions) gather(first seenAt) map[ID]string {
	from := map[ID]string{first.id: first.address}
	for len(from) < cap(s.seen) {
		select {
		case next := <-s.seen:
			from[next.id] = next.address
		default:
			return from
		}
	}
	return from
}
