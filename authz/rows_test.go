package authz

import (
	"slices"
	"testing"

	"portvakt/internal/directory"
)

// private is a house in which nothing is shared by default.
func private(t testing.TB) *house {
	t.Helper()
	h := newHouse(t)
	h.m.Sharing["invoices"] = directory.SharingPrivate
	return h
}

func TestR11_ARecordOwnedByAGroupIsOpenToAllInTheGroup(t *testing.T) {
	t.Parallel()
	h := private(t)
	h.put("accounting", directory.GroupMember{Member: h.id("Sven")})
	for _, action := range []string{"view", "edit", "delete", "create", "export"} {
		h.expects(t, "Sven", action, "accounting", ReasonGroup)
		h.expects(t, "Kari", action, "accounting", ReasonNotShared) // the role above Sven's reaches no group's records by that
		h.expects(t, "Ola", action, "Ola", ReasonOwner)
	}
	h.put("finance", directory.GroupMember{Group: h.group("accounting")})
	h.put("everybody", directory.GroupMember{Group: h.group("finance")}, directory.GroupMember{Role: h.role("seller"), WithBelow: true})
	h.expects(t, "Sven", "delete", "everybody", ReasonGroup)
	h.expects(t, "Tor", "delete", "everybody", ReasonGroup)
	h.expects(t, "Kari", "view", "everybody", ReasonNotShared)
	h.expects(t, "Tor", "view", "finance", ReasonNotShared)

	q := h.ask("Ola", "view", "Ola")
	q.Owner.Group = h.group("everybody")
	if got := Compile(h.m).Decide(q); got.Reason != ReasonUnknownOwner {
		t.Errorf("two owners: %s", got.Reason)
	}
}

func TestR12_AHigherRoleReachesThoseBelowInTheSameBranch(t *testing.T) {
	t.Parallel()
	h := private(t)
	for _, action := range []string{"view", "edit", "delete"} {
		h.expects(t, "Kari", action, "Ola", ReasonRoleAbove)
		h.expects(t, "Kari", action, "Tor", ReasonRoleAbove)
		h.expects(t, "Ola", action, "Tor", ReasonRoleAbove)
		h.expects(t, "Ola", action, "Siri", ReasonNotShared) // the same role
		h.expects(t, "Sven", action, "Tor", ReasonNotShared) // another branch
		h.expects(t, "Tor", action, "Ola", ReasonNotShared)  // upwards
	}
	h.m.Profiles[0].Modules["invoices"] = directory.ProfileModule{View: true} // within one's own profile
	h.expects(t, "Kari", "view", "Ola", ReasonRoleAbove)
	h.expects(t, "Kari", "edit", "Ola", ReasonPermission)
}

func TestR12_AnEndedOwnerKeepsThePlaceOrPassesItOn(t *testing.T) {
	t.Parallel()
	h := private(t)
	end := hours(1)
	h.join("Nina", directory.Member{Role: h.role("trainee"), End: end})
	h.expects(t, "Ola", "view", "Nina", ReasonRoleAbove)
	h.join("Eli", directory.Member{Role: h.role("trainee"), End: end, Successor: h.id("Sven")})
	s := Compile(h.m)
	for _, c := range []struct {
		name, subject, owner string
		hour                 int
		want                 Reason
	}{
		{"before the end", "Sven", "Eli", 0, ReasonNotShared},
		{"before the end", "Ola", "Eli", 0, ReasonRoleAbove},
		{"from the end on", "Sven", "Eli", 1, ReasonOwner},
		{"from the end on", "Ola", "Eli", 1, ReasonNotShared},
		{"from the end on", "Kari", "Eli", 1, ReasonRoleAbove},
		{"without a successor", "Ola", "Nina", 1, ReasonRoleAbove},
	} {
		q := h.ask(c.subject, "edit", c.owner)
		if q.At = hours(c.hour); s.Decide(q).Reason != c.want {
			t.Errorf("%s %s: %s, want %s", c.subject, c.name, s.Decide(q).Reason, c.want)
		}
	}
	if got := s.Until(h.ask("Ola", "edit", "Eli")); !got.Equal(end) {
		t.Errorf("until %v, want %v", got, end)
	}
	f := s.Filter(Question{Subject: h.id("Sven"), Module: "invoices", Action: "view", At: end})
	if !slices.Equal(f.Members, []directory.MembershipID{h.id("Sven"), h.id("Eli")}) {
		t.Errorf("the filter of a successor: %v", f.Members)
	}
}

func TestR14_AProfileDecidesModulesFieldsAndTools(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.m.Profiles[0].Modules["invoices"] = directory.ProfileModule{View: true, Edit: true, Tools: []string{"export"},
		Fields: map[string]directory.FieldAccess{"amount": directory.FieldReadOnly}}
	for action, want := range map[string]Reason{"view": ReasonOwner, "edit": ReasonOwner, "create": ReasonPermission, "delete": ReasonPermission, "export": ReasonOwner, "import": ReasonUnknownAction} {
		h.expects(t, "Ola", action, "Ola", want)
	}
	s := Compile(h.m)
	for _, c := range []struct {
		action, field string
		want          Reason
	}{{"view", "amount", ReasonOwner}, {"edit", "amount", ReasonField}, {"edit", "note", ReasonOwner}, {"view", "lost", ReasonUnknownField}} {
		q := h.ask("Ola", c.action, "Ola")
		if q.Field = c.field; s.Decide(q).Reason != c.want {
			t.Errorf("%s %s: %s, want %s", c.action, c.field, s.Decide(q).Reason, c.want)
		}
	}
	if got := s.Fields(h.id("Ola"), "invoices"); got["amount"] != directory.FieldReadOnly || got["note"] != directory.FieldEditable {
		t.Errorf("fields %v", got)
	}
	if got := s.Actions(h.ask("Ola", "", "Ola")); !slices.Equal(got, []string{"view", "edit", "export"}) {
		t.Errorf("actions %v", got)
	}
}

func TestR16_EverybodySeesEachOthersRecordsUnlessToldOtherwise(t *testing.T) {
	t.Parallel()
	for level, want := range map[directory.SharingLevel][3]bool{
		"": {true, true, false}, directory.SharingPrivate: {}, directory.SharingPublicRead: {true, false, false},
		directory.SharingPublicReadWrite: {true, true, false}, directory.SharingPublicFull: {true, true, true},
	} {
		h := newHouse(t)
		if level != "" {
			h.m.Sharing["invoices"] = level
		}
		for i, action := range []string{"view", "edit", "delete"} {
			reason := ReasonNotShared
			if want[i] {
				reason = ReasonDefault
			}
			h.expects(t, "Ola", action, "Siri", reason)
			h.expects(t, "Ola", action, "accounting", reason)
		}
	}
}

func TestR16_SharingRulesOpenFromOneToAnother(t *testing.T) {
	t.Parallel()
	h := private(t)
	h.put("accounting", directory.GroupMember{Member: h.id("Sven")})
	h.put("finance", directory.GroupMember{Group: h.group("accounting")})
	h.rule(directory.SharingParty{Role: h.role("seller"), WithBelow: true}, directory.SharingParty{Group: h.group("accounting")}, directory.ShareRead)
	h.rule(directory.SharingParty{Group: h.group("finance")}, directory.SharingParty{Role: h.role("seller")}, directory.ShareReadWrite)
	h.expects(t, "Sven", "view", "Ola", ReasonShared)
	h.expects(t, "Sven", "view", "Tor", ReasonShared)
	h.expects(t, "Sven", "export", "Tor", ReasonShared)
	h.expects(t, "Sven", "edit", "Tor", ReasonNotShared)
	h.expects(t, "Sven", "view", "Kari", ReasonNotShared)
	h.expects(t, "Ola", "edit", "Sven", ReasonShared)
	h.expects(t, "Ola", "edit", "accounting", ReasonShared) // a group inside the one that the rule names
	h.expects(t, "Ola", "edit", "finance", ReasonShared)
	h.expects(t, "Ola", "delete", "finance", ReasonNotShared)
	h.expects(t, "Ola", "edit", "everybody", ReasonNotShared)
	h.expects(t, "Tor", "edit", "Sven", ReasonNotShared) // the rule names sellers without those below

	e := Compile(h.m).Explain(h.ask("Sven", "view", "Tor"))
	want := []Fact{{Kind: FactProfile, Member: h.id("Sven"), Role: h.role("stock"), Profile: h.m.Profiles[0].ID, Module: "invoices", Action: "view"},
		{Kind: FactRole, Member: h.id("Tor"), Role: h.role("seller"), Below: h.role("trainee")},
		{Kind: FactMember, Member: h.id("Sven"), Group: h.group("accounting")},
		{Kind: FactRule, Rule: h.m.Rules[0].ID, Module: "invoices", From: Side{Role: h.role("seller"), WithBelow: true}, To: Side{Group: h.group("accounting")}, Word: "read"}}
	if !slices.Equal(e.Facts, want) {
		t.Errorf("explained by %+v", e.Facts)
	}
}

func TestR20_RecordsOfTheArchivedDemandANewOwner(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.join("Gro", directory.Member{Role: h.role("seller"), ArchivedAt: testNow.AddDate(0, -1, 0), EndedAt: testNow.AddDate(0, -1, 0), Successor: h.id("Sven")})
	h.expects(t, "Kari", "view", "Gro", ReasonRoleAbove)
	for _, action := range []string{"create", "edit", "delete"} {
		h.expects(t, "Kari", action, "Gro", ReasonOwnerArchived)
	}
	h.expects(t, "Sven", "edit", "Gro", ReasonOwnerArchived) // no successor's
	s, q := Compile(h.m), h.ask("Kari", "edit", "Gro")
	for name, want := range map[string]Reason{"Ola": ReasonRoleAbove, "accounting": ReasonRoleAbove, "Gro": ReasonOwnerArchived} {
		if q.NewOwner = h.owner(name); s.Decide(q).Reason != want {
			t.Errorf("to %s: %s, want %s", name, s.Decide(q).Reason, want)
		}
	}
	f := s.Filter(Question{Subject: h.id("Sven"), Module: "invoices", Action: "edit", At: testNow})
	if f.Everyone || slices.Contains(f.Members, h.id("Gro")) || len(f.Members) != 5 || len(f.Groups) != 3 {
		t.Errorf("the filter of changing: %+v", f)
	}
}

func TestR22_ThreeGradesOfAModule(t *testing.T) {
	t.Parallel()
	for grade, want := range map[directory.Grade][5]bool{directory.GradeNone: {}, directory.GradeView: {true}, directory.GradeEdit: {true, true, true, true, false}} {
		h := newHouse(t)
		h.join("Per", directory.Member{Grants: map[string]directory.Grade{"invoices": grade}})
		for i, action := range []string{"view", "create", "edit", "delete", "export"} {
			reason := ReasonPermission
			if want[i] {
				reason = ReasonOwner
			}
			h.expects(t, "Per", action, "Per", reason)
		}
	}
	h := newHouse(t)
	h.join("Lise", directory.Member{Kind: directory.Limited, Role: h.role("chief"), Grants: map[string]directory.Grade{"expenses": directory.GradeView}})
	h.expects(t, "Lise", "view", "Lise", ReasonSelfService)
	s := Compile(h.m)
	if got := s.Decide(Question{Subject: h.id("Lise"), Module: "expenses", Action: "view", At: testNow}); got != because(ReasonModule) {
		t.Errorf("a module open to limited members: %s", got.Reason)
	}
}

func TestR06_ASegmentNarrowsWhatIsSeen(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.join("Per", directory.Member{Role: h.role("chief"), Segments: []string{"oslo"}})
	h.join("Adm", directory.Member{Role: h.role("chief"), Segments: []string{"oslo"}, Administrator: true})
	s := Compile(h.m)
	for _, c := range []struct {
		subject, segment string
		want             Reason
	}{{"Per", "", ReasonRoleAbove}, {"Per", "oslo", ReasonRoleAbove}, {"Per", "bergen", ReasonSegment}, {"Adm", "bergen", ReasonRoleAbove}, {"Adm", "lost", ReasonUnknownSegment}} {
		q := h.ask(c.subject, "view", "Ola")
		if q.Segment = c.segment; s.Decide(q).Reason != c.want {
			t.Errorf("%s in %q: %s, want %s", c.subject, c.segment, s.Decide(q).Reason, c.want)
		}
	}
}
