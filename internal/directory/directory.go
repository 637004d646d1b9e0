package directory

import (
	"context"
	"time"

	"portvakt/internal/sqldb"
)

type (
	organizationPrefix       struct{}
	userPrefix               struct{}
	membershipPrefix         struct{}
	rolePrefix               struct{}
	groupPrefix              struct{}
	profilePrefix            struct{}
	applicationPrefix        struct{}
	provisioningClientPrefix struct{}
	serviceAccountPrefix     struct{}
	sharingRulePrefix        struct{}
	transferPrefix           struct{}
	invitationPrefix         struct{}
	batchPrefix              struct{}
	credentialPrefix         struct{}
)

func (organizationPrefix) Prefix() string       { return "org" }
func (userPrefix) Prefix() string               { return "usr" }
func (membershipPrefix) Prefix() string         { return "mbr" }
func (rolePrefix) Prefix() string               { return "rol" }
func (groupPrefix) Prefix() string              { return "grp" }
func (profilePrefix) Prefix() string            { return "prf" }
func (applicationPrefix) Prefix() string        { return "app" }
func (provisioningClientPrefix) Prefix() string { return "pvc" }
func (serviceAccountPrefix) Prefix() string     { return "svc" }
func (sharingRulePrefix) Prefix() string        { return "shr" }
func (transferPrefix) Prefix() string           { return "trf" }
func (invitationPrefix) Prefix() string         { return "inv" }
func (batchPrefix) Prefix() string              { return "bat" }
func (credentialPrefix) Prefix() string         { return "crd" }

// Identifiers of the directory's nouns.
type (
	OrganizationID       = sqldb.ID[organizationPrefix]
	UserID               = sqldb.ID[userPrefix]
	MembershipID         = sqldb.ID[membershipPrefix]
	RoleID               = sqldb.ID[rolePrefix]
	GroupID              = sqldb.ID[groupPrefix]
	ProfileID            = sqldb.ID[profilePrefix]
	ApplicationID        = sqldb.ID[applicationPrefix]
	ProvisioningClientID = sqldb.ID[provisioningClientPrefix]
	ServiceAccountID     = sqldb.ID[serviceAccountPrefix]
	TransferID           = sqldb.ID[transferPrefix]
	InvitationID         = sqldb.ID[invitationPrefix]
	BatchID              = sqldb.ID[batchPrefix]
	CredentialID         = sqldb.ID[credentialPrefix]
)

// ParseOrganizationID reads an organization's outside identifier.
func ParseOrganizationID(s string) (OrganizationID, error) {
	return sqldb.ParseID[organizationPrefix](s)
}

// ParseUserID reads a user's outside identifier.
func ParseUserID(s string) (UserID, error) { return sqldb.ParseID[userPrefix](s) }

// ParseMembershipID reads a membership's outside identifier.
func ParseMembershipID(s string) (MembershipID, error) { return sqldb.ParseID[membershipPrefix](s) }

// ParseApplicationID reads an application's outside identifier.
func ParseApplicationID(s string) (ApplicationID, error) { return sqldb.ParseID[applicationPrefix](s) }

// ParseTransferID reads a transfer's outside identifier.
func ParseTransferID(s string) (TransferID, error) { return sqldb.ParseID[transferPrefix](s) }

// ParseInvitationID reads an invitation's outside identifier.
func ParseInvitationID(s string) (InvitationID, error) { return sqldb.ParseID[invitationPrefix](s) }

// Directory gathers the stores by noun.
type Directory struct {
	Organizations       Organizations
	Users               Users
	Memberships         Memberships
	Invitations         Invitations
	Applications        Applications
	ProvisioningClients ProvisioningClients
	ServiceAccounts     ServiceAccounts
	ServiceProviders    ServiceProviders
	Access              Access
	Transfers           Transfers
	ProvisioningLog     ProvisioningLog

	db *sqldb.DB
}

// New is the directory over a database.
func New(db *sqldb.DB) *Directory { return build(store{db: db}) }

func build(s store) *Directory {
	return &Directory{
		Organizations: Organizations{s}, Users: Users{s}, Memberships: Memberships{s}, Invitations: Invitations{s}, Applications: Applications{s},
		ProvisioningClients: ProvisioningClients{s}, ServiceAccounts: ServiceAccounts{s}, ServiceProviders: ServiceProviders{s}, Access: Access{store: s}, Transfers: Transfers{s},
		ProvisioningLog: ProvisioningLog{s}, db: s.db,
	}
}

// WithTx is the same directory inside a running transaction.
func (d *Directory) WithTx(tx *sqldb.Tx) *Directory {
	return build(store{db: d.db, tx: tx, allows: d.Organizations.allows})
}

// store is what every noun's store stands on: a database, and perhaps a running transaction that it joins.
type store struct {
	db *sqldb.DB
	tx *sqldb.Tx

	allows Installation
}

func (s store) q() sqldb.Queryer {
	if s.tx != nil {
		return s.tx
	}
	return s.db
}

func (s store) update(ctx context.Context, fn func(tx *sqldb.Tx) error) error {
	if s.tx != nil {
		return fn(s.tx)
	}
	return s.db.Update(ctx, fn)
}

func (s store) now() time.Time { return s.q().Now() }
