package directory

import (
	"context"
	"reflect"
	"slices"
	"time"

	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

// ImportLine is what one line of an import says of a person; what is zero it does not say.
type ImportLine struct {
	Line          int // where it stands in the file
	Email         string
	UserName      string
	ExternalID    string
	Kind          Kind
	Start, End    time.Time
	Administrator *bool
	Role          string // key
	Manager       string // e-mail, user name or external id of another member
	Packages      []string
	Segments      []string // keys, or EverySegment alone
	Functions     []Function
	Details       Details
}

// ImportMode says who hears of an import.
type ImportMode bool

// Whether those who are to accept their membership are written to.
const (
	ImportInviting ImportMode = true
	ImportQuietly  ImportMode = false
)

// ImportResult is what became of a line.
type ImportResult string

// What can become of a line.
const (
	ImportCreated   ImportResult = "created"
	ImportChanged   ImportResult = "changed"   // a member already, who differed
	ImportUnchanged ImportResult = "unchanged" // a member already, just so
	ImportRefused   ImportResult = "refused"
)

// ImportOutcome is what became of a line, and why it was refused.
type ImportOutcome struct {
	Line    int
	Result  ImportResult
	Member  MembershipID
	Refusal *fault.Fault
}

// Faults of lines, beside those of members.
var (
	ErrAmbiguousExternalID = fault.New(fault.Conflict, "ambiguous_external_id", "Several members have this external id").On("external_id")
	ErrTwoMembersMeant     = fault.New(fault.Conflict, "two_members", "The external id is one member's and the e-mail address another's").On("external_id")
	errTakenMeanwhile      = fault.New(fault.Conflict, "taken", "Somebody else took the user name, external id or function meanwhile")
)

// importTries is how often a chunk is looked at anew when others made the same people at the same moment.
const importTries = 4

// Import makes members of many lines at once, or brings those who are members already up to date: found by external id,
// else by e-mail. A refused line leaves nothing behind; the others stand. Everything else is trouble and leaves nothing at
// all. New members with nothing special about them are loaded in one stroke; everybody else goes the way of Create and
// Change, so that there is one set of rules.
//
// Invariant: an import makes what Create would have made of each line (TestImportMakesWhatCreateMakes).
func (s Memberships) Import(ctx context.Context, org OrganizationID, lines []ImportLine, mode ImportMode) ([]ImportOutcome, error) {
	var b *batch
	err := s.update(ctx, func(tx *sqldb.Tx) error {
		b = &batch{stroke: stroke{tx: tx, quiet: mode == ImportQuietly}, lines: lines, out: make([]ImportOutcome, len(lines))}
		var err error
		if b.organization, err = lockedOrganization(ctx, tx, org); err != nil {
			return err
		}
		return b.run(ctx)
	})
	if err != nil {
		return nil, err
	}
	return b.out, nil
}

// batch is one chunk of an import in its transaction, which has locked the organization's row.
type batch struct {
	stroke
	lines []ImportLine
	out   []ImportOutcome
	late  []int // lines to be taken one by one, after the load
}

func (b *batch) run(ctx context.Context) error {
	var err error
	for range importTries {
		if b.ground, err = loadImportGround(ctx, b.tx, b.organization, wantedOf(b.lines)); err != nil {
			return err
		}
		b.claimed, b.fresh, b.members, b.late = map[string]bool{}, nil, nil, nil
		for i := range b.lines {
			b.sort(ctx, i)
		}
		err = b.tx.Try(ctx, func() error { return b.load(ctx) })
		if !isMeanwhile(err) { // else others made or erased one of them since we looked
			break
		}
	}
	if isMeanwhile(err) { // whoever is taken alone waits for the others
		b.late, err = b.all(), nil
	}
	if err != nil {
		return err
	}
	for _, i := range b.late {
		if err := b.single(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// all are the lines that nothing has refused.
func (b *batch) all() []int {
	var lines []int
	for i := range b.out {
		if b.out[i].Result == ImportCreated || slices.Contains(b.late, i) {
			lines = append(lines, i)
		}
	}
	return lines
}

// sort refuses a line, finds that it changes nothing, or puts it to those that are loaded or taken one by one.
func (b *batch) sort(ctx context.Context, i int) {
	l := &b.lines[i]
	b.out[i] = ImportOutcome{Line: l.Line}
	if b.claim(l) { // an earlier line of the chunk is about the same person
		b.late = append(b.late, i)
		return
	}
	was, err := b.ground.match(l, b.tx.Now())
	if err != nil {
		b.refuse(i, err)
		return
	}
	if was != nil {
		m := was.clone()
		if err := b.ground.over(l, m); err != nil {
			b.refuse(i, err)
			return
		}
		if keepFixed(was, m, b.tx.Now()); !reflect.DeepEqual(was, m) {
			b.late = append(b.late, i)
			return
		}
		b.out[i].Result, b.out[i].Member = ImportUnchanged, was.ID
		return
	}
	m, err := b.newMember(l)
	if err == nil {
		err = prepare(ctx, m, b.tx.Now())
	}
	if err != nil {
		b.refuse(i, err)
		return
	}
	if !b.enlist(m) {
		b.late = append(b.late, i)
		return
	}
	b.out[i].Result, b.out[i].Member = ImportCreated, m.ID
}

// claim notes the names that the line takes, and reports whether an earlier one took one of them.
func (b *batch) claim(l *ImportLine) (again bool) {
	return b.take(l.name(), l.ExternalID, l.Email) || b.manages(l.Manager)
}

// manages reports whether an earlier line of the chunk makes the manager.
func (b *batch) manages(name string) bool {
	if name == "" {
		return false
	}
	e, err := ParseEmail(name)
	return b.claimed["n:"+Fold(name)] || b.claimed["x:"+name] || err == nil && b.claimed["e:"+e.Key]
}

// newMember is who a line makes.
func (b *batch) newMember(l *ImportLine) (*Member, error) {
	m := &Member{Organization: b.organization.ID, Email: l.Email, Start: l.Start}
	if err := b.ground.over(l, m); err != nil {
		return nil, err
	}
	if m.Kind == ContactOnly {
		m.UserName = l.name()
		if l.Email != "" && len(m.Details.Emails) == 0 {
			m.Details.Emails = []Contact{{Value: l.Email, Type: "work", Primary: true}}
		}
	}
	return m, nil
}

// single takes a line by itself, by the rules of everybody else.
func (b *batch) single(ctx context.Context, i int) error {
	err := b.tx.Try(ctx, func() error {
		g, err := loadImportGround(ctx, b.tx, b.organization, wantedOf(b.lines[i:i+1]))
		if err != nil {
			return err
		}
		l := &b.lines[i]
		was, err := g.match(l, b.tx.Now())
		if err != nil {
			return err
		}
		if was == nil {
			b.ground = g
			m, err := b.newMember(l)
			if err != nil {
				return err
			}
			err = create(ctx, b.tx, m, manner{quiet: b.quiet})
			b.out[i] = ImportOutcome{Line: l.Line, Result: ImportCreated, Member: m.ID}
			return err
		}
		m, err := Memberships{store{tx: b.tx}}.Change(ctx, b.organization.ID, was.ID, 0, func(m *Member) error { return g.over(l, m) })
		b.out[i] = ImportOutcome{Line: l.Line, Result: ImportChanged, Member: was.ID}
		if m.Version == was.Version {
			b.out[i].Result = ImportUnchanged
		}
		return err
	})
	if sqldb.IsUnique(err) {
		err = errTakenMeanwhile
	}
	if f := fault.Of(err); err != nil && f.Kind == fault.Internal {
		return err
	}
	if err != nil {
		b.refuse(i, err)
	}
	return nil
}

func (b *batch) refuse(i int, err error) {
	b.out[i] = ImportOutcome{Line: b.lines[i].Line, Result: ImportRefused, Refusal: fault.Of(err)}
}
