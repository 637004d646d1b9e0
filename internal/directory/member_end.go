package directory

import (
	"context"
	"reflect"
	"time"

	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
)

// Delete ends a membership and takes it out of SCIM's sight for good; asking again is ErrMemberNotFound.
func (s Memberships) Delete(ctx context.Context, org OrganizationID, id MembershipID) error {
	return s.finish(ctx, org, id, func(m *Member, now time.Time) error {
		if m.EndedAt.IsZero() {
			m.EndedAt = now
		}
		m.DeletedAt = now
		return nil
	})
}

// finish ends a membership as edit says; an edit that changes nothing writes nothing. It locks before it reads, so that no
// other change can make it come too late: an end has no version.
func (s Memberships) finish(ctx context.Context, org OrganizationID, id MembershipID, edit func(*Member, time.Time) error) error {
	return s.update(ctx, func(tx *sqldb.Tx) error {
		if err := lockToEnd(ctx, tx, org, id); err != nil {
			return err
		}
		was, err := Memberships{store{db: s.db, tx: tx}}.ByID(ctx, org, id)
		if err != nil {
			return err
		}
		m := was.clone()
		if err := edit(m, tx.Now()); err != nil || reflect.DeepEqual(&was, m) {
			return err
		}
		if err := guardAdministrators(ctx, tx, &was, m); err != nil {
			return err
		}
		return announceEnd(ctx, tx, &was, m)
	})
}

// announceEnd stores an end as announced, kills what hung on the membership, and tells. was is loaded with its access.
func announceEnd(ctx context.Context, tx *sqldb.Tx, was, m *Member) error {
	if m.AnnouncedAt.IsZero() {
		m.AnnouncedAt = tx.Now()
	}
	if err := vacate(ctx, tx, was, m); err != nil { // a function is free for somebody else at once
		return err
	}
	m.Version, m.ChangedAt = was.Version+1, tx.Now()
	m.Epoch++
	bumpAccess(tx, m.Organization)
	if err := updateMember(ctx, tx, was.Version, m); err != nil {
		return err
	}
	if err := saveAccess(ctx, tx, m, was); err != nil {
		return err
	}
	if err := openEnding(ctx, tx, m); err != nil {
		return err
	}
	if err := announceChange(ctx, tx, was, m, EventMembershipEnded); err != nil {
		return err
	}
	return followAgency(ctx, tx, was, m)
}

// AnnounceEnded tells of memberships whose end has passed by itself. Access was over at the end, whether or not anybody
// calls this; each end is announced by exactly one caller. It answers how many it announced.
func (s Memberships) AnnounceEnded(ctx context.Context) (int, error) {
	n := 0
	err := s.update(ctx, func(tx *sqldb.Tx) error {
		n = 0
		if err := lockVacated(ctx, tx); err != nil {
			return err
		}
		ended, err := claimEnded(ctx, tx, announceBatch)
		if err != nil {
			return err
		}
		if err := vacateAll(ctx, tx, ended); err != nil {
			return err
		}
		for i := range ended {
			if err := openEnding(ctx, tx, &ended[i]); err != nil {
				return err
			}
			if err := announce(ctx, tx, &ended[i], EventMembershipEnded, false); err != nil {
				return err
			}
			if err := announceExpired(ctx, tx, &ended[i]); err != nil {
				return err
			}
		}
		n = len(ended)
		return nil
	})
	return n, err
}

const announceBatch = 200

// Accept is the person's own yes to an invitation. One whose inviter may invite nobody any more is taken back instead, and
// that it was refused is kept: within another transaction the caller commits.
func (s Memberships) Accept(ctx context.Context, user UserID, id MembershipID) (Member, error) {
	var m Member
	var void bool
	err := s.update(ctx, func(tx *sqldb.Tx) error {
		org, err := invitedTo(ctx, tx, user, id)
		if err != nil {
			return err
		}
		if void, err = guardInviter(ctx, tx, org, id); err != nil || void {
			return err
		}
		if err = raiseOrdered(ctx, tx, []OrganizationID{org}); err != nil {
			return err
		}
		if _, err = claimInvitation(ctx, tx, user, id); err != nil {
			return err
		}
		if m, err = (Memberships{store{db: s.db, tx: tx}}).ByID(ctx, org, id); err != nil {
			return err
		}
		return announce(ctx, tx, &m, EventMembershipAccepted, false)
	})
	if err == nil && void {
		err = ErrInvitationVoid
	}
	return m, err
}

// Decline is the person's own no to an invitation; the seat is free again.
func (s Memberships) Decline(ctx context.Context, user UserID, id MembershipID) error {
	return s.update(ctx, func(tx *sqldb.Tx) error {
		all := Memberships{store{db: s.db, tx: tx}}
		st, err := all.Standing(ctx, id)
		if err != nil {
			return err
		}
		if st.User != user {
			return ErrMemberNotFound
		}
		err = all.finish(ctx, st.Organization, id, func(m *Member, now time.Time) error {
			if m.User != user || m.StateAt(now) != StateInvited { // accepted meanwhile
				return ErrMemberNotFound
			}
			m.EndedAt = now
			return nil
		})
		if err != nil {
			return err
		}
		declineInvitation(tx, st.Organization, id)
		return outbox.Append(tx, st.Organization, EventMembershipDeclined, id.String(),
			MembershipEvent{Membership: id.String(), Organization: st.Organization.String(), User: user.String()})
	})
}
