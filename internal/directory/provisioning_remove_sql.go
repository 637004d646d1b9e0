package directory

import (
	"context"

	"portvakt/internal/audit"
	"portvakt/internal/fault"
	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
)

// Release gives up the client's members and groups: to nobody, so that the next client to write one adopts it, or to another
// client of the organization, which owns from then on what the former one has set. It answers how many members there were.
// Two clients may know two people, or two groups, by the same external id; handing over is refused then (ErrExternalIDTaken,
// ErrGroupExternalIDTaken).
func (s ProvisioningClients) Release(ctx context.Context, org OrganizationID, id, to ProvisioningClientID) (released int64, err error) {
	if id == to {
		return 0, nil
	}
	err = s.update(ctx, func(tx *sqldb.Tx) error {
		c, err := ofBoth(ctx, tx, org, id, to)
		if err != nil {
			return err
		}
		h, err := release(ctx, tx, c, to)
		if released = h.members; err != nil || h.members+h.groups == 0 {
			return err
		}
		return noteReleased(ctx, tx, EventProvisioningReleased, h)
	})
	return released, err
}

// Remove takes the client away with its tokens, at once and for good, and releases its members and groups to nobody or to
// another client.
//
// Invariant: whatever the client is writing at that moment, it goes: what was begun is waited for, and released as well
// (TestAClientIsRemovedWhileItWrites).
func (s ProvisioningClients) Remove(ctx context.Context, org OrganizationID, id, to ProvisioningClientID) (released int64, err error) {
	if id == to {
		return 0, ErrProvisioningClientNotFound
	}
	err = s.update(ctx, func(tx *sqldb.Tx) error {
		c, err := ofBoth(ctx, tx, org, id, to)
		if err != nil {
			return err
		}
		if err := awaitWriters(ctx, tx, org, id); err != nil {
			return err
		}
		h, err := release(ctx, tx, c, to)
		if released = h.members; err != nil {
			return err
		}
		tx.Later(`delete from provisioning_tokens where organization_id = $1 and client_id = $2`, org, id)
		tx.Later(`delete from provisioning_clients where organization_id = $1 and id = $2`, org, id)
		return noteReleased(ctx, tx, EventProvisioningRemoved, h)
	})
	return released, err
}

// ofBoth is the client, locked, with the other one, where there is one: behind the organization's row, as whoever changes a
// group or ends a membership does it, and the smaller identifier first.
func ofBoth(ctx context.Context, tx *sqldb.Tx, org OrganizationID, id, to ProvisioningClientID) (c ProvisioningClient, err error) {
	ids := []ProvisioningClientID{id, to}
	if to.String() < id.String() {
		ids = []ProvisioningClientID{to, id}
	}
	if err := lockOrganization(ctx, tx, org); err != nil {
		return c, err
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

// awaitWriters waits for everybody who is about to refer to the client, and has those who come later wait: PostgreSQL does so
// for who changes what a foreign key could name. The name is as good as gone.
func awaitWriters(ctx context.Context, tx *sqldb.Tx, org OrganizationID, id ProvisioningClientID) error {
	_, err := tx.Exec(ctx, `update provisioning_clients set name = $3 where organization_id = $1 and id = $2`, org, id, id.String())
	return err
}

// release gives all that the client keeps to another one, or to nobody.
func release(ctx context.Context, tx *sqldb.Tx, c ProvisioningClient, to ProvisioningClientID) (h handover, err error) {
	h = handover{from: c, to: to}
	if h.members, err = releaseMembers(ctx, tx, c.Organization, c.ID, to); err != nil {
		return h, orTaken(err, ErrExternalIDTaken)
	}
	h.groups, err = releaseGroups(ctx, tx, c.Organization, c.ID, to)
	return h, orTaken(err, ErrGroupExternalIDTaken)
}

func orTaken(err error, taken *fault.Fault) error {
	if sqldb.IsUnique(err) {
		return taken
	}
	return err
}

// releaseGroups keeps their external ids, as releaseMembers does.
func releaseGroups(ctx context.Context, tx *sqldb.Tx, org OrganizationID, id, to ProvisioningClientID) (int64, error) {
	return tx.Exec(ctx, `update groups set provisioning_client_id = $3, version = version + 1, changed_at = $4
		where organization_id = $1 and provisioning_client_id = $2`, org, id, to, sqldb.Micros(tx.Now()))
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

// handover is whose members and groups went to whom, and how many.
type handover struct {
	from            ProvisioningClient
	to              ProvisioningClientID
	members, groups int64
}

func noteReleased(ctx context.Context, tx *sqldb.Tx, action string, h handover) error {
	c, detail := h.from, map[string]any{"name": h.from.Name, "members": h.members, "groups": h.groups}
	if !h.to.IsZero() {
		detail["to"] = h.to.String()
	}
	if err := audit.Append(ctx, tx, c.Organization, audit.Entry{Action: action, Object: c.ID.String(), Detail: detail}); err != nil {
		return err
	}
	return outbox.Append(tx, c.Organization, action, c.ID.String(), ProvisioningClientEvent{ProvisioningClient: c.ID.String(),
		Organization: c.Organization.String(), Name: c.Name})
}
