package audit

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
)

func readKey(ctx context.Context, tx *sqldb.Tx, person string) (sealed []byte, found bool, err error) {
	err = tx.QueryRow(ctx, `select key from person_keys where person = $1`, person).Scan(&sealed)
	if errors.Is(err, sqldb.ErrNoRows) {
		return nil, false, nil
	}
	return sealed, err == nil, err
}

func insertKey(ctx context.Context, tx *sqldb.Tx, person string, sealed []byte) error {
	_, err := tx.Exec(ctx, `insert into person_keys (person, key, created_at) values ($1, $2, $3) on conflict (person) do nothing`,
		person, sealed, sqldb.Micros(tx.Now()))
	return err
}

// DestroyKeys makes all that the history says of these people unreadable, for good; whatever is said of them later is
// not kept either. It is the half of erasure that reaches every copy of the database made after it.
func DestroyKeys(ctx context.Context, tx *sqldb.Tx, people []string) error {
	for _, person := range people {
		if _, err := tx.Exec(ctx, `insert into person_keys (person, created_at, destroyed_at) values ($1, $2, $2)
			on conflict (person) do update set key = null, destroyed_at = excluded.destroyed_at where person_keys.key is not null`,
			person, sqldb.Micros(tx.Now())); err != nil {
			return err
		}
	}
	return nil
}

// keysOf are the living keys of people.
func keysOf(ctx context.Context, q sqldb.Queryer, people []string) (map[string]*secret.Keys, error) {
	keys := map[string]*secret.Keys{}
	if len(people) == 0 {
		return keys, nil
	}
	if q.Vault() == nil {
		return nil, ErrNoVault
	}
	args := make([]any, len(people))
	for i, p := range people {
		args[i] = p
	}
	rows, err := q.Query(ctx, `select person, key from person_keys where key is not null and person in (`+placeholders(1, len(people))+`)`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var person string
		var sealed []byte
		if err := rows.Scan(&person, &sealed); err != nil {
			return nil, err
		}
		if keys[person], err = openKey(q.Vault(), person, sealed); err != nil {
			return nil, err
		}
	}
	return keys, rows.Err()
}

// placeholders are n parameters, counted from first.
func placeholders(first, n int) string {
	out := make([]string, n)
	for i := range out {
		out[i] = "$" + strconv.Itoa(first+i)
	}
	return strings.Join(out, ", ")
}

// ForgetOrigins takes addresses and user agents out of what a person did, a few entries at a time; the chain goes by
// their salted hash, which stays. It answers how many entries it changed; the caller asks again until that is none.
func ForgetOrigins(ctx context.Context, db *sqldb.DB, person string) (int, error) {
	n := 0
	err := db.Update(ctx, func(tx *sqldb.Tx) error {
		entries, err := sqldb.All(ctx, tx, scanStored, `select `+storedColumns+` from audit_entries
			where actor_kind in ('person', 'operator') and actor_id = $1 and origin is null limit $2`, person, forgetBatch)
		if err != nil {
			return err
		}
		unsigned, err := sqldb.All(ctx, tx, scanStored, `select `+storedColumns+` from audit_entries
			where person <> '' and person = $1 and actor_kind = 'anonymous' and origin is null limit $2`, person, forgetBatch)
		if err != nil {
			return err
		}
		entries = append(entries, unsigned...)
		for i := range entries {
			tx.Later(`update audit_entries set origin = $1, salt = null, address = '', user_agent = '' where id = $2 and origin is null`,
				entries[i].originHash(), entries[i].id)
		}
		n = len(entries)
		return nil
	})
	return n, err
}

const forgetBatch = 500
