package audit

import (
	"context"
	"encoding/json"
	"errors"

	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
)

// ErrNoVault says that personal values were to be stored or read without the master key.
var ErrNoVault = errors.New("audit: personal values need the master key, and the database was opened without it")

var errNoPerson = errors.New("audit: personal values need the person whose they are")

// seal is what an entry says of its person, readable with that person's key alone; nil where it says nothing, or where
// the person was erased. The entry's id is sealed with it, so that it cannot be put into another entry.
func seal(ctx context.Context, tx *sqldb.Tx, id EntryID, e Entry) ([]byte, error) {
	if len(e.Changes) == 0 {
		return nil, nil
	}
	if e.Person == "" {
		return nil, errNoPerson
	}
	key, err := keyOf(ctx, tx, e.Person)
	if err != nil || key == nil {
		return nil, err
	}
	plain, err := json.Marshal(e.Changes)
	if err != nil {
		return nil, err
	}
	return key.Seal("audit entry "+id.String(), plain), nil
}

func unseal(key *secret.Keys, id EntryID, sealed []byte) ([]Change, error) {
	plain, err := key.Open("audit entry "+id.String(), sealed)
	if err != nil {
		return nil, err
	}
	var changes []Change
	return changes, json.Unmarshal(plain, &changes)
}

// keyOf is the person's key, made where there is none; nil where it was destroyed.
func keyOf(ctx context.Context, tx *sqldb.Tx, person string) (*secret.Keys, error) {
	if tx.Vault() == nil {
		return nil, ErrNoVault
	}
	sealed, found, err := readKey(ctx, tx, person)
	if err != nil {
		return nil, err
	}
	if !found { // of two who make it at once, one does, and both read what is there
		if err := insertKey(ctx, tx, person, tx.Vault().Seal(keyPurpose(person), secret.Random(secret.MasterSize))); err != nil {
			return nil, err
		}
		if sealed, _, err = readKey(ctx, tx, person); err != nil {
			return nil, err
		}
	}
	return openKey(tx.Vault(), person, sealed)
}

func openKey(vault sqldb.Vault, person string, sealed []byte) (*secret.Keys, error) {
	if len(sealed) == 0 {
		return nil, nil
	}
	key, err := vault.Open(keyPurpose(person), sealed)
	if err != nil {
		return nil, err
	}
	return secret.NewKeys(key)
}

func keyPurpose(person string) string { return "person key " + person }
