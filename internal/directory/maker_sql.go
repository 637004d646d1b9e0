package directory

import (
	"context"
	"errors"
	"time"

	"portvakt/internal/actor"
	"portvakt/internal/audit"
	"portvakt/internal/sqldb"
)

// maker is the member whose hand made a credential for the organization: a service account's secret or key, or a
// provisioning token. The zero maker is the installation, or somebody who runs it.
type maker struct {
	membership MembershipID
	bound      bool      // what the member made ends with the membership
	end        time.Time // which ends then, if bound
}

// binds reports whether what a member of the kind makes ends with the membership: people who belong to somebody else
// leave nothing behind that opens a door.
func (k Kind) binds() bool { return k == External || k == Reseller }

// makerOf is the acting member, locked, so that no end can come between.
//
// Invariant: a credential made by an external or a reseller never outlives the membership, also in a race of the two
// (TestR34_WhatAnExternalMadeEndsInARaceToo).
func makerOf(ctx context.Context, tx *sqldb.Tx, org OrganizationID) (maker, error) {
	a := actor.From(ctx)
	if a.Kind != actor.Person {
		return maker{}, nil
	}
	user, err := ParseUserID(a.ID)
	if err != nil {
		return maker{}, errMakerNotMember
	}
	if err := lockOrganization(ctx, tx, org); err != nil {
		return maker{}, err
	}
	m, err := scanMember(tx.QueryRow(ctx, `select `+memberColumns+memberFrom+` where m.organization_id = $1 and m.user_id = $2
		and m.deleted_at is null and m.ended_at is null order by m.created_at desc limit 1`, org, user))
	if errors.Is(err, ErrMemberNotFound) {
		return maker{}, errMakerNotMember
	}
	if err != nil {
		return maker{}, err
	}
	if u, err := lockUser(ctx, tx, user); err != nil {
		return maker{}, err
	} else if u.State != UserActive {
		return maker{}, errMakerNotMember
	}
	if err := lockMember(ctx, tx, org, m.ID); err != nil {
		return maker{}, err
	}
	if m, err = scanMember(tx.QueryRow(ctx, `select `+memberColumns+memberFrom+memberByID, org, m.ID)); err != nil {
		return maker{}, err
	}
	if !m.ActiveAt(tx.Now()) {
		return maker{}, errMakerNotMember
	}
	by := maker{membership: m.ID, bound: m.Kind.binds()}
	if by.bound {
		by.end = m.End
	}
	return by, nil
}

// madeBy are the tables of what members make.
var madeBy = []string{"service_account_credentials", "provisioning_tokens"}

// followMaker lets what a member made follow a changed kind or end. What has ended stays ended.
func followMaker(ctx context.Context, tx *sqldb.Tx, was, m *Member) error {
	if !was.Kind.binds() && !m.Kind.binds() || was.Kind == m.Kind && was.End.Equal(m.End) {
		return nil
	}
	if was.ActiveAt(tx.Now()) && !m.ActiveAt(tx.Now()) {
		return endMade(ctx, tx, m)
	}
	end := m.End
	if !m.Kind.binds() {
		end = time.Time{}
	}
	return touchMade(tx, func(table string) (int64, error) {
		return tx.Exec(ctx, `update `+table+` set bound = $2, member_end_at = $3 where made_by = $1 and (member_end_at is null or member_end_at > $4)`,
			m.ID, m.Kind.binds(), sqldb.Micros(end), sqldb.Micros(tx.Now()))
	})
}

// endMade ends what a member made and is bound to: in the transaction that takes the member's access away, and for good.
func endMade(ctx context.Context, tx *sqldb.Tx, m *Member) error {
	n := int64(0)
	err := touchMade(tx, func(table string) (int64, error) {
		ended, err := tx.Exec(ctx, `update `+table+` set member_end_at = $2 where made_by = $1 and bound = true and (member_end_at is null or member_end_at > $2)`,
			m.ID, sqldb.Micros(tx.Now()))
		n += ended
		return ended, err
	})
	if err != nil || n == 0 {
		return err
	}
	return audit.Append(ctx, tx, m.Organization, audit.Entry{Action: EventCredentialsEnded, Object: m.ID.String(), Detail: map[string]any{"credentials": n}})
}

// endMadeByUser does so everywhere, where a person may not sign in any more, and tells of what goes on.
func endMadeByUser(ctx context.Context, tx *sqldb.Tx, user UserID) error {
	all, err := sqldb.All(ctx, tx, func(r sqldb.Row) (m Member, err error) { return m, r.Scan(&m.ID, &m.Organization) },
		`select id, organization_id from memberships where user_id = $1 order by organization_id, id`, user)
	if err != nil {
		return err
	}
	for i := range all {
		if err := endMade(ctx, tx, &all[i]); err != nil {
			return err
		}
		if err := tellLeft(ctx, tx, &all[i]); err != nil {
			return err
		}
	}
	return nil
}

// losesAccess reports whether an event about a member takes the access away by which things were made.
func losesAccess(event string) bool {
	return event == EventMembershipEnded || event == EventMembershipSuspended
}

func touchMade(tx *sqldb.Tx, update func(table string) (int64, error)) error {
	for i, table := range madeBy {
		n, err := update(table)
		if err != nil {
			return err
		}
		if n > 0 && i == 0 { // provisioning tokens are read from the database each time
			tx.Bump(ApplicationsWatermark)
		}
	}
	return nil
}
