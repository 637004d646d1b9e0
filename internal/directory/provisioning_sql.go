package directory

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"portvakt/internal/audit"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

// ErrProvisioningToken says that a token opens nothing.
var ErrProvisioningToken = fault.New(fault.Unauthenticated, "bad_token", "The token is not valid")

const minProvisioningToken = 6

// Create makes an organization's provisioning client with its first token; making it again by the same name changes the
// rights and keeps the tokens.
func (s ProvisioningClients) Create(ctx context.Context, c ProvisioningClient, token string) (ProvisioningClient, error) {
	c.ProvisioningSettings = c.orDefault()
	if c.Name == "" {
		return c, fault.New(fault.Invalid, "missing", "A provisioning client needs a name").On("name")
	}
	if err := cmp.Or(checkText("name", c.Name), checkIndexed("name", c.Name), c.ProvisioningSettings.check()); err != nil {
		return c, err
	}
	if len(token) < minProvisioningToken {
		return c, fault.Newf(fault.Invalid, "short_token", "A token has at least %d characters", minProvisioningToken).On("token")
	}
	made, err := s.tryCreate(ctx, c, token)
	if sqldb.IsUnique(err) && s.tx == nil { // somebody else made it at the same moment: now it is there
		made, err = s.tryCreate(ctx, c, token)
	}
	return made, err
}

func (s ProvisioningClients) tryCreate(ctx context.Context, asked ProvisioningClient, token string) (c ProvisioningClient, err error) {
	err = s.update(ctx, func(tx *sqldb.Tx) error {
		c = asked
		was, err := ProvisioningClients{store{db: s.db, tx: tx}}.ByName(ctx, c.Organization, c.Name)
		switch {
		case errors.Is(err, ErrProvisioningClientNotFound):
			return createProvisioningClient(ctx, tx, &c, token)
		case err != nil:
			return err
		}
		c.ID, c.Slug, c.CreatedAt, c.Disabled = was.ID, was.Slug, was.CreatedAt, was.Disabled
		c.Application, c.ServiceAccount = was.Application, was.ServiceAccount // SetCaller's
		if c == was {
			return nil
		}
		tx.Later(`update provisioning_clients set profile = $3, unknown_attributes = $4, patch_answer = $5, requests_per_minute = $6,
			may_users = $7, may_groups = $8, may_access = $9, may_administrators = $10 where organization_id = $1 and id = $2`, c.Organization, c.ID,
			c.Profile, c.UnknownAttributes, c.PatchAnswer, c.RequestsPerMinute, c.MayUsers, c.MayGroups, c.MayAccess, c.MayAdministrators)
		return audit.Append(ctx, tx, c.Organization, audit.Entry{Action: "provisioning_client.changed", Object: c.ID.String(), Detail: settingsChanged(&was, &c)})
	})
	return c, err
}

func createProvisioningClient(ctx context.Context, tx *sqldb.Tx, c *ProvisioningClient, token string) error {
	o, err := Organizations{store{tx: tx}}.ByID(ctx, c.Organization)
	if err != nil {
		return err
	}
	c.Application, c.ServiceAccount = ApplicationID{}, ServiceAccountID{}
	c.ID, c.Slug, c.CreatedAt, c.Disabled = sqldb.NewID[provisioningClientPrefix](tx.Now()), o.Slug, tx.Now(), false
	by, err := makerOf(ctx, tx, c.Organization)
	if err != nil {
		return err
	}
	tx.Later(`insert into provisioning_clients (id, organization_id, name, profile, unknown_attributes, patch_answer, requests_per_minute,
		may_users, may_groups, may_access, may_administrators, created_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		c.ID, c.Organization, c.Name, c.Profile, c.UnknownAttributes, c.PatchAnswer, c.RequestsPerMinute,
		c.MayUsers, c.MayGroups, c.MayAccess, c.MayAdministrators, sqldb.Micros(tx.Now()))
	if err := insertToken(ctx, tx, c, by, newToken{text: token}); err != nil {
		return err
	}
	return audit.Append(ctx, tx, c.Organization, audit.Entry{Action: "provisioning_client.created", Object: c.ID.String(),
		Detail: map[string]any{"name": c.Name, "rights": c.Rights()}})
}

const provisioningClientColumns = `c.id, c.organization_id, o.slug, c.name, c.profile, c.unknown_attributes, c.patch_answer, c.requests_per_minute, c.may_users, c.may_groups, c.may_access,
	c.may_administrators, c.application_id, c.service_account_id, c.disabled_at is not null, c.created_at`

func scanProvisioningClient(r sqldb.Row, more ...any) (c ProvisioningClient, err error) {
	err = r.Scan(append([]any{&c.ID, &c.Organization, &c.Slug, &c.Name, &c.Profile, &c.UnknownAttributes, &c.PatchAnswer,
		&c.RequestsPerMinute, &c.MayUsers, &c.MayGroups, &c.MayAccess, &c.MayAdministrators, &c.Application, &c.ServiceAccount, &c.Disabled, sqldb.Time(&c.CreatedAt)}, more...)...)
	if errors.Is(err, sqldb.ErrNoRows) {
		return c, ErrProvisioningToken
	}
	return c, err
}

const authenticateText = `select ` + provisioningClientColumns + `, t.last_used_at
	from provisioning_tokens t join provisioning_clients c on c.id = t.client_id join organizations o on o.id = c.organization_id
	where t.hash = $1 and t.revoked_at is null and (t.expires_at is null or t.expires_at > $2)
		and (t.member_end_at is null or t.member_end_at > $2) and c.disabled_at is null and o.state = 'active'`

// Authenticate is the client whose token it is: not revoked, not expired, not ended with the external who made it, neither client nor organization switched off.
func (s ProvisioningClients) Authenticate(ctx context.Context, token string) (ProvisioningClient, error) {
	c, _, _, err := s.AuthenticateUse(ctx, token)
	return c, err
}

// AuthenticateUse is Authenticate for who notes that tokens are used: it answers which one this was, and when it was last
// noted.
func (s ProvisioningClients) AuthenticateUse(ctx context.Context, token string) (c ProvisioningClient, use TokenUse, noted time.Time, err error) {
	if len(token) < minProvisioningToken || len(token) > 1000 {
		return c, use, noted, ErrProvisioningToken
	}
	use = TokenUse(hashOf(token))
	row := s.q().QueryRow(ctx, authenticateText, use[:], sqldb.Micros(s.now()))
	c, err = scanProvisioningClient(row, sqldb.Time(&noted))
	return c, use, noted, err
}

func hashOf(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}
