package directory

import (
	"context"
	"crypto/sha256"
	"slices"
	"time"

	"portvakt/internal/audit"
	"portvakt/internal/fault"
	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
)

type provisioningTokenPrefix struct{}

func (provisioningTokenPrefix) Prefix() string { return "pvt" }

// ProvisioningTokenID names a token of a provisioning client, and opens nothing.
type ProvisioningTokenID = sqldb.ID[provisioningTokenPrefix]

// ParseProvisioningTokenID reads a token's outside identifier.
func ParseProvisioningTokenID(s string) (ProvisioningTokenID, error) {
	return sqldb.ParseID[provisioningTokenPrefix](s)
}

// ProvisioningToken is what a provisioning client calls with, without what opens.
type ProvisioningToken struct {
	ID         ProvisioningTokenID
	MadeBy     MembershipID // zero where the installation or somebody who runs it made it
	MakerGone  bool         // whoever made it may not act for the organization at present; it is the organization's and goes on
	CreatedAt  time.Time
	ExpiresAt  time.Time // its own end, that of the external or reseller who made it, or of its being revoked; zero: none
	LastUsedAt time.Time // to the hour; zero: never

	hash []byte
}

// InForce reports whether it opens anything at a moment.
func (t ProvisioningToken) InForce(now time.Time) bool {
	return t.ExpiresAt.IsZero() || now.Before(t.ExpiresAt)
}

// tokenID is made of the stored hash, in a way that does not lead back.
func tokenID(hash []byte) ProvisioningTokenID {
	sum := sha256.Sum256(append([]byte("provisioning token "), hash...))
	return ProvisioningTokenID(sum[:16])
}

// TokenRotation is what Rotate answers. The token stands nowhere else: it is shown once.
type TokenRotation struct {
	Client    ProvisioningClient
	Token     string
	ExpiresAt time.Time // the new token's end; zero: none
	FormerEnd time.Time // when the former tokens end; zero where there was none
}

// provisioningSecretPrefix begins every token that is made here, so that scanners of repositories and logs know one.
const provisioningSecretPrefix = "portvakt_scim_"

// Renewal is how a new token replaces the former one.
type Renewal struct {
	Overlap  time.Duration // how long the former one goes on
	Lifetime time.Duration // of the new one; zero: it has no end
}

// What is done with tokens: audit entries and events have the same names.
const (
	EventProvisioningTokenRotated = "provisioning_client.token_rotated"
	EventProvisioningTokenRevoked = "provisioning_client.token_revoked"
	// EventProvisioningTokenEnding says that the client is left without a token within ProvisioningNotice.
	EventProvisioningTokenEnding = "provisioning_client.token_ending"
	// EventProvisioningReleased says that the client gave up its members, EventProvisioningRemoved that it is gone.
	EventProvisioningReleased = "provisioning_client.released"
	EventProvisioningRemoved  = "provisioning_client.removed"
)

// ProvisioningClientEvent is what an event about a provisioning client says; its kind says what was done.
type ProvisioningClientEvent struct {
	ProvisioningClient string `json:"provisioning_client"`
	Organization       string `json:"organization"`
	Name               string `json:"name"`
	Token              string `json:"token,omitempty"` // its identifier
	Ends               string `json:"ends,omitempty"`  // of provisioning_client.token_ending
}

// Faults of provisioning clients.
var (
	ErrProvisioningClientNotFound = fault.New(fault.NotFound, "provisioning_client_not_found", "There is no such provisioning client")
	ErrTokenNotFound              = fault.New(fault.NotFound, "token_not_found", "The provisioning client has no such token").On("token")
	errBadLifetime                = fault.New(fault.Invalid, "bad_lifetime", "The lifetime is longer than the overlap, or none").On("lifetime")
)

// Rotate makes a new token and lets the former one go on for the overlap.
//
// Invariant: at most two tokens are in force (TestR34_OneOfThirtyTokenRotationsWins); what an external or a reseller made
// ends with the membership (TestR34_AnExternalsTokenEndsWithTheMembership).
func (s ProvisioningClients) Rotate(ctx context.Context, org OrganizationID, id ProvisioningClientID, n Renewal) (TokenRotation, error) {
	if err := checkOverlap(n.Overlap); err != nil {
		return TokenRotation{}, err
	}
	if n.Lifetime < 0 || n.Lifetime > 0 && n.Lifetime <= n.Overlap {
		return TokenRotation{}, errBadLifetime
	}
	var r TokenRotation
	token := provisioningSecretPrefix + newSecret()
	err := s.update(ctx, func(tx *sqldb.Tx) error {
		by, err := makerOf(ctx, tx, org)
		if err != nil {
			return err
		}
		c, former, err := lockedClient(ctx, tx, org, id)
		if err != nil {
			return err
		}
		former = slices.DeleteFunc(former, func(t ProvisioningToken) bool { return !t.InForce(tx.Now()) })
		ends := make([]time.Time, len(former))
		for i, t := range former {
			ends[i] = t.ExpiresAt
		}
		plan, err := retire(ends, n.Overlap, tx.Now())
		if err != nil {
			return err
		}
		for i, t := range former {
			if !plan.ends[i].Equal(t.ExpiresAt) {
				endToken(tx, org, t.hash, plan.ends[i])
			}
		}
		r = TokenRotation{Client: c, Token: token, FormerEnd: plan.last}
		if n.Lifetime > 0 {
			r.ExpiresAt = tx.Now().Add(n.Lifetime)
		}
		if err := insertToken(ctx, tx, &c, by, newToken{token, r.ExpiresAt}); err != nil {
			return err
		}
		r.ExpiresAt = nearer(r.ExpiresAt, by.end)
		forgetTokens(tx, org, id)
		return noteToken(ctx, tx, EventProvisioningTokenRotated, c, tokenID(hashOf(token)))
	})
	if err != nil {
		return TokenRotation{}, err
	}
	return r, nil
}

// RevokeToken ends a token now, also the last one.
func (s ProvisioningClients) RevokeToken(ctx context.Context, org OrganizationID, id ProvisioningClientID, token ProvisioningTokenID) error {
	return s.update(ctx, func(tx *sqldb.Tx) error {
		c, all, err := lockedClient(ctx, tx, org, id)
		if err != nil {
			return err
		}
		t, there := find(all, func(t ProvisioningToken) bool { return t.ID == token })
		if !there {
			return ErrTokenNotFound
		}
		if !t.InForce(tx.Now()) {
			return nil
		}
		endToken(tx, org, t.hash, tx.Now())
		return noteToken(ctx, tx, EventProvisioningTokenRevoked, c, token)
	})
}

func noteToken(ctx context.Context, tx *sqldb.Tx, action string, c ProvisioningClient, token ProvisioningTokenID) error {
	if err := audit.Append(ctx, tx, c.Organization, audit.Entry{Action: action, Object: c.ID.String(),
		Detail: map[string]any{"name": c.Name, "token": token.String()}}); err != nil {
		return err
	}
	return outbox.Append(tx, c.Organization, action, c.ID.String(), ProvisioningClientEvent{ProvisioningClient: c.ID.String(),
		Organization: c.Organization.String(), Name: c.Name, Token: token.String()})
}
