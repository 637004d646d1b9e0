package authz

// asked is a question with its words turned into numbers; it is the same for every subject.
type asked struct {
	at      int64
	module  int32 // -1: unknown
	place   int32 // the action among the module's; -1: unknown
	segment int32 // none, or -1: unknown
	field   int32 // none, or -1: unknown
	changes bool  // the field is to be changed, not only seen
	need    reach
	whose   whose
	owner   int32  // the member or group whose the record is; an ended member's is the successor's
	from    bitset // the rules that open the owner's records
	kept    bool   // the owner is archived and no active new owner is named
}

// none is a word that the question does not hold.
const none int32 = -2

// whose says what sort of owner the record has.
type whose uint8

const (
	whoseNobody whose = iota // the module as a whole
	whoseOwn                 // the subject's, whoever that is
	whoseMember
	whoseGroup
	whoseUnknown
)

// Decide answers a question. It allocates nothing.
//
// Invariant: what the rows do not clearly allow is denied; the order of the reasons is that of the checks here
// (TestTheFastAndTheSlowAgree).
func (s *Snapshot) Decide(q Question) Decision {
	subject, known := s.memberAt[q.Subject]
	if !known {
		return because(ReasonUnknownSubject)
	}
	var a asked
	s.readAction(&q, &a)
	if r := s.may(&a, subject); !r.Allows() {
		return because(r) // whose the record is no longer matters
	}
	s.readOwner(&q, &a)
	return because(s.reach(&a, subject))
}

// read turns the words of a question into numbers.
func (s *Snapshot) read(q *Question, a *asked) {
	s.readAction(q, a)
	s.readOwner(q, a)
}

// readAction is the part about what is to be done, and where.
func (s *Snapshot) readAction(q *Question, a *asked) {
	a.at, a.module, a.place, a.segment, a.field = q.At.UnixMicro(), -1, -1, none, none
	if i, known := s.moduleAt[q.Module]; known {
		a.module = i
		m := &s.modules[i]
		a.place = m.place(q.Action)
		if q.Field != "" {
			a.field = m.fieldNumber(q.Field)
		}
	}
	a.need = needOf(a.place)
	a.changes = a.place == actionEdit || a.place == actionCreate
	if q.Segment != "" {
		a.segment = -1
		if i, known := s.segmentAt[q.Segment]; known {
			a.segment = i
		}
	}
}

// readOwner finds whose the record is.
func (s *Snapshot) readOwner(q *Question, a *asked) {
	switch member, group := !q.Owner.Member.IsZero(), !q.Owner.Group.IsZero(); {
	case member && group:
		a.whose = whoseUnknown
	case member:
		if i, known := s.memberAt[q.Owner.Member]; known {
			s.setOwner(q, a, i)
			return
		}
		a.whose = whoseUnknown
	case group:
		if i, known := s.groupAt[q.Owner.Group]; known {
			a.whose, a.owner, a.from = whoseGroup, i, s.groups[i].owned
			return
		}
		a.whose = whoseUnknown
	case a.place == actionCreate:
		a.whose = whoseOwn
	}
}

// setOwner makes a member the owner, or the one to whom the records went.
func (s *Snapshot) setOwner(q *Question, a *asked, owner int32) {
	owner = s.ownerAt(owner, a.at)
	x := &s.members[owner]
	a.whose, a.owner, a.from = whoseMember, owner, s.parties[x.party].from
	a.kept = x.held == heldArchived && a.need >= reachWrite && !s.takes(q.NewOwner, a.at)
}

// takes reports whether records can be handed to an owner: an active member, or a group.
func (s *Snapshot) takes(o Owner, at int64) bool {
	if !o.Member.IsZero() && !o.Group.IsZero() {
		return false
	}
	if i, known := s.memberAt[o.Member]; known && !o.Member.IsZero() {
		return s.members[i].activeAt(at)
	}
	_, known := s.groupAt[o.Group]
	return known && !o.Group.IsZero()
}

// decide answers for one subject.
func (s *Snapshot) decide(a *asked, subject int32) Reason {
	if r := s.may(a, subject); !r.Allows() {
		return r
	}
	return s.reach(a, subject)
}

// may answers whether the subject may do it at all, whoever the record belongs to.
func (s *Snapshot) may(a *asked, subject int32) Reason {
	x := &s.members[subject]
	if !x.activeAt(a.at) {
		return ReasonNotActive
	}
	if a.module < 0 {
		return ReasonUnknownModule
	}
	if a.place < 0 {
		return ReasonUnknownAction
	}
	m, c := &s.modules[a.module], &s.classes[x.class]
	switch {
	case x.kind == kindLimited && !m.selfService:
		return ReasonSelfService
	case !c.allows.has(m.action + a.place):
		return ReasonPermission
	}
	if a.segment != none {
		if a.segment < 0 {
			return ReasonUnknownSegment
		}
		if !s.sights[x.sight].sees(a.segment) {
			return ReasonSegment
		}
	}
	if a.field != none {
		if a.field < 0 {
			return ReasonUnknownField
		}
		open := c.read
		if a.changes {
			open = c.edit
		}
		if !open.has(a.field) {
			return ReasonField
		}
	}
	return ReasonModule
}

// reach answers whether the subject gets far enough at the owner's records.
func (s *Snapshot) reach(a *asked, subject int32) Reason {
	switch {
	case a.whose == whoseNobody:
		return ReasonModule
	case a.whose == whoseOwn:
		return ReasonOwner
	case a.whose == whoseUnknown:
		return ReasonUnknownOwner
	case a.kept:
		return ReasonOwnerArchived
	}
	x := &s.members[subject]
	p := &s.parties[x.party]
	if a.whose == whoseGroup {
		if p.groups.has(a.owner) {
			return ReasonGroup
		}
	} else {
		if a.owner == subject {
			return ReasonOwner
		}
		if s.above(x.role, s.members[a.owner].role) {
			return ReasonRoleAbove
		}
	}
	m := &s.modules[a.module]
	if m.level >= a.need {
		return ReasonDefault
	}
	end := m.ruleEnd
	if a.need == reachWrite {
		end = m.readOnly
	}
	if a.need < reachFull && a.from.meets(p.to, m.rule, end) {
		return ReasonShared
	}
	return ReasonNotShared
}
