package session

import (
	"context"
	"errors"
	"time"

	"portvakt/idp/gate"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// Sid is the sid of the session in the organization of the pass, made if needed.
func (s *Sessions) Sid(ctx context.Context, tx *sqldb.Tx, v Session, pass gate.Pass) (SID, error) {
	st := pass.Standing()
	if st.User != v.User || st.UserEpoch != v.UserEpoch {
		return SID{}, ErrSIDEnded
	}
	id := sqldb.NewID[sidPrefix](tx.Now())
	tx.Later(`insert into session_organizations (id, session_id, organization_id, membership_id, membership_epoch, created_at)
		values ($1, $2, $3, $4, $5, $6) on conflict (session_id, membership_id, membership_epoch) do nothing`,
		id, v.ID, st.Organization, st.Membership, st.Epoch, sqldb.Micros(tx.Now()))
	found, ok, err := sidOf(ctx, tx, v.ID, st)
	if err == nil && !ok {
		err = ErrSIDEnded
	}
	return found, err
}

// sidOf reads the sid; false where there is none or it has ended.
func sidOf(ctx context.Context, q sqldb.Queryer, id ID, st directory.Standing) (sid SID, ok bool, err error) {
	err = q.QueryRow(ctx, `select so.id from session_organizations so join sessions s on s.id = so.session_id
		where so.session_id = $1 and so.membership_id = $2 and so.membership_epoch = $3 and so.ended_at is null and s.ended_at is null`,
		id, st.Membership, st.Epoch).Scan(&sid)
	if errors.Is(err, sqldb.ErrNoRows) {
		return SID{}, false, nil
	}
	return sid, err == nil, err
}

// Used notes that an application was opened under the sid: it will be told of the end, and the organization is
// remembered for it.
func (s *Sessions) Used(ctx context.Context, tx *sqldb.Tx, sid SID, application directory.ApplicationID) error {
	_, err := tx.Exec(ctx, `insert into session_applications (sid, session_id, application_id, used_at)
		select id, session_id, $2, $3 from session_organizations where id = $1
		on conflict (sid, application_id) do update set used_at = excluded.used_at`, sid, application, sqldb.Micros(tx.Now()))
	return err
}

// Enter is Sid and Used together, with no write where both were noted within the last minute: silent sign-ins are many.
func (s *Sessions) Enter(ctx context.Context, v Session, pass gate.Pass, application directory.ApplicationID) (SID, error) {
	st := pass.Standing()
	var sid SID
	err := s.db.QueryRow(ctx, `select so.id from session_organizations so join session_applications sa on sa.sid = so.id
		where so.session_id = $1 and so.membership_id = $2 and so.membership_epoch = $3 and so.ended_at is null
			and sa.application_id = $4 and sa.used_at > $5`,
		v.ID, st.Membership, st.Epoch, application, sqldb.Micros(s.db.Now().Add(-time.Minute))).Scan(&sid)
	if err == nil && st.User == v.User && st.UserEpoch == v.UserEpoch {
		return sid, nil
	}
	if err != nil && !errors.Is(err, sqldb.ErrNoRows) {
		return SID{}, err
	}
	err = s.db.Update(ctx, func(tx *sqldb.Tx) error {
		var err error
		if sid, err = s.Sid(ctx, tx, v, pass); err != nil {
			return err
		}
		return s.Used(ctx, tx, sid, application)
	})
	return sid, err
}

// RememberedOrganization is the membership under which the application was last opened in this session.
func (s *Sessions) RememberedOrganization(ctx context.Context, v Session, application directory.ApplicationID) (directory.MembershipID, bool, error) {
	var id directory.MembershipID
	err := s.db.QueryRow(ctx, `select so.membership_id from session_applications sa join session_organizations so on so.id = sa.sid
		where sa.session_id = $1 and sa.application_id = $2 and so.ended_at is null
		order by sa.used_at desc, so.id desc limit 1`, v.ID, application).Scan(&id)
	if errors.Is(err, sqldb.ErrNoRows) {
		return id, false, nil
	}
	return id, err == nil, err
}
