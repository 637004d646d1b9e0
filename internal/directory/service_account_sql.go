package directory

import (
	"context"
	"errors"
	"slices"
	"time"

	"portvakt/internal/audit"
	"portvakt/internal/fault"
	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
)

const serviceAccountColumns = `s.id, s.organization_id, s.key, s.name, s.client_id, s.auth_method, coalesce(s.jwks_uri, ''), s.last_used_at,
	s.disabled_at is not null, o.state = 'suspended', s.created_at`

const serviceAccountFrom = ` from service_accounts s join organizations o on o.id = s.organization_id `

// scanServiceAccount tells apart whether the account itself is switched off, or its organization.
func scanServiceAccount(r sqldb.Row) (a ServiceAccount, suspended bool, err error) {
	err = r.Scan(&a.ID, &a.Organization, &a.Key, &a.Name, &a.ClientID, &a.Method, &a.KeysURI, sqldb.Time(&a.LastUsedAt), &a.Disabled, &suspended,
		sqldb.Time(&a.CreatedAt))
	if errors.Is(err, sqldb.ErrNoRows) {
		return a, false, ErrServiceAccountNotFound
	}
	return a, suspended, err
}

// ByClientID is the service account with its credentials; it counts as disabled while its organization is suspended.
func (s ServiceAccounts) ByClientID(ctx context.Context, clientID string) (ServiceAccount, error) {
	if !isClientID(clientID) {
		return ServiceAccount{}, ErrApplicationNotFound
	}
	a, suspended, err := scanServiceAccount(s.q().QueryRow(ctx, `select `+serviceAccountColumns+serviceAccountFrom+`where s.client_id = $1`, clientID))
	if errors.Is(err, ErrServiceAccountNotFound) {
		return a, ErrApplicationNotFound
	}
	if err != nil {
		return a, err
	}
	a.Disabled = a.Disabled || suspended
	a.Credentials, err = credentialsOf(ctx, s.q(), a.Organization, a.ID)
	return a, err
}

// ByID is the organization's service account.
func (s ServiceAccounts) ByID(ctx context.Context, org OrganizationID, id ServiceAccountID) (ServiceAccount, error) {
	return s.one(ctx, `where s.organization_id = $1 and s.id = $2`, org, id)
}

// ByKey is the organization's service account that it calls so.
func (s ServiceAccounts) ByKey(ctx context.Context, org OrganizationID, key string) (ServiceAccount, error) {
	if !slugForm.MatchString(key) {
		return ServiceAccount{}, ErrServiceAccountNotFound
	}
	return s.one(ctx, `where s.organization_id = $1 and s.key = $2`, org, key)
}

func (s ServiceAccounts) one(ctx context.Context, where string, args ...any) (ServiceAccount, error) {
	a, _, err := scanServiceAccount(s.q().QueryRow(ctx, `select `+serviceAccountColumns+serviceAccountFrom+where, args...))
	if err != nil {
		return a, err
	}
	a.Credentials, err = credentialsOf(ctx, s.q(), a.Organization, a.ID)
	return a, err
}

// OfOrganization are the organization's service accounts, by key.
func (s ServiceAccounts) OfOrganization(ctx context.Context, org OrganizationID) ([]ServiceAccount, error) {
	all, err := sqldb.All(ctx, s.q(), func(r sqldb.Row) (ServiceAccount, error) {
		a, _, err := scanServiceAccount(r)
		return a, err
	}, `select `+serviceAccountColumns+serviceAccountFrom+`where s.organization_id = $1 order by s.key`, org)
	if err != nil || len(all) == 0 {
		return all, err
	}
	credentials, err := credentialsIn(ctx, s.q(), org)
	for _, c := range credentials {
		i := slices.IndexFunc(all, func(a ServiceAccount) bool { return a.ID == c.account })
		if i >= 0 {
			all[i].Credentials = append(all[i].Credentials, c.ServiceCredential)
		}
	}
	return all, err
}

// Save makes or changes an organization's service account; what is saved as it was writes nothing. Its secrets and keys are
// set at creation only. An empty method is BySecret at first, and later the one that it has; an address of keys ends the
// keys that were registered by value, and an empty one keeps what there is.
func (s ServiceAccounts) Save(ctx context.Context, slug string, asked ServiceAccount) (ServiceAccount, error) {
	if !slugForm.MatchString(asked.Key) {
		return asked, fault.New(fault.Invalid, "bad_id", "An id is 1 to 63 lower-case letters, digits and hyphens").On("id")
	}
	if err := checkText("name", asked.Name); err != nil {
		return asked, err
	}
	if err := checkKeysURI(asked.KeysURI); err != nil {
		return asked, err
	}
	if asked.Method != "" && asked.Method != BySecret && asked.Method != ByKey {
		return asked, errBadMethod
	}
	a, err := s.trySave(ctx, slug, asked)
	if sqldb.IsUnique(err) && s.tx == nil { // somebody else made it at the same moment: now it is there
		a, err = s.trySave(ctx, slug, asked)
	}
	return a, err
}

func (s ServiceAccounts) trySave(ctx context.Context, slug string, asked ServiceAccount) (a ServiceAccount, err error) {
	err = s.update(ctx, func(tx *sqldb.Tx) error {
		within := ServiceAccounts{store{db: s.db, tx: tx}}
		was, err := within.ByKey(ctx, asked.Organization, asked.Key)
		switch {
		case errors.Is(err, ErrServiceAccountNotFound):
			a = asked
			return within.create(ctx, slug, &a)
		case err != nil:
			return err
		}
		a = was
		if asked.Method == "" {
			asked.Method = was.Method
		}
		if was.Name != asked.Name || was.Method != asked.Method {
			a.Name, a.Method = asked.Name, asked.Method
			tx.Later(`update service_accounts set name = $3, auth_method = $4 where organization_id = $1 and id = $2`, a.Organization, a.ID, a.Name, string(a.Method))
			if err := noteServiceAccount(ctx, tx, EventServiceAccountChanged, a); err != nil {
				return err
			}
		}
		if err := within.readKeysAt(ctx, &a, asked.KeysURI); err != nil {
			return err
		}
		if was.Disabled == asked.Disabled {
			return nil
		}
		a.Disabled = asked.Disabled
		return switchServiceAccount(ctx, tx, a)
	})
	return a, err
}

func (s ServiceAccounts) create(ctx context.Context, slug string, a *ServiceAccount) error {
	tx := s.tx
	o, err := Organizations{store{tx: tx}}.ByID(ctx, a.Organization)
	if err != nil {
		return err
	}
	if o.Slug != slug {
		return fault.New(fault.Invalid, "bad_slug", "This is not the organization's slug").On("organization")
	}
	a.ID, a.ClientID, a.CreatedAt = sqldb.NewID[serviceAccountPrefix](tx.Now()), slug+"."+a.Key, tx.Now()
	if a.Method == "" {
		a.Method = BySecret
	}
	if err := refuseTaken(ctx, tx, `select count(*) from applications where client_id = $1`, a.ClientID); err != nil {
		return err
	}
	by, err := makerOf(ctx, tx, a.Organization)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `insert into service_accounts (id, organization_id, key, name, client_id, auth_method, disabled_at, created_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8)`,
		a.ID, a.Organization, a.Key, a.Name, a.ClientID, string(a.Method), disabledAt(a.Disabled, tx), sqldb.Micros(tx.Now())); err != nil {
		return err
	}
	a.Credentials = slices.Clone(a.Credentials)
	for i := range a.Credentials {
		insertCredential(tx, a, by, &a.Credentials[i])
	}
	if a.KeysURI != "" {
		if err := setKeysURI(tx, a, by); err != nil {
			return err
		}
	}
	return noteServiceAccount(ctx, tx, EventServiceAccountCreated, *a)
}

// Disable switches a service account off: nothing is issued to it, and what was issued is not active any more.
func (s ServiceAccounts) Disable(ctx context.Context, org OrganizationID, id ServiceAccountID) error {
	return s.change(ctx, org, id, func(tx *sqldb.Tx, a ServiceAccount) error {
		if a.Disabled {
			return nil
		}
		a.Disabled = true
		return switchServiceAccount(ctx, tx, a)
	})
}

// Enable undoes Disable.
func (s ServiceAccounts) Enable(ctx context.Context, org OrganizationID, id ServiceAccountID) error {
	return s.change(ctx, org, id, func(tx *sqldb.Tx, a ServiceAccount) error {
		if !a.Disabled {
			return nil
		}
		a.Disabled = false
		return switchServiceAccount(ctx, tx, a)
	})
}

func switchServiceAccount(ctx context.Context, tx *sqldb.Tx, a ServiceAccount) error {
	tx.Later(`update service_accounts set disabled_at = $3 where organization_id = $1 and id = $2`, a.Organization, a.ID, disabledAt(a.Disabled, tx))
	action := EventServiceAccountEnabled
	if a.Disabled {
		action = EventServiceAccountDisabled
	}
	return noteServiceAccount(ctx, tx, action, a)
}

// change runs an edit of one account, which nobody else changes meanwhile.
func (s ServiceAccounts) change(ctx context.Context, org OrganizationID, id ServiceAccountID, edit func(*sqldb.Tx, ServiceAccount) error) error {
	return s.update(ctx, func(tx *sqldb.Tx) error {
		n, err := tx.Exec(ctx, `update service_accounts set name = name where organization_id = $1 and id = $2`, org, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrServiceAccountNotFound
		}
		a, err := ServiceAccounts{store{db: s.db, tx: tx}}.ByID(ctx, org, id)
		if err != nil {
			return err
		}
		return edit(tx, a)
	})
}

// NoteUsed keeps when service accounts were last used, many in one transaction. It is no change that anybody hears of.
func (s ServiceAccounts) NoteUsed(ctx context.Context, used map[ServiceAccountID]time.Time) error {
	return s.update(ctx, func(tx *sqldb.Tx) error {
		for id, at := range used {
			tx.Later(`update service_accounts set last_used_at = $2 where id = $1 and (last_used_at is null or last_used_at < $2)`, id, sqldb.Micros(at))
		}
		return nil
	})
}

func noteServiceAccount(ctx context.Context, tx *sqldb.Tx, action string, a ServiceAccount) error {
	tx.Bump(ApplicationsWatermark)
	if err := audit.Append(ctx, tx, a.Organization, audit.Entry{Action: action, Object: a.ID.String(), Detail: map[string]any{"client_id": a.ClientID}}); err != nil {
		return err
	}
	return outbox.Append(tx, a.Organization, action, a.ID.String(),
		ServiceAccountEvent{ServiceAccount: a.ID.String(), Organization: a.Organization.String(), ClientID: a.ClientID})
}
