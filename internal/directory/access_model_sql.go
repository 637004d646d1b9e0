package directory

import (
	"context"
	"errors"

	"portvakt/internal/sqldb"
)

func modelHead(ctx context.Context, q sqldb.Queryer, org OrganizationID) (slug, name string, version int64, err error) {
	err = q.QueryRow(ctx, `select slug, name, access_version from organizations where id = $1`, org).Scan(&slug, &name, &version)
	if errors.Is(err, sqldb.ErrNoRows) {
		err = ErrOrganizationNotFound
	}
	return slug, name, version, err
}

// AccessVersion is the version of the organization's access model.
func (s Access) AccessVersion(ctx context.Context, org OrganizationID) (int64, error) {
	_, _, version, err := modelHead(ctx, s.q(), org)
	return version, err
}

func allGroupMembers(ctx context.Context, q sqldb.Queryer, org OrganizationID) (map[GroupID][]GroupMember, error) {
	all := map[GroupID][]GroupMember{}
	_, err := sqldb.All(ctx, q, func(r sqldb.Row) (struct{}, error) {
		var group GroupID
		var m GroupMember
		err := r.Scan(&group, &m.Member, &m.Group, &m.Role, &m.WithBelow)
		all[group] = append(all[group], m)
		return struct{}{}, err
	}, `select group_id, member_id, child_group_id, role_id, with_below from group_members where organization_id = $1`, org)
	return all, err
}

// modelMemberSelect reads memberships as far as access goes.
const modelMemberSelect = `select m.id, m.user_id, coalesce(u.state = 'active', false) and ` + OrganizationOpen + `, m.kind, m.start_at, m.end_at,
		m.accepted_at, m.accept_by, m.suspended_at, m.ended_at, m.deleted_at, m.archived_at, m.administrator, m.role_id, m.all_segments,
		m.reseller_role, m.bank_access, m.user_administration, m.successor_id, m.version, m.created_at
	from memberships m join organizations o on o.id = m.organization_id left join users u on u.id = m.user_id`

// modelMembersText is for every membership of an organization: $1 the organization.
const modelMembersText = modelMemberSelect + ` where m.organization_id = $1 order by m.id`

const modelMemberAccessText = `select x.membership_id, 'package', x.package_key, '' from member_packages x
		join memberships m on m.id = x.membership_id where m.organization_id = $1
	union all select x.membership_id, 'grant', x.module_key, x.grade from member_grants x
		join memberships m on m.id = x.membership_id where m.organization_id = $1
	union all select x.membership_id, 'function', x.function, '' from member_functions x where x.organization_id = $1
	union all select x.membership_id, 'segment', x.segment_key, '' from member_segments x where x.organization_id = $1
	order by 1, 2, 3`

func modelMembers(ctx context.Context, q sqldb.Queryer, org OrganizationID) ([]MemberFacts, error) {
	members, err := sqldb.All(ctx, q, scanMemberFacts, modelMembersText, org)
	if err != nil {
		return nil, err
	}
	return members, addMemberAccess(ctx, q, members, modelMemberAccessText, org)
}

// addMemberAccess reads what belongs to members, by a text of the form of modelMemberAccessText.
func addMemberAccess(ctx context.Context, q sqldb.Queryer, members []MemberFacts, text string, args ...any) error {
	at := make(map[MembershipID]*MemberFacts, len(members))
	for i := range members {
		at[members[i].ID] = &members[i]
	}
	_, err := sqldb.All(ctx, q, func(r sqldb.Row) (struct{}, error) {
		var id MembershipID
		var what, a, b string
		err := r.Scan(&id, &what, &a, &b)
		if m := at[id]; err == nil && m != nil {
			m.addAccess(what, a, b)
		}
		return struct{}{}, err
	}, text, args...)
	return err
}

func (m *MemberFacts) addAccess(what, a, b string) {
	switch what {
	case "package":
		m.Packages = append(m.Packages, a)
	case "grant":
		if m.Grants == nil {
			m.Grants = map[string]Grade{}
		}
		m.Grants[a] = Grade(b)
	case "function":
		m.Functions = append(m.Functions, Function(a))
	case "segment":
		m.Segments = append(m.Segments, a)
	}
}

func scanMemberFacts(r sqldb.Row) (m MemberFacts, err error) {
	f := &m.facts
	err = r.Scan(&m.ID, &m.User, &m.Open, &m.Kind, sqldb.Time(&f.start), sqldb.Time(&f.end), sqldb.Time(&f.accepted), sqldb.Time(&f.acceptBy),
		sqldb.Time(&f.suspended), sqldb.Time(&f.ended), sqldb.Time(&f.deleted), sqldb.Time(&f.archived), &m.Administrator, &m.Role,
		&m.AllSegments, sqldb.NullText((*string)(&m.Reseller.Role)), &m.Reseller.BankAccess, &m.Reseller.UserAdministration, &m.Successor, &m.Version, sqldb.Time(&m.made))
	f.kind = m.Kind
	return m, err
}
