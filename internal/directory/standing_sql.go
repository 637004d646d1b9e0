package directory

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"

	"portvakt/internal/sqldb"
)

// StandingColumns and StandingFrom let one statement of another noun (a token family, a session) read the standing that it
// hangs on in the same round trip; ScanStanding reads them after the statement's own columns.
const (
	StandingColumns = `u.id, u.state, u.epoch, u.credentials_epoch, u.email, u.email_verified_at is not null, u.operator, u.details,
	o.id, o.slug, o.name, o.language, coalesce(m.second_factor, o.second_factor), o.trusted_days, o.mail_codes,
	coalesce(o.idle_limit, 0), coalesce(o.session_limit, 0), o.key_policy, o.accent, not ` + OrganizationOpen + `, o.access_version,
	m.id, m.kind, m.start_at, m.end_at, m.accepted_at, m.accept_by, m.suspended_at, m.ended_at, m.deleted_at,
	m.archived_at, 	m.administrator, m.all_segments, m.role_id, m.details, m.epoch, m.changed_at`
	StandingFrom = ` memberships m join users u on u.id = m.user_id join organizations o on o.id = m.organization_id `
)

// ScanStanding scans the statement's own columns into own and then the standing's.
func ScanStanding(r sqldb.Row, own ...any) (s Standing, err error) {
	var mine, shown string
	f := &s.facts
	dest := append(own, &s.User, &s.UserState, &s.UserEpoch, &s.CredentialsEpoch, &s.Email, &s.EmailVerified, &s.Operator, &mine,
		&s.Organization, &s.Slug, &s.Name, &s.Language, &s.SecondFactor, &s.TrustedDays, &s.MailCodes,
		(*inSeconds)(&s.IdleLimit), (*inSeconds)(&s.SessionLimit), &s.KeyPolicy, &s.Accent, &s.OrgSuspended, &s.AccessVersion,
		&s.Membership, &s.Kind, sqldb.Time(&s.Start), sqldb.Time(&s.End), sqldb.Time(&f.accepted), sqldb.Time(&f.acceptBy), sqldb.Time(&f.suspended),
		sqldb.Time(&f.ended), sqldb.Time(&f.deleted), sqldb.Time(&f.archived),
		&s.Administrator, &s.AllSegments, &s.Role, &shown, &s.Epoch, sqldb.Time(&s.ChangedAt))
	err = r.Scan(dest...)
	if errors.Is(err, sqldb.ErrNoRows) {
		return s, ErrMemberNotFound
	}
	if err != nil {
		return s, err
	}
	f.kind, f.start, f.end = s.Kind, s.Start, s.End
	if err := readDetails(mine, &s.Own); err != nil {
		return s, err
	}
	return s, readDetails(shown, &s.Details)
}

const (
	standingText    = `select ` + StandingColumns + ` from` + StandingFrom + `where m.id = $1`
	standingsOfText = `select ` + StandingColumns + ` from` + StandingFrom + `where m.user_id = $1 and m.deleted_at is null order by m.created_at, m.id`
)

// Standing is how the member stands, in one indexed read. Whoever asks decides by ActiveAt.
func (s Memberships) Standing(ctx context.Context, id MembershipID) (Standing, error) {
	return ScanStanding(s.q().QueryRow(ctx, standingText, id))
}

// StandingsOf are all of a person's memberships that were not deleted, by the organizations' names.
func (s Memberships) StandingsOf(ctx context.Context, user UserID) ([]Standing, error) {
	all, err := sqldb.All(ctx, s.q(), func(r sqldb.Row) (Standing, error) { return ScanStanding(r) }, standingsOfText, user)
	slices.SortStableFunc(all, func(a, b Standing) int { // here, because the engines order texts differently
		return cmp.Or(cmp.Compare(Fold(a.Name), Fold(b.Name)), bytes.Compare(a.Organization[:], b.Organization[:]))
	})
	return all, err
}
