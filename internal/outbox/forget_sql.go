package outbox

import (
	"context"
	"encoding/json"
	"strings"

	"portvakt/internal/sqldb"
)

// Forget replaces the data of a subject's events of one kind, whether they wait or are kept.
func Forget(ctx context.Context, tx *sqldb.Tx, subject, kind string, data any) error {
	body, err := json.Marshal(data)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `update events set data = $3 where subject = $1 and kind = $2`, subject, kind, string(body))
	return err
}

// Redact writes another word wherever events and the errors of their deliveries hold the first. It goes through all that
// is kept, and is made for erasure alone.
func Redact(ctx context.Context, tx *sqldb.Tx, word, instead string) error {
	if word == "" {
		return nil
	}
	said, err := inJSON(word)
	if err != nil {
		return err
	}
	says, err := inJSON(instead)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `update events set data = replace(data, $1, $2) where data like $3 escape '\'`, said, says, containing(said)); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `update deliveries set last_error = null where lower(last_error) like $1 escape '\'`, containing(strings.ToLower(word)))
	return err
}

// inJSON is a text as it stands between the quotes.
func inJSON(s string) (string, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return "", err
	}
	return string(b[1 : len(b)-1]), nil
}

func containing(s string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s) + "%"
}
