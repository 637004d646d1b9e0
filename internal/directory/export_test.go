package directory

import (
	"context"
	"strings"
	"time"

	"portvakt/internal/sqldb"
)

// InsertMemberForTest stores a membership with whatever facts it has, past every rule.
func InsertMemberForTest(ctx context.Context, tx *sqldb.Tx, m Member) error {
	_, err := insertMember(ctx, tx, &m)
	return err
}

// InsertUserForTest stores a user as it is.
func InsertUserForTest(ctx context.Context, tx *sqldb.Tx, u User) error {
	_, err := insertUser(ctx, tx, &u)
	return err
}

// NewMembershipIDForTest and NewUserIDForTest make identifiers.
func NewMembershipIDForTest(now time.Time) MembershipID { return sqldb.NewID[membershipPrefix](now) }

// NewUserIDForTest makes an identifier.
func NewUserIDForTest(now time.Time) UserID { return sqldb.NewID[userPrefix](now) }

// AliveForTest are the memberships that SQL takes for active.
func AliveForTest(ctx context.Context, q sqldb.Queryer, now time.Time) ([]MembershipID, error) {
	return sqldb.All(ctx, q, scanMembershipID, `select m.id from memberships m where`+alive("$1"), sqldb.Micros(now))
}

// SeatTakersForTest are the memberships that SQL counts as taking a seat.
func SeatTakersForTest(ctx context.Context, q sqldb.Queryer, org OrganizationID, now time.Time) ([]MembershipID, error) {
	return sqldb.All(ctx, q, scanMembershipID, strings.Replace(countSeatsText, "count(*)", "m.id", 1), org, NewMembershipIDForTest(now), sqldb.Micros(now))
}

func scanMembershipID(r sqldb.Row) (id MembershipID, err error) {
	err = r.Scan(&id)
	return id, err
}

// StatementForTest is a statement of the hot paths with arguments that find something.
type StatementForTest struct {
	Name, Text string
	Args       []any
}

// StatementsForTest are the statements that answer requests.
func StatementsForTest(m Member, email Email, now time.Time) []StatementForTest {
	at, member := sqldb.Micros(now), `select `+memberColumns+memberFrom
	return []StatementForTest{
		{"ByID", member + memberByID, []any{m.Organization, m.ID}},
		{"ByUserName", member + memberByUserName, []any{m.Organization, Fold(m.UserName)}},
		{"ByEmail", member + memberByEmail, []any{m.Organization, email.Key}},
		{"membershipsOf", member + memberOfUser, []any{m.Organization, m.User}},
		{"loadAccess", accessText(1), []any{m.ID}},
		{"Standing", standingText, []any{m.ID}},
		{"StandingsOf", standingsOfText, []any{m.User}},
		{"countAlive", countAliveText, []any{m.User, at}},
		{"countSeats", countSeatsText, []any{m.Organization, m.ID, at}},
		{"countAdministrators", countAdministratorsText, []any{m.Organization, m.ID, at}},
		{"claimEnded", claimEndedText, []any{at, 200}},
		{"readGround", groundText, []any{m.Organization, email.Domain(), email.Key, m.ManagedBy}},
		{"Authenticate", authenticateText, []any{hashOf("token-number-1"), at}},
		{"Users.ByEmail", `select ` + userColumns + ` from users where email_key = $1`, []any{email.Key}},
	}
}
