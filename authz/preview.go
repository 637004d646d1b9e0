package authz

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// Trial is a transaction in which somebody tries what a change does to access. It holds the organizations' access from its
// beginning to the end of the transaction.
type Trial struct {
	tx     *sqldb.Tx
	dir    *directory.Directory
	before []*Snapshot
}

// Try reads the organizations' access as it stands, before the change. One that does not exist yet is left out.
func Try(ctx context.Context, tx *sqldb.Tx, dir *directory.Directory, orgs ...directory.OrganizationID) (*Trial, error) {
	t := &Trial{tx: tx, dir: dir.WithTx(tx)}
	slices.SortFunc(orgs, func(a, b directory.OrganizationID) int { return bytes.Compare(a[:], b[:]) }) // everybody locks in this order
	for _, org := range slices.Compact(orgs) {
		if err := t.dir.Access.Hold(ctx, org); err != nil {
			return nil, err
		}
		s, err := t.read(ctx, org)
		if err != nil {
			return nil, err
		}
		t.before = append(t.before, s)
	}
	return t, nil
}

func (t *Trial) read(ctx context.Context, org directory.OrganizationID) (*Snapshot, error) {
	m, err := t.dir.Access.Model(ctx, org)
	if err != nil {
		return nil, err
	}
	return Compile(&m), nil
}

// Differences are what the change has done so far, an organization after the other in the order of their ids.
func (t *Trial) Differences(ctx context.Context) ([]*Difference, error) {
	var out []*Difference
	for _, before := range t.before {
		after, err := t.read(ctx, before.organization)
		if err != nil {
			return nil, err
		}
		d := Compare(before, after, t.tx.Now())
		var made []directory.MembershipID
		for i := range d.changes {
			if id := d.changes[i].member; !before.Has(id) {
				made = append(made, id)
			}
		}
		slices.SortFunc(made, compareID[directory.MembershipID])
		if d.Made, err = t.dir.Memberships.Names(ctx, d.Organization, slices.Compact(made)); err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

var errTried = errors.New("authz: only tried")

// Preview says what a change would do to an organization's access. The change runs in a transaction that is taken back: no
// row is written, nobody hears of it, and what it refuses is refused here too.
//
// Invariant: it says what applying the change then does (TestR17_ThePreviewIsWhatHappens).
func (e *Engine) Preview(ctx context.Context, org directory.OrganizationID, change func(tx *sqldb.Tx) error) (*Difference, error) {
	var d *Difference
	err := e.db.Update(ctx, func(tx *sqldb.Tx) error {
		t, err := Try(ctx, tx, directory.New(e.db), org)
		if err != nil {
			return err
		}
		if err := change(tx); err != nil {
			return err
		}
		all, err := t.Differences(ctx)
		if err != nil {
			return err
		}
		d = all[0]
		return errTried
	})
	if errors.Is(err, errTried) {
		return d, nil
	}
	return nil, err
}
