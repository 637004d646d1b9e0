package saml

import (
	"context"
	"errors"

	"portvakt/internal/sqldb"
)

// readCertificate is nil where there is none.
func readCertificate(ctx context.Context, q sqldb.Queryer, kid, entityID string) (der []byte, err error) {
	err = q.QueryRow(ctx, `select certificate from signing_certificates where kid = $1 and entity_id = $2`, kid, entityID).Scan(&der)
	if errors.Is(err, sqldb.ErrNoRows) {
		return nil, nil
	}
	return der, err
}

// insertCertificate stores a certificate unless there is one, or the key is gone.
func insertCertificate(ctx context.Context, tx *sqldb.Tx, kid, entityID string, der []byte) error {
	_, err := tx.Exec(ctx, `insert into signing_certificates (kid, entity_id, certificate, created_at)
		select kid, $2, $3, $4 from signing_keys where kid = $1 on conflict (kid, entity_id) do nothing`, kid, entityID, der, sqldb.Micros(tx.Now()))
	return err
}
