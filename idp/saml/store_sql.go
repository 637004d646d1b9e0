package saml

import (
	"context"
	"errors"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
)

// requestKept is for how long a request is known: longer than one can be presented.
const requestKept = time.Hour

// ownerBySlug is the organization, if it has service providers of its own.
func ownerBySlug(ctx context.Context, q sqldb.Queryer, slug string) (id directory.OrganizationID, err error) {
	err = q.QueryRow(ctx, `select o.id from organizations o where o.slug = $1 and exists (
		select 1 from service_providers p where p.organization_id = o.id)`, slug).Scan(&id)
	if errors.Is(err, sqldb.ErrNoRows) {
		err = errNoAddress
	}
	return id, err
}

// takeRequest notes a request's ID; false where it was noted before.
func takeRequest(ctx context.Context, db *sqldb.DB, a directory.ApplicationID, id string) (taken bool, err error) {
	err = db.Update(ctx, func(tx *sqldb.Tx) error {
		var err error
		taken, err = takeRequestIn(ctx, tx, a, id)
		return err
	})
	return taken, err
}

func takeRequestIn(ctx context.Context, tx *sqldb.Tx, a directory.ApplicationID, id string) (bool, error) {
	n, err := tx.Exec(ctx, `insert into saml_requests (application_id, hash, expires_at) values ($1, $2, $3)
		on conflict (application_id, hash) do nothing`, a, secret.HashToken(id), sqldb.Micros(tx.Now().Add(requestKept)))
	return n == 1, err
}

// storeArtifact keeps an answer until it is fetched.
func storeArtifact(ctx context.Context, db *sqldb.DB, a directory.ApplicationID, hash, sealed []byte) error {
	return db.Update(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(ctx, `insert into saml_artifacts (hash, application_id, response, expires_at) values ($1, $2, $3, $4)`,
			hash, a, sealed, sqldb.Micros(tx.Now().Add(artifactFor)))
		return err
	})
}

// takeArtifact takes the answer out; false where there is none for this service provider, or it is too late.
func takeArtifact(ctx context.Context, tx *sqldb.Tx, a directory.ApplicationID, hash []byte) (sealed []byte, ok bool, err error) {
	err = tx.QueryRow(ctx, `delete from saml_artifacts where hash = $1 and application_id = $2 and expires_at > $3 returning response`,
		hash, a, sqldb.Micros(tx.Now())).Scan(&sealed)
	if errors.Is(err, sqldb.ErrNoRows) {
		return nil, false, nil
	}
	return sealed, err == nil, err
}

// Purge forgets requests that are too old to be presented, answers that nobody has fetched, and sign-outs whose browser has
// not come back.
func (h *Handler) Purge(ctx context.Context) error {
	return h.DB.Update(ctx, func(tx *sqldb.Tx) error {
		for _, statement := range []string{"delete from saml_requests where expires_at <= $1", "delete from saml_artifacts where expires_at <= $1"} {
			if _, err := tx.Exec(ctx, statement, sqldb.Micros(tx.Now())); err != nil {
				return err
			}
		}
		users, err := abandoned(ctx, tx)
		if err != nil {
			return err
		}
		for _, user := range users {
			if err := gatherOf(ctx, tx, user); err != nil {
				return err
			}
		}
		return nil
	})
}
