package interaction

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

// errChanged says that another request of the same browser has moved the conversation on meanwhile.
var errChanged = fault.New(fault.Stale, "interaction_changed", "The conversation has gone on meanwhile")

func (s *Service) insert(ctx context.Context, c *conversation) error {
	demand, state, err := c.texts()
	if err != nil {
		return err
	}
	if len(c.Request) > maxRequest || len(demand) > maxNeeds {
		return ErrTooLarge
	}
	return s.db.Update(ctx, func(tx *sqldb.Tx) error {
		tx.Later(`insert into interactions (id, browser_hash, application_id, request, needs, state, user_id, session_id, version, created_at, expires_at)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			c.ID, c.BrowserHash, c.Application, string(c.Request), demand, state, c.User, c.Session, c.Version,
			sqldb.Micros(c.CreatedAt), sqldb.Micros(c.ExpiresAt))
		return nil
	})
}

func (c *conversation) texts() (demand, state string, err error) {
	d, err := json.Marshal(c.Demand)
	if err != nil {
		return "", "", err
	}
	t, err := json.Marshal(c.State)
	return string(d), string(t), err
}

var errNoConversation = fault.New(fault.NotFound, "interaction_unknown", "There is no such conversation")

// load reads a conversation.
func (s *Service) load(ctx context.Context, id ID) (*conversation, error) {
	c := &conversation{ID: id}
	var request, demand, state string
	err := s.db.QueryRow(ctx, `select browser_hash, application_id, request, needs, state, user_id, session_id, version, created_at, expires_at, done_at
		from interactions where id = $1`, id).Scan(&c.BrowserHash, &c.Application, &request, &demand, &state, &c.User, &c.Session,
		&c.Version, sqldb.Time(&c.CreatedAt), sqldb.Time(&c.ExpiresAt), sqldb.Time(&c.DoneAt))
	if errors.Is(err, sqldb.ErrNoRows) {
		return nil, errNoConversation
	}
	if err != nil {
		return nil, err
	}
	c.Request = json.RawMessage(request)
	if err := json.Unmarshal([]byte(demand), &c.Demand); err != nil {
		return nil, err
	}
	return c, json.Unmarshal([]byte(state), &c.State)
}

// save writes what the conversation has come to, unless another request has meanwhile.
func save(ctx context.Context, tx *sqldb.Tx, c *conversation) error {
	_, state, err := c.texts()
	if err != nil {
		return err
	}
	n, err := tx.Exec(ctx, `update interactions set state = $1, user_id = $2, session_id = $3, version = version + 1
		where id = $4 and version = $5 and done_at is null and expires_at > $6`,
		state, c.User, c.Session, c.ID, c.Version, sqldb.Micros(tx.Now()))
	if err == nil && n == 0 {
		err = errChanged
	}
	return err
}

// rebind moves the browser's open conversations to its new cookie, so that whoever planted or copied the old one holds
// nothing after a proof.
func rebind(ctx context.Context, tx *sqldb.Tx, old, fresh []byte) error {
	_, err := tx.Exec(ctx, `update interactions set browser_hash = $1 where browser_hash = $2 and done_at is null and expires_at > $3`,
		fresh, old, sqldb.Micros(tx.Now()))
	return err
}

// conclude ends the conversation; it does so once.
func conclude(ctx context.Context, tx *sqldb.Tx, c *conversation) error {
	n, err := tx.Exec(ctx, `update interactions set done_at = $1, user_id = $2, session_id = $3, state = '{}', version = version + 1
		where id = $4 and version = $5 and done_at is null and expires_at > $1`,
		sqldb.Micros(tx.Now()), c.User, c.Session, c.ID, c.Version)
	if err == nil && n == 0 {
		err = errChanged
	}
	return err
}

// keepOver is how long a conversation that is over stays, so that its pages can say so.
const keepOver = time.Hour

// Purge deletes conversations that are long over and answers how many.
func (s *Service) Purge(ctx context.Context) (int64, error) {
	return s.db.Exec(ctx, `delete from interactions where expires_at < $1`, sqldb.Micros(s.db.Now().Add(-keepOver)))
}

// underWay is a browser's open conversation about the very request of an application; zero where there is none.
func (s *Service) underWay(ctx context.Context, browserHash []byte, application directory.ApplicationID, request string) (id ID, err error) {
	err = s.db.QueryRow(ctx, `select id from interactions where browser_hash = $1 and application_id = $2 and request = $3 and done_at is null
		and expires_at > $4 order by created_at desc, id desc limit 1`, browserHash, application, request, sqldb.Micros(s.db.Now())).Scan(&id)
	if errors.Is(err, sqldb.ErrNoRows) {
		return ID{}, nil
	}
	return id, err
}

// waiting is an open conversation of somebody who has typed an address and proven nothing yet.
type waiting struct {
	id    ID
	email string
}

const maxWaiting = 10

// waitingIn lists those of a browser on behalf of applications, the latest first.
func (s *Service) waitingIn(ctx context.Context, browserHash []byte) ([]waiting, error) {
	return sqldb.All(ctx, s.db, func(r sqldb.Row) (w waiting, err error) {
		var text string
		if err := r.Scan(&w.id, &text); err != nil {
			return w, err
		}
		var st state
		err = json.Unmarshal([]byte(text), &st)
		w.email = st.Email
		return w, err
	}, `select id, state from interactions where browser_hash = $1 and application_id is not null and user_id is null and done_at is null
		and expires_at > $2 order by created_at desc, id desc limit $3`, browserHash, sqldb.Micros(s.db.Now()), maxWaiting)
}
