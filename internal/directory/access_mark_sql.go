package directory

import (
	"context"
	"fmt"
	"strings"

	"portvakt/internal/sqldb"
)

const oneMarkText = `select o.id, o.access_version,
	(select count(*) from memberships m where m.organization_id = o.id and m.created_at >= $2) from organizations o where o.id = $1`

var manyMarksText = marksText(marksAtOnce)

// marksText asks about n organizations: $1 an organization, $2 the moment, and so on.
func marksText(n int) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = strings.NewReplacer("$1", fmt.Sprintf("$%d", 2*i+1), "$2", fmt.Sprintf("$%d", 2*i+2)).Replace(oneMarkText)
	}
	return strings.Join(parts, " union all ")
}

// someMarks asks about at most n organizations by the text for n; the last one stands for those that are missing.
func (s Access) someMarks(ctx context.Context, asked []AccessSince, n int, found map[OrganizationID]AccessMark) error {
	text := oneMarkText
	if n > 1 {
		text = manyMarksText
	}
	args := make([]any, 0, 2*n)
	for i := range n {
		a := asked[min(i, len(asked)-1)]
		args = append(args, a.Organization, sqldb.Micros(a.Since))
	}
	_, err := sqldb.All(ctx, s.q(), func(r sqldb.Row) (struct{}, error) {
		var org OrganizationID
		var m AccessMark
		err := r.Scan(&org, &m.Version, &m.Made)
		found[org] = m
		return struct{}{}, err
	}, text, args...)
	return err
}

const newMemberAccessText = `select x.membership_id, 'package', x.package_key, '' from member_packages x
		join memberships m on m.id = x.membership_id where m.organization_id = $1 and m.created_at >= $2
	union all select x.membership_id, 'grant', x.module_key, x.grade from member_grants x
		join memberships m on m.id = x.membership_id where m.organization_id = $1 and m.created_at >= $2
	union all select x.membership_id, 'function', x.function, '' from member_functions x
		join memberships m on m.id = x.membership_id where m.organization_id = $1 and m.created_at >= $2
	union all select x.membership_id, 'segment', x.segment_key, '' from member_segments x
		join memberships m on m.id = x.membership_id where m.organization_id = $1 and m.created_at >= $2
	order by 1, 2, 3`

func newMembers(ctx context.Context, tx *sqldb.Tx, asked AccessSince) ([]MemberFacts, error) {
	since := sqldb.Micros(asked.Since)
	members, err := sqldb.All(ctx, tx, scanMemberFacts, modelMemberSelect+` where m.organization_id = $1 and m.created_at >= $2 order by m.id`,
		asked.Organization, since)
	if err != nil {
		return nil, err
	}
	return members, addMemberAccess(ctx, tx, members, newMemberAccessText, asked.Organization, since)
}
