package directory

import (
	"context"
	"errors"

	"portvakt/internal/audit"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

const serviceAccountColumns = `s.id, s.organization_id, s.key, s.name, s.client_id, s.secret_hash,
	s.disabled_at is not null, o.state = 'suspended', s.created_at`

const serviceAccountFrom = ` from service_accounts s join organizations o on o.id = s.organization_id `

// scanServiceAccount tells apart whether the account itself is switched off, or its organization.
func scanServiceAccount(r sqldb.Row) (a ServiceAccount, suspended bool, err error) {
	err = r.Scan(&a.ID, &a.Organization, &a.Key, &a.Name, &a.ClientID, &a.SecretHash, &a.Disabled, &suspended, sqldb.Time(&a.CreatedAt))
	if errors.Is(err, sqldb.ErrNoRows) {
		return a, false, ErrApplicationNotFound
	}
	return a, suspended, err
}

// ByClientID is the service account; it counts as disabled while its organization is suspended.
func (s ServiceAccounts) ByClientID(ctx context.Context, clientID string) (ServiceAccount, error) {
	if !isClientID(clientID) {
		return ServiceAccount{}, ErrApplicationNotFound
	}
	a, suspended, err := scanServiceAccount(s.q().QueryRow(ctx, `select `+serviceAccountColumns+serviceAccountFrom+`where s.client_id = $1`, clientID))
	a.Disabled = a.Disabled || suspended
	return a, err
}

// Save makes or changes an organization's service account; what is saved as it was writes nothing. Its secret is set at
// creation only.
func (s ServiceAccounts) Save(ctx context.Context, slug string, asked ServiceAccount) (ServiceAccount, error) {
	if !slugForm.MatchString(asked.Key) {
		return asked, fault.New(fault.Invalid, "bad_id", "An id is 1 to 63 lower-case letters, digits and hyphens").On("id")
	}
	if err := checkText("name", asked.Name); err != nil {
		return asked, err
	}
	a, err := s.trySave(ctx, slug, asked)
	if sqldb.IsUnique(err) && s.tx == nil { // somebody else made it at the same moment: now it is there
		a, err = s.trySave(ctx, slug, asked)
	}
	return a, err
}

func (s ServiceAccounts) trySave(ctx context.Context, slug string, asked ServiceAccount) (a ServiceAccount, err error) {
	err = s.update(ctx, func(tx *sqldb.Tx) error {
		was, _, err := scanServiceAccount(tx.QueryRow(ctx, `select `+serviceAccountColumns+serviceAccountFrom+
			`where s.organization_id = $1 and s.key = $2`, asked.Organization, asked.Key))
		switch {
		case errors.Is(err, ErrApplicationNotFound):
			a = asked
			return createServiceAccount(ctx, tx, slug, &a)
		case err != nil:
			return err
		}
		a = was
		if was.Name == asked.Name && was.Disabled == asked.Disabled {
			return nil
		}
		a.Name, a.Disabled = asked.Name, asked.Disabled
		tx.Later(`update service_accounts set name = $3 where organization_id = $1 and id = $2`, a.Organization, a.ID, a.Name)
		if was.Disabled != a.Disabled {
			tx.Later(`update service_accounts set disabled_at = $3 where organization_id = $1 and id = $2`, a.Organization, a.ID, disabledAt(a.Disabled, tx))
		}
		return noteServiceAccount(ctx, tx, "service_account.changed", a)
	})
	return a, err
}

func createServiceAccount(ctx context.Context, tx *sqldb.Tx, slug string, a *ServiceAccount) error {
	o, err := Organizations{store{tx: tx}}.ByID(ctx, a.Organization)
	if err != nil {
		return err
	}
	if o.Slug != slug {
		return fault.New(fault.Invalid, "bad_slug", "This is not the organization's slug").On("organization")
	}
	a.ID, a.ClientID, a.CreatedAt = sqldb.NewID[serviceAccountPrefix](tx.Now()), slug+"."+a.Key, tx.Now()
	if err := refuseTaken(ctx, tx, `select count(*) from applications where client_id = $1`, a.ClientID); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `insert into service_accounts (id, organization_id, key, name, client_id, secret_hash, disabled_at, created_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8)`,
		a.ID, a.Organization, a.Key, a.Name, a.ClientID, a.SecretHash, disabledAt(a.Disabled, tx), sqldb.Micros(tx.Now())); err != nil {
		return err
	}
	return noteServiceAccount(ctx, tx, "service_account.created", *a)
}

func noteServiceAccount(ctx context.Context, tx *sqldb.Tx, action string, a ServiceAccount) error {
	tx.Bump(ApplicationsWatermark)
	return audit.Append(ctx, tx, a.Organization, audit.Entry{Action: action, Object: a.ID.String(), Detail: map[string]any{"client_id": a.ClientID}})
}
