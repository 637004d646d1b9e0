package seed

import (
	"context"
	"slices"

	"portvakt/internal/directory"
)

// handOver takes the functions that one member alone can have, and that the file gives to this one, from whoever has them,
// also from somebody whom the file does not name. Whose membership is over gets none.
func (r *run) handOver(ctx context.Context, org directory.Organization, m *Member) error {
	for _, w := range m.Functions {
		f := directory.Function(w.Text)
		if f == directory.InformationRecipient {
			continue
		}
		holders, err := r.dir.Memberships.Holders(ctx, org.ID, f)
		if err != nil {
			return err
		}
		for i := range holders {
			if err := r.takeOver(ctx, org, &holders[i], f, m); err != nil {
				return err
			}
		}
	}
	return nil
}

// takeOver gives the holder's function to the member; to somebody who is not there yet, or who has no access, it goes a
// moment later.
func (r *run) takeOver(ctx context.Context, org directory.Organization, holder *directory.Member, f directory.Function, m *Member) error {
	heir, err := r.named(ctx, org, m)
	there, err := found(err)
	switch {
	case err != nil || there && heir.ID == holder.ID:
		return err
	case there:
		switch heir.StateAt(r.tx.Now()) {
		case directory.StateActive, directory.StateScheduled:
			r.report.add(where(org.Slug), "member", directory.Tally{Changed: 1})
			return r.dir.Memberships.HandOver(ctx, org.ID, f, holder.ID, heir.ID)
		case directory.StateEnded, directory.StateArchived:
			return nil
		}
	default:
		e, _ := directory.ParseEmail(m.Email.Text)
		if departed, err := r.dir.Memberships.Departed(ctx, org.ID, e, m.userName()); err != nil || departed {
			return err
		}
	}
	r.report.add(where(org.Slug), "member", directory.Tally{Changed: 1})
	_, err = r.dir.Memberships.Change(ctx, org.ID, holder.ID, 0, func(x *directory.Member) error {
		x.Functions = slices.DeleteFunc(x.Functions, func(has directory.Function) bool { return has == f })
		return nil
	})
	return err
}
