package directory

import (
	"context"

	"portvakt/internal/audit"
	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
)

// EventCredentialsLeft is about a member who may act no more: what the member made for the organization goes on opening
// doors, because it is the organization's. Whoever administers it decides whether that is still wanted (docs/decisions/0027).
const EventCredentialsLeft = "membership.credentials_left"

// CredentialsLeftEvent is what that event says.
type CredentialsLeftEvent struct {
	Organization string `json:"organization"`
	Membership   string `json:"membership"`
	// ProvisioningTokens and ServiceCredentials are how many of each are in force.
	ProvisioningTokens int64 `json:"provisioning_tokens"`
	ServiceCredentials int64 `json:"service_credentials"`
}

// leftText counts what a member made, $1, that is in force at $2 and does not end with the membership.
const leftText = `select
	(select count(*) from provisioning_tokens where made_by = $1 and bound = false and revoked_at is null and (expires_at is null or expires_at > $2)
		and (member_end_at is null or member_end_at > $2)),
	(select count(*) from service_account_credentials where made_by = $1 and bound = false and (expires_at is null or expires_at > $2)
		and (member_end_at is null or member_end_at > $2))`

// tellLeft tells of what a member leaves behind.
func tellLeft(ctx context.Context, tx *sqldb.Tx, m *Member) error {
	left := CredentialsLeftEvent{Organization: m.Organization.String(), Membership: m.ID.String()}
	err := tx.QueryRow(ctx, leftText, m.ID, sqldb.Micros(tx.Now())).Scan(&left.ProvisioningTokens, &left.ServiceCredentials)
	if err != nil || left.ProvisioningTokens+left.ServiceCredentials == 0 {
		return err
	}
	if err := audit.Append(ctx, tx, m.Organization, audit.Entry{Action: EventCredentialsLeft, Object: m.ID.String(),
		Detail: map[string]any{"provisioning_tokens": left.ProvisioningTokens, "service_credentials": left.ServiceCredentials}}); err != nil {
		return err
	}
	return outbox.Append(tx, m.Organization, EventCredentialsLeft, m.ID.String(), left)
}

// LeftToken is a provisioning token in force whose maker may not act for the organization at present.
type LeftToken struct {
	Client ProvisioningClient
	Token  ProvisioningToken
}

// Left are those tokens of the whole installation, for whoever looks after it.
func (s ProvisioningClients) Left(ctx context.Context) ([]LeftToken, error) {
	return sqldb.All(ctx, s.q(), func(r sqldb.Row) (l LeftToken, err error) {
		l.Client, err = scanProvisioningClient(r, &l.Token.hash, &l.Token.MadeBy)
		l.Token.ID, l.Token.MakerGone = tokenID(l.Token.hash), true
		return l, err
	}, `select `+provisioningClientColumns+`, t.hash, t.made_by from provisioning_tokens t join provisioning_clients c on c.id = t.client_id
		join organizations o on o.id = c.organization_id
		where `+makerGone+` and t.revoked_at is null and (t.expires_at is null or t.expires_at > $1) and (t.member_end_at is null or t.member_end_at > $1)
			and c.disabled_at is null and o.state = 'active' order by o.slug, c.name, t.created_at, t.hash`, sqldb.Micros(s.now()))
}
