package directory

import (
	"context"
	"strings"
	"time"
	"unicode"

	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

// Resend asks the person once more: the older link is void with the commit, and there is as much time to answer as there
// was at first. It is for those who have not answered, and, at home, for those who have never used their account. Whoever
// sends it again answers for it from now on.
func (s Invitations) Resend(ctx context.Context, org OrganizationID, id MembershipID) (InvitationID, error) {
	var made InvitationID
	err := s.update(ctx, func(tx *sqldb.Tx) error {
		if err := lockMember(ctx, tx, org, id); err != nil {
			return err
		}
		was, err := Memberships{store{db: s.db, tx: tx}}.ByID(ctx, org, id)
		if err != nil {
			return err
		}
		if err := was.waits(tx.Now()); err != nil {
			return err
		}
		n, err := asked(ctx, tx, id, tx.Now().Add(-24*time.Hour))
		if err != nil {
			return err
		}
		if n > maxResent {
			return fault.New(fault.Exhausted, "resent_too_often", "The person was written to several times today; try again tomorrow").After(24 * time.Hour)
		}
		old, err := currentInvitation(ctx, tx, org, id)
		if err != nil {
			return err
		}
		made = sqldb.NewID[invitationPrefix](tx.Now())
		i := invitationRow{id: made, organization: org, membership: id, batch: old.batch, language: old.language}
		if i.batch.IsZero() {
			i.batch = sqldb.NewID[batchPrefix](tx.Now())
		}
		supersedeInvitation(tx, org, id)
		insertInvitation(tx, i)
		voidInvitationLinks(tx, id)
		if was.AcceptedAt.IsZero() {
			was.AcceptBy, was.InvitedBy = was.acceptBy(old.created, tx.Now()), inviter(ctx)
			prolong(tx, &was)
		}
		return announceInvitation(ctx, tx, EventInvitationResent, i)
	})
	return made, err
}

// waits refuses where there is nobody to ask again: the person has answered, or the invitation is over.
func (m *Member) waits(now time.Time) error {
	switch state := m.StateAt(now); {
	case state == StateInvited:
		return nil
	case (state == StateActive || state == StateScheduled) && !m.EmailVerified:
		return nil // at home, and never signed in
	case state == StateEnded && m.AcceptedAt.IsZero():
		return ErrInvitationOver
	}
	return ErrNotWaiting
}

// acceptBy is until when an invitation that was last sent at the moment asked, and is sent again now, can be answered: as
// long as it could be before.
func (m *Member) acceptBy(asked, now time.Time) time.Time {
	if m.AcceptBy.IsZero() || asked.IsZero() { // made by a provisioning system: open
		return m.AcceptBy
	}
	return now.Add(min(max(m.AcceptBy.Sub(asked), minAcceptWithin), maxAcceptWithin))
}

// Withdraw takes an invitation back: the membership ends, the seat is free, and the link opens nothing from the commit on.
func (s Invitations) Withdraw(ctx context.Context, org OrganizationID, id MembershipID) error {
	return s.update(ctx, func(tx *sqldb.Tx) error {
		return withdraw(ctx, tx, org, id)
	})
}

func withdraw(ctx context.Context, tx *sqldb.Tx, org OrganizationID, id MembershipID) error {
	err := Memberships{store{tx: tx}}.finish(ctx, org, id, func(m *Member, now time.Time) error {
		if m.StateAt(now) != StateInvited && !(m.AcceptedAt.IsZero() && m.StateAt(now) == StateSuspended) {
			if m.StateAt(now) == StateEnded && m.AcceptedAt.IsZero() {
				return ErrInvitationOver
			}
			return ErrNotWaiting
		}
		m.EndedAt = now
		return nil
	})
	if err != nil {
		return err
	}
	i, err := currentInvitation(ctx, tx, org, id)
	if err != nil {
		return err
	}
	i.organization, i.membership = org, id
	withdrawInvitation(tx, org, id)
	voidInvitationLinks(tx, id)
	return announceInvitation(ctx, tx, EventInvitationWithdrawn, i)
}

// Sent notes that the mail server took the mail. Where it was sent again since, nothing is noted.
func (s Invitations) Sent(ctx context.Context, id InvitationID) error {
	return s.stamp(ctx, stampSentText, id)
}

// Opened notes that the link was followed. It consumes nothing: programs that look at mails follow links too.
func (s Invitations) Opened(ctx context.Context, id InvitationID) error {
	return s.stamp(ctx, stampOpenedText, id)
}

// maxBounceReason is how much is kept of why a mail came back, in characters.
const maxBounceReason = 200

// Bounced notes that mail to the address came back, on whatever of its invitations is not answered yet. It answers the
// same whether or not there is one: whoever reports a bounce learns nothing about the address.
func (s Invitations) Bounced(ctx context.Context, address, reason string) error {
	e, err := ParseEmail(address)
	if err != nil {
		return nil
	}
	reason = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(reason, " "))
	if r := []rune(reason); len(r) > maxBounceReason {
		reason = string(r[:maxBounceReason])
	}
	return s.update(ctx, func(tx *sqldb.Tx) error {
		hit, err := stampBounced(ctx, tx, e, strings.TrimSpace(reason))
		if err != nil {
			return err
		}
		for _, i := range hit {
			if err := announceInvitation(ctx, tx, EventInvitationBounced, i); err != nil {
				return err
			}
		}
		return nil
	})
}

// unansweredBefore is how long before an invitation is over its person is reminded.
const unansweredBefore = 3 * 24 * time.Hour

// AnnounceUnanswered tells of invitations that will soon be over, each once; it answers how many. Those that were short
// from the beginning are not told of.
func (s Invitations) AnnounceUnanswered(ctx context.Context) (n int, err error) {
	err = s.update(ctx, func(tx *sqldb.Tx) error {
		due, err := claimUnanswered(ctx, tx, announceBatch)
		if err != nil {
			return err
		}
		for _, i := range due {
			if err := announceInvitation(ctx, tx, EventInvitationUnanswered, i); err != nil {
				return err
			}
		}
		n = len(due)
		return nil
	})
	return n, err
}

// announceExpired tells that an invitation has expired, where the membership that has just ended by itself was one.
func announceExpired(ctx context.Context, tx *sqldb.Tx, m *Member) error {
	i, err := expiredInvitation(ctx, tx, m.Organization, m.ID)
	if err != nil || i.id.IsZero() {
		return err
	}
	return announceInvitation(ctx, tx, EventInvitationExpired, i)
}

// guardInviter takes an invitation back whose inviter may invite nobody any more, and reports whether it did: what a
// person gave must not outlive the right to give it.
//
// Invariant: an invitation made by a person counts only while that person is an operator, or an active member of the
// organization who administers it or its people; whoever sends it again takes it over (TestR31_AnInviterWhoIsGoneInvitesNobody).
func guardInviter(ctx context.Context, tx *sqldb.Tx, org OrganizationID, id MembershipID) (void bool, err error) {
	may, err := inviterMay(ctx, tx, org, id)
	if err != nil || may {
		return false, err
	}
	if err := withdraw(ctx, tx, org, id); fault.Is(err, fault.Conflict) { // over by itself meanwhile
		return false, ErrMemberNotFound
	} else if err != nil {
		return false, err
	}
	return true, nil
}
