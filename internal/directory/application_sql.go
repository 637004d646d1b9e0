package directory

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"portvakt/internal/audit"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

const applicationColumns = `a.id, a.kind, a.client_id, a.organization_id, a.name, a.all_organizations, a.disabled_at is not null, a.metadata,
	a.version, a.created_at, a.changed_at`

func scanApplication(r sqldb.Row) (a Application, err error) {
	var metadata string
	err = r.Scan(&a.ID, &a.Kind, &a.ClientID, &a.Organization, &a.Name, &a.AllOrganizations, &a.Disabled, &metadata,
		&a.Version, sqldb.Time(&a.CreatedAt), sqldb.Time(&a.ChangedAt))
	if errors.Is(err, sqldb.ErrNoRows) {
		return a, ErrApplicationNotFound
	}
	if err != nil {
		return a, err
	}
	return a, json.Unmarshal([]byte(metadata), &a.Metadata)
}

// ByClientID is the OIDC client whose client id it is, compared byte by byte.
//
// Invariant: a service provider is never found as a client, whatever is asked (TestServiceProvidersAreNoClients).
func (s Applications) ByClientID(ctx context.Context, clientID string) (Application, error) {
	if !isClientID(clientID) {
		return Application{}, ErrApplicationNotFound
	}
	return s.complete(ctx, s.q().QueryRow(ctx, `select `+applicationColumns+` from applications a where a.client_id = $1 and a.kind = 'oidc'`, clientID))
}

// ByID is the application, of whichever kind.
func (s Applications) ByID(ctx context.Context, id ApplicationID) (Application, error) {
	return s.complete(ctx, s.q().QueryRow(ctx, `select `+applicationColumns+` from applications a where a.id = $1`, id))
}

func (s Applications) complete(ctx context.Context, row sqldb.Row) (Application, error) {
	a, err := scanApplication(row)
	if err != nil {
		return a, err
	}
	a.Secrets, err = sqldb.All(ctx, s.q(), func(r sqldb.Row) (x ApplicationSecret, err error) {
		err = r.Scan(&x.Hash, sqldb.Time(&x.ExpiresAt))
		return x, err
	}, `select hash, expires_at from application_secrets where application_id = $1 order by created_at, hash`, a.ID)
	if err != nil {
		return a, err
	}
	a.Organizations, err = sqldb.All(ctx, s.q(), func(r sqldb.Row) (id OrganizationID, err error) {
		err = r.Scan(&id)
		return id, err
	}, `select organization_id from application_organizations where application_id = $1 order by organization_id`, a.ID)
	if err != nil {
		return a, err
	}
	a.AccessClaims, err = claimMappings(ctx, s.q(), a.ID)
	return a, err
}

// Save makes or changes the application with the client id; what is saved as it was writes nothing. Secrets are set at
// creation only; rotating one is an act of its own. Whoever calls it has checked the metadata.
func (s Applications) Save(ctx context.Context, asked Application) (Application, error) {
	if err := cmp.Or(checkClientID(asked.ClientID), checkText("client_name", asked.Name)); err != nil {
		return asked, err
	}
	if wrong := CheckClaimMappings(asked.AccessClaims); len(wrong) > 0 {
		return asked, wrong[0].Fault
	}
	metadata, err := json.Marshal(asked.Metadata)
	if err != nil {
		return asked, err
	}
	a, err := s.trySave(ctx, asked, string(metadata))
	if sqldb.IsUnique(err) && s.tx == nil { // somebody else made it at the same moment: now it is there
		a, err = s.trySave(ctx, asked, string(metadata))
	}
	return a, err
}

func (s Applications) trySave(ctx context.Context, asked Application, metadata string) (a Application, err error) {
	err = s.update(ctx, func(tx *sqldb.Tx) error {
		within := Applications{store{db: s.db, tx: tx}}
		was, err := within.ByClientID(ctx, asked.ClientID)
		switch {
		case fault.Is(err, fault.NotFound):
			err = createApplication(ctx, tx, asked, metadata)
		case err == nil && was.Organization != asked.Organization: // a neighbour's application is none of the caller's
			err = errClientIDTaken
		case err == nil:
			err = changeApplication(ctx, tx, was, asked, metadata)
		}
		if err != nil {
			return err
		}
		a, err = within.ByClientID(ctx, asked.ClientID)
		return err
	})
	return a, err
}

func createApplication(ctx context.Context, tx *sqldb.Tx, a Application, metadata string) error {
	if err := refuseTaken(ctx, tx, `select count(*) from service_accounts where client_id = $1`, a.ClientID); err != nil {
		return err
	}
	a.ID = sqldb.NewID[applicationPrefix](tx.Now())
	if _, err := tx.Exec(ctx, `insert into applications (id, client_id, organization_id, name, all_organizations, disabled_at, metadata, version, created_at, changed_at)
		values ($1, $2, $3, $4, $5, $6, $7, 1, $8, $8)`,
		a.ID, a.ClientID, a.Organization, a.Name, a.AllOrganizations, disabledAt(a.Disabled, tx), metadata, sqldb.Micros(tx.Now())); err != nil {
		return err
	}
	for _, secret := range a.Secrets {
		tx.Later(`insert into application_secrets (application_id, hash, created_at, expires_at) values ($1, $2, $3, $4)`,
			a.ID, secret.Hash, sqldb.Micros(tx.Now()), sqldb.Micros(secret.ExpiresAt))
	}
	saveApplicationOrganizations(tx, a)
	if err := saveClaimMappings(tx, a.ID, a.AccessClaims); err != nil {
		return err
	}
	return noteApplication(ctx, tx, "application.created", a)
}

func changeApplication(ctx context.Context, tx *sqldb.Tx, was, a Application, metadata string) error {
	a.ID = was.ID
	before, err := json.Marshal(was.Metadata)
	if err != nil {
		return err
	}
	if string(before) == metadata && was.Name == a.Name && was.AllOrganizations == a.AllOrganizations && was.Disabled == a.Disabled &&
		slices.Equal(was.Organizations, sortedOrganizations(a.Organizations)) && SameClaimMappings(was.AccessClaims, a.AccessClaims) {
		return nil
	}
	tx.Later(`update applications set name = $2, all_organizations = $3, metadata = $4, version = version + 1, changed_at = $5 where id = $1`,
		a.ID, a.Name, a.AllOrganizations, metadata, sqldb.Micros(tx.Now()))
	if was.Disabled != a.Disabled {
		tx.Later(`update applications set disabled_at = $2 where id = $1`, a.ID, disabledAt(a.Disabled, tx))
	}
	tx.Later(`delete from application_organizations where application_id = $1`, a.ID)
	saveApplicationOrganizations(tx, a)
	if err := saveClaimMappings(tx, a.ID, a.AccessClaims); err != nil {
		return err
	}
	return noteApplication(ctx, tx, "application.changed", a)
}

func saveApplicationOrganizations(tx *sqldb.Tx, a Application) {
	for _, o := range sortedOrganizations(a.Organizations) {
		tx.Later(`insert into application_organizations (application_id, organization_id) values ($1, $2)`, a.ID, o)
	}
}

func sortedOrganizations(in []OrganizationID) []OrganizationID {
	if len(in) == 0 {
		return nil
	}
	out := slices.Clone(in)
	slices.SortFunc(out, func(a, b OrganizationID) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(out)
}

func noteApplication(ctx context.Context, tx *sqldb.Tx, action string, a Application) error {
	tx.Bump(ApplicationsWatermark)
	return audit.Append(ctx, tx, a.Organization, audit.Entry{Action: action, Object: a.ID.String(), Detail: map[string]any{"client_id": a.ClientID}})
}

var errClientIDTaken = fault.New(fault.Conflict, "client_id_taken", "Another application has this client id").On("client_id")

// refuseTaken refuses a client id that the other kind of client has: applications and service accounts share one name space.
func refuseTaken(ctx context.Context, tx *sqldb.Tx, count, clientID string) error {
	var n int64
	if err := tx.QueryRow(ctx, count, clientID).Scan(&n); err != nil {
		return err
	}
	if n > 0 {
		return errClientIDTaken
	}
	return nil
}

func disabledAt(disabled bool, tx *sqldb.Tx) any {
	if disabled {
		return sqldb.Micros(tx.Now())
	}
	return nil
}

// isClientID reports whether a text can be a client id at all.
func isClientID(id string) bool {
	return id != "" && len(id) <= 200 && !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' })
}

// checkClientID keeps client ids and subjects apart, so that the subject of a client's own token is never a user's.
func checkClientID(id string) error {
	if !isClientID(id) {
		return fault.New(fault.Invalid, "bad_client_id", "A client id has 1 to 200 printable ASCII characters").On("client_id")
	}
	for _, prefix := range []string{"usr_", "mbr_", "org_", "svc_", "app_", "grp_", "rol_", "prf_", "pvc_", "shr_", "trf_", "inv_", "bat_", "crd_"} {
		if strings.HasPrefix(id, prefix) {
			return fault.Newf(fault.Invalid, "bad_client_id", "A client id may not begin with %s", prefix).On("client_id")
		}
	}
	return nil
}
