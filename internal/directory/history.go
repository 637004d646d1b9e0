package directory

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"time"

	"portvakt/internal/audit"
	"portvakt/internal/sqldb"
)

// What the history keeps of a change: identifiers, keys, dates and switches before and after in clear, whatever the
// organization or the person chose to write sealed under the person's key.

// field is one thing that a change can alter. Every field of Member, Details and Organization is one, or stands in
// unrecorded (TestR47_EveryFieldIsCompared).
type field[T any] struct {
	name string
	of   func(*T) any
}

// unrecorded are fields whose change says nothing by itself.
var unrecorded = []string{
	"Member.ID", "Member.Organization", "Member.Epoch", "Member.Version", "Member.CreatedAt", "Member.ChangedAt", "Member.AnnouncedAt",
	"Member.EmailVerified", "Member.Held", "Member.Operator", "Organization.ID", "Organization.Slug", "Organization.AccessVersion", "Organization.Version",
	"Organization.CreatedAt", "Organization.ChangedAt",
}

var memberOpen = []field[Member]{
	{"user", func(m *Member) any { return m.User.String() }},
	{"kind", func(m *Member) any { return string(m.Kind) }},
	{"start", func(m *Member) any { return instant(m.Start) }},
	{"end", func(m *Member) any { return instant(m.End) }},
	{"accepted_at", func(m *Member) any { return instant(m.AcceptedAt) }},
	{"accept_by", func(m *Member) any { return instant(m.AcceptBy) }},
	{"suspended_at", func(m *Member) any { return instant(m.SuspendedAt) }},
	{"ended_at", func(m *Member) any { return instant(m.EndedAt) }},
	{"deleted_at", func(m *Member) any { return instant(m.DeletedAt) }},
	{"archived_at", func(m *Member) any { return instant(m.ArchivedAt) }},
	{"second_factor", func(m *Member) any { return string(m.SecondFactor) }},
	{"invited_by", func(m *Member) any { return m.InvitedBy.String() }},
	{"reseller_role", func(m *Member) any { return string(m.Reseller.Role) }},
	{"bank_access", func(m *Member) any { return m.Reseller.BankAccess }},
	{"user_administration", func(m *Member) any { return m.Reseller.UserAdministration }},
	{"administrator", func(m *Member) any { return m.Administrator }},
	{"role", func(m *Member) any { return m.Role.String() }},
	{"segments", func(m *Member) any {
		if m.AllSegments {
			return []string{"*"}
		}
		return slices.Clone(m.Segments)
	}},
	{"packages", func(m *Member) any { return slices.Clone(m.Packages) }},
	{"grants", func(m *Member) any {
		var out []string
		for module, grade := range m.Grants {
			out = append(out, module+":"+string(grade))
		}
		return sorted(out)
	}},
	{"functions", func(m *Member) any { return slices.Clone(m.Functions) }},
	{"provisioning_client", func(m *Member) any { return m.ManagedBy.String() }},
	{"manager", func(m *Member) any { return m.Manager.String() }},
	{"successor", func(m *Member) any { return m.Successor.String() }},
}

var memberPersonal = []field[Member]{
	{"user_name", func(m *Member) any { return m.UserName }},
	{"external_id", func(m *Member) any { return m.ExternalID }},
	{"manager_text", func(m *Member) any { return m.ManagerText }},
	{"email", func(m *Member) any { return m.Email }},
}

var organizationOpen = []field[Organization]{
	{"name", func(o *Organization) any { return o.Name }},
	{"language", func(o *Organization) any { return o.Language }},
	{"seats", func(o *Organization) any { return o.Seats }},
	{"second_factor", func(o *Organization) any { return string(o.SecondFactor) }},
	{"trusted_device_days", func(o *Organization) any { return o.TrustedDays }},
	{"mail_codes", func(o *Organization) any { return o.MailCodes }},
	{"session_idle", func(o *Organization) any { return limitText(o.IdleLimit) }},
	{"session_limit", func(o *Organization) any { return limitText(o.SessionLimit) }},
	{"key_policy", func(o *Organization) any { return string(o.KeyPolicy) }},
	{"accent", func(o *Organization) any { return o.Accent }},
	{"suspended_keep_seats", func(o *Organization) any { return o.SuspendedKeepSeats }},
	{"managed_by", func(o *Organization) any { return o.ManagedBy.String() }},
	{"suspended", func(o *Organization) any { return o.Suspended }},
	{"domains", func(o *Organization) any { return slices.Clone(o.Domains) }},
	{"features", func(o *Organization) any { return slices.Clone(o.Features) }},
}

// instant is a time as the history writes it; "" for none.
func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// openChanges is what stands in an entry's detail: field → before and after.
func openChanges[T any](fields []field[T], was, is *T) map[string]any {
	changes := map[string][2]any{}
	for _, f := range fields {
		if before, after := f.of(was), f.of(is); !reflect.DeepEqual(before, after) {
			changes[f.name] = [2]any{before, after}
		}
	}
	if len(changes) == 0 {
		return nil
	}
	return map[string]any{"changes": changes}
}

// personalChanges is what is sealed of a member's change.
func personalChanges(was, m *Member) []audit.Change {
	var changes []audit.Change
	for _, f := range memberPersonal {
		if before, after := f.of(was).(string), f.of(m).(string); before != after {
			changes = append(changes, audit.Change{Field: f.name, Before: before, After: after})
		}
	}
	return append(changes, detailChanges(&was.Details, &m.Details)...)
}

// detailChanges compares all that details hold, by the names that they are stored under.
func detailChanges(was, d *Details) []audit.Change {
	before, after := reflect.ValueOf(was).Elem(), reflect.ValueOf(d).Elem()
	var changes []audit.Change
	for i := range before.NumField() {
		if a, b := shownDetail(before.Field(i)), shownDetail(after.Field(i)); a != b {
			changes = append(changes, audit.Change{Field: detailName(before.Type().Field(i)), Before: a, After: b})
		}
	}
	return changes
}

func detailName(f reflect.StructField) string {
	name := f.Tag.Get("json")
	for i := range name {
		if name[i] == ',' {
			return name[:i]
		}
	}
	return name
}

// shownDetail is a text as it is, and a list as JSON.
func shownDetail(v reflect.Value) string {
	if v.Kind() == reflect.String {
		return v.String()
	}
	if v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0 {
		return ""
	}
	text, err := json.Marshal(v.Interface())
	if err != nil { // texts and lists of texts; there is nothing that could fail
		return err.Error()
	}
	return string(text)
}

// about is whose values an entry about the member holds.
func (m *Member) about() string {
	if m.User.IsZero() {
		return m.ID.String()
	}
	return m.User.String()
}

// changed is the entry of a member's change.
func changed(action string, was, m *Member) audit.Entry {
	return audit.Entry{Action: action, Object: m.ID.String(), Detail: openChanges(memberOpen, was, m), Person: m.about(),
		Changes: personalChanges(was, m)}
}

// announceChange tells what a change altered.
func announceChange(ctx context.Context, tx *sqldb.Tx, was, m *Member, kind string) error {
	return tell(ctx, tx, m, changed(kind, was, m), false)
}
