package credential

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"portvakt/internal/audit"
	"portvakt/internal/directory"
	"portvakt/internal/outbox"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
)

// The events of keys; the person is told.
const (
	EventKeyAdded      = "credential.key_added"
	EventKeyRemoved    = "credential.key_removed"
	EventKeySuspicious = "credential.key_suspicious"
)

// KeyEvent is what an event about a key says.
type KeyEvent struct {
	User    string `json:"user"`
	Key     string `json:"key"`
	Name    string `json:"name,omitempty"`
	Passkey bool   `json:"passkey,omitempty"`
	Instead bool   `json:"instead,omitempty"` // EventKeyAdded: a password is void since
}

// sealedCeremony is a ceremony's row.
type sealedCeremony struct {
	user directory.UserID
	data []byte
}

func (c *Credentials) insertCeremony(ctx context.Context, id CeremonyID, p purpose, bound string, s sealedCeremony) error {
	_, err := c.db.Exec(ctx, `insert into webauthn_ceremonies (id, purpose, user_id, bound_to, data, expires_at) values ($1, $2, $3, $4, $5, $6)`,
		id, string(p), s.user, secret.HashToken(bound), s.data, sqldb.Micros(c.db.Now().Add(ceremonyLife)))
	return err
}

// takeCeremony deletes the challenge; that stands whatever becomes of the answer.
func (c *Credentials) takeCeremony(ctx context.Context, id CeremonyID, p purpose, bound string) (s sealedCeremony, err error) {
	var expires time.Time
	err = c.db.Update(ctx, func(tx *sqldb.Tx) error {
		s, expires = sealedCeremony{}, time.Time{}
		err := tx.QueryRow(ctx, `delete from webauthn_ceremonies where id = $1 and purpose = $2 and bound_to = $3 returning user_id, data, expires_at`,
			id, string(p), secret.HashToken(bound)).Scan(&s.user, &s.data, sqldb.Time(&expires))
		if errors.Is(err, sqldb.ErrNoRows) {
			return nil
		}
		return err
	})
	if err == nil && !c.db.Now().Before(expires) {
		err = ErrCeremonyOver
	}
	return s, err
}

// PurgeChallenges deletes challenges that nobody answered and answers how many.
func (c *Credentials) PurgeChallenges(ctx context.Context) (int64, error) {
	return c.db.Exec(ctx, `delete from webauthn_ceremonies where expires_at < $1`, sqldb.Micros(c.db.Now()))
}

// storedKey is a key as it stands in the store.
type storedKey struct {
	Key
	user       directory.UserID
	epoch      int64 // of the person
	handle     []byte
	text       string // credential as it is stored
	instead    bool   // of a password, when it is stored
	credential webauthn.Credential
}

// keyColumns are of a key k, its person u and the person's handle h.
const keyColumns = `k.id, k.name, k.discoverable, k.created_at, k.used_at, k.user_id, u.epoch, h.handle, k.credential`

// presentKeys joins the keys that count.
const presentKeys = ` from webauthn_keys k join users u on u.id = k.user_id and u.credentials_epoch = k.credentials_epoch
	join webauthn_handles h on h.user_id = k.user_id`

func scanKey(r sqldb.Row) (k storedKey, err error) {
	err = r.Scan(&k.ID, &k.Name, &k.Passkey, sqldb.Time(&k.CreatedAt), sqldb.Time(&k.UsedAt), &k.user, &k.epoch, &k.handle, &k.text)
	if err != nil {
		return k, err
	}
	err = json.Unmarshal([]byte(k.text), &k.credential)
	k.Synced = k.credential.Flags.BackupState
	return k, err
}

// keysOf are the keys of the person that count, the oldest first.
func (c *Credentials) keysOf(ctx context.Context, q sqldb.Queryer, user directory.UserID) ([]storedKey, error) {
	return sqldb.All(ctx, q, scanKey, `select `+keyColumns+presentKeys+` where k.user_id = $1 order by k.created_at, k.id`, user)
}

// keyByCredential finds the key of an active person. A key that is not there (any more) is told apart from one whose
// person may not sign in: browsers forget the former.
func (c *Credentials) keyByCredential(ctx context.Context, credentialID []byte) (storedKey, error) {
	k, err := scanKey(c.db.QueryRow(ctx, `select `+keyColumns+presentKeys+` where k.credential_id = $1`, credentialID))
	if errors.Is(err, sqldb.ErrNoRows) {
		return k, ErrKeyUnknown
	}
	if err != nil {
		return k, err
	}
	var active bool
	err = c.db.QueryRow(ctx, `select state = 'active' from users where id = $1`, k.user).Scan(&active)
	if err == nil && !active {
		err = ErrKeyRefused
	}
	return k, err
}

// handle is the person's random handle, made with the given one where there is none yet.
func (c *Credentials) handle(ctx context.Context, user directory.UserID, fresh string) (handle []byte, err error) {
	err = c.db.Update(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(ctx, `insert into webauthn_handles (user_id, handle) select id, $2 from users where id = $1 on conflict (user_id) do nothing`,
			user, []byte(fresh))
		if err != nil {
			return err
		}
		err = tx.QueryRow(ctx, `select handle from webauthn_handles where user_id = $1`, user).Scan(&handle)
		if errors.Is(err, sqldb.ErrNoRows) {
			return directory.ErrUserNotFound
		}
		return err
	})
	return handle, err
}

// attestationDemanded reports whether an organization of the person takes attested keys alone. An invitation says nothing to
// who is a member elsewhere: nobody else's organization may decide over a person before the person has agreed.
//
// Invariant: an invitation that waits keeps no member of another organization from having keys (TestAttestedKeysAreRefused).
func (c *Credentials) attestationDemanded(ctx context.Context, user directory.UserID) (demanded bool, err error) {
	const of = ` m.user_id = $1 and m.kind <> 'contact' and m.ended_at is null and m.deleted_at is null and m.archived_at is null`
	err = c.db.QueryRow(ctx, `select exists (select 1 from memberships m join organizations o on o.id = m.organization_id
		where o.key_policy = 'attested' and`+of+` and (m.accepted_at is not null
			or not exists (select 1 from memberships m where m.accepted_at is not null and`+of+`)))`, user).Scan(&demanded)
	return demanded, err
}

// storeKey adds the key of an active person. What was voided with the person's earlier credentials makes room for it.
func storeKey(ctx context.Context, tx *sqldb.Tx, k *storedKey) error {
	err := tx.QueryRow(ctx, `select epoch from users where id = $1 and state = 'active'`, k.user).Scan(&k.epoch)
	if errors.Is(err, sqldb.ErrNoRows) {
		return directory.ErrUserNotFound
	}
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `delete from webauthn_keys where user_id = $1
		and credentials_epoch <> (select credentials_epoch from users where id = $1)`, k.user); err != nil {
		return err
	}
	paid(tx, k.user)
	k.CreatedAt = tx.Now()
	n, err := tx.Exec(ctx, `insert into webauthn_keys (id, user_id, credential_id, credential, name, discoverable, credentials_epoch, created_at)
		select $1, id, $3, $4, $5, $6, credentials_epoch, $7 from users where id = $2
			and (select count(*) from webauthn_keys where user_id = $2) < $8
		on conflict (credential_id) do nothing`,
		k.ID, k.user, k.credential.ID, k.text, k.Name, k.Passkey, sqldb.Micros(tx.Now()), maxKeys)
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrKeyTaken
	}
	return k.tell(ctx, tx, EventKeyAdded)
}

// tell writes what happened to the key into the history, and has the person told.
func (k *storedKey) tell(ctx context.Context, tx *sqldb.Tx, kind string) error {
	if err := k.note(ctx, tx, kind); err != nil {
		return err
	}
	return outbox.Append(tx, directory.OrganizationID{}, kind, k.user.String(),
		KeyEvent{User: k.user.String(), Key: k.ID.String(), Name: k.Name, Passkey: k.Passkey, Instead: k.instead})
}

func (k *storedKey) note(ctx context.Context, tx *sqldb.Tx, action string) error {
	return audit.Append(ctx, tx, directory.OrganizationID{}, audit.Entry{
		Action: action, Object: k.ID.String(), Person: k.user.String(), Detail: map[string]any{"user": k.user.String(), "passkey": k.Passkey},
	})
}

func (c *Credentials) noteSuspicion(ctx context.Context, k *storedKey, tell bool) error {
	return c.db.Update(ctx, func(tx *sqldb.Tx) error {
		if tell {
			return k.tell(ctx, tx, EventKeySuspicious)
		}
		return k.note(ctx, tx, EventKeySuspicious)
	})
}

// updateKey stores the key's new state, unless it has changed since it was read; sqldb.ErrNoRows says that.
func (c *Credentials) updateKey(ctx context.Context, k *storedKey, text string) error {
	n, err := c.db.Exec(ctx, `update webauthn_keys set credential = $1, discoverable = $2, used_at = $3 where id = $4 and credential = $5`,
		text, k.Passkey, sqldb.Micros(c.db.Now()), k.ID, k.text)
	if err == nil && n == 0 {
		err = sqldb.ErrNoRows
	}
	return err
}

// Keys are the passkeys and security keys of the person that count, the oldest first.
func (c *Credentials) Keys(ctx context.Context, user directory.UserID) ([]Key, error) {
	stored, err := c.keysOf(ctx, c.db, user)
	keys := make([]Key, 0, len(stored))
	for i := range stored {
		keys = append(keys, stored[i].Key)
	}
	return keys, err
}

// RenameKey gives the person's own key another name.
func (c *Credentials) RenameKey(ctx context.Context, user directory.UserID, id KeyID, name string) error {
	name, err := keyName(name)
	if err != nil {
		return err
	}
	return c.db.Update(ctx, func(tx *sqldb.Tx) error {
		n, err := tx.Exec(ctx, `update webauthn_keys set name = $1 where id = $2 and user_id = $3`, name, id, user)
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrKeyNotFound
		}
		return audit.Append(ctx, tx, directory.OrganizationID{}, audit.Entry{
			Action: "credential.key_renamed", Object: id.String(), Person: user.String(), Detail: map[string]any{"user": user.String()},
		})
	})
}

// RemoveKey takes the person's own key away; it opens nothing from then on. Where no factor is left, recovery codes and
// trusted browsers go with it.
func (c *Credentials) RemoveKey(ctx context.Context, tx *sqldb.Tx, user directory.UserID, id KeyID) error {
	if err := LockUser(ctx, tx, user); err != nil {
		return err
	}
	k := storedKey{Key: Key{ID: id}, user: user}
	err := tx.QueryRow(ctx, `delete from webauthn_keys where id = $1 and user_id = $2 returning name, discoverable`, id, user).Scan(&k.Name, &k.Passkey)
	if errors.Is(err, sqldb.ErrNoRows) {
		return ErrKeyNotFound
	}
	if err != nil {
		return err
	}
	has, err := c.Of(ctx, tx, user)
	if err != nil {
		return err
	}
	if !has.SecondFactor() {
		voidRecovery(tx, user)
		endDevices(tx, user)
	}
	return k.tell(ctx, tx, EventKeyRemoved)
}

// Accepted is what a browser may be told of its person's passkeys, so that it offers none that we do not know
// (WebAuthn §5.1.10).
type Accepted struct {
	RelyingParty string   `json:"rpId"`
	Handle       string   `json:"userId"`
	Credentials  []string `json:"allAcceptedCredentialIds"`
}

// Accepted lists the keys of the person that count; the zero value where passkeys do not work here.
func (c *Credentials) Accepted(ctx context.Context, user directory.UserID) (Accepted, error) {
	if c.party == nil {
		return Accepted{}, nil
	}
	a := Accepted{RelyingParty: c.party.lib.Config.RPID, Credentials: []string{}}
	keys, err := c.keysOf(ctx, c.db, user)
	for i := range keys {
		a.Handle = encoded(keys[i].handle)
		a.Credentials = append(a.Credentials, encoded(keys[i].credential.ID))
	}
	return a, err
}
