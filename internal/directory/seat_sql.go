package directory

import (
	"context"

	"portvakt/internal/sqldb"
)

// usageText counts an organization's members by what they are to its seats: TakesSeat and StateAt in SQL.
const usageText = `select coalesce(sum(case when kind not in ('limited', 'contact') and state = 'active' then 1 else 0 end), 0),
		coalesce(sum(case when kind not in ('limited', 'contact') and state = 'invited' then 1 else 0 end), 0),
		coalesce(sum(case when kind not in ('limited', 'contact') and state = 'scheduled' then 1 else 0 end), 0),
		coalesce(sum(case when kind not in ('limited', 'contact') and state = 'suspended' then 1 else 0 end), 0),
		coalesce(sum(case when kind = 'limited' then 1 else 0 end), 0),
		coalesce(sum(case when kind = 'contact' then 1 else 0 end), 0)
	from (select m.kind, case when m.suspended_at is not null then 'suspended' when m.accepted_at is null then 'invited'
			when m.start_at > $2 then 'scheduled' else 'active' end as state
		from memberships m where m.organization_id = $1 and m.ended_at is null and m.deleted_at is null and m.archived_at is null
			and (m.end_at is null or m.end_at > $2) and (m.accepted_at is not null or m.accept_by is null or m.accept_by > $2 or m.kind = 'contact')) x`

// SeatUsage is how the organization's seats are used now.
func (s Organizations) SeatUsage(ctx context.Context, org OrganizationID) (Usage, error) {
	o, err := organizationRow(ctx, s.q(), org)
	if err != nil {
		return Usage{}, err
	}
	u := Usage{Seats: o.Seats, SuspendedKeepSeats: o.SuspendedKeepSeats}
	if err := s.q().QueryRow(ctx, usageText, org, sqldb.Micros(s.now())).Scan(&u.Active, &u.Invited, &u.Scheduled, &u.Suspended,
		&u.Limited, &u.Contacts); err != nil {
		return Usage{}, err
	}
	u.Used = u.Active + u.Invited + u.Scheduled
	if o.SuspendedKeepSeats {
		u.Used += u.Suspended
	}
	if u.Seats != UnlimitedSeats {
		u.Extra = max(0, u.Used-u.Seats)
	}
	u.ExtraUsers, err = featureOn(ctx, s.q(), org, FeatureExtraUsers)
	return u, err
}
