package directory

import (
	"context"

	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

// Creation is what became of one who was to be made a member: a member, or the refusal that Create would have answered.
type Creation struct {
	Member  Member
	Refusal error
}

// createdAtOnce is how many members are made in one transaction. It holds the organization's row, so others wait that long.
const createdAtOnce = 250

// CreateMany makes members as if Create had been called for each in turn, and answers what became of each, in order. Plain
// members are loaded in one stroke, as an import does; everybody else is made alone between them, where they stand. most
// is after how many refusals it stops; 0 is never: then fewer answers come back than people were given.
//
// Transactions have some hundreds of people each. Where trouble stops the work, it is answered beside what is already done;
// nobody after those was made. That trouble may be one person's alone, so whoever is left is to be tried by Create.
//
// Invariant: each becomes what Create makes of them, refusals included (TestCreateManyMakesWhatCreateMakes).
func (s Memberships) CreateMany(ctx context.Context, org OrganizationID, list []Member, most int) ([]Creation, error) {
	out := make([]Creation, 0, len(list))
	for len(list) > 0 {
		part := list[:min(len(list), createdAtOnce)]
		list = list[len(part):]
		var b *many
		err := s.update(ctx, func(tx *sqldb.Tx) error {
			b = &many{stroke: stroke{tx: tx, claimed: map[string]bool{}}, list: part, most: most}
			var err error
			if b.organization, err = lockedOrganization(ctx, tx, org); err != nil {
				return err
			}
			if b.ground, err = loadImportGround(ctx, tx, b.organization, wantedBy(part)); err != nil {
				return err
			}
			return b.run(ctx)
		})
		if err != nil {
			return out, err
		}
		out = append(out, b.out...)
		if made := len(b.out) - b.refused; made >= createdAtOnce/2 && s.tx == nil {
			_ = s.db.Recount(ctx, "memberships", made) // where it fails the next are slower, and nothing more
		}
		if most -= b.refused; b.over() {
			break
		}
	}
	return out, nil
}

// many is one transaction's part of a bulk creation.
type many struct {
	stroke
	list    []Member
	most    int // refusals; 0: no limit
	refused int
	out     []Creation
	pending []int // places of those who wait for the load
}

func (b *many) over() bool { return b.most > 0 && b.refused >= b.most }

func (b *many) run(ctx context.Context) error {
	for i := range b.list {
		if err := b.next(ctx, i); err != nil {
			return err
		}
		if b.over() {
			return nil
		}
	}
	return b.flush(ctx)
}

// next looks at one person: refused for what they are, put to those who are loaded, or made alone after those.
func (b *many) next(ctx context.Context, i int) error {
	m := b.member(i)
	if refusal := prepare(ctx, m, b.tx.Now()); refusal != nil {
		if b.most > 0 { // what is before has to be done, and may be refused by then
			if err := b.flush(ctx); err != nil || b.over() {
				return err
			}
		}
		b.done(Creation{Refusal: refusal})
		return nil
	}
	if !b.take(m.UserName, m.ExternalID, m.Email) && b.enlist(m) {
		b.pending = append(b.pending, len(b.out))
		b.done(Creation{Member: *m})
		return nil
	}
	if err := b.flush(ctx); err != nil || b.over() {
		return err
	}
	b.done(Creation{})
	return b.alone(ctx, i)
}

func (b *many) member(i int) *Member {
	m := b.list[i].clone()
	m.Organization = b.organization.ID
	return m
}

func (b *many) done(c Creation) {
	if b.out = append(b.out, c); c.Refusal != nil {
		b.refused++
	}
}

// flush loads those who wait. Where others made or erased one of them since the ground was read, they are made one by one,
// which waits for the others; with a limit of refusals, those behind the last allowed one are not made at all.
func (b *many) flush(ctx context.Context) error {
	pending := b.pending
	if len(pending) == 0 {
		return nil
	}
	err := b.tx.Try(ctx, func() error { return b.load(ctx) })
	b.pending, b.fresh, b.members = nil, nil, nil
	if !isMeanwhile(err) {
		return err
	}
	for _, i := range pending {
		if b.over() {
			b.out = b.out[:i]
			return nil
		}
		if err := b.alone(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// alone makes the person at a place by the rules of everybody, and notes what came of it there.
func (b *many) alone(ctx context.Context, i int) error {
	m := b.member(i)
	err := b.tx.Try(ctx, func() error { return create(ctx, b.tx, m, manner{}) })
	if sqldb.IsUnique(err) {
		err = Memberships{store{tx: b.tx}}.whichTaken(ctx, m)
	}
	if err != nil && fault.Of(err).Kind == fault.Internal {
		return err
	}
	if err != nil {
		b.out[i] = Creation{Refusal: err}
		b.refused++
		return nil
	}
	b.out[i] = Creation{Member: *m}
	if m.takesSeat(b.tx.Now(), b.organization.SuspendedKeepSeats) {
		b.ground.used++
	}
	return nil
}
