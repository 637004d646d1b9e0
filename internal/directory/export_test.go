package directory

import (
	"context"
	"maps"
	"reflect"
	"slices"
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
	return sqldb.All(ctx, q, scanMembershipID, strings.Replace(countSeatsText, "count(*)", "m.id", 1), org, NewMembershipIDForTest(now), sqldb.Micros(now), false)
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
		{"countSeats", countSeatsText, []any{m.Organization, m.ID, at, false}},
		{"SeatUsage", usageText, []any{m.Organization, at}},
		{"lockAdministrators", lockAdministratorsText, []any{m.Organization, m.ID}},
		{"countAdministrators", countAdministratorsText, []any{m.Organization, m.ID, at}},
		{"administeredBy", administeredByText, []any{m.User, at}},
		{"Holders", member + holdersText, []any{m.Organization, string(MainRecipient)}},
		{"moveHomes", moveHomesText, []any{m.Organization, at, "elsewhere.example"}},
		{"claimEnded", claimEndedText, []any{at, 200}},
		{"vacated", vacatedText, []any{at}},
		{"followers", followersText, []any{m.Organization, m.ID}},
		{"moveMembers", moveMembersText, []any{m.Organization, m.Role, m.Role, at}},
		{"dueReminders", dueRemindersText, dueArguments(now, 200)},
		{"lockVoucher", lockVoucherText, []any{m.Organization, m.User, at}},
		{"openResellers of a user", resellersOfUser, []any{m.User}},
		{"openResellers of an agent", resellersOfAgent, []any{m.User, m.Organization}},
		{"openResellers of an organization", resellersOfOrganization, []any{m.Organization}},
		{"recipients", recipientsText, []any{m.Organization, "invoice_recipient"}},
		{"administrators", administratorsText, []any{m.Organization}},
		{"activeMember", activeMemberText, []any{m.Organization, m.User}},
		{"claimUnanswered", strings.Replace(claimUnansweredText, "returning"+invitationRowColumns, "", 1), []any{at, at, int64(1), 200}},
		{"inviterMay", inviterMayText, []any{m.Organization, m.ID, at}},
		{"stampBounced", stampBouncedText, []any{email.Key, at, nil}},
		{"readGround", groundText, []any{m.Organization, email.Domain(), email.Key, m.ManagedBy}},
		{"Authenticate", authenticateText, []any{hashOf("token-number-1"), at}},
		{"Users.ByEmail", `select ` + userColumns + ` from users where email_key = $1`, []any{email.Key}},
	}
}

// RequireFeatureForTest is what rules ask before they use a feature.
var RequireFeatureForTest = requireFeature

// HandOverFunctionsForTest is the step of an ending that takes the functions of one holder.
func HandOverFunctionsForTest(ctx context.Context, tx *sqldb.Tx, was Member, to MembershipID) error {
	if err := lockOrganization(ctx, tx, was.Organization); err != nil {
		return err
	}
	return handOverFunctions(ctx, tx, &was, to)
}

// GuardAdministratorsOfUserForTest is what shutting a person out asks first.
var GuardAdministratorsOfUserForTest = guardAdministratorsOfUser

// ColumnsForTest are the columns that a new member's rows have, without identifiers.
var ColumnsForTest = map[string][]string{
	"users": withoutIDs(userInserted), "memberships": append(withoutIDs(memberInserted), "second_factor"), "member_contacts": withoutIDs(contactColumns),
	"member_addresses": withoutIDs(addressColumns),
	"member_packages":  {"package_key"}, "member_segments": {"segment_key"}, "member_functions": {"function"}, "member_grants": {"module_key", "grade"},
	"audit_entries": {"at", "actor_kind", "actor_id", "behalf", "action", "object", "detail", "request_id", "address",
		"user_agent", "person", "sealed", "length(salt)"},
	"events": {"kind", "subject", "data", "at"},
}

func withoutIDs(columns []string) []string {
	return slices.DeleteFunc(slices.Clone(columns), func(c string) bool { return c == "id" || strings.HasSuffix(c, "_id") && c != "external_id" })
}

// IsModelTypeForTest reports whether a type's unexported fields are part of an access model.
func IsModelTypeForTest(t reflect.Type) bool {
	return t == reflect.TypeFor[MemberFacts]() || t == reflect.TypeFor[facts]()
}

// LoadMembersForTest stores memberships as they are in one stroke.
func LoadMembersForTest(ctx context.Context, tx *sqldb.Tx, members []Member) error {
	rows := make([][]any, len(members))
	for i := range members {
		values, err := memberValues(&members[i])
		if err != nil {
			return err
		}
		rows[i] = append(values, memberFixed(&members[i])...)
	}
	return tx.Load(ctx, "memberships", memberInserted, rows)
}

// GroupStatementsForTest are the statements by which somebody comes into a group and goes.
func GroupStatementsForTest(g GroupID, m Member, role RoleID) []StatementForTest {
	org := m.Organization
	many := func(first ...any) []any {
		for range movedAtOnce {
			first = append(first, m.ID)
		}
		return first
	}
	return []StatementForTest{
		{"insertGroupMember", insertGroupMembersTexts[0], []any{org, sqldb.Micros(m.CreatedAt), g, m.ID}},
		{"insertGroupMembers", insertGroupMembersTexts[1], many(org, sqldb.Micros(m.CreatedAt), g)},
		{"insertGroupInGroup", insertGroupGroupsTexts[0], []any{org, g, g}},
		{"insertGroupRole", insertGroupRoleText, []any{org, g, role, true}},
		{"deleteGroupMember", deleteGroupMembersTexts[0], []any{org, g, m.ID}},
		{"deleteGroupMembers", deleteGroupMembersTexts[1], many(org, g)},
		{"deleteGroupInGroup", deleteGroupGroupsTexts[0], []any{org, g, g}},
		{"deleteGroupRole", deleteGroupRoleText, []any{org, g, role, true}},
	}
}

// SortableForTest are the fields that members can be sorted by.
func SortableForTest() []Field {
	return slices.Sorted(maps.Keys(memberSorts))
}
