package directory

import "context"

// namesAtOnce is how many members one statement names.
const namesAtOnce = 200

// Names are what people are called, by membership, deleted ones too: to say whom something is about. Who is not the
// organization's has no name here.
func (s Memberships) Names(ctx context.Context, org OrganizationID, ids []MembershipID) (map[MembershipID]string, error) {
	names := make(map[MembershipID]string, len(ids))
	for len(ids) > 0 {
		some := ids[:min(namesAtOnce, len(ids))]
		ids = ids[len(some):]
		if err := someNames(ctx, s.q(), org, some, names); err != nil {
			return nil, err
		}
	}
	return names, nil
}
