package directory

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"slices"
	"time"

	"portvakt/internal/jwk"
	"portvakt/internal/sqldb"
)

// hashSize is that of SHA-256.
const hashSize = 32

// AddSecret gives an account one more secret, by its SHA-256; a zero expires is open. At most two are in force.
func (s ServiceAccounts) AddSecret(ctx context.Context, org OrganizationID, id ServiceAccountID, hash []byte, expires time.Time) (ServiceCredential, error) {
	c := ServiceCredential{Hash: slices.Clone(hash), ExpiresAt: expires}
	if len(hash) != hashSize {
		return c, errBadSecret
	}
	err := s.make(ctx, org, id, func(tx *sqldb.Tx, a ServiceAccount, by maker) error {
		c.ExpiresAt = expires
		if !c.InForce(tx.Now()) {
			return errBadExpiry
		}
		if len(a.secrets(tx.Now())) >= maxSecrets {
			return ErrTooManySecrets
		}
		insertCredential(tx, &a, by, &c)
		return noteServiceAccount(ctx, tx, EventServiceSecretAdded, a)
	})
	return c, err
}

// Rotate makes a new secret and lets the former one go on for the overlap, as retire says.
func (s ServiceAccounts) Rotate(ctx context.Context, org OrganizationID, id ServiceAccountID, overlap time.Duration) (Rotation, error) {
	if err := checkOverlap(overlap); err != nil {
		return Rotation{}, err
	}
	var r Rotation
	secret := newSecret()
	err := s.make(ctx, org, id, func(tx *sqldb.Tx, a ServiceAccount, by maker) error {
		former := a.secrets(tx.Now())
		ends := make([]time.Time, len(former))
		for i, c := range former {
			ends[i] = c.ExpiresAt
		}
		plan, err := retire(ends, overlap, tx.Now())
		if err != nil {
			return err
		}
		for i, c := range former {
			if !plan.ends[i].Equal(c.ExpiresAt) {
				endCredential(tx, a, c.ID, plan.ends[i])
			}
		}
		r = Rotation{Account: a, Secret: secret, FormerEnd: plan.last}
		insertCredential(tx, &a, by, &ServiceCredential{Hash: hashOf(secret)})
		tx.Later(`delete from service_account_credentials where organization_id = $1 and service_account_id = $2 and (expires_at < $3 or member_end_at < $3)`,
			org, id, sqldb.Micros(tx.Now().Add(-keepCredentials)))
		return noteServiceAccount(ctx, tx, EventServiceSecretRotated, a)
	})
	if err != nil {
		return Rotation{}, err
	}
	return r, nil
}

// Revoke ends a secret or a key now; what was issued by it is not active any more.
func (s ServiceAccounts) Revoke(ctx context.Context, org OrganizationID, id ServiceAccountID, credential CredentialID) error {
	return s.change(ctx, org, id, func(tx *sqldb.Tx, a ServiceAccount) error {
		i := slices.IndexFunc(a.Credentials, func(c ServiceCredential) bool { return c.ID == credential })
		if i < 0 {
			return ErrCredentialNotFound
		}
		if !a.Credentials[i].InForce(tx.Now()) {
			return nil
		}
		endCredential(tx, a, credential, tx.Now())
		return noteServiceAccount(ctx, tx, EventServiceCredentialRevoked, a)
	})
}

// SetKeys replaces the account's public keys by those of a key set (RFC 7517 §5); a key that stands in both stays as it is,
// with whoever made it. The set that is there already writes nothing.
func (s ServiceAccounts) SetKeys(ctx context.Context, org OrganizationID, id ServiceAccountID, jwks []byte) error {
	keys, err := jwk.ParseSet(jwks)
	if err != nil {
		return err
	}
	return s.make(ctx, org, id, func(tx *sqldb.Tx, a ServiceAccount, by maker) error {
		wanted := map[string]bool{}
		for _, k := range keys {
			wanted[k.JSON()] = true
		}
		changed := a.KeysURI != ""
		if changed {
			a.KeysURI = ""
			writeKeysURI(tx, &a)
		}
		for _, c := range a.Credentials {
			switch {
			case c.IsSecret() || !c.InForce(tx.Now()):
			case wanted[c.JWK]:
				delete(wanted, c.JWK)
			default:
				endCredential(tx, a, c.ID, tx.Now())
				changed = true
			}
		}
		for _, k := range keys { // in the set's order
			if wanted[k.JSON()] {
				insertCredential(tx, &a, by, &ServiceCredential{JWK: k.JSON()})
				changed = true
			}
		}
		if !changed {
			return nil
		}
		return noteServiceAccount(ctx, tx, EventServiceKeysSet, a)
	})
}

// make is change by somebody whose hand the new credential is.
func (s ServiceAccounts) make(ctx context.Context, org OrganizationID, id ServiceAccountID, edit func(*sqldb.Tx, ServiceAccount, maker) error) error {
	return s.update(ctx, func(tx *sqldb.Tx) error {
		by, err := makerOf(ctx, tx, org)
		if err != nil {
			return err
		}
		return ServiceAccounts{store{db: s.db, tx: tx}}.change(ctx, org, id, func(tx *sqldb.Tx, a ServiceAccount) error { return edit(tx, a, by) })
	})
}

// newSecret has 256 random bits.
func newSecret() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // it never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

func insertCredential(tx *sqldb.Tx, a *ServiceAccount, by maker, c *ServiceCredential) {
	c.ID, c.MadeBy, c.CreatedAt = sqldb.NewID[credentialPrefix](tx.Now()), by.membership, tx.Now()
	var hash any
	if c.IsSecret() {
		hash = c.Hash
	}
	tx.Later(`insert into service_account_credentials (id, organization_id, service_account_id, hash, jwk, made_by, bound, member_end_at, created_at, expires_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		c.ID, a.Organization, a.ID, hash, sqldb.Text(c.JWK), by.membership, by.bound, sqldb.Micros(by.end), sqldb.Micros(tx.Now()), sqldb.Micros(c.ExpiresAt))
	c.ExpiresAt = nearer(c.ExpiresAt, by.end)
}

func endCredential(tx *sqldb.Tx, a ServiceAccount, id CredentialID, at time.Time) {
	tx.Later(`update service_account_credentials set expires_at = $4 where organization_id = $1 and service_account_id = $2 and id = $3`,
		a.Organization, a.ID, id, sqldb.Micros(at))
}

// ownedCredential is a credential with its account.
type ownedCredential struct {
	ServiceCredential
	account ServiceAccountID
}

const credentialColumns = `select id, service_account_id, hash, coalesce(jwk, ''), made_by, member_end_at, created_at, expires_at
	from service_account_credentials where organization_id = $1`

func scanCredential(r sqldb.Row) (c ownedCredential, err error) {
	var memberEnd time.Time
	err = r.Scan(&c.ID, &c.account, &c.Hash, &c.JWK, &c.MadeBy, sqldb.Time(&memberEnd), sqldb.Time(&c.CreatedAt), sqldb.Time(&c.ExpiresAt))
	c.ExpiresAt = nearer(c.ExpiresAt, memberEnd)
	return c, err
}

// nearer is the earlier of two ends, of which a zero one is none.
func nearer(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// credentialsOf are an account's credentials, the oldest first.
func credentialsOf(ctx context.Context, q sqldb.Queryer, org OrganizationID, account ServiceAccountID) ([]ServiceCredential, error) {
	owned, err := sqldb.All(ctx, q, scanCredential, credentialColumns+` and service_account_id = $2 order by created_at, id`, org, account)
	var out []ServiceCredential
	for _, c := range owned {
		out = append(out, c.ServiceCredential)
	}
	return out, err
}

// credentialsIn are the credentials of all the organization's accounts, the oldest first.
func credentialsIn(ctx context.Context, q sqldb.Queryer, org OrganizationID) ([]ownedCredential, error) {
	return sqldb.All(ctx, q, scanCredential, credentialColumns+` order by created_at, id`, org)
}
