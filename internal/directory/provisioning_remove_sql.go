package directory

import (
	"context"

	"portvakt/internal/audit"
	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
)

// Release gives up the client's members: to nobody, so that the next client to write one adopts it, or to another client of
// the organization, which owns from then on what the former one has set. It answers how many members there were.
// Two clients may know two people by the same external id; handing over is refused then (ErrExternalIDTaken).
func (s ProvisioningClients) Release(ctx context.Context, org OrganizationID, id, to ProvisioningClientID) (released int64, err error) {
	if id == to {
		return 0, nil
	}
	err = s.update(ctx, func(tx *sqldb.Tx) error {
		c, err := ofBoth(ctx, tx, org, id, to)
		if err != nil {
			return err
		}
		if released, err = releaseMembers(ctx, tx, org, id, to); err != nil || released == 0 {
			return err
		}
		return noteReleased(ctx, tx, EventProvisioningReleased, handover{c, to, released})
	})
	if sqldb.IsUnique(err) {
		err = ErrExternalIDTaken
	}
	return released, err
}

// Remove takes the client away with its tokens, at once and for good, and releases its members to nobody or to another client.
func (s ProvisioningClients) Remove(ctx context.Context, org OrganizationID, id, to ProvisioningClientID) (released int64, err error) {
	if id == to {
		return 0, ErrProvisioningClientNotFound
	}
	err = s.update(ctx, func(tx *sqldb.Tx) error {
		c, err := ofBoth(ctx, tx, org, id, to)
		if err != nil {
			return err
		}
		if released, err = releaseMembers(ctx, tx, org, id, to); err != nil {
			return err
		}
		tx.Later(`delete from provisioning_tokens where organization_id = $1 and client_id = $2`, org, id)
		tx.Later(`delete from provisioning_clients where organization_id = $1 and id = $2`, org, id)
		return noteReleased(ctx, tx, EventProvisioningRemoved, handover{c, to, released})
	})
	if sqldb.IsUnique(err) {
		err = ErrExternalIDTaken
	}
	return released, err
}

// ofBoth is the client, locked, with the other one, where there is one. The smaller identifier is locked first.
func ofBoth(ctx context.Context, tx *sqldb.Tx, org OrganizationID, id, to ProvisioningClientID) (c ProvisioningClient, err error) {
	ids := []ProvisioningClientID{id, to}
	if to.String() < id.String() {
		ids = []ProvisioningClientID{to, id}
	}
	for _, x := range ids {
		if x.IsZero() {
			continue
		}
		one, _, err := lockedClient(ctx, tx, org, x)
		if err != nil {
			return c, err
		}
		if x == id {
			c = one
		}
	}
	return c, nil
}

// releaseMembers keeps external ids: the organization may know its people by them. Who belongs to nobody is held by nobody.
func releaseMembers(ctx context.Context, tx *sqldb.Tx, org OrganizationID, id, to ProvisioningClientID) (int64, error) {
	if to.IsZero() {
		return tx.Exec(ctx, `update memberships set provisioning_client_id = null, held = null, version = version + 1, changed_at = $3
			where organization_id = $1 and provisioning_client_id = $2`, org, id, sqldb.Micros(tx.Now()))
	}
	return tx.Exec(ctx, `update memberships set provisioning_client_id = $3, version = version + 1, changed_at = $4
		where organization_id = $1 and provisioning_client_id = $2`, org, id, to, sqldb.Micros(tx.Now()))
}

// handover is whose members went to whom, and how many.
type handover struct {
	from    ProvisioningClient
	to      ProvisioningClientID
	members int64
}

func noteReleased(ctx context.Context, tx *sqldb.Tx, action string, h handover) error {
	c, detail := h.from, map[string]any{"name": h.from.Name, "members": h.members}
	if !h.to.IsZero() {
		detail["to"] = h.to.String()
	}
	if err := audit.Append(ctx, tx, c.Organization, audit.Entry{Action: action, Object: c.ID.String(), Detail: detail}); err != nil {
		return err
	}
	return outbox.Append(tx, c.Organization, action, c.ID.String(), ProvisioningClientEvent{ProvisioningClient: c.ID.String(),
		Organization: c.Organization.String(), Name: c.Name})
}
