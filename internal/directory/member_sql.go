package directory

import (
	"context"
	"errors"
	"strings"
	"time"

	"portvakt/internal/sqldb"
)

// memberColumns go with memberFrom and scanMember.
const memberColumns = `m.id, m.organization_id, m.user_id, m.kind, m.start_at, m.end_at, m.accepted_at, m.suspended_at, m.ended_at,
	m.end_announced_at, m.deleted_at, m.archived_at, m.administrator, m.role_id, m.all_segments, m.user_name, m.external_id,
	m.provisioning_client_id, m.manager_id, m.manager_text, m.successor_id, m.details, m.epoch, m.version, m.created_at, m.changed_at,
	m.accept_by, m.invited_by, m.reseller_role, m.bank_access, m.user_administration, u.email, u.email_key, u.email_verified_at is not null,
	m.second_factor, m.held, coalesce(u.operator, false)`

const memberFrom = ` from memberships m left join users u on u.id = m.user_id`

func scanMember(r sqldb.Row) (Member, error) {
	m := new(Member)
	err := newMemberScan(m).read(r)
	return *m, err
}

// memberScan reads rows of memberColumns into one member, one after the other.
type memberScan struct {
	m       *Member
	details string
	held    string
	address Email
	dest    []any
}

func newMemberScan(m *Member) *memberScan {
	s := &memberScan{m: m}
	s.dest = []any{&m.ID, &m.Organization, &m.User, &m.Kind, sqldb.Time(&m.Start), sqldb.Time(&m.End), sqldb.Time(&m.AcceptedAt),
		sqldb.Time(&m.SuspendedAt), sqldb.Time(&m.EndedAt), sqldb.Time(&m.AnnouncedAt), sqldb.Time(&m.DeletedAt), sqldb.Time(&m.ArchivedAt),
		&m.Administrator, &m.Role, &m.AllSegments, &m.UserName, sqldb.NullText(&m.ExternalID), &m.ManagedBy, &m.Manager,
		sqldb.NullText(&m.ManagerText), &m.Successor, &s.details, &m.Epoch, &m.Version, sqldb.Time(&m.CreatedAt), sqldb.Time(&m.ChangedAt),
		sqldb.Time(&m.AcceptBy), &m.InvitedBy, sqldb.NullText((*string)(&m.Reseller.Role)), &m.Reseller.BankAccess, &m.Reseller.UserAdministration,
		sqldb.NullText(&s.address.Address), sqldb.NullText(&s.address.Key), &m.EmailVerified,
		sqldb.NullText((*string)(&m.SecondFactor)), sqldb.NullText(&s.held), &m.Operator}
	return s
}

// read fills the member, which is empty, from a row.
func (s *memberScan) read(r sqldb.Row) error {
	m := s.m
	err := r.Scan(s.dest...)
	if errors.Is(err, sqldb.ErrNoRows) {
		return ErrMemberNotFound
	}
	if err != nil {
		return err
	}
	if !m.User.IsZero() {
		m.Email, m.EmailVerified = shownAddress(m, s.address), m.EmailVerified && !m.AcceptedAt.IsZero()
	}
	if err := readHeld(s.held, m); err != nil {
		return err
	}
	return readDetails(s.details, &m.Details)
}

// scanMembers reads all rows, of which there are about as many as expected. Members are large: reading each into a place of
// its own, and a list that grows from nothing, made three quarters of the garbage of a page.
func scanMembers(ctx context.Context, q sqldb.Queryer, expected int, text string, args ...any) ([]Member, error) {
	rows, err := q.Query(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var m Member
	scan := newMemberScan(&m)
	out := make([]Member, 0, min(expected, 100))
	for rows.Next() {
		m = Member{}
		if err := scan.read(rows); err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, rows.Err()
}

// shownAddress is the sign-in address as the organization may see it: until the person has accepted, in the organization's
// own spelling, so that the answer is the same for known and unknown people (R09).
//
// Invariant: it is the address that mail goes to, in whatever spelling; a user name that holds another address never
// stands for it (TestShownAddressIsTheSignInAddress).
func shownAddress(m *Member, signIn Email) string {
	if !m.AcceptedAt.IsZero() {
		return signIn.Address
	}
	if e, err := ParseEmail(m.UserName); err == nil && e.Key == signIn.Key {
		return e.Address
	}
	return signIn.Key
}

// The conditions by which single members are asked for; TestPlans explains each.
const (
	memberByID       = ` where m.organization_id = $1 and m.id = $2 and m.deleted_at is null`
	memberByUserName = ` where m.organization_id = $1 and m.user_name_key = $2 and m.deleted_at is null`
	memberByEmail    = ` where m.organization_id = $1 and m.deleted_at is null and u.email_key = $2 order by m.created_at desc limit 1`
	memberOfUser     = ` where m.organization_id = $1 and m.user_id = $2 and m.deleted_at is null order by m.created_at, m.id`
)

// ByID is the member with all its access.
func (s Memberships) ByID(ctx context.Context, org OrganizationID, id MembershipID) (Member, error) {
	return s.one(ctx, memberByID, org, id)
}

// ByUserName is the member whom the organization calls so, without regard to case.
func (s Memberships) ByUserName(ctx context.Context, org OrganizationID, name string) (Member, error) {
	if checkText("user_name", name) != nil { // PostgreSQL refuses NUL and broken UTF-8 even in a question
		return Member{}, ErrMemberNotFound
	}
	return s.one(ctx, memberByUserName, org, Fold(name))
}

// ByEmail is the member who signs in with the address and has not ended for good.
func (s Memberships) ByEmail(ctx context.Context, org OrganizationID, e Email) (Member, error) {
	return s.one(ctx, memberByEmail, org, e.Key)
}

func (s Memberships) one(ctx context.Context, where string, args ...any) (Member, error) {
	m, err := scanMember(s.q().QueryRow(ctx, `select `+memberColumns+memberFrom+where, args...))
	if err != nil {
		return m, err
	}
	one := []Member{m}
	err = loadAccess(ctx, s.q(), one)
	return one[0], err
}

// membershipsOf are a person's memberships in one organization that nobody has deleted, without their access.
func membershipsOf(ctx context.Context, q sqldb.Queryer, org OrganizationID, user UserID) ([]Member, error) {
	return sqldb.All(ctx, q, scanMember, `select `+memberColumns+memberFrom+memberOfUser, org, user)
}

// checkTaken refuses a user name or external id that another member has. The unique indexes refuse it anyway; asked
// before, the transaction survives and the refusal says what was taken. was is the zero member for a new one.
func checkTaken(ctx context.Context, q sqldb.Queryer, m, was *Member) error {
	var n int64
	if key := Fold(m.UserName); key != Fold(was.UserName) {
		if err := q.QueryRow(ctx, `select count(*) from memberships where organization_id = $1 and user_name_key = $2 and deleted_at is null and id <> $3`,
			m.Organization, key, m.ID).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return ErrUserNameTaken
		}
	}
	if m.ExternalID == "" || m.ManagedBy.IsZero() || m.ExternalID == was.ExternalID && m.ManagedBy == was.ManagedBy {
		return nil
	}
	if err := q.QueryRow(ctx, `select count(*) from memberships where organization_id = $1 and external_id = $2 and provisioning_client_id = $3
		and deleted_at is null and id <> $4`, m.Organization, m.ExternalID, m.ManagedBy, m.ID).Scan(&n); err != nil {
		return err
	}
	if n > 0 {
		return ErrExternalIDTaken
	}
	return nil
}

// lockMember makes the transaction the only one that changes the member: the organization first, then the membership, the
// order that everybody keeps.
func lockMember(ctx context.Context, tx *sqldb.Tx, org OrganizationID, id MembershipID) error {
	if err := lockOrganization(ctx, tx, org); err != nil {
		return err
	}
	n, err := tx.Exec(ctx, `update memberships set version = version where organization_id = $1 and id = $2 and deleted_at is null`, org, id)
	if err == nil && n == 0 {
		return ErrMemberNotFound
	}
	return err
}

// memberValues are the columns that an insert and an update share, in the order of memberSet.
func memberValues(m *Member) ([]any, error) {
	details, err := writeDetails(m.Details)
	if err != nil {
		return nil, err
	}
	d := &m.Details
	return []any{
		string(m.Kind), sqldb.Micros(m.Start), sqldb.Micros(m.End), sqldb.Micros(m.AcceptedAt), sqldb.Micros(m.SuspendedAt),
		sqldb.Micros(m.EndedAt), sqldb.Micros(m.AnnouncedAt), sqldb.Micros(m.DeletedAt), sqldb.Micros(m.ArchivedAt),
		m.Administrator, m.Role, m.AllSegments, m.UserName, Fold(m.UserName), sqldb.Text(m.ExternalID), m.ManagedBy, m.Manager,
		sqldb.Text(m.ManagerText), m.Successor, details, Fold(d.GivenName), Fold(d.FamilyName), Fold(d.DisplayName),
		Fold(d.FormattedName), Fold(d.NickName), Fold(d.Title), Fold(d.UserType), Fold(d.Locale), Fold(d.Timezone),
		Fold(d.PreferredLanguage), Fold(d.ProfileURL), Fold(d.EmployeeNumber), Fold(d.CostCenter), Fold(d.Company), Fold(d.Division),
		Fold(d.Department), m.Epoch, m.Version, sqldb.Micros(m.ChangedAt),
		sqldb.Micros(m.AcceptBy), sqldb.Text(string(m.Reseller.Role)), m.Reseller.BankAccess, m.Reseller.UserAdministration,
		beginning(d.MiddleName), beginning(d.NamePrefix), beginning(d.NameSuffix),
	}, nil
}

// memberInserted are the columns of a new membership: those of memberValues, then those of memberFixed.
var memberInserted = []string{"kind", "start_at", "end_at", "accepted_at", "suspended_at", "ended_at", "end_announced_at", "deleted_at",
	"archived_at", "administrator", "role_id", "all_segments", "user_name", "user_name_key", "external_id", "provisioning_client_id", "manager_id",
	"manager_text", "successor_id", "details", "given_name_key", "family_name_key", "display_name_key", "formatted_name_key", "nick_name_key",
	"title_key", "user_type_key", "locale_key", "timezone_key", "preferred_language_key", "profile_url_key", "employee_number_key",
	"cost_center_key", "company_key", "division_key", "department_key", "epoch", "version", "changed_at", "accept_by", "reseller_role",
	"bank_access", "user_administration", "middle_name_key", "name_prefix_key", "name_suffix_key", "id", "organization_id", "user_id", "created_at", "invited_by", "held"}

// memberFixed are the values that a membership has from its beginning on.
func memberFixed(m *Member) []any {
	return []any{m.ID, m.Organization, m.User, sqldb.Micros(m.CreatedAt), m.InvitedBy, writeHeld(m.Held)}
}

var insertMemberText = `insert into memberships (` + strings.Join(memberInserted, ", ") + `)
	values (` + placeholders(1, len(memberInserted)) + `) on conflict do nothing`

// insertMember is false where something unique is taken; the transaction can go on and ask what.
func insertMember(ctx context.Context, tx *sqldb.Tx, m *Member) (made bool, err error) {
	values, err := memberValues(m)
	if err != nil {
		return false, err
	}
	n, err := tx.Exec(ctx, insertMemberText, append(values, memberFixed(m)...)...)
	return n == 1, err
}

func updateMember(ctx context.Context, tx *sqldb.Tx, loaded int64, m *Member) error {
	values, err := memberValues(m)
	if err != nil {
		return err
	}
	n, err := tx.Exec(ctx, `update memberships set kind = $1, start_at = $2, end_at = $3, accepted_at = $4, suspended_at = $5, ended_at = $6,
			end_announced_at = $7, deleted_at = $8, archived_at = $9, administrator = $10, role_id = $11, all_segments = $12, user_name = $13,
			user_name_key = $14, external_id = $15, provisioning_client_id = $16, manager_id = $17, manager_text = $18, successor_id = $19,
			details = $20, given_name_key = $21, family_name_key = $22, display_name_key = $23, formatted_name_key = $24,
			nick_name_key = $25, title_key = $26, user_type_key = $27, locale_key = $28, timezone_key = $29,
			preferred_language_key = $30, profile_url_key = $31, employee_number_key = $32, cost_center_key = $33, company_key = $34,
			division_key = $35, department_key = $36, epoch = $37, version = $38, changed_at = $39, accept_by = $40,
			reseller_role = $41, bank_access = $42, user_administration = $43, middle_name_key = $44, name_prefix_key = $45,
			name_suffix_key = $46, user_id = $47
		where organization_id = $48 and id = $49 and version = $50`, append(values, m.User, m.Organization, m.ID, loaded)...)
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrStale
	}
	return nil
}

// alive is ActiveAt in SQL for the membership m; now is the number of the parameter that holds the moment.
func alive(now string) string {
	return ` m.accepted_at is not null and m.suspended_at is null and m.ended_at is null and m.deleted_at is null and m.archived_at is null
		and m.kind <> 'contact' and m.start_at <= ` + now + ` and (m.end_at is null or m.end_at > ` + now + `)`
}

var countAliveText = `select count(*) from memberships m where m.user_id = $1 and` + alive("$2")

// countAlive counts the person's memberships that give access.
func countAlive(ctx context.Context, q sqldb.Queryer, user UserID, now time.Time) (n int64, err error) {
	err = q.QueryRow(ctx, countAliveText, user, sqldb.Micros(now)).Scan(&n)
	return n, err
}

const claimEndedText = `update memberships set end_announced_at = $1, epoch = epoch + 1, version = version + 1, changed_at = $1
	where id in (select id from (` + dueText + `) o
			order by over_at limit $2)
		and end_announced_at is null and (end_at <= $1 or accepted_at is null and accept_by <= $1)
	returning id, organization_id, user_id, accepted_at, successor_id`

// claimEnded takes memberships whose end has passed unannounced; a row goes to exactly one caller. The conditions stand
// twice, because PostgreSQL looks again at the outer ones alone after it has waited for a row that somebody moved the end of.
func claimEnded(ctx context.Context, tx *sqldb.Tx, limit int) ([]Member, error) {
	return sqldb.All(ctx, tx, func(r sqldb.Row) (m Member, err error) {
		err = r.Scan(&m.ID, &m.Organization, &m.User, sqldb.Time(&m.AcceptedAt), &m.Successor)
		return m, err
	}, claimEndedText, sqldb.Micros(tx.Now()), limit)
}

// claimInvitation turns the person's invited membership into an accepted one, once.
func claimInvitation(ctx context.Context, tx *sqldb.Tx, user UserID, id MembershipID) (org OrganizationID, err error) {
	err = tx.QueryRow(ctx, `update memberships set accepted_at = $1, version = version + 1, changed_at = $1
		where id = $2 and user_id = $3 and accepted_at is null and ended_at is null and deleted_at is null and suspended_at is null
			and archived_at is null and kind <> 'contact' and (end_at is null or end_at > $1) and (accept_by is null or accept_by > $1)
		returning organization_id`, sqldb.Micros(tx.Now()), id, user).Scan(&org)
	if errors.Is(err, sqldb.ErrNoRows) {
		return org, ErrMemberNotFound
	}
	return org, err
}
