package directory

import (
	"context"
	"reflect"
	"slices"

	"portvakt/internal/actor"
	"portvakt/internal/fault"
)

// A provisioning client owns what it has set in its members: an administrator's page cannot change it, and a seed file or an
// import leaves it alone. What the client has never set stays everybody's, and so do access, kind, dates and suspension.

// ErrHeld says that a provisioning client has set what somebody else wants to change.
var ErrHeld = fault.New(fault.Forbidden, "held", "A provisioning system has set this; change it there")

// Holds reports whether the member's provisioning client has set the detail, by its stored name, or user_name, external_id, email or
// manager.
func (m *Member) Holds(name string) bool { return slices.Contains(m.Held, name) }

// HoldAll lets the provisioning client own all that has a value: it has said everything, by creating or replacing the member.
func (m *Member) HoldAll() {
	m.Held = nil
	for _, f := range heldFields(m) {
		if !f.value.IsZero() {
			m.Held = append(m.Held, f.name)
		}
	}
}

// keepHeld lets the member's own client take what it changes and give up what it empties, and keeps everybody else from
// changing what is held: the installation's own commands are overruled silently, all others are told.
//
// Invariant: over every path (TestWhatAProvisioningClientHasSetStays).
func keepHeld(ctx context.Context, was, m *Member) error {
	if m.ManagedBy.IsZero() {
		m.Held = nil
		return nil
	}
	before, after := heldFields(was), heldFields(m)
	if !actsAs(ctx, m.ManagedBy) {
		m.Held = was.Held
		for i, f := range after {
			if !was.Holds(f.name) || reflect.DeepEqual(before[i].value.Interface(), f.value.Interface()) {
				continue
			}
			if actor.From(ctx).Kind != actor.System {
				return ErrHeld.On(f.name)
			}
			f.value.Set(before[i].value)
		}
		return nil
	}
	var held []string
	for i, f := range after {
		changed := !reflect.DeepEqual(before[i].value.Interface(), f.value.Interface())
		if !f.value.IsZero() && (changed || m.Holds(f.name)) {
			held = append(held, f.name)
		}
	}
	m.Held = held
	return nil
}

// actsAs reports whether it is the provisioning client that acts.
func actsAs(ctx context.Context, c ProvisioningClientID) bool {
	a := actor.From(ctx)
	return !c.IsZero() && a.Kind == actor.ProvisioningClient && a.ID == c.String()
}

// heldField is one thing that can be held.
type heldField struct {
	name  string
	value reflect.Value
}

// heldDetails are the stored names of what stands in Details, in its order.
var heldDetails = func() []string {
	t := reflect.TypeFor[Details]()
	names := make([]string, t.NumField())
	for i := range names {
		names[i] = detailName(t.Field(i))
	}
	return names
}()

// heldFields are in the same order for every member.
func heldFields(m *Member) []heldField {
	fields := make([]heldField, 0, 5+len(heldDetails))
	fields = append(fields, heldField{"user_name", reflect.ValueOf(&m.UserName).Elem()}, heldField{"external_id", reflect.ValueOf(&m.ExternalID).Elem()},
		heldField{"email", reflect.ValueOf(&m.Email).Elem()},
		heldField{"manager", reflect.ValueOf(&m.Manager).Elem()}, heldField{"manager_text", reflect.ValueOf(&m.ManagerText).Elem()})
	d := reflect.ValueOf(&m.Details).Elem()
	for i, name := range heldDetails {
		fields = append(fields, heldField{name, d.Field(i)})
	}
	return fields
}
