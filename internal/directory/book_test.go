package directory_test

import (
	"time"

	"portvakt/internal/directory"
)

// book is a second account of who is a member of what, kept by the rules of the documentation and by nothing else: two
// organizations, four people. TestMembershipsAgreeWithTheBook holds the database to it.
type book struct {
	now      time.Time
	seats    [2]int64
	disabled [4]bool
	lines    []*bookLine
}

// bookLine is one membership.
type bookLine struct {
	id                   directory.MembershipID
	org, who             int
	kind                 directory.Kind
	admin                bool
	start, end, acceptBy time.Time
	accepted, suspended  bool
	stopped, gone, told  bool // ended by somebody, deleted or replaced, announced
	epoch                int64
}

func passed(at, now time.Time) bool { return !at.IsZero() && !now.Before(at) }

func (l *bookLine) state(now time.Time) directory.State {
	switch {
	case l.gone, l.stopped, passed(l.end, now), !l.accepted && passed(l.acceptBy, now):
		return directory.StateEnded
	case l.kind == directory.ContactOnly:
		return directory.StateContact
	case l.suspended:
		return directory.StateSuspended
	case !l.accepted:
		return directory.StateInvited
	case now.Before(l.start):
		return directory.StateScheduled
	}
	return directory.StateActive
}

func (l *bookLine) over(now time.Time) bool   { return l.state(now) == directory.StateEnded }
func (l *bookLine) active(now time.Time) bool { return l.state(now) == directory.StateActive }

// listed is SCIM's "active".
func (l *bookLine) listed(now time.Time) bool {
	return l.state(now) != directory.StateEnded && l.state(now) != directory.StateSuspended
}

func (l *bookLine) seated(now time.Time) bool {
	return l.listed(now) && (l.kind == directory.Employee || l.kind == directory.External)
}

// current is the person's membership in the organization; there is one at most.
func (b *book) current(org, who int) *bookLine {
	for _, l := range b.lines {
		if l.org == org && l.who == who && !l.gone {
			return l
		}
	}
	return nil
}

func (b *book) used(org int, but *bookLine) (n int64) {
	for _, l := range b.lines {
		if l.org == org && l != but && l.seated(b.now) {
			n++
		}
	}
	return n
}

// administrators counts those who administer now; lasting ones have no end set.
func (b *book) administrators(org int, but *bookLine, lasting bool) (n int) {
	for _, l := range b.lines {
		if l.org == org && l != but && l.admin && l.active(b.now) && !b.disabled[l.who] && (l.end.IsZero() || !lasting) {
			n++
		}
	}
	return n
}

func (b *book) full(org int, but *bookLine) bool {
	return b.seats[org] != directory.UnlimitedSeats && b.used(org, but) >= b.seats[org]
}

// create answers the code of the refusal, "" where the line was written.
func (b *book) create(l bookLine) string {
	former := b.current(l.org, l.who)
	switch {
	case l.kind == directory.Limited && l.admin:
		return "limited_administrator"
	case former != nil && !former.over(b.now):
		return "already_member"
	case l.seated(b.now) && b.full(l.org, nil):
		return "seats_full"
	}
	if former != nil {
		former.replace()
	}
	l.epoch = 1
	b.lines = append(b.lines, &l)
	return ""
}

// replace replaces a membership that was over: whoever had not been told is told now.
func (l *bookLine) replace() {
	if !l.told {
		l.told = true
		l.epoch++
	}
	l.gone = true
}

// change answers the code of the refusal, and whether anything was written.
func (b *book) change(l *bookLine, edit func(*bookLine)) (code string, written bool) {
	next := *l
	edit(&next)
	switch {
	case next == *l:
		return "", false
	case next.kind == directory.External && next.end.IsZero():
		return "missing", false
	case next.kind == directory.ContactOnly && next.admin:
		return "contact_administrator", false
	case next.kind == directory.Limited && next.admin:
		return "limited_administrator", false
	case !next.end.IsZero() && !next.start.Before(next.end):
		return "end_before_start", false
	}
	b.revive(l, &next)
	if b.losesLast(l, &next) {
		return "last_administrator", false
	}
	if next.seated(b.now) && !l.seated(b.now) && b.full(l.org, l) {
		return "seats_full", false
	}
	if l.active(b.now) && !next.active(b.now) {
		next.epoch++
	}
	if !l.over(b.now) && next.over(b.now) {
		next.told = true
	}
	*l = next
	return "", true
}

// revive: a later end alone brings back what was over, and what hung on it stays dead.
func (b *book) revive(l, next *bookLine) {
	back := *next
	back.stopped = false
	if !l.over(b.now) || next.end.Equal(l.end) || back.over(b.now) {
		return
	}
	next.stopped, next.told = false, false
	if !l.told {
		next.epoch++
	}
}

// losesLast reports whether nobody who lasts would administer any more.
func (b *book) losesLast(l, next *bookLine) bool {
	if !l.admin || !l.active(b.now) {
		return false
	}
	sooner := !next.end.IsZero() && (l.end.IsZero() || next.end.Before(l.end))
	return (!next.admin || !next.active(b.now) || sooner) && b.administrators(l.org, l, true) == 0
}

// stop ends a membership, for SCIM for good.
func (b *book) stop(l *bookLine, forGood bool) (code string, written bool) {
	next := *l
	next.stopped, next.gone, next.told = true, forGood, true
	switch {
	case l.told && !forGood:
		return "", false
	case b.losesLast(l, &next):
		return "last_administrator", false
	}
	next.epoch++
	*l = next
	return "", true
}

// answer is the person's own yes or no.
func (b *book) answer(l *bookLine, yes bool) string {
	if l.state(b.now) != directory.StateInvited {
		return "member_not_found"
	}
	if yes {
		l.accepted = true
		return ""
	}
	l.stopped, l.told = true, true
	l.epoch++
	return ""
}

// announce answers how many ends had passed untold.
func (b *book) announce() (n int) {
	for _, l := range b.lines {
		if l.over(b.now) && !l.told {
			l.told = true
			l.epoch++
			n++
		}
	}
	return n
}
