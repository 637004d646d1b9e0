package directory

import (
	"context"
	"errors"

	"portvakt/internal/audit"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

// errCallerTaken says that an application acts as one provisioning client of an organization at most: its tokens name none.
var errCallerTaken = fault.New(fault.Conflict, "caller_taken", "Another provisioning client of the organization is called by this application").On("oauth_client")

// SetCaller names the application or service account, by its client id, whose own access tokens count as the provisioning
// client's; "" takes that back. An application is the installation's or the organization's own, a service account the
// organization's: every other one is not found.
func (s ProvisioningClients) SetCaller(ctx context.Context, org OrganizationID, id ProvisioningClientID, clientID string) (ProvisioningClient, error) {
	var c ProvisioningClient
	err := s.update(ctx, func(tx *sqldb.Tx) error {
		was, _, err := lockedClient(ctx, tx, org, id)
		if err != nil {
			return err
		}
		c = was
		if c.Application, c.ServiceAccount, err = callerOf(ctx, tx, org, clientID); err != nil || c == was {
			return err
		}
		tx.Later(`update provisioning_clients set application_id = $3, service_account_id = $4 where organization_id = $1 and id = $2`,
			org, id, c.Application, c.ServiceAccount)
		return audit.Append(ctx, tx, org, audit.Entry{Action: "provisioning_client.changed", Object: id.String(),
			Detail: map[string]any{"name": c.Name, "oauth_client": clientID}})
	})
	if sqldb.IsUnique(err) {
		err = errCallerTaken
	}
	return c, err
}

func callerOf(ctx context.Context, tx *sqldb.Tx, org OrganizationID, clientID string) (a ApplicationID, s ServiceAccountID, err error) {
	if clientID == "" {
		return a, s, nil
	}
	app, err := Applications{store{tx: tx}}.ByClientID(ctx, clientID)
	if err == nil && (app.Organization.IsZero() || app.Organization == org) {
		return app.ID, s, nil
	}
	if err != nil && !fault.Is(err, fault.NotFound) {
		return a, s, err
	}
	account, err := ServiceAccounts{store{tx: tx}}.ByClientID(ctx, clientID)
	if err == nil && account.Organization == org {
		return a, account.ID, nil
	}
	if err != nil && !fault.Is(err, fault.NotFound) {
		return a, s, err
	}
	return a, s, ErrApplicationNotFound
}

const calledText = `select ` + provisioningClientColumns + ` from provisioning_clients c join organizations o on o.id = c.organization_id
	where c.organization_id = $1 and (c.application_id = $2 or c.service_account_id = $3) and c.disabled_at is null and o.state = 'active'`

// CalledBy is the organization's provisioning client that an application or a service account acts as; the other one of the
// two is zero. ErrProvisioningClientNotFound where there is none, or it is switched off. That the token counts is the caller's to ask.
func (s ProvisioningClients) CalledBy(ctx context.Context, org OrganizationID, a ApplicationID, account ServiceAccountID) (ProvisioningClient, error) {
	if a.IsZero() == account.IsZero() {
		return ProvisioningClient{}, ErrProvisioningClientNotFound
	}
	c, err := scanProvisioningClient(s.q().QueryRow(ctx, calledText, org, a, account))
	if errors.Is(err, ErrProvisioningToken) {
		err = ErrProvisioningClientNotFound
	}
	return c, err
}
