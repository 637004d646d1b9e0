package directory

import (
	"context"
	"time"

	"portvakt/internal/audit"
	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
)

// ProvisioningNotice is how long before a provisioning client is left without a token that is told.
const ProvisioningNotice = 14 * 24 * time.Hour

// EndingToken is the last token of a provisioning client, which ends soon.
type EndingToken struct {
	Client ProvisioningClient
	Token  ProvisioningTokenID
	Ends   time.Time

	hash []byte
}

// tokenEnd is the moment from which a token opens nothing.
const tokenEnd = `case when t.expires_at is null or t.member_end_at < t.expires_at then t.member_end_at else t.expires_at end`

// endingText finds by two indexes the tokens that end within a span, but for those that others outlast: a rotation ends the former
// token, and that is no news.
const endingText = `select ` + provisioningClientColumns + `, t.hash, ` + tokenEnd + `
	from (select hash from provisioning_tokens where expires_at > $1 and expires_at <= $2
		union select hash from provisioning_tokens where member_end_at > $1 and member_end_at <= $2) soon
	join provisioning_tokens t on t.hash = soon.hash
	join provisioning_clients c on c.id = t.client_id join organizations o on o.id = c.organization_id
	where t.revoked_at is null and ` + tokenEnd + ` > $1 and c.disabled_at is null and o.state = 'active'
		and not exists (select 1 from provisioning_tokens l where l.client_id = c.id and l.hash <> t.hash and l.revoked_at is null
			and (l.expires_at is null or l.expires_at > ` + tokenEnd + `) and (l.member_end_at is null or l.member_end_at > ` + tokenEnd + `))`

// Ending are the provisioning clients that are left without a token within ProvisioningNotice, each with the token that ends
// last.
func (s ProvisioningClients) Ending(ctx context.Context) ([]EndingToken, error) {
	return s.ending(ctx, ` order by 1, 2`)
}

func (s ProvisioningClients) ending(ctx context.Context, more string) ([]EndingToken, error) {
	now := s.now()
	return sqldb.All(ctx, s.q(), func(r sqldb.Row) (e EndingToken, err error) {
		e.Client, err = scanProvisioningClient(r, &e.hash, sqldb.Time(&e.Ends))
		e.Token = tokenID(e.hash)
		return e, err
	}, endingText+more, sqldb.Micros(now), sqldb.Micros(now.Add(ProvisioningNotice)))
}

// TellEnding writes an event for each of Ending that was not told of, and answers how many.
//
// Invariant: of each end is told once, whoever calls this at the same time (TestR34_TheEndOfTheLastTokenIsToldOnce).
func (s ProvisioningClients) TellEnding(ctx context.Context) (told int, err error) {
	due, err := s.ending(ctx, ` and (t.warned_for is null or t.warned_for <> `+tokenEnd+`) order by 1, 2 limit 200`)
	for _, e := range due {
		mine, err := s.tellEnding(ctx, e)
		if err != nil {
			return told, err
		}
		if mine {
			told++
		}
	}
	return told, err
}

func (s ProvisioningClients) tellEnding(ctx context.Context, e EndingToken) (mine bool, err error) {
	err = s.update(ctx, func(tx *sqldb.Tx) error {
		n, err := tx.Exec(ctx, `update provisioning_tokens set warned_for = $3 where organization_id = $1 and hash = $2
			and (warned_for is null or warned_for <> $3)`, e.Client.Organization, e.hash, sqldb.Micros(e.Ends))
		if mine = n == 1; err != nil || !mine {
			return err
		}
		c := e.Client
		if err := audit.Append(ctx, tx, c.Organization, audit.Entry{Action: EventProvisioningTokenEnding, Object: c.ID.String(),
			Detail: map[string]any{"name": c.Name, "token": e.Token.String(), "ends": instant(e.Ends)}}); err != nil {
			return err
		}
		return outbox.Append(tx, c.Organization, EventProvisioningTokenEnding, c.ID.String(), ProvisioningClientEvent{ProvisioningClient: c.ID.String(),
			Organization: c.Organization.String(), Name: c.Name, Token: e.Token.String(), Ends: instant(e.Ends)})
	})
	return mine, err
}
