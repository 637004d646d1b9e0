package directory

import (
	"context"
	"reflect"
	"slices"
	"time"

	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

// Change edits a member under an optimistic version; version 0 takes whatever is there. The edit may run again, so it must
// depend on nothing but the member it is given. An edit that changes nothing writes nothing.
//
// Invariant: edits without a version lose no other edit: one that came too late is made again on the locked row
// (TestEditsWithoutVersionAllLand).
func (s Memberships) Change(ctx context.Context, org OrganizationID, id MembershipID, version int64, edit func(*Member) error) (Member, error) {
	m := &Member{}
	attempt := func(locked bool) error {
		return s.update(ctx, func(tx *sqldb.Tx) error {
			if locked {
				if err := lockToEnd(ctx, tx, org, id); err != nil {
					return err
				}
			}
			was, err := Memberships{store{db: s.db, tx: tx}}.ByID(ctx, org, id)
			if err != nil {
				return err
			}
			if version != 0 && was.Version != version {
				return ErrStale
			}
			m = was.clone()
			if err := edit(m); err != nil {
				return err
			}
			return change(ctx, tx, &was, m)
		})
	}
	err := attempt(version == 0 && s.tx != nil) // inside another's transaction there is no second attempt
	if version == 0 && s.tx == nil && fault.Is(err, fault.Stale) {
		err = attempt(true)
	}
	if sqldb.IsUnique(err) && s.tx == nil {
		return Member{}, s.whichTaken(ctx, m)
	}
	if err != nil {
		return Member{}, err
	}
	return *m, nil
}

// change saves the difference between what a membership was and what it becomes, with every rule that the step touches.
// What it locks it locks in one order: organization, user, membership.
func change(ctx context.Context, tx *sqldb.Tx, was, m *Member) error {
	now := tx.Now()
	keepFixed(was, m, now)
	if err := keepHeld(ctx, was, m); err != nil {
		return err
	}
	if reflect.DeepEqual(was, m) {
		return nil
	}
	if err := m.check(); err != nil {
		return err
	}
	if err := checkDates(ctx, was, m, now); err != nil {
		return err
	}
	revive(was, m, now)
	if accessDiffers(was, m) {
		if err := raiseAccess(ctx, tx, was, m); err != nil {
			return err
		}
	}
	if isContended(was, m, now) {
		if err := changeContended(ctx, tx, was, m); err != nil {
			return err
		}
	}
	if err := checkLinks(ctx, tx, m, was); err != nil {
		return err
	}
	if err := checkTaken(ctx, tx, m, was); err != nil {
		return err
	}
	if e, err := ParseEmail(m.Email); err == nil && !m.User.IsZero() {
		m.Email = shownAddress(m, e) // the user name may have changed
	}
	if !m.End.Equal(was.End) {
		forgetReminders(tx, m.ID)
	}
	event := eventOf(was, m, now)
	if event == EventMembershipEnded {
		if err := vacate(ctx, tx, was, m); err != nil {
			return err
		}
	}
	m.Version, m.ChangedAt = was.Version+1, now
	if err := updateMember(ctx, tx, was.Version, m); err != nil {
		return err
	}
	if m.User != was.User {
		if err := refuseErased(ctx, tx, m.User); err != nil {
			return err
		}
	}
	if err := saveAccess(ctx, tx, m, was); err != nil {
		return err
	}
	if !slices.Equal(was.Held, m.Held) {
		saveHeld(tx, m)
	}
	if err := followMaker(ctx, tx, was, m); err != nil {
		return err
	}
	if err := followEnding(ctx, tx, was, m); err != nil {
		return err
	}
	if err := announceChange(ctx, tx, was, m, event); err != nil {
		return err
	}
	return followAgency(ctx, tx, was, m)
}

// isContended reports whether a change touches what an organization has few of, or who somebody is: such changes stand in
// line behind the organization's row.
func isContended(was, m *Member, now time.Time) bool {
	return losesAdministrator(was, m, now) || mayTakeSeat(was, m, now) || m.Email != was.Email || becomesUser(m) || opensReseller(was, m, now) ||
		slices.ContainsFunc(m.Functions, func(f Function) bool { return f.isSingle() && !slices.Contains(was.Functions, f) })
}

// becomesUser reports whether a person without user is turned into one who signs in (R29).
func becomesUser(m *Member) bool { return m.Kind != ContactOnly && m.User.IsZero() }

func changeContended(ctx context.Context, tx *sqldb.Tx, was, m *Member) error {
	o, err := lockedOrganization(ctx, tx, m.Organization)
	if err != nil {
		return err
	}
	if err := guardAdministrators(ctx, tx, was, m); err != nil {
		return err
	}
	if err := takeSeat(ctx, tx, &o, was, m); err != nil {
		return err
	}
	if becomesUser(m) {
		if err := unchanged(ctx, tx, was); err != nil { // somebody else may have made the user while we waited
			return err
		}
		g, err := readGround(ctx, tx, m)
		if err != nil {
			return err
		}
		if err := attachUser(ctx, tx, m, &g, false); err != nil {
			return err
		}
		m.InvitedBy = inviter(ctx) // who made the contact has invited nobody
		answersFor(tx, m)
	} else if err := rename(ctx, tx, was, m); err != nil {
		return err
	}
	if opensReseller(was, m, tx.Now()) {
		return vouched(ctx, tx, &o, m)
	}
	return nil
}

// eventOf names what a change was, and raises the epoch where access was lost: a membership that comes back later must
// not bring back the sessions and tokens of before.
func eventOf(was, m *Member, now time.Time) string {
	lost := was.ActiveAt(now) && !m.ActiveAt(now)
	if lost {
		m.Epoch++
	}
	shut := func(m *Member) bool { return !m.SuspendedAt.IsZero() || !m.ArchivedAt.IsZero() }
	switch {
	case !was.isOver(now) && m.isOver(now):
		m.AnnouncedAt = now
		return EventMembershipEnded
	case m.isOver(now):
		return EventMembershipChanged
	case was.User.IsZero() && !m.User.IsZero():
		return EventMembershipCreated // for the person it begins here: an invitation is due
	case was.isOver(now), shut(was) && !shut(m), was.Kind == ContactOnly && m.Kind != ContactOnly:
		return EventMembershipReactivated
	case !shut(was) && shut(m), lost:
		return EventMembershipSuspended
	}
	return EventMembershipChanged
}

// keepFixed undoes what no edit may touch, and brings the rest into the form in which it is compared.
func keepFixed(was, m *Member, now time.Time) {
	m.AcceptBy = was.AcceptBy // the invitation's own
	m.ID, m.Organization, m.User = was.ID, was.Organization, was.User
	m.Epoch, m.Version, m.CreatedAt, m.ChangedAt = was.Epoch, was.Version, was.CreatedAt, was.ChangedAt
	m.AcceptedAt, m.AnnouncedAt, m.DeletedAt, m.EndedAt = was.AcceptedAt, was.AnnouncedAt, was.DeletedAt, was.EndedAt
	m.EmailVerified, m.Operator, m.InvitedBy = was.EmailVerified, was.Operator, was.InvitedBy
	if m.Kind != Reseller && was.Kind == Reseller && m.Reseller == was.Reseller {
		m.Reseller = ResellerAccess{} // went with the kind
	}
	if m.Kind == ContactOnly && m.User.IsZero() {
		m.Email = was.Email // a person without user has contact details only
	}
	if was.isOver(now) && m.End.Equal(was.End) {
		m.Functions = was.Functions // whose membership is over gets none; one that nobody has announced yet is vacated then
	}
	m.SuspendedAt, m.ArchivedAt = since(was.SuspendedAt, m.SuspendedAt, now), was.ArchivedAt // archived by an ending alone
	m.nameDefault()
	m.settle()
}

// since keeps when something began, however often it is said again.
func since(was, said, now time.Time) time.Time {
	switch {
	case said.IsZero():
		return time.Time{}
	case !was.IsZero():
		return was
	}
	return now
}

// revive lets a later end bring a membership back that was over. What hung on it stays dead: its epoch has risen, or
// rises here where nobody had announced the end yet.
func revive(was, m *Member, now time.Time) {
	back := m.facts()
	back.ended = time.Time{}
	if !was.isOver(now) || m.End.Equal(was.End) || back.over(now) { // past again, or an invitation that nobody accepted in time
		return
	}
	m.EndedAt, m.ArchivedAt = time.Time{}, time.Time{}
	if was.AnnouncedAt.IsZero() {
		m.Epoch++
	}
	m.AnnouncedAt = time.Time{}
}

// losesAdministrator reports whether a change takes away an administrator who can act, now or by a nearer end.
func losesAdministrator(was, m *Member, now time.Time) bool {
	if !was.Administrator || !was.ActiveAt(now) {
		return false
	}
	lasts := m.End.IsZero() || !was.End.IsZero() && !m.End.Before(was.End)
	return !m.Administrator || !m.ActiveAt(now) || !lasts
}

// guardAdministrators refuses a change that would leave the organization without an administrator who can act.
//
// Invariant: over every path, also in a race of two (TestLastAdministratorRace): the caller has locked the organization's
// row before the others are counted.
func guardAdministrators(ctx context.Context, tx *sqldb.Tx, was, m *Member) error {
	if !losesAdministrator(was, m, tx.Now()) {
		return nil
	}
	others, err := countAdministrators(ctx, tx, m.Organization, m.ID, tx.Now())
	if err != nil {
		return err
	}
	if others == 0 {
		return ErrLastAdministrator
	}
	return nil
}

// rename changes the sign-in address where this organization may: it is the person's home, and the new address lies in
// its verified domains. Elsewhere the organization's own user name changes and the address stays.
func rename(ctx context.Context, tx *sqldb.Tx, was, m *Member) error {
	said := m.Email
	m.Email = was.Email
	if said == was.Email || m.isOver(tx.Now()) {
		return nil
	}
	email, err := ParseEmail(said)
	if err != nil {
		return err
	}
	u, err := Users{store{tx: tx}}.ByID(ctx, m.User)
	if err != nil || u.Email == email {
		return err
	}
	for _, domain := range []string{u.Email.Domain(), email.Domain()} {
		home, err := Organizations{store{tx: tx}}.OfDomain(ctx, domain)
		if err != nil || home != m.Organization {
			return err
		}
	}
	if err := renameUser(ctx, tx, u.ID, email); err != nil {
		return err
	}
	m.Email = email.Address
	if email.Key == u.Email.Key {
		return nil
	}
	return announceUser(ctx, tx, u.ID, EventUserEmailChanged,
		UserEvent{User: u.ID.String(), Old: u.Email.Address, New: email.Address})
}
