package directory

import (
	"context"
	"encoding/json"
	"errors"

	"portvakt/internal/sqldb"
)

const (
	recipientsText = `select ` + StandingColumns + ` from` + StandingFrom + `where m.organization_id = $1 and m.deleted_at is null
		and m.id in (select f.membership_id from member_functions f where f.organization_id = $1 and f.function = $2) order by m.created_at, m.id`
	administratorsText = `select ` + StandingColumns + ` from` + StandingFrom + `where m.organization_id = $1 and m.deleted_at is null
		and m.administrator = true order by m.created_at, m.id`
	activeMemberText = `select ` + StandingColumns + ` from` + StandingFrom + `where m.organization_id = $1 and m.user_id = $2
		and m.deleted_at is null order by m.created_at desc, m.id`
)

func (s Organizations) standings(ctx context.Context, text string, args ...any) ([]Standing, error) {
	all, err := sqldb.All(ctx, s.q(), func(r sqldb.Row) (Standing, error) { return ScanStanding(r) }, text, args...)
	return s.active(all), err
}

// Former is a member whether or not deleted, without access: to say whom something was about.
func (s Memberships) Former(ctx context.Context, org OrganizationID, id MembershipID) (Member, error) {
	return scanMember(s.q().QueryRow(ctx, `select `+memberColumns+memberFrom+` where m.organization_id = $1 and m.id = $2`, org, id))
}

// FeatureNames are what people know a feature by, by language; nil where nobody has named it.
func (s Organizations) FeatureNames(ctx context.Context, key string) (map[string]string, error) {
	var text string
	err := s.q().QueryRow(ctx, `select names from features where key = $1`, key).Scan(&text)
	if errors.Is(err, sqldb.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	return names, json.Unmarshal([]byte(text), &names)
}
