package directory

import (
	"slices"
	"time"

	"portvakt/internal/fault"
)

// ServiceMethod is how a service account proves itself at the token endpoint.
type ServiceMethod string

// The methods. A service account has one at a time; credentials for the other one open nothing meanwhile.
const (
	BySecret ServiceMethod = "client_secret_basic"
	ByKey    ServiceMethod = "private_key_jwt" // RFC 7523
)

// ServiceAccount is an organization's account for a system (R34): its own client credentials, no sign-in, no seat.
type ServiceAccount struct {
	ID           ServiceAccountID
	Organization OrganizationID
	Key          string
	Name         string
	ClientID     string // slug.key
	Method       ServiceMethod
	Credentials  []ServiceCredential // the oldest first, also such as have ended
	KeysURI      string              // where the public keys are read; "" where they are credentials
	Disabled     bool
	LastUsedAt   time.Time // to the hour; zero: never
	CreatedAt    time.Time
}

// ServiceCredential is a secret or a public key of a service account.
type ServiceCredential struct {
	ID        CredentialID
	Hash      []byte       // SHA-256 of a secret; nil for a key
	JWK       string       // a public key (RFC 7517); "" for a secret
	MadeBy    MembershipID // zero where the installation or somebody who runs it made it
	CreatedAt time.Time
	ExpiresAt time.Time // its own end, or that of the external or reseller who made it; zero: none
}

// IsSecret reports whether it is a secret and not a key.
func (c ServiceCredential) IsSecret() bool { return len(c.Hash) > 0 }

// InForce reports whether it opens anything at a moment.
func (c ServiceCredential) InForce(now time.Time) bool {
	return c.ExpiresAt.IsZero() || now.Before(c.ExpiresAt)
}

// secrets are the secrets in force.
func (a *ServiceAccount) secrets(now time.Time) []ServiceCredential {
	return slices.DeleteFunc(slices.Clone(a.Credentials), func(c ServiceCredential) bool { return !c.IsSecret() || !c.InForce(now) })
}

// Faults of service accounts.
var (
	ErrServiceAccountNotFound = fault.New(fault.NotFound, "service_account_not_found", "There is no such service account")
	ErrCredentialNotFound     = fault.New(fault.NotFound, "credential_not_found", "The service account has no such credential")
	ErrTooManySecrets         = fault.New(fault.Conflict, "too_many_secrets", "Two secrets are in force already; revoke one first (portvakt service-account revoke, portvakt provisioning-client revoke), or rotate without overlap")
	errBadSecret              = fault.New(fault.Invalid, "bad_secret", "A secret is kept as its SHA-256").On("secret")
	errBadExpiry              = fault.New(fault.Invalid, "bad_expiry", "The secret would have expired already").On("expires")
	errBadOverlap             = fault.New(fault.Invalid, "bad_overlap", "The overlap is between nothing and 90 days").On("overlap")
	errBadMethod              = fault.New(fault.Invalid, "bad_auth_method", "A service account uses client_secret_basic or private_key_jwt").On("auth_method")
	errMakerNotMember         = fault.New(fault.Forbidden, "maker_not_active", "Only an active member can make credentials for the organization")
)

// Rotation is what Rotate answers. The secret stands nowhere else: it is shown once.
type Rotation struct {
	Account   ServiceAccount
	Secret    string
	FormerEnd time.Time // when the former secrets end; zero where there was none
}

// ServiceAccountEvent is what an event about a service account says; its kind says what was done.
type ServiceAccountEvent struct {
	ServiceAccount string `json:"service_account"`
	Organization   string `json:"organization"`
	ClientID       string `json:"client_id"`
}

// What is done with service accounts: audit entries and events have the same names.
const (
	EventServiceAccountCreated    = "service_account.created"
	EventServiceAccountChanged    = "service_account.changed"
	EventServiceAccountDisabled   = "service_account.disabled"
	EventServiceAccountEnabled    = "service_account.enabled"
	EventServiceSecretAdded       = "service_account.secret_added"
	EventServiceSecretRotated     = "service_account.secret_rotated"
	EventServiceCredentialRevoked = "service_account.credential_revoked"
	EventServiceKeysSet           = "service_account.keys_set"
	// EventCredentialsEnded is about a member: what the member had made for the organization ended with the membership.
	EventCredentialsEnded = "membership.credentials_ended"
)

// ServiceAccounts is the store of service accounts. Its changes bump ApplicationsWatermark: they are clients too.
type ServiceAccounts struct{ store }
