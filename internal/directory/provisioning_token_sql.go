package directory

import (
	"context"
	"errors"
	"time"

	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

const tokenColumns = `t.hash, t.made_by, t.created_at, t.expires_at, t.revoked_at, t.member_end_at, t.last_used_at, `

// makerGone holds for a token whose maker is no active member: $1 is the moment.
var makerGone = `(t.made_by is not null and not exists (select 1 from memberships m join users u on u.id = m.user_id
	where m.id = t.made_by and u.state = 'active' and` + alive("$1") + `))`

func scanToken(r sqldb.Row) (t ProvisioningToken, err error) {
	var revoked, memberEnd time.Time
	err = r.Scan(&t.hash, &t.MadeBy, sqldb.Time(&t.CreatedAt), sqldb.Time(&t.ExpiresAt), sqldb.Time(&revoked), sqldb.Time(&memberEnd), sqldb.Time(&t.LastUsedAt), &t.MakerGone)
	t.ID, t.ExpiresAt = tokenID(t.hash), nearer(nearer(t.ExpiresAt, revoked), memberEnd)
	return t, err
}

// Tokens are the client's tokens, the oldest first, also such as have ended in the last months.
func (s ProvisioningClients) Tokens(ctx context.Context, org OrganizationID, id ProvisioningClientID) ([]ProvisioningToken, error) {
	return sqldb.All(ctx, s.q(), scanToken, `select `+tokenColumns+makerGone+` from provisioning_tokens t
		where t.organization_id = $2 and t.client_id = $3 order by t.created_at, t.hash`, sqldb.Micros(s.now()), org, id)
}

// ByName is the organization's provisioning client of that name.
func (s ProvisioningClients) ByName(ctx context.Context, org OrganizationID, name string) (ProvisioningClient, error) {
	if checkText("name", name) != nil {
		return ProvisioningClient{}, ErrProvisioningClientNotFound
	}
	return s.one(ctx, ` and c.name = $2`, org, name)
}

func (s ProvisioningClients) one(ctx context.Context, and string, args ...any) (ProvisioningClient, error) {
	c, err := scanProvisioningClient(s.q().QueryRow(ctx, `select `+provisioningClientColumns+` from provisioning_clients c
		join organizations o on o.id = c.organization_id where c.organization_id = $1`+and, args...))
	if errors.Is(err, ErrProvisioningToken) {
		err = ErrProvisioningClientNotFound
	}
	return c, err
}

// lockedClient is the client with its tokens, which nobody else changes meanwhile.
func lockedClient(ctx context.Context, tx *sqldb.Tx, org OrganizationID, id ProvisioningClientID) (ProvisioningClient, []ProvisioningToken, error) {
	if _, err := tx.Exec(ctx, `update provisioning_clients set name = name where organization_id = $1 and id = $2`, org, id); err != nil {
		return ProvisioningClient{}, nil, err
	}
	all := ProvisioningClients{store{tx: tx}}
	c, err := all.one(ctx, ` and c.id = $2`, org, id)
	if err != nil {
		return c, nil, err
	}
	tokens, err := all.Tokens(ctx, org, id)
	return c, tokens, err
}

// newToken is a token in clear, which is stored as its hash alone.
type newToken struct {
	text    string
	expires time.Time
}

func insertToken(ctx context.Context, tx *sqldb.Tx, c *ProvisioningClient, by maker, t newToken) error {
	n, err := tx.Exec(ctx, `insert into provisioning_tokens (hash, client_id, organization_id, created_at, expires_at, made_by, bound, member_end_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (hash) do nothing`,
		hashOf(t.text), c.ID, c.Organization, sqldb.Micros(tx.Now()), sqldb.Micros(t.expires), by.membership, by.bound, sqldb.Micros(by.end))
	if err == nil && n == 0 {
		return fault.New(fault.Conflict, "token_taken", "Another provisioning client has this token").On("token")
	}
	return err
}

func endToken(tx *sqldb.Tx, org OrganizationID, hash []byte, at time.Time) {
	tx.Later(`update provisioning_tokens set expires_at = $3 where organization_id = $1 and hash = $2`, org, hash, sqldb.Micros(at))
}

// forgetTokens takes away what ended long ago.
func forgetTokens(tx *sqldb.Tx, org OrganizationID, id ProvisioningClientID) {
	tx.Later(`delete from provisioning_tokens where organization_id = $1 and client_id = $2 and (expires_at < $3 or revoked_at < $3 or member_end_at < $3)`,
		org, id, sqldb.Micros(tx.Now().Add(-keepCredentials)))
}

// TokenUse is a token that was used.
type TokenUse [hashSize]byte

// NoteUsed keeps when tokens were last used, many in one transaction. It is no change that anybody hears of.
func (s ProvisioningClients) NoteUsed(ctx context.Context, used map[TokenUse]time.Time) error {
	return s.update(ctx, func(tx *sqldb.Tx) error {
		for hash, at := range used {
			tx.Later(`update provisioning_tokens set last_used_at = $2 where hash = $1 and (last_used_at is null or last_used_at < $2)`, hash[:], sqldb.Micros(at))
		}
		return nil
	})
}
